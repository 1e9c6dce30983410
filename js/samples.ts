/** Samples as the core writes them, for people. */
import { SampleFigure } from './codes.js';
import { LEVEL_NAMES } from './levels.js';
import type { Alert, MonitorReport, Quantiles, Sample, Trend, Trigger } from './types.js';

/** By their numbers. */
export const TRIGGERS: readonly Trigger[] = [
  'response-time',
  'error-rate',
  'queued',
  'main-thread',
  'memory',
  'cpu-pressure',
  'breaker-open',
];

/** By their numbers. */
export const PRESSURES = ['nominal', 'fair', 'serious', 'critical'] as const;

/** Numbers of the trends, of a table of times, of all that there is of a level, and of a sample. */
const TRENDS = 6;
const TIMES = 5;
const LEVEL = 1 + 2 * TIMES;
const SAMPLE = SampleFigure.Levels + (1 + LEVEL_NAMES.length) * LEVEL;

/** How many numbers there are of so many samples. */
export function lengthOfReport(samples: number): number {
  return TRENDS + (samples + 1) * SAMPLE;
}

export function reportOf(figures: Float64Array, count: number, alerts: Alert[]): MonitorReport {
  const sample = (n: number): Sample => sampleOf(figures.subarray(TRENDS + n * SAMPLE));
  const { at: _, ...summary } = sample(count);
  const trend = (place: number): Trend | null => {
    const [perMinute, nextMinute] = [known(figures[place]), known(figures[place + 1])];
    return perMinute === null || nextMinute === null ? null : { perMinute, nextMinute };
  };
  return {
    samples: Array.from({ length: count }, (_, n) => sample(n)),
    summary,
    trend: { responseTime: trend(0), errorRate: trend(2), queued: trend(4) },
    alerts,
  };
}

type Times = Sample['byPriority']['normal'];

function sampleOf(figures: Float64Array): Sample {
  // Of an engine that is not there nothing is known.
  const at = (figure: number): number => figures[figure] || 0;
  const times = (n: number): Times => {
    const from = SampleFigure.Levels + n * LEVEL;
    return {
      requests: at(from),
      queueTime: quantilesOf(figures, from + 1),
      responseTime: quantilesOf(figures, from + 1 + TIMES),
    };
  };
  const all = times(0);
  const share = (part: SampleFigure, whole: number): number | null => (whole > 0 ? at(part) / whole : null);
  return {
    at: at(SampleFigure.At),
    span: at(SampleFigure.Span),
    ...all,
    errorRate: share(SampleFigure.Failed, all.requests),
    byPriority: Object.fromEntries(
      LEVEL_NAMES.map((name, level) => [name, times(level + 1)] as const).reverse(),
    ) as Sample['byPriority'],
    queued: at(SampleFigure.Queued),
    running: at(SampleFigure.Running),
    bytes: at(SampleFigure.Bytes),
    cacheHitRate: share(SampleFigure.Hits, at(SampleFigure.Lookups)),
    mainThread: known(figures[SampleFigure.MainThread]),
    memory: known(figures[SampleFigure.Memory]),
    cpuPressure: PRESSURES[figures[SampleFigure.CpuPressure] as number] ?? null,
  };
}

function quantilesOf(figures: Float64Array, from: number): Quantiles {
  const at = (place: number): number | null => known(figures[from + place]);
  return { count: at(0) ?? 0, p50: at(1), p95: at(2), p99: at(3), max: at(4) };
}

function known(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
