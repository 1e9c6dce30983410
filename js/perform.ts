import { originOf, withoutFragment } from './addresses.js';
import { discard, watchBody } from './body.js';
import type { Values } from './cache/values.js';
import { BodyLength, type Brought, bodyLength, Call, describe } from './call.js';
import { Lost, Settled, SubmitFlag } from './codes.js';
import { bit, type Engine, type Host, type Terms } from './engine.js';
import { type Refusal, refusalReason, SixlaneError } from './errors.js';
import type { Events } from './events.js';
import type { Asking, How, Network, Told } from './gets.js';
import type { Source } from './joint.js';
import { LEVEL_NAMES, LEVELS, levelOf, priorityValue } from './levels.js';
import { pauseAsked } from './pause.js';
import { permits } from './permit.js';
import { isResponse, NativeAbortController, nameOf, textOf } from './platform.js';
import { type RequestLike, realOf, unfollowed } from './requests.js';
import { Settler } from './settle.js';
import { balance } from './share.js';
import type { Starting } from './starting.js';
import { termsOfCall } from './terms.js';
import { LONGEST_TIMER } from './timeout.js';
import { Timing } from './timing.js';
import type { Transport } from './transport.js';
import type { BreakerState, LaneInit, RetryOptions, WaitingCall } from './types.js';
import { notCached } from './unscheduled.js';
import { Watching } from './watching.js';

/** The browser's own hint for each level, by its index; "normal" is what it assumes anyway. */
const HINTS: readonly (RequestPriority | undefined)[] = ['low', 'low', undefined, 'high', 'high'];

const NORMAL = LEVEL_NAMES.indexOf('normal');

/** Tells the core what happens to calls, and does what it says. */
export class Performer implements Host<Call>, Network {
  readonly events: Events;
  readonly settler: Settler;
  readonly #transport: Transport;
  readonly #past: Values['past'];
  readonly watching: Watching<Call>;
  /** Whether calls are turned away under pressure. */
  sheds = false;
  /** What is to be done when the module has trapped. */
  readonly trapped: (calls: readonly Call[], error: Error) => void;
  /** While the module runs. */
  engine: Engine<Call> | undefined;
  /** Only before. */
  starting: Starting | undefined;
  leaving = false;
  closed = false;
  clearReason: unknown;
  /** Attempts that were sent. */
  #sends = 0;

  constructor(transport: Transport, events: Events, cache: Values, trapped: Performer['trapped']) {
    this.#transport = transport;
    this.events = events;
    this.settler = new Settler(this, events, cache);
    this.#past = cache.past;
    this.watching = new Watching(events, () => this.engine);
    this.trapped = trapped;
  }

  /** Calls that are not over, but for bodies that hold no slot. */
  get calls(): Iterable<Call> {
    return this.engine?.calls() ?? this.starting?.calls ?? [];
  }

  send(asking: Asking, request: RequestLike, joint?: Source): { wire: Call; response: Promise<Response> } {
    const call = new Call(this, asking, request, joint);
    const response = new Promise<Response>((resolve, reject) => {
      call.settle = { resolve, reject };
    });
    this.settler.onAbort(call, () => this.settler.over(call, Settled.Cancelled, asking.signal.reason));
    if (this.closed) this.settler.over(call, Settled.Failed, new SixlaneError('closed'));
    else if (this.engine) this.submit(this.engine, call);
    else if (this.starting) this.#startEarly(this.starting, call);
    else this.start(call, NORMAL);
    return { wire: call, response };
  }

  /** Its last caller has left: the call ends, and its body is cancelled. */
  abort(call: Call, reason: unknown): void {
    this.settler.over(call, Settled.Cancelled, reason);
    call.controller?.abort(reason);
    if (call.stage === 'body') this.settler.bodyEnded(call);
  }

  whenRead(call: Call, response: Response, read: () => void): void {
    if (call.stage === 'body') call.onRead = read;
    // Its slot is free already, and its body is not watched. (A mock may answer with anything.)
    else if (!isResponse(response) || !watchBody(response, { reading: () => {}, ended: read })) read();
  }

