/** How the calls of one instance fare, and what is given up under pressure, as the page sees it. */
import { oneOf, outOfRange, wrongType } from './border.js';
import type { Engine, Scheduled, Watcher } from './engine.js';
import type { Events } from './events.js';
import { PRESSURES, reportOf, TRIGGERS } from './samples.js';
import type { Alert, Degradation, DegradationLevel, Monitor, MonitorReport, Trigger } from './types.js';
import { VERSION } from './version.js';

/** Alerts that are remembered for reports. */
const MAX_ALERTS = 100;

/** What only the browser tells, as numbers: NaN where it does not. */
export interface Gauges {
  read(): readonly [mainThread: number, memory: number, cpuPressure: number];
  stop(): void;
}

/** What is done at a level beside what the core does. */
export interface Steps {
  readonly names: readonly (string | undefined)[];
  /** Whether a rule has this trigger. */
  reacts(trigger: Trigger): boolean;
  /** Goes from one level to another. */
  move(from: number, to: number): void;
}

export const NOTHING = [Number.NaN, Number.NaN, Number.NaN] as const;

const UNITS: Readonly<Record<Trigger, (value: number) => string>> = {
  'response-time': (value) => `${Math.round(value)} ms`,
  queued: (value) => `${value} calls`,
  'cpu-pressure': (value) => `"${PRESSURES[Math.ceil(value)]}"`,
  'error-rate': percent,
  'main-thread': percent,
  memory: percent,
  'breaker-open': percent,
};

function percent(value: number): string {
  return `${Math.round(value * 1000) / 10} %`;
}

/** From where on an alert is critical: at twice its threshold, or, of what is never above 1, half-way from there. */
function criticalOf(trigger: Trigger, threshold: number): number {
  if (trigger === 'cpu-pressure') return PRESSURES.indexOf('critical');
  return UNITS[trigger] === percent ? Math.min(2 * threshold, (1 + threshold) / 2) : 2 * threshold;
}

/** Those at a level are kept alive, though the page may have dropped them: it is yet to be left. */
const held = new Set<object>();

/** Of one engine, and of those that take its place. */
export class Watching<C extends Scheduled> implements Watcher {
  readonly #events: Events;
  readonly #engine: () => Engine<C> | undefined;
  readonly #alerts: Alert[] = [];
  level: DegradationLevel = 0;
  #gauges: Gauges | undefined;
  #steps: Steps | undefined;
  /** What the page said before there was an engine to tell. */
  readonly #early = new Map<string, () => void>();
  /** Calls that the cache might have answered and those that it did, in all. */
  looked: () => readonly [lookups: number, hits: number] = () => [0, 0];
  /** Stale answers are given for so many milliseconds, and batches are so many times larger. */
  eased: (stale: number, batches: number) => void = () => {};
  #lookups = 0;
  #hits = 0;

  constructor(events: Events, engine: () => Engine<C> | undefined) {
    this.#events = events;
    this.#engine = engine;
  }

