import type { Call } from './call.js';
import { Settled } from './codes.js';
import type { CoreStatus } from './figures.js';
import { LEVEL_NAMES, levelOf } from './levels.js';
import type { Sharer, Want } from './page.js';
import { balance } from './share.js';

/** Calls to one origin that go out at once while the module is on its way; the core takes over from there. */
const PER_ORIGIN = 6;

const NONE = { completed: 0, failed: 0, cancelled: 0, preempted: 0, retries: 0 };

interface Lane {
  readonly waiting: Set<Call>;
  running: number;
  /** Slots that others on the page hold, of how many for all. */
  held: number;
  shared: number;
}

/** Who goes while there is no core: the most urgent first, within the six of an origin. */
export class Starting implements Sharer {
  readonly #perOrigin: number;
  readonly #send: (call: Call) => void;
  readonly #calls = new Set<Call>();
  readonly #lanes = new Map<string, Lane>();
  readonly #touched = new Set<string>();
  paused = false;
  /** What became of those that ended here; the core counts the others. */
  readonly totals = { ...NONE };

  constructor(perOrigin: unknown, send: (call: Call) => void) {
    // Whether the option is right, the module will say; it is not to be exceeded before.
    this.#perOrigin = typeof perOrigin === 'number' && perOrigin >= 1 ? Math.min(perOrigin, PER_ORIGIN) : PER_ORIGIN;
    this.#send = send;
  }

  /** All that are not over, in order of arrival. */
  get calls(): Iterable<Call> {
    return this.#calls;
  }

  has(call: Call): boolean {
    return this.#calls.has(call);
  }

  add(call: Call, immediate: boolean): void {
    this.#calls.add(call);
    const lane = this.#lane(call.key);
    lane.waiting.add(call);
    if (immediate) this.#start(call, lane);
    this.#changed(call.key);
  }

  end(call: Call, outcome: number): void {
    if (!this.#calls.delete(call)) return;
    if (outcome === Settled.Completed) this.totals.completed += 1;
    else if (outcome === Settled.Failed) this.totals.failed += 1;
    else this.totals.cancelled += 1;
    const lane = this.#lane(call.key);
    if (!lane.waiting.delete(call)) lane.running -= 1;
    this.#changed(call.key);
  }

  resume(): void {
    this.paused = false;
    for (const key of this.#lanes.keys()) this.#changed(key);
  }

  keys(): Iterable<string> {
    return this.#lanes.keys();
  }

  uses(key: string): boolean {
    const lane = this.#lanes.get(key);
    return lane !== undefined && lane.running + lane.waiting.size > 0;
  }

  touched(): readonly string[] {
    const keys = [...this.#touched];
    this.#touched.clear();
    return keys;
  }

  limitOf(): number {
    return this.#perOrigin;
  }

  running(key: string): number {
    return this.#lanes.get(key)?.running ?? 0;
  }

  first(key: string): Want | undefined {
    const lane = this.#lanes.get(key);
    const first = lane && mostUrgent(lane);
    if (!first) return undefined;
    return {
      priority: urgency(first),
      since: first.arrived,
      ready: !this.paused && lane.running < this.#perOrigin,
    };
  }

  /** Calls on the wire are not pre-empted before the core runs: it alone knows which may be sent twice. */
  preemptible(): number {
    return Number.NaN;
  }

  yieldSlot(): void {}

  foreignSlots(key: string, held: number, shared: number): void {
    const lane = this.#lanes.get(key);
    if (!lane) return;
    lane.held = held;
    lane.shared = shared;
    this.#fill(lane);
  }

  status(): CoreStatus {
    const calls = [...this.#calls];
    const levels = LEVEL_NAMES.map((name) => [name, count(calls.filter(({ priority }) => levelOf(priority) === name))]);
    const now = performance.now();
    const waits = calls.filter(({ stage }) => stage === 'waiting').map(({ arrived }) => now - arrived);
    return {
      ...count(calls),
      ...NONE,
      paused: this.paused,
      concurrency: Number.POSITIVE_INFINITY,
      byPriority: Object.fromEntries(levels),
      oldestWait: Math.max(0, ...waits),
      shed: 0,
      levelSince: 0,
      healthy: true,
      lanes: [...this.#lanes].map(([key, { waiting, running }]) => ({
        key,
        protocol: null,
        breaker: 'closed' as const,
        pausedFor: 0,
        share: 0,
        limit: this.#perOrigin,
        queued: waiting.size,
        running,
      })),
    };
  }

  #lane(key: string): Lane {
    const lane = this.#lanes.get(key) ?? { waiting: new Set(), running: 0, held: 0, shared: Number.POSITIVE_INFINITY };
    this.#lanes.set(key, lane);
    return lane;
  }

  /** The others first: who among all is the most urgent is found out there. */
  #changed(key: string): void {
    this.#touched.add(key);
    balance();
    this.#fill(this.#lane(key));
  }

  #fill(lane: Lane): void {
    while (!this.paused && lane.running < this.#perOrigin && lane.running + lane.held < lane.shared) {
      const first = mostUrgent(lane);
      if (!first) return;
      this.#start(first, lane);
    }
  }

  #start(call: Call, lane: Lane): void {
    lane.waiting.delete(call);
    lane.running += 1;
    this.#touched.add(call.key);
    this.#send(call);
  }
}

function urgency({ lane, priority }: Call): number {
  return lane?.emergency ? Number.POSITIVE_INFINITY : priority;
}

/** In order of arrival among equals. */
function mostUrgent({ waiting }: Lane): Call | undefined {
  let best: Call | undefined;
  for (const call of waiting) if (!best || urgency(call) > urgency(best)) best = call;
  return best;
}

function count(calls: readonly Call[]): { queued: number; running: number } {
  const queued = calls.filter(({ stage }) => stage === 'waiting').length;
  return { queued, running: calls.length - queued };
}
