/** The monitor and the ladder by themselves, for whatever tasks. */
import { Handle, outOfRange, type Said, wrongType } from './border.js';
import { Kind } from './codes.js';
import { Degrading } from './degrading.js';
import { Engine, type Host, type Scheduled } from './engine.js';
import { Events } from './events.js';
import { PageGauges } from './gauges.js';
import { Archive } from './har.js';
import { LEVELS, priorityValue } from './levels.js';
import { need } from './load.js';
import { TRIGGERS } from './samples.js';
import type {
  DegradationOptions,
  LoneDegradation,
  LoneMonitor,
  Monitor,
  MonitorOptions,
  RecordedCall,
  Sample,
  Trigger,
} from './types.js';
import { readDegradation, readMonitor } from './watched.js';
import { degradationOf, monitorOf, NOTHING, Watching } from './watching.js';

/** Kept alive until they are closed, though the page may not hold them: what they were told of is yet to be said. */
const held = new Set<Watch>();

/** An engine that has no calls: it only watches. */
class Watch implements Host<Scheduled> {
  readonly watching: Watching<Scheduled>;
  readonly engine: Engine<Scheduled>;

  constructor(owner: string, said: Said) {
    this.engine = new Engine(new Handle(owner, Kind.Requests, said), this);
    this.watching = new Watching(new Events(), () => this.engine);
  }

  start(): void {}
  refuse(): void {}
  drained(): void {}
  /** What was counted is gone; nothing is counted any more. */
  trapped(): void {}
}

/**
 * The monitor by itself: what it is told of is counted as calls are. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createMonitor(options?: MonitorOptions): LoneMonitor {
  need('createMonitor');
  const watch = new Watch('createMonitor', readMonitor(options));
  const { engine, watching } = watch;
  held.add(watch);
  const gauges = new PageGauges();
  let [lookups, hits] = [0, 0];
  watching.looked = () => [lookups, hits];
  watching.attend({ gauges });
  const meters = new Set<(call: RecordedCall) => void>();
  const extras = {
    otel: (meter: Parameters<Monitor['otel']>[0]) => {
      const unit = { unit: 's' };
      const [duration, queue] = ['sixlane.task.duration', 'sixlane.queue.duration'].map((name) =>
        meter.createHistogram(name, unit),
      );
      const hear = ({ duration: took, queued, ok }: RecordedCall): void => {
        duration?.record(took / 1000, ok ? {} : { 'error.type': '_OTHER' });
        if (queued !== undefined) queue?.record(queued / 1000, {});
      };
      meters.add(hear);
      return () => {
        meters.delete(hear);
      };
    },
    // Tasks are no requests: it has no entries.
    har: () => new Archive().har(),
  };
  return {
    ...monitorOf(
      watching,
      (act) => act?.(extras),
      () => extras,
    ),
    record(call) {
      const { duration, ok, queued, bytes, cacheHit, priority } = judged(call);
      if (cacheHit !== undefined) lookups += 1;
      if (cacheHit) hits += 1;
      engine.recorded(priorityValue(priority) ?? LEVELS.normal, queued ?? Number.NaN, duration, ok);
      if (bytes) engine.received(bytes);
      for (const hear of meters) hear(call);
    },
    close() {
      held.delete(watch);
      gauges.stop();
      engine.free();
    },
  };
}

function judged(call: RecordedCall): RecordedCall {
  if (typeof call !== 'object' || call === null) throw wrongType('call', 'an object', call);
  const { duration, ok, queued, bytes, priority } = call;
  const numbers = { duration, queued, bytes };
  for (const [name, value] of Object.entries(numbers)) {
    if (value === undefined && name !== 'duration') continue;
    if (typeof value !== 'number') throw wrongType(name, 'a number', value);
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw outOfRange(name, 'a finite number from 0 up', value);
  }
  if (typeof ok !== 'boolean') throw wrongType('ok', 'true or false', ok);
  if (priority !== undefined && priorityValue(priority) === undefined) {
    throw outOfRange('priority', 'a finite number or the name of a level', priority);
  }
  return call;
}

/**
 * The ladder by itself: levels by what a monitor finds, or by what it is told. Of the actions, `call` is done; what the level
 * means else is for its owner. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createDegradation(options: DegradationOptions & { monitor?: Monitor } = {}): LoneDegradation {
  need('createDegradation');
  const said = readDegradation(options);
  const degrading = new Degrading(options, 'rules');
  degrading.tell(said, 'rules');
  const { engine, watching } = new Watch('createDegradation', said);
  const { monitor } = options;
  if (monitor !== undefined && typeof monitor?.onAlert !== 'function') {
    throw wrongType('monitor', 'a monitor, with `onAlert`', monitor);
  }
  const raised = new Set<Trigger>();
  const stop = monitor?.onAlert(({ trigger, resolved }) => {
    const bit = bitOf(trigger);
    if (resolved) raised.delete(trigger);
    else raised.add(trigger);
    engine.signals(resolved ? 0 : bit, resolved ? bit : 0);
  });
  /** Samples of before say nothing: the page was told to be well. */
  let since = 0;
  // While an alert lasts nothing more is said of it: the samples tell whether anything is heard at all.
  const gauges = {
    read: () => {
      for (const trigger of raised) if (monitor && hears(monitor, trigger, since)) engine.signals(bitOf(trigger), 0);
      return NOTHING;
    },
    stop: () => {},
  };
  watching.attend({ gauges, steps: degrading });
  // Its level is a getter, which a spread would read once.
  return Object.assign(degradationOf(watching), {
    reset() {
      since = performance.now();
      watching.reset();
    },
    close() {
      stop?.();
      watching.leave();
      engine.free();
    },
  });
}

/** 0 for a trigger that only another kind of monitor has. */
function bitOf(trigger: Trigger): number {
  return TRIGGERS.includes(trigger) ? 1 << TRIGGERS.indexOf(trigger) : 0;
}

/** Whether the last sample, which may not be older than two of its length, says anything. A monitor without samples is believed. */
function hears(monitor: Monitor, trigger: Trigger, since: number): boolean {
  if (typeof monitor.report !== 'function') return true;
  try {
    const last = monitor.report().samples.at(-1);
    if (!last || last.at < since || performance.now() - last.at > 2 * last.span) return false;
    const value = VALUES[trigger];
    return value === undefined || value(last) !== null;
  } catch (error) {
    globalThis.reportError?.(error);
    return true;
  }
}

const VALUES: Partial<Record<Trigger, (sample: Sample) => unknown>> = {
  'response-time': ({ responseTime }) => responseTime.p95,
  'error-rate': ({ errorRate }) => errorRate,
  'main-thread': ({ mainThread }) => mainThread,
  memory: ({ memory }) => memory,
  'cpu-pressure': ({ cpuPressure }) => cpuPressure,
};
