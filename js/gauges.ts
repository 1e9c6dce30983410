/** What only the browser can tell of a page's load. */
import { PRESSURES } from './samples.js';
import type { Gauges } from './watching.js';

/** A task this long is a long one. */
const LONG = 50;

interface Pressure {
  readonly state: (typeof PRESSURES)[number];
}

interface PressureWatch {
  observe(source: 'cpu', options?: { readonly sampleInterval: number }): Promise<void>;
  disconnect(): void;
}

interface Host {
  readonly PressureObserver?: new (hear: (records: readonly Pressure[]) => void) => PressureWatch;
  readonly performance: { readonly memory?: { readonly usedJSHeapSize: number; readonly jsHeapSizeLimit: number } };
}

/** How often the browser is asked for the processor's load, in milliseconds. */
const PRESSURE_EVERY = 1000;

export class PageGauges implements Gauges {
  readonly #observer: PerformanceObserver | undefined;
  #pressures: PressureWatch | undefined;
  #pressure = Number.NaN;
  /** Milliseconds in long tasks since the last reading, and up to when they were counted. */
  #busy = 0;
  #counted = performance.now();
  #read = performance.now();

  constructor() {
    this.#observer = this.#observe();
    this.#watchPressure();
  }

  /** Long tasks, or, where the browser tells of none, what handlers of events took. */
  #observe(): PerformanceObserver | undefined {
    const { PerformanceObserver: Observer } = globalThis;
    const types = Observer?.supportedEntryTypes ?? [];
    const type = types.includes('longtask') ? 'longtask' : types.includes('event') ? 'event' : undefined;
    if (!type) return undefined;
    const observer = new Observer((list) => this.#count(list.getEntries()));
    observer.observe({ type, ...(type === 'event' && { durationThreshold: LONG }) } as PerformanceObserverInit);
    return observer;
  }

  #count(entries: readonly PerformanceEntry[]): void {
    for (const entry of entries) {
      const { processingStart, processingEnd } = entry as PerformanceEventTiming;
      const from = processingStart ?? entry.startTime;
      const to = processingEnd ?? from + entry.duration;
      // Several events may tell of one task.
      if (to - from >= LONG) this.#busy += Math.max(0, to - Math.max(from, this.#counted));
      this.#counted = Math.max(this.#counted, to);
    }
  }

  #watchPressure(): void {
    const { PressureObserver: Observer } = globalThis as unknown as Host;
    if (!Observer) return;
    const forget = (): void => {
      // A policy forbids it, or there is no such source.
      this.#pressures = undefined;
      this.#pressure = Number.NaN;
    };
    try {
      this.#pressures = new Observer((records) => {
        const last = records.at(-1);
        if (last) this.#pressure = PRESSURES.indexOf(last.state);
      });
      this.#pressures.observe('cpu', { sampleInterval: PRESSURE_EVERY }).catch(forget);
    } catch {
      forget();
    }
  }

  read(): readonly [number, number, number] {
    if (this.#observer) this.#count(this.#observer.takeRecords());
    const now = performance.now();
    const span = now - this.#read;
    const mainThread = this.#observer ? Math.min(1, this.#busy / Math.max(1, span)) : Number.NaN;
    this.#busy = 0;
    this.#read = now;
    const { memory } = (globalThis as unknown as Host).performance;
    return [mainThread, memory ? memory.usedJSHeapSize / memory.jsHeapSizeLimit : Number.NaN, this.#pressure];
  }

  stop(): void {
    this.#observer?.disconnect();
    this.#pressures?.disconnect();
  }
}
