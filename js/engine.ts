import type { Refusal } from './errors.js';
import { onTrap, poison } from './load.js';
import type { Sharer, Want } from './page.js';
import type { Driver } from './pkg/sixlane.js';
import { isMultiplexed } from './protocols.js';
import type { BreakerState } from './types.js';

/** A call as the engine knows it: an id while the core has it, and the key of its lane. */
export interface Call {
  id: number;
  readonly key: string;
}

/** What is done with calls; none of it may throw. */
export interface Host<C extends Call> {
  /** Send it, or run it. `level` is an index into LEVEL_NAMES. */
  start(call: C, level: number): void;
  /** Stop the running attempt without a word to the caller. */
  preempt(call: C): void;
  /** `retryAfter`: milliseconds until asking again makes sense, null where nobody can tell. */
  refuse(call: C, why: Refusal, retryAfter: number | null): void;
  /** Its attempt took too long: stop it, then `retry` or `settled`. */
  expire(call: C): void;
  /** The origin of this key asked for a pause, of which so many milliseconds are left. */
  paused(key: string, left: number): void;
  /** The circuit breaker of this key has changed. */
  breaker(key: string, state: BreakerState, retryAfter: number | null): void;
  lend(call: C, why: 'unread' | 'streams'): void;
  /** A key is used that was not known. */
  opened(): void;
  /** After each event, when all actions are done. */
  drained(): void;
  /** The module trapped; these calls are the host's now. */
  trapped(calls: readonly C[], error: Error): void;
}

/** What a call says of itself, as numbers; NaN where it says nothing. */
export interface Terms {
  priority: number;
  emergency?: boolean;
  repeatable?: boolean;
  untilHeaders?: boolean;
  immediate?: boolean;
  /** What the origin of its lane speaks, if that is known. */
  protocol?: string | undefined;
  total?: number;
  attempt?: number;
  arrived?: number;
}

/** How a call was settled, as the core counts it. */
export const Outcome = { completed: 0, failed: 1, cancelled: 2, unsent: 3, offline: 4 } as const;

/** What came of an attempt that has no status. */
export const Lost = { expired: -1, noResponse: -2, offline: -3 } as const;

/** An attempt that failed, as the core wants to know it. */
export interface Failure {
  /** What says how to go on, or undefined for the defaults. */
  readonly options: unknown;
  readonly method: string;
  /** A status, or one of {@link Lost}. */
  readonly code: number;
  /** The pause that the server asked for, in milliseconds. */
  readonly asked: number | undefined;
  readonly idempotent: boolean;
  readonly resendable: boolean;
  readonly sameOrigin: boolean;
}

/** By the shell's number: see `state_word`. */
export const BREAKER_STATES = ['closed', 'open', 'half-open', 'isolated'] as const;

/** Action words carry an id in their lower 48 bits and a code above: see `action_word` in the shell. */
const CODE = 2 ** 48;
const REFUSALS: readonly Refusal[] = ['queue-full', 'queue-cleared', 'timeout'];
const FORGET = 12;
const CIRCUIT_OPEN = 13;
const EXPIRE = 14;
const PAUSE = 15;
const BREAKER = 16;

/** Those that have calls: somebody waits for them, even if nobody holds them. */
const busy = new Set<object>();

/** Calls on one side, the core on the other. Every way into the module leads through here, so that a trap is seen. */
export class Engine<C extends Call> implements Sharer {
  readonly #driver: Driver;
  readonly #host: Host<C>;
  /** By the low half of the id, which the core keeps small and dense. */
  readonly #calls: (C | undefined)[] = [];
  readonly #lanes = new Map<string, number>();
  readonly #keys: string[] = [];
  /** What the core was told of each lane's origin. */
  readonly #protocols: (string | undefined)[] = [];
  readonly #touched = new Set<string>();
  readonly #forgetTrap: () => void;
  #known = 0;
  #draining = false;
  #dead = false;

  /** @throws RangeError or TypeError when an option is wrong */
  constructor(make: (wake: () => void) => Driver, host: Host<C>) {
    this.#host = host;
    // The module must not keep alive what its owner has dropped.
    const self = new WeakRef(this);
    this.#driver = make(() => self.deref()?.wake());
    this.#forgetTrap = onTrap(this);
  }

