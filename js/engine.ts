import { type Handle, put, type Said, words } from './border.js';
import { Action, LaneFigure, type Lost, OPTIONS, Option, SchedulerEvent, type Settled, SubmitFlag } from './codes.js';
import type { Refusal } from './errors.js';
import { BREAKER_STATES, type CoreStatus, lengthOf, statusOf } from './figures.js';
import { onTrap, poison } from './load.js';
import type { Sharer, Want } from './page.js';
import { isMultiplexed } from './protocols.js';
import { lengthOfReport } from './samples.js';
import type { BreakerState } from './types.js';

/** A call as the engine knows it: an id while the core has it, and the key of its lane. */
export interface Scheduled {
  id: number;
  readonly key: string;
  /** The engine's own: where it is from the moment that it comes in. */
  inLane?: Lane | undefined;
}

/** What calls of one key have in common while the core has it. */
interface Lane {
  readonly key: string;
  readonly number: number;
  /** Calls that the engine knows. */
  uses: number;
  /** What the core was told of its origin. */
  protocol: string | undefined;
  /** And last of the slots that others hold, of how many for all. */
  held: number;
  shared: number;
}

/** What the core says of the page as a whole; none of it may throw. */
export interface Watcher {
  /** A sample ends: `sampled` is to tell what the core cannot know. */
  sample(): void;
  /** A trigger, by its number: its value is too high, or right again. */
  alert(trigger: number, value: number, threshold: number, resolved: boolean): void;
  /** The page has come to this level: stale answers are given for so many milliseconds, batches are so many times larger. */
  come(level: number, stale: number, batches: number): void;
}

/** What is done with calls; none of it may throw. What never comes of a queue of tasks is left out there. */
export interface Host<C extends Scheduled> {
  /** Send it, or run it. `level` is an index into LEVEL_NAMES. */
  start(call: C, level: number): void;
  /** Stop the running attempt without a word to the caller. */
  preempt?(call: C): void;
  /** `retryAfter`: milliseconds until another try makes sense, null where that is unknown. */
  refuse(call: C, why: Refusal, retryAfter: number | null): void;
  /** Its attempt took too long: stop it. What follows is told by the next of these on the call. */
  expire?(call: C): void;
  /** Its caller gets what the attempt brought. Whether the body holds a slot. */
  deliver?(call: C, holds: boolean): void;
  /** What the attempt brought is dropped, and another one is to come, in so many milliseconds at least. */
  retry?(call: C, delay: number): void;
  /** Ask whether the attempt that failed is to be followed by another, then `permitted`. */
  ask?(call: C): void;
  /** Its caller gets the error that the attempt ended with. */
  giveUp?(call: C): void;
  /** The origin of this key asked for a pause, of which so many milliseconds are left. */
  paused?(key: string, left: number): void;
  /** The circuit breaker of this key has changed. */
  breaker?(key: string, state: BreakerState, retryAfter: number | null): void;
  releaseSlot?(call: C, why: 'unread' | 'streams'): void;
  /** Who hears how its calls fare. */
  readonly watching?: Watcher;
  /** A key is used that was not, and the first call is still to be handed over. */
  opened?(): void;
  /** After each event, when all actions are done. */
  drained(): void;
  /** The module trapped; these calls are the host's now. */
  trapped(calls: readonly C[], error: Error): void;
}

/** What a call says of itself, as numbers; undefined where it says nothing. */
export interface Terms {
  priority: number;
  /** See {@link SubmitFlag}: those that are said by the call, as bits. */
  flags: number;
  /** Which failures are retried, and how, where that is not as usual. */
  rules?: Said | undefined;
  /** What the origin of its lane speaks, if that is known. */
  protocol?: string | undefined;
  total?: number | undefined;
  attempt?: number | undefined;
  /** Milliseconds after which no attempt begins. */
  wait?: number | undefined;
  /** A hash of what it is for, from 0 up and below 1. */
  route?: number | undefined;
  /** When it was sent before there was a core. */
  begun?: number | undefined;
  arrived?: number;
}

/** By {@link Refused}. */
const REFUSALS: readonly Refusal[] = ['queue-full', 'queue-cleared', 'timeout', 'circuit-open', 'shed'];