  /** Somebody looks from now on. */
  attend({ gauges, steps }: { readonly gauges?: Gauges; readonly steps?: Steps }): void {
    this.#gauges = gauges;
    this.#steps = steps;
    this.#engine()?.watched();
    const early = [...this.#early.values()];
    this.#early.clear();
    for (const say of early) say();
  }

  // ── what the core says

  sample(): void {
    const [lookups, hits] = this.looked();
    const since = [lookups - this.#lookups, hits - this.#hits];
    [this.#lookups, this.#hits] = [lookups, hits];
    this.#engine()?.sampled([...(this.#gauges?.read() ?? NOTHING), ...since]);
  }

  alert(number: number, value: number, threshold: number, resolved: boolean): void {
    const trigger = TRIGGERS[number] as Trigger;
    const words = UNITS[trigger];
    const above = trigger === 'cpu-pressure' ? '' : `, above ${words(threshold)}`;
    const isCritical = value >= criticalOf(trigger, threshold);
    const alert: Alert = {
      trigger,
      level: resolved ? 'info' : isCritical ? 'critical' : 'warning',
      value,
      threshold: trigger === 'cpu-pressure' ? Math.ceil(threshold) : threshold,
      at: performance.now(),
      resolved,
      message: `${trigger} is ${words(value)}${resolved ? ' again' : above}`,
    };
    this.#alerts.push(alert);
    if (this.#alerts.length > MAX_ALERTS) this.#alerts.shift();
    this.#events.emit('alert', () => alert);
  }

  come(level: number, stale: number, batches: number): void {
    const from = this.level;
    this.level = level as DegradationLevel;
    if (level > 0) held.add(this);
    else held.delete(this);
    this.eased(stale, batches);
    this.#steps?.move(from, level);
    this.#events.emit('degradation', () => ({ level, from, rule: this.#rule() }));
  }

  /** Nothing is given up any more: there is no core that would come back by itself. */
  leave(): void {
    if (this.level > 0) this.come(0, 0, 1);
  }

  #rule(): string | null {
    return this.#steps?.names[this.level] ?? null;
  }

  // ── what the page asks

  report(range: number): MonitorReport {
    if (!(range > 0)) throw outOfRange('range', 'a number of milliseconds above 0', range);
    const oldest = performance.now() - range;
    const alerts = this.#alerts.filter(({ at }) => at >= oldest);
    const { figures, samples } = this.#engine()?.report(range) ?? { figures: EMPTY, samples: 0 };
    return reportOf(figures, samples, alerts);
  }

  onAlert(callback: (alert: Alert) => void): () => void {
    if (typeof callback !== 'function') throw wrongType('callback', 'a function', callback);
    const hear = (event: Event): void => callback((event as CustomEvent<Alert>).detail);
    this.#events.addEventListener('alert', hear);
    return () => this.#events.removeEventListener('alert', hear);
  }

  trigger(trigger: Trigger, level?: DegradationLevel): void {
    const number = TRIGGERS.indexOf(trigger);
    if (number < 0) throw outOfRange('trigger', oneOf(TRIGGERS), trigger);
    if (level !== undefined && !(Number.isInteger(level) && level >= 1 && level <= 5)) {
      throw outOfRange('level', 'a whole number from 1 to 5', level);
    }
    if (level === undefined && this.#steps && !this.#steps.reacts(trigger)) {
      throw outOfRange('trigger', 'one that a rule has where no level is said', trigger);
    }
    const engine = this.#engine();
    if (engine) engine.triggered(number, level ?? 0);
    else this.#early.set(`${number} ${level}`, () => this.#engine()?.triggered(number, level ?? 0));
  }

  reset(): void {
    this.#early.clear();
    this.#engine()?.reset();
  }

  status(): ReturnType<Degradation['status']> {
    const { levelSince = 0, healthy = true, lanes = [] } = this.#engine()?.status() ?? {};
    const shares = Object.fromEntries(lanes.map(({ key, share }) => [key, share]));
    return { level: this.level, rule: this.#rule(), since: levelSince, healthy, shares };
  }
}

/** Of an engine that is not there. */
const EMPTY = new Float64Array();

/** What is loaded when it is first wanted. */
export interface Extras {
  otel: Monitor['otel'];
  har: Monitor['har'];
}

/**
 * @param use loads that, and says that somebody looks
 * @param extras what of it is there
 */
export function monitorOf<C extends Scheduled>(
  watching: Watching<C>,
  use: (act?: (extras: Extras) => void) => void,
  extras: () => Extras | undefined,
): Monitor {
  return {
    onAlert(callback) {
      use();
      return watching.onAlert(callback);
    },
    report(range = Number.POSITIVE_INFINITY) {
      use();
      return watching.report(range);
    },
    otel(meter) {
      if (typeof meter?.createHistogram !== 'function')
        throw wrongType('meter', 'a Meter, with `createHistogram`', meter);
      let stop: (() => void) | undefined;
      let stopped = false;
      use((extras) => {
        if (!stopped) stop = extras.otel(meter);
      });
      return () => {
        stopped = true;
        stop?.();
      };
    },
    har(options) {
      use();
      const none = { log: { version: '1.2', creator: { name: 'sixlane', version: VERSION }, entries: [] } };
      return extras()?.har(options) ?? none;
    },
  };
}

export function degradationOf<C extends Scheduled>(watching: Watching<C>): Degradation {
  return {
    get level() {
      return watching.level;
    },
    trigger: (trigger, level) => watching.trigger(trigger, level),
    reset: () => watching.reset(),
    status: () => watching.status(),
  };
}