  /** @throws RangeError when the priority is not finite */
  submit(call: C, terms: Terms): void {
    const { key } = call;
    const flags =
      (terms.emergency ? 1 : 0) | (terms.repeatable ? 2 : 0) | (terms.untilHeaders ? 4 : 0) | (terms.immediate ? 8 : 0);
    const { priority, protocol, total = Number.NaN, attempt = Number.NaN, arrived = Number.NaN } = terms;
    // Written out, and not through `#enter`: this and `settled` are what every task of a queue pays for.
    if (!this.#dead) {
      try {
        let lane = this.#lanes.get(key);
        if (lane === undefined) {
          lane = this.#driver.openLane();
          this.#lanes.set(key, lane);
          this.#keys[lane] = key;
          // Before the first call is in: it may not be this one's turn.
          this.#touched.add(key);
          this.#host.opened();
        }
        if (protocol !== undefined) this.#tellProtocol(lane, protocol);
        call.id = this.#driver.submit(lane, priority, flags, total, attempt, arrived);
        this.#calls[call.id >>> 0] = call;
        this.#touched.add(key);
        if (this.#known++ === 0) busy.add(this);
      } catch (error) {
        this.#failed(error);
      }
      this.#drain();
    }
    // A trap on the way in: the call never got an id, and nobody else knows of it.
    if (this.#dead && call.id < 0) this.#host.trapped([call], poison(undefined));
  }

  /** Whether the call still holds its slot, so that the end of its body must be told. */
  headers(call: C, length: number, status: number): boolean {
    this.#touched.add(call.key);
    return this.#enter(() => this.#driver.headers(call.id, length, status)) ?? false;
  }

  /**
   * Whether there is to be another attempt. With `again` the call waits from now on: it is called with the delay, in
   * milliseconds, before the call may start. Without, this only asks.
   */
  retry(call: C, failure: Failure, again?: (delay: number) => void): boolean {
    const { options, method, code, asked = Number.NaN } = failure;
    const flags =
      (failure.idempotent ? 1 : 0) | (failure.resendable ? 2 : 0) | (failure.sameOrigin ? 4 : 0) | (again ? 8 : 0);
    this.#touched.add(call.key);
    const delay = this.#into(() => this.#driver.retry(call.id, options, method, code, asked, flags)) ?? Number.NaN;
    const retries = !Number.isNaN(delay);
    if (retries) again?.(delay);
    this.#drain();
    return retries;
  }

  /** There is a network again. */
  online(): void {
    this.#touchAll();
    this.#enter(() => this.#driver.online());
  }

  /** What the origin of a lane was seen to speak. */
  setProtocol(key: string, protocol: string): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return;
    this.#touched.add(key);
    this.#enter(() => this.#tellProtocol(lane, protocol));
  }

  #tellProtocol(lane: number, protocol: string): void {
    if (this.#protocols[lane] === protocol) return;
    this.#protocols[lane] = protocol;
    this.#driver.protocol(lane, isMultiplexed(protocol));
  }

  reading(call: C): void {
    this.#enter(() => this.#driver.reading(call.id));
  }

  bodyEnded(call: C): void {
    this.#touched.add(call.key);
    this.#enter(() => this.#driver.bodyEnded(call.id));
  }

  /** The call is over, and the engine forgets it. */
  settled(call: C, outcome: number): void {
    const { id } = call;
    this.forget(call);
    if (this.#dead) return;
    this.#touched.add(call.key);
    try {
      this.#driver.settled(id, outcome);
    } catch (error) {
      this.#failed(error);
    }
    this.#drain();
  }

  /** The host has no more use for actions on this call. */
  forget(call: C): void {
    const index = call.id >>> 0;
    if (this.#calls[index] !== call) return;
    this.#calls[index] = undefined;
    if (--this.#known === 0) busy.delete(this);
  }

  /** @throws RangeError when the priority is not finite */
  reprioritise(call: C, priority: number): boolean {
    return this.#enter(() => this.#driver.reprioritise(call.id, priority)) ?? false;
  }

  pause(): void {
    this.#touchAll();
    this.#enter(() => this.#driver.pause());
  }

  resume(): void {
    this.#touchAll();
    this.#enter(() => this.#driver.resume());
  }

  /** How many are turned away. */
  clear(): number {
    const { queued } = this;
    this.#touchAll();
    this.#enter(() => this.#driver.clear());
    return queued;
  }

  get queued(): number {
    return this.#into(() => this.#driver.queued) ?? 0;
  }

  get pending(): number {
    return this.#into(() => this.#driver.running) ?? 0;
  }

  get paused(): boolean {
    return this.#into(() => this.#driver.paused) ?? false;
  }

  get concurrency(): number {
    return this.#into(() => this.#driver.concurrency) ?? Number.POSITIVE_INFINITY;
  }

  /** @throws RangeError or TypeError when it is not a whole number from 1 up */
  set concurrency(value: number) {
    this.#enter(() => this.#driver.setConcurrency(value));
  }

  /** Figures of the core, lanes under their keys. Undefined after a trap. */
  status(): CoreStatus | undefined {
    const status = this.#into(() => this.#driver.status() as RawStatus);
    if (!status) return undefined;
    const { lanes, ...figures } = status;
    return {
      ...figures,
      lanes: lanes.map(({ id, breaker, ...lane }) => ({
        key: this.#keys[id] ?? '',
        protocol: this.#protocols[id] ?? null,
        breaker: BREAKER_STATES[breaker] as BreakerState,
        ...lane,
      })),
    };
  }

  keys(): Iterable<string> {
    return this.#lanes.keys();
  }

  limitOf(key: string): number {
    const lane = this.#lanes.get(key);
    return lane === undefined ? 0 : (this.#into(() => this.#driver.limitOf(lane)) ?? 0);
  }

  running(key: string): number {
    const lane = this.#lanes.get(key);
    return lane === undefined ? 0 : (this.#into(() => this.#driver.runningIn(lane)) ?? 0);
  }

  first(key: string): Want | undefined {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return undefined;
    return this.#into(() => {
      const priority = this.#driver.firstPriority(lane);
      if (Number.isNaN(priority)) return undefined;
      return { priority, since: this.#driver.firstSince(lane), ready: this.#driver.firstReady(lane) };
    });
  }

  preemptible(key: string): number {
    const lane = this.#lanes.get(key);
    return lane === undefined ? Number.NaN : (this.#into(() => this.#driver.preemptible(lane)) ?? Number.NaN);
  }

  giveWay(key: string): void {
    const lane = this.#lanes.get(key);
    if (lane !== undefined) this.#enter(() => this.#driver.giveWay(lane));
  }

  elsewhere(key: string, held: number, shared: number): void {
    const lane = this.#lanes.get(key);
    if (lane !== undefined) this.#enter(() => this.#driver.elsewhere(lane, held, shared));
  }

  /** Every call that is not forgotten. */
  *calls(): IterableIterator<C> {
    for (const call of this.#calls) if (call) yield call;
  }

  /** Keys in which something may have changed since it was last asked. */
  touched(): readonly string[] {
    const keys = [...this.#touched];
    this.#touched.clear();
    return keys;
  }

  /** Ends it all; no event has an effect any more. */
  free(): void {
    if (!this.#dead) this.#driver.free();
    this.#end();
  }

  /** The module trapped, through this engine or another one. */
  trapped(error: Error): void {
    if (this.#dead) return;
    const calls = [...this.calls()];
    this.#end();
    this.#host.trapped(calls, error);
  }

  #end(): void {
    this.#dead = true;
    this.#forgetTrap();
    busy.delete(this);
  }

  #touchAll(): void {
    for (const key of this.#lanes.keys()) this.#touched.add(key);
  }

  /** Time alone has brought actions. */
  wake(): void {
    this.#drain();
  }

  /** Tells the core of something, then does what comes of it. Undefined once the module is gone. */
  #enter<T>(event: () => T): T | undefined {
    const result = this.#into(event);
    this.#drain();
    return result;
  }

  #into<T>(call: () => T): T | undefined {
    if (this.#dead) return undefined;
    try {
      return call();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** Actions run page code, which may come back in here: whoever drains already takes what that adds. */
  #drain(): void {
    if (this.#draining || this.#dead) return;
    this.#draining = true;
    try {
      for (let word = this.#driver.poll(); word !== 0; word = this.#dead ? 0 : this.#driver.poll()) {
        const code = Math.floor(word / CODE);
        this.#perform(code, word - code * CODE);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#draining = false;
    }
    this.#host.drained();
  }

  #perform(code: number, subject: number): void {
    if (code === FORGET || code >= PAUSE) {
      this.#performOnLane(code, subject);
      return;
    }
    const call = this.#calls[subject >>> 0];
    if (call?.id !== subject) return;
    this.#touched.add(call.key);
    if (code <= 5) this.#host.start(call, code - 1);
    else if (code === 6) this.#host.preempt(call);
    else if (code === EXPIRE) this.#host.expire(call);
    else if (code === CIRCUIT_OPEN) {
      this.forget(call);
      this.#host.refuse(call, 'circuit-open', this.#retryAfter(this.#lanes.get(call.key)));
    } else if (code <= 9) {
      this.forget(call);
      this.#host.refuse(call, REFUSALS[code - 7] as Refusal, null);
    } else this.#host.lend(call, code === 10 ? 'unread' : 'streams');
  }

  #performOnLane(code: number, lane: number): void {
    const key = this.#keys[lane] ?? '';
    if (code === FORGET) {
      this.#lanes.delete(key);
      this.#touched.delete(key);
      delete this.#keys[lane];
      delete this.#protocols[lane];
      return;
    }
    this.#touched.add(key);
    if (code === PAUSE) this.#host.paused(key, this.#driver.pausedFor(lane));
    else this.#host.breaker(key, BREAKER_STATES[code - BREAKER] as BreakerState, this.#retryAfter(lane));
  }

  #retryAfter(lane: number | undefined): number | null {
    const wait = lane === undefined ? Number.NaN : this.#driver.retryAfter(lane);
    return Number.isNaN(wait) ? null : wait;
  }

  /** A trap is a RuntimeError of WebAssembly; what the shell throws on purpose is a RangeError or a TypeError. */
  #failed(error: unknown): void {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    poison(error);
  }
}

interface Figures {
  queued: number;
  running: number;
  completed: number;
  failed: number;
  cancelled: number;
  preempted: number;
  retries: number;
  byPriority: Record<'critical' | 'high' | 'normal' | 'low' | 'background', { queued: number; running: number }>;
  oldestWait: number;
}
interface LaneFigures {
  limit: number | null;
  queued: number;
  running: number;
  pausedFor: number;
}
interface RawStatus extends Figures {
  lanes: (LaneFigures & { id: number; breaker: number })[];
}
export interface CoreStatus extends Figures {
  lanes: (LaneFigures & { key: string; protocol: string | null; breaker: BreakerState })[];
}