  /** What waits, in the order in which it would start, as the page sees it. */
  waiting(): WaitingCall[] {
    const early = [...(this.starting?.calls ?? [])].filter(({ stage }) => stage === 'waiting');
    const waiting =
      this.engine?.waiting() ?? early.map((call) => ({ call, priority: call.priority, since: call.arrived }));
    const now = performance.now();
    return waiting.map(({ call: { id, key, request }, priority, since }) => ({
      id,
      url: request.url,
      method: request.method,
      key,
      priority: levelOf(priority),
      // Where several come in at one time of a coarse clock, the core tells them apart by nanoseconds.
      since: Math.min(since, now),
    }));
  }

  /** The call with this id, if it waits. */
  waiter(id: number): Call | undefined {
    for (const call of this.calls) if (call.id === id && call.stage === 'waiting') return call;
    return undefined;
  }

  raise(call: Call, priority: number): void {
    call.priority = priority;
    this.engine?.reprioritise(call, priority);
  }

  told({ url, method, lane, arrived }: Told, outcome: Response | { readonly error: unknown }, how: How): void {
    this.events.emit('settled', () => ({
      id: -1,
      url,
      method,
      key: lane?.key ?? originOf(url),
      priority: levelOf(priorityValue(lane?.priority) ?? LEVELS.normal),
      emergency: lane?.emergency === true,
      ...('error' in outcome
        ? { ok: false, error: textOf(outcome.error) }
        : { ok: outcome.ok, status: outcome.status }),
      ...how,
      duration: performance.now() - arrived,
      queued: 0,
    }));
  }

  // ── into the core