/** Numbers of one of several events that are told together. */
const TOGETHER = 4;

/** Added to a code while actions are performed: the next are read when these are done. */
const QUIET = 256;

/** Numbers before the actions, and of each. */
const HEAD = 2;
const ACTION = 4;

/** Engines with calls: kept alive for their callers, also where the page holds no reference to the instance. */
const busy = new Set<object>();

/** Calls on one side, the core on the other. Every way into the module leads through here, so that a trap is seen. */
export class Engine<C extends Scheduled> implements Sharer {
  readonly #core: Handle;
  readonly #host: Host<C>;
  /** By the low half of the id, which the core keeps small and dense. */
  readonly #calls: (C | undefined)[] = [];
  /** Those whose place another one has by now, by the whole id. */
  readonly #displaced = new Map<number, C>();
  readonly #lanes = new Map<string, Lane>();
  readonly #byNumber: (Lane | undefined)[] = [];
  readonly #touched = new Set<string>();
  readonly #forgetTrap: () => void;
  /** Those that the core was told last. */
  #rules: Said | undefined;
  /** Where the core writes actions, in its memory. */
  readonly #place: number;
  #out = new Float64Array();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When that is due, in milliseconds of `performance.now()`. */
  #due = Number.POSITIVE_INFINITY;
  #known = 0;
  #performing = false;
  /** Something was told while actions were performed, which may bring others. */
  #again = false;
  #dead = false;

  /** @throws RangeError or TypeError when an option is wrong */
  constructor(core: Handle, host: Host<C>) {
    this.#host = host;
    this.#core = core;
    this.#place = core.event(SchedulerEvent.Actions, 0);
    this.#forgetTrap = onTrap(this);
  }

  submit(call: C, terms: Terms): void {
    const { priority, protocol, arrived = Number.NaN } = terms;
    if (!this.#dead) {
      const lane = this.#laneOf(call);
      if (protocol !== undefined) this.#tellProtocol(lane, protocol);
      this.#touched.add(call.key);
      this.#tell(SchedulerEvent.Submit, lane.number, priority, this.#put(terms), arrived, (id) => this.#know(call, id));
    }
    this.#isLost(call);
  }