  #startEarly(starting: Starting, call: Call): void {
    const { timeout } = call.lane ?? {};
    const { total, wait } =
      typeof timeout === 'object' && timeout !== null ? timeout : { total: timeout, wait: undefined };
    // No core keeps them yet; whether they are right ones, the module will say.
    const after = (limit: unknown, isOver: () => boolean): typeof call.timer =>
      typeof limit === 'number' && limit > 0 && limit <= LONGEST_TIMER
        ? setTimeout(() => isOver() && this.refuse(call, 'timeout'), limit)
        : undefined;
    call.timer = after(total, () => true);
    after(wait, () => this.starting === starting && call.stage === 'waiting');
    starting.add(call, call.request.keepalive || this.leaving);
    if (call.stage === 'waiting') this.events.emit('queued', () => describe(call));
  }

  submit(engine: Engine<Call>, call: Call): void {
    clearTimeout(call.timer);
    let terms: Terms;
    try {
      terms = termsOfCall(call, this.leaving, this.sheds);
    } catch (error) {
      if (call.settle) {
        call.controller?.abort(error);
        this.settler.over(call, Settled.Failed, error);
      } else {
        // Its caller has the response already, and is reading perhaps.
        globalThis.reportError?.(error);
        this.settler.bodyEnded(call);
      }
      return;
    }
    engine.submit(call, terms);
    const { stage, brought } = call;
    if (engine !== this.engine) return;
    if (stage === 'waiting') {
      if (terms.flags & bit(SubmitFlag.Immediate)) this.start(call, LEVEL_NAMES.indexOf(levelOf(call.priority)));
      else this.events.emit('queued', () => describe(call));
    } else if (stage === 'asking' && brought) {
      // What came so early.
      this.#guarded(call, brought.response, () => this.#decide(engine, call, brought));
    } else if (stage === 'body') {
      if (!engine.headers(call, call.status, call.length, call.pause)) engine.forget(call);
      else if (call.reading) engine.reading(call);
    }
  }

  /** An attempt has ended, and the core says what becomes of the call. */
  #decide(engine: Engine<Call>, call: Call, brought: Brought): void {
    if ('response' in brought) engine.answered(call, call.status, call.length, call.pause);
    else engine.failed(call, globalThis.navigator?.onLine === false ? Lost.Offline : Lost.NoResponse);
  }

  // ── what the core says

  start(call: Call, level: number): void {
    const { request, lane, source } = call;
    // One signal may abort many calls, one after the other: the slot of the first is not for the next of them.
    if (source?.aborted) {
      this.settler.over(call, Settled.Unsent, source.reason);
      return;
    }
    call.barrier = this.#past.barrier(request);
    if (call.barrier > 0 && request.cache === 'only-if-cached') {
      this.settler.over(call, Settled.Unsent, notCached());
      return;
    }
    call.lost?.timing?.stop();
    const attempt = ++call.attempt;
    call.tries += 1;
    const controller = new NativeAbortController();
    call.stage = 'sent';
    call.controller = controller;
    call.at = performance.now();
    call.order = ++this.#sends;
    call.timing = new Timing(request.url, call.at);
    this.events.emit('started', () => describe(call));
    const { resend, barrier, lost, windowless, signal } = call;
    const bypass: RequestInit | undefined = barrier > 0 ? { cache: 'reload' } : undefined;
    this.#transport
      .send({
        request,
        make: typeof resend === 'function' ? resend : undefined,
        changes: lost ? { ...bypass, ...unfollowed(request) } : bypass,
        // Who brought no signal cannot abort.
        signal: signal && source ? either(signal, controller) : controller.signal,
        windowless,
        hint: lane?.priority !== undefined || lane?.emergency ? HINTS[level] : undefined,
      })
      .then(
        (response) => this.#guarded(call, response, () => this.#answered(call, attempt, response)),
        (error: unknown) => {
          if (attempt === call.attempt) this.#failed(call, error);
        },
      );
  }

  preempt(call: Call): void {
    this.settler.drop(call);
    this.#standBack(call);
    call.tries -= 1;
    call.controller?.abort();
    this.events.emit('preempted', () => describe(call));
  }

  refuse(call: Call, why: Refusal, retryAfter: number | null = null): void {
    const reason = refusalReason(why, this.clearReason, retryAfter);
    call.refusal = why;
    this.settler.over(call, Settled.Failed, reason);
    call.controller?.abort(reason);
  }

  expire(call: Call): void {
    const reason = refusalReason('timeout');
    call.attempt += 1;
    call.timing?.stop();
    call.controller?.abort(reason);
    call.brought = { error: reason };
  }

  deliver(call: Call, holds: boolean): void {
    const response = call.brought?.response;
    this.#guarded(call, response, () => this.settler.deliver(call, response as Response, holds));
  }

  retry(call: Call, delay: number): void {
    const { response, error } = call.brought ?? {};
    call.brought = undefined;
    this.#guarded(call, response, () => this.#again(call, delay, response, error));
  }

  ask(call: Call): void {
    const { request, attempt, tries, lane, brought } = call;
    const { shouldRetry } = (lane as LaneInit).retry as Required<RetryOptions>;
    call.stage = 'asking';
    permits(shouldRetry, { request: realOf(request), attempt: tries, ...brought }).then((yes) => {
      // It may be over since, or at another attempt.
      if (attempt === call.attempt && call.stage === 'asking') this.engine?.permitted(call, yes);
    });
  }

  giveUp(call: Call): void {
    const { error } = call.brought ?? {};
    this.settler.over(call, Settled.Failed, error);
  }

  releaseSlot(call: Call, why: 'unread' | 'streams'): void {
    this.engine?.forget(call);
    this.events.emit('lent', () => ({ ...describe(call), why }));
  }

  paused(key: string, pausedFor: number): void {
    this.events.emit('paused-origin', () => ({ key, pausedFor }));
  }

  breaker(key: string, state: BreakerState, retryAfter: number | null): void {
    this.events.emit('breaker', () => ({ key, state, retryAfter }));
  }

  readonly opened = balance;
  readonly drained = balance;

  // ── what comes of an attempt

  #answered(call: Call, attempt: number, response: Response): void {
    // A mock may answer with anything.
    const real = isResponse(response);
    if (attempt !== call.attempt || call.stage !== 'sent') {
      // It could not be stopped, or came just then.
      if (real) discard(response);
      return;
    }
    // It is no lost connection that is behind this: the address leads to where it may not be followed.
    if (call.lost && real && response.type === 'opaqueredirect') {
      this.settler.over(call, Settled.Offline, call.lost.error);
      return;
    }
    call.status = real ? response.status : 0;
    // There is nothing to watch of what has ended.
    call.length = real && !call.timing?.finished ? bodyLength(call.request.method, response) : BodyLength.Nothing;
    call.pause = real && call.lane?.retry !== false ? pauseAsked(response) : Number.NaN;
    call.brought = { response };
    // Only these statuses can lead to a retry, so only for them a response waits for the core.
    this.#ended(call, call.status === 429 || call.status >= 500);
  }

  /** No response: the browser does not say why, and another attempt may have one. */
  #failed(call: Call, error: unknown): void {
    if (call.stage !== 'sent') return;
    // Native fetch rejects with a TypeError where there is no network. Any other error is the transport's own.
    if (nameOf(error) !== 'TypeError' || call.blocked) {
      this.settler.over(call, Settled.Failed, error);
      return;
    }
    call.brought = { error };
    this.#ended(call, true);
  }

  /** @param may whether another attempt may help */
  #ended(call: Call, may: boolean): void {
    const { engine } = this;
    const brought = call.brought as Brought;
    if (engine) this.#decide(engine, call, brought);
    // What is to become of it, the core says when it is there.
    else if (this.starting && may && call.resend && call.lane?.retry !== false) call.stage = 'asking';
    else this.conclude(call, brought);
  }

  /** No core says anything of it: what came is what its caller gets. */
  conclude(call: Call, brought: Brought): void {
    if (!('response' in brought)) this.settler.over(call, Settled.Failed, brought.error);
    else this.deliver(call, this.starting?.has(call) === true && call.length !== BodyLength.Nothing);
  }

  /** Where a response of the page's own making cannot be looked at, its caller gets it all the same. */
  #guarded(call: Call, response: Response | undefined, act: () => void): void {
    try {
      act();
    } catch (error) {
      globalThis.reportError?.(error);
      const { settle } = call;
      this.settler.release(call);
      if (response) settle?.resolve(response);
      else settle?.reject(error);
      if (call.id >= 0) this.engine?.settled(call, Settled.Completed);
      this.settler.bodyEnded(call);
    }
  }

  #again(call: Call, delay: number, response: Response | undefined, error: unknown): void {
    this.settler.record(call, response ? { response } : { error });
    discard(response);
    call.lost?.timing?.stop();
    call.lost = undefined;
    if (!response && this.settler.mayBePolicy(call.request, error)) {
      const { timing } = call;
      call.lost = { error, timing };
      call.timing = undefined;
      timing?.follow(() => this.#foundOut(call));
    }
    this.#standBack(call);
    this.events.emit('retry', () => ({
      ...describe(call),
      attempt: call.tries,
      delay,
      ...(response ? { status: response.status } : { error: textOf(error) }),
    }));
    // Its entry may have come before the failure.
    this.#foundOut(call);
  }

  /** It waits again: of the attempt that was under way nothing is heard any more. */
  #standBack(call: Call): void {
    call.stage = 'waiting';
    call.attempt += 1;
    call.timing?.stop();
  }

  /** Where the browser tells that the last response was a redirect, nothing has to be sent to find out. */
  #foundOut(call: Call): void {
    const { lost, stage } = call;
    if (stage === 'waiting' && lost?.timing?.endedInRedirect) this.settler.over(call, Settled.Offline, lost.error);
  }

  /** The page's policy forbids what was sent; in some browsers this is heard before the request fails, in others after. */
  violated({ disposition, effectiveDirective, blockedURI }: SecurityPolicyViolationEvent): void {
    if (disposition !== 'enforce' || effectiveDirective !== 'connect-src') return;
    for (const call of this.calls) {
      if (call.attempt === 0 || withoutFragment(call.request.url) !== blockedURI) continue;
      call.blocked = true;
      if (call.stage === 'waiting' && call.lost) this.settler.over(call, Settled.Offline, call.lost.error);
    }
  }
}

/** A signal that aborts with the caller's or with ours. */
function either(signal: AbortSignal, controller: AbortController): AbortSignal {
  if (AbortSignal.any) return AbortSignal.any([signal, controller.signal]);
  // Before Safari 17.4. Our request's own signal: the listener goes with it.
  signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller.signal;
}