  /** The lane of a call that comes in. */
  #laneOf(call: C): Lane {
    const { key } = call;
    const lane = this.#lanes.get(key) ?? this.#open(key);
    call.inLane = lane;
    if (lane.uses++ === 0) {
      // It may not be this one's turn.
      this.#touched.add(key);
      this.#host.opened?.();
    }
    return lane;
  }

  #open(key: string): Lane {
    const number = this.#tell(SchedulerEvent.OpenLane);
    const lane: Lane = { key, number, uses: 0, protocol: undefined, held: Number.NaN, shared: Number.NaN };
    this.#lanes.set(key, lane);
    this.#byNumber[number] = lane;
    return lane;
  }

  /** The module trapped while the call was handed over: it has no id, and no list contains it. */
  #isLost(call: C): void {
    if (this.#dead && call.id < 0) this.#host.trapped([call], poison(undefined));
  }

  /**
   * Calls that are new and say no more than their priority, and calls that are over: all in one event, since to cross the
   * border is a good part of what each costs.
   */
  together(fresh: readonly C[], priorities: readonly number[], over: readonly C[], outcomes: readonly Settled[]): void {
    const lanes = this.#dead ? [] : fresh.map((call) => this.#laneOf(call).number);
    const count = lanes.length + over.length;
    let events: Float64Array = new Float64Array();
    // New ones first: a lane of which all calls are over is forgotten.
    this.#core.use((core) => {
      events = words(core, TOGETHER * count);
      let place = 0;
      const tell = (code: SchedulerEvent, a: number, b: number, c: number): void => {
        events[place] = code;
        events[place + 1] = a;
        events[place + 2] = b;
        events[place + 3] = c;
        place += TOGETHER;
      };
      for (let n = 0; n < lanes.length; n++)
        tell(SchedulerEvent.Submit, lanes[n] as number, priorities[n] as number, 0);
      for (let n = 0; n < over.length; n++)
        tell(SchedulerEvent.Settled, (over[n] as C).id, outcomes[n] as Settled, Number.NaN);
    }, undefined);
    for (const call of over) this.forget(call);
    this.#tell(SchedulerEvent.Together, count, 0, 0, 0, () => {
      // The view is gone when the memory has grown.
      const ids = this.#core.use((core) => words(core, TOGETHER * count), events);
      for (let n = 0; n < lanes.length; n++) this.#know(fresh[n] as C, ids[n * TOGETHER] as number);
    });
    for (const call of fresh) this.#isLost(call);
  }

  /** Hands over what does not fit into an event. Returns the flags. */
  #put(terms: Terms): number {
    const { rules, total, attempt, wait, route, begun } = terms;
    const limited = (total ?? attempt ?? wait ?? route ?? begun) !== undefined;
    const known = rules === this.#rules;
    if (limited || (rules && !known)) {
      this.#core.use((core) => {
        if (rules && !known) put(core, rules.words, rules.statuses);
        const to = words(core, OPTIONS);
        to[Option.Total] = total ?? Number.NaN;
        to[Option.Attempt] = attempt ?? Number.NaN;
        to[Option.Wait] = wait ?? Number.NaN;
        to[Option.Route] = route ?? Number.NaN;
        to[Option.Begun] = begun ?? Number.NaN;
      }, undefined);
    }
    if (rules) this.#rules = rules;
    const handed = rules ? bit(known ? SubmitFlag.SameRules : SubmitFlag.Rules) : 0;
    return terms.flags | handed | bit(SubmitFlag.Limits, limited);
  }

  /** The attempt under way brought a response: its status, the length of its body, and the pause that it asks for. */
  answered(call: C, status: number, length: number, pause: number): void {
    this.#touched.add(call.key);
    this.#tell(SchedulerEvent.Answered, call.id, status, length, pause);
  }

  /** It brought none. */
  failed(call: C, why: Lost): void {
    this.#touched.add(call.key);
    this.#tell(SchedulerEvent.Failed, call.id, why);
  }

  /** What was asked by `ask` is answered. */
  permitted(call: C, yes: boolean): void {
    this.#touched.add(call.key);
    this.#tell(SchedulerEvent.Permitted, call.id, Number(yes));
  }

  /** As `answered`, where the caller has it already. Whether the call holds its slot, so that the end of its body must be told. */
  headers(call: C, status: number, length: number, pause: number): boolean {
    this.#touched.add(call.key);
    return this.#tell(SchedulerEvent.Headers, call.id, status, length, pause) === 1;
  }

  /** Whether the page is being left. */
  leaving(yes: boolean): void {
    this.#tell(SchedulerEvent.Leaving, Number(yes));
  }

  /** There is a network again. */
  online(): void {
    this.#touchAll();
    this.#tell(SchedulerEvent.Online);
  }

  /** What the origin of a lane was seen to speak. */
  setProtocol(key: string, protocol: string): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return;
    this.#touched.add(key);
    this.#tellProtocol(lane, protocol);
  }

  #tellProtocol(lane: Lane, protocol: string): void {
    if (lane.protocol === protocol) return;
    lane.protocol = protocol;
    this.#tell(SchedulerEvent.Protocol, lane.number, Number(isMultiplexed(protocol)));
  }

  reading(call: C): void {
    this.#tell(SchedulerEvent.Reading, call.id);
  }

  /** `bytes`: those that came, where that was not known before. */
  bodyEnded(call: C, bytes = 0): void {
    this.#touched.add(call.key);
    this.#tell(SchedulerEvent.BodyEnded, call.id, bytes);
  }

  /** The call is over, and the engine forgets it. */
  settled(call: C, outcome: Settled): void {
    const { id } = call;
    this.forget(call);
    if (this.#dead) return;
    this.#touched.add(call.key);
    this.#tell(SchedulerEvent.Settled, id, outcome);
  }

  #know(call: C, id: number): void {
    call.id = id;
    const index = call.id >>> 0;
    const before = this.#calls[index];
    // The core has ended that one, and what is to be done about it is yet to be done.
    if (before) this.#displaced.set(before.id, before);
    this.#calls[index] = call;
    if (this.#known++ === 0) busy.add(this);
  }

  /** The host has no more use for actions on this call. */
  forget(call: C): void {
    const index = call.id >>> 0;
    if (this.#calls[index] === call) this.#calls[index] = undefined;
    else if (this.#displaced.get(call.id) === call) this.#displaced.delete(call.id);
    else return;
    if (call.inLane && --call.inLane.uses === 0) this.#touched.add(call.key);
    if (--this.#known === 0) busy.delete(this);
  }

  reprioritise(call: C, priority: number): boolean {
    return this.#tell(SchedulerEvent.Reprioritise, call.id, priority) === 1;
  }

  pause(): void {
    this.#touchAll();
    this.#tell(SchedulerEvent.Pause);
  }

  resume(): void {
    this.#touchAll();
    this.#tell(SchedulerEvent.Resume);
  }

  /** How many are turned away. */
  clear(): number {
    const { queued } = this;
    this.#touchAll();
    this.#tell(SchedulerEvent.Clear);
    return queued;
  }

  get queued(): number {
    return this.#core.event(SchedulerEvent.Queued | QUIET, 0);
  }

  /** Calls that wait, in the order in which they would start, and how urgent they are by now. */
  waiting(): { readonly call: C; readonly priority: number; readonly since: number }[] {
    if (this.#dead) return [];
    const count = this.#core.event(SchedulerEvent.Waiting | QUIET, 0);
    const figures = this.#core.use((core) => words(core, 3 * count).slice(0, 3 * count), undefined);
    const all = Array.from({ length: count }, (_, n) => {
      const [id = -1, priority = 0, since = 0] = figures?.subarray(3 * n) ?? [];
      return { call: this.#find(id), priority, since };
    });
    const known = all.filter((one): one is { call: C; priority: number; since: number } => one.call !== undefined);
    return known.sort((a, b) => b.priority - a.priority || a.since - b.since);
  }

  #find(id: number): C | undefined {
    const there = this.#calls[id >>> 0];
    return there?.id === id ? there : this.#displaced.get(id);
  }

  get pending(): number {
    return this.#core.event(SchedulerEvent.Running | QUIET, 0);
  }

  get paused(): boolean {
    return this.status()?.paused ?? false;
  }

  get concurrency(): number {
    return this.status()?.concurrency ?? Number.POSITIVE_INFINITY;
  }

  /** Undefined when it is not in its range. */
  setConcurrency(value: number): number | undefined {
    const result = this.#tell(SchedulerEvent.Concurrency, value);
    return Number.isNaN(result) ? undefined : result;
  }

  /** Figures of the core, lanes under their keys. Undefined after a trap. */
  status(): CoreStatus | undefined {
    if (this.#dead) return undefined;
    const lanes = this.#core.event(SchedulerEvent.Status | QUIET, 0);
    const figures = this.#core.use((core) => words(core, lengthOf(lanes)), undefined);
    return (
      figures &&
      statusOf(figures, lanes, (lane) => {
        const { key = '', protocol = null } = this.#byNumber[lane] ?? {};
        return { key, protocol };
      })
    );
  }

  keys(): Iterable<string> {
    return this.#lanes.keys();
  }

  uses(key: string): boolean {
    return (this.#lanes.get(key)?.uses ?? 0) > 0;
  }

  limitOf(key: string): number {
    return this.#figure(key, LaneFigure.Limit) ?? 0;
  }

  running(key: string): number {
    return this.#figure(key, LaneFigure.Running) ?? 0;
  }

  first(key: string): Want | undefined {
    const priority = this.#figure(key, LaneFigure.FirstPriority) ?? Number.NaN;
    if (Number.isNaN(priority)) return undefined;
    const since = this.#figure(key, LaneFigure.FirstSince) as number;
    return { priority, since, ready: this.#figure(key, LaneFigure.FirstReady) === 1 };
  }

  preemptible(key: string): number {
    return this.#figure(key, LaneFigure.Preemptible) ?? Number.NaN;
  }

  #figure(key: string, figure: LaneFigure): number | undefined {
    const lane = this.#lanes.get(key);
    if (lane === undefined || this.#dead) return undefined;
    this.#core.event(SchedulerEvent.Lane | QUIET, 0, lane.number);
    return this.#core.use((core) => words(core, LANE_FIGURES)[figure], undefined);
  }

  yieldSlot(key: string): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return;
    // It counts one more then.
    lane.held = Number.NaN;
    this.#tell(SchedulerEvent.YieldSlot, lane.number);
  }

  foreignSlots(key: string, held: number, shared: number): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined || (lane.held === held && lane.shared === shared)) return;
    lane.held = held;
    lane.shared = shared;
    this.#tell(SchedulerEvent.ForeignSlots, lane.number, held, shared);
  }

  /** What the core cannot know of a sample, in the order of {@link SchedulerEvent.Sampled}. */
  sampled(figures: readonly number[]): void {
    this.#core.use((core) => put(core, figures), undefined);
    this.#tell(SchedulerEvent.Sampled);
  }

  /** Somebody looks at samples from now on. */
  watched(): void {
    this.#tell(SchedulerEvent.Watched);
  }

  /** Something outside is over, which is to be counted as a call is. */
  recorded(priority: number, queued: number, duration: number, ok: boolean): void {
    this.#tell(SchedulerEvent.Recorded, priority, queued, duration, Number(ok));
  }

  received(bytes: number): void {
    this.#tell(SchedulerEvent.Received, bytes);
  }

  /** Somebody outside has found that these triggers are on, as bits, and those off. */
  signals(on: number, off: number): void {
    this.#tell(SchedulerEvent.Signals, on, off);
  }

  /** A trigger, by its number, is on, as somebody says. */
  triggered(trigger: number, level: number): void {
    this.#touchAll();
    this.#tell(SchedulerEvent.Triggered, trigger, level);
  }

  /** Back to level 0. */
  reset(): void {
    this.#touchAll();
    this.#tell(SchedulerEvent.Reset);
  }

  /** The samples of so many milliseconds, as the core writes them. Undefined after a trap. */
  report(range: number): { readonly figures: Float64Array; readonly samples: number } | undefined {
    if (this.#dead) return undefined;
    const samples = this.#core.event(SchedulerEvent.Report | QUIET, 0, range);
    const length = lengthOfReport(samples);
    const figures = this.#core.use((core) => words(core, length).slice(0, length), undefined);
    return figures && { figures, samples };
  }

  /** Every call that is not forgotten. */
  *calls(): IterableIterator<C> {
    for (const call of this.#calls) if (call) yield call;
    yield* this.#displaced.values();
  }

  /** Keys in which something may have changed since it was last asked. */
  touched(): readonly string[] {
    const keys = [...this.#touched];
    this.#touched.clear();
    return keys;
  }

  /** Ends it all; no event has an effect any more. */
  free(): void {
    if (!this.#dead) this.#core.close();
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
    clearTimeout(this.#timer);
    this.#forgetTrap();
    busy.delete(this);
  }

  #touchAll(): void {
    for (const key of this.#lanes.keys()) this.#touched.add(key);
  }

  /**
   * Tells the core what happens, and performs what comes of it. Actions run page code, which may come back in here: the
   * loop that runs already takes what that adds.
   *
   * @param first gets the result before anything is performed
   */
  #tell(code: SchedulerEvent, a = 0, b = 0, c = 0, d = 0, first?: (result: number) => void): number {
    if (this.#dead) return Number.NaN;
    const nested = this.#performing;
    const result = this.#core.event(nested ? code | QUIET : code, Number.NaN, a, b, c, d);
    if (this.#dead) return Number.NaN;
    first?.(result);
    if (nested) this.#again = true;
    else this.#performAll();
    return result;
  }

  #performAll(): void {
    this.#performing = true;
    try {
      let count = this.#buffer()[0] as number;
      while (count > 0) {
        this.#again = false;
        for (let i = 0; i < count && !this.#dead; i++) this.#performAt(HEAD + i * ACTION);
        if (this.#dead || !(this.#again || count === MAX_ACTIONS)) break;
        this.#core.event(SchedulerEvent.Woke, 0);
        count = this.#dead ? 0 : (this.#buffer()[0] as number);
      }
      if (!this.#dead) this.#setTimer(this.#buffer()[1] as number);
    } finally {
      this.#performing = false;
    }
    this.#host.drained();
  }

  #performAt(place: number): void {
    const out = this.#buffer();
    const [code, subject, first, second] = [out[place], out[place + 1], out[place + 2], out[place + 3]];
    this.#perform(code as Action, subject as number, first as number, second as number);
  }

  /** The view is gone when the memory has grown. */
  #buffer(): Float64Array {
    if (this.#out.length === 0) {
      const length = HEAD + MAX_ACTIONS * ACTION;
      this.#out = this.#core.use((core) => new Float64Array(core.memory.buffer, this.#place, length), this.#out);
    }
    return this.#out;
  }

  /** A timer that is due no later than the deadline stays: waking for nothing is cheaper than to set it for each call. */
  #setTimer(deadline: number): void {
    if (deadline >= this.#due) {
      this.#holdProcess(deadline);
      return;
    }
    clearTimeout(this.#timer);
    this.#due = deadline;
    // It must not keep alive what its owner has dropped.
    const self = new WeakRef(this);
    const wait = Math.min(Math.ceil(deadline - performance.now()), LONGEST_SLEEP);
    this.#timer = setTimeout(() => self.deref()?.wake(), Math.max(0, wait));
    this.#holdProcess(deadline);
  }

  /** Where timers keep a process alive, only one with a deadline of a call does: samples are taken of what runs anyway. */
  #holdProcess(deadline: number): void {
    const timer = this.#timer as { ref?(): void; unref?(): void } | undefined;
    if (deadline === Number.POSITIVE_INFINITY || this.#known === 0) timer?.unref?.();
    else timer?.ref?.();
  }

  /** Time alone may have brought actions. */
  wake(): void {
    this.#due = Number.POSITIVE_INFINITY;
    this.#tell(SchedulerEvent.Woke);
  }

  #perform(code: Action, subject: number, first: number, second: number): void {
    if (code >= Action.Sample) {
      this.#performOnPage(code, subject, first, second);
      return;
    }
    if (code === Action.Forget || code === Action.Pause || code === Action.Breaker) {
      this.#performOnLane(code, subject, first, second);
      return;
    }
    const call = this.#find(subject);
    if (!call) return;
    const host = this.#host;
    this.#touched.add(call.key);
    if (code === Action.Start) host.start(call, first);
    else if (code === Action.Deliver) {
      if (first === 0) this.forget(call);
      host.deliver?.(call, first !== 0);
    } else if (code === Action.Retry) host.retry?.(call, first);
    else if (code === Action.Ask) host.ask?.(call);
    else if (code === Action.Preempt) host.preempt?.(call);
    else if (code === Action.Expire) host.expire?.(call);
    else if (code === Action.ReleaseSlot) host.releaseSlot?.(call, first === 0 ? 'unread' : 'streams');
    else if (code === Action.GiveUp) {
      this.forget(call);
      host.giveUp?.(call);
    } else if (code === Action.Reject) {
      this.forget(call);
      host.refuse(call, REFUSALS[first] as Refusal, numberOrNull(second));
    }
  }

  #performOnPage(code: Action, subject: number, first: number, second: number): void {
    const { watching } = this.#host;
    if (code === Action.Sample) watching?.sample();
    else if (code === Action.Level) watching?.come(subject, first, second);
    else watching?.alert(subject, first, second, code === Action.Resolved);
  }

  #performOnLane(code: Action, number: number, first: number, second: number): void {
    const { key = '' } = this.#byNumber[number] ?? {};
    if (code === Action.Forget) {
      this.#lanes.delete(key);
      this.#touched.delete(key);
      this.#byNumber[number] = undefined;
      return;
    }
    this.#touched.add(key);
    if (code === Action.Pause) this.#host.paused?.(key, first);
    else this.#host.breaker?.(key, BREAKER_STATES[first] as BreakerState, numberOrNull(second));
  }
}

/** Actions that the core writes at once. */
const MAX_ACTIONS = 64;

/** Numbers of a lane by itself. */
const LANE_FIGURES = 6;

/** A browser fires a timer above 2^31 - 1 ms at once; waking for nothing is harmless. */
const LONGEST_SLEEP = 3_600_000;

/** A flag of a new call. */
export function bit(flag: SubmitFlag, set = true): number {
  return set ? 1 << flag : 0;
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
