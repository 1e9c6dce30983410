import { isSameOrigin, originOf, resolved, withoutFragment } from './addresses.js';
import type { Batching } from './batch/batching.js';
import { type BodyWatch, discard, watchBody } from './body.js';
import { Handle, type Said } from './border.js';
import { HttpCache } from './cache/http.js';
import { Store } from './cache/store.js';
import { Values } from './cache/values.js';
import { noteWrite, writeOf } from './cache/writes.js';
import { Kind, Option, Settled } from './codes.js';
import { derive, forgotten, requestOf } from './derive.js';
import { Engine, type Failure, type Host, Lost, type Terms } from './engine.js';
import { type Refusal, refusalReason, SixlaneError } from './errors.js';
import { Events } from './events.js';
import { bodyLength, describe, type Flight, isResendable, times } from './flight.js';
import { type Asking, Gets, type How, type Sent, type Told } from './gets.js';
import { pauseAsked } from './hints.js';
import type { Source } from './joint.js';
import { Lanes, mayRepeat, termsOf } from './lane.js';
import { LEVEL_NAMES, LEVELS, levelOf, priorityValue } from './levels.js';
import { load, loaded } from './load.js';
import { Loops } from './loops.js';
import { blocksLoaded, loadBlocks, needBlocks } from './ondemand.js';
import { read } from './options.js';
import { hand, nativeFetch, page, senderOf } from './page.js';
import { permits } from './permit.js';
import {
  isAddress,
  isRequest,
  isResponse,
  NativeAbortController,
  NativeRequest,
  nameOf,
  ownOrigin,
  textOf,
} from './platform.js';
import { onProtocol, protocolOf } from './protocols.js';
import { compileRoutes, type Routing } from './routes.js';
import { balance, join, leave, replace } from './share.js';
import { LONGEST_TIMER } from './sleep.js';
import { snapshot } from './snapshot.js';
import { Starting } from './starting.js';
import { Timing } from './timing.js';
import type { LaneInit, SixlaneFetch, SixlaneOptions, Status } from './types.js';
import { notCached, unscheduled } from './unscheduled.js';

/** A module that is not there by then is not waited for. */
const START_LIMIT = 10_000;

const PAGE_EVENTS = ['pagehide', 'pageshow', 'online', 'securitypolicyviolation'];

/** Addresses that are known to redirect to where the page may go. */
const MAX_REDIRECTS = 100;

const COUNTED = ['completed', 'failed', 'cancelled', 'preempted', 'retries'] as const;

/** The browser's own hint for each level, by its index; "normal" is what it assumes anyway. */
const HINTS: readonly (RequestPriority | undefined)[] = ['low', 'low', undefined, 'high', 'high'];

/**
 * Starts an instance. Returns at once. Until the module is compiled, up to six calls to an origin go to native fetch at
 * once and the others wait in order of priority.
 *
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown. Where the module is
 * not compiled yet, `ready` and every call reject with it instead.
 */
export function createFetch(options: SixlaneOptions = {}): SixlaneFetch {
  return surfaceOf(new Instance(options), () => false);
}

/** One to be put in the place of fetch: when it is closed, calls that still lead here go on to what was there before. */
export function createInstalled(options: SixlaneOptions = {}): SixlaneFetch {
  const instance = new Instance(options);
  instance.installed = true;
  return surfaceOf(instance, (self) => self !== undefined && self !== null && self !== globalThis);
}

/** @param isForeign whether native fetch is to say what it says to that `this` */
function surfaceOf(instance: Instance, isForeign: (self: unknown) => boolean): SixlaneFetch {
  // As the native function it has this name, one parameter, and is no constructor.
  const { fetch: surface } = {
    fetch(this: unknown, input: RequestInfo | URL): Promise<Response> {
      // biome-ignore lint/complexity/noArguments: rest parameters would need a copy to tell none from undefined
      const args = arguments;
      return promised(() => {
        if (isForeign(this)) return Reflect.apply(instance.before, this, args);
        return args.length === 0 ? instance.native() : instance.fetch(input, args[1], false);
      });
    },
  };
  // Whoever puts it in the place of fetch must not make us call ourselves.
  page().replaced.set(surface, instance.before);
  return Object.assign(surface, {
    ready: instance.ready,
    events: instance.events,
    status: () => instance.status(),
    cache: instance.cache,
    preload: (input: RequestInfo | URL, init?: RequestInit) => instance.preload(input, init),
    clear: (reason?: unknown) => instance.clear(reason),
    pause: () => instance.pause(),
    resume: () => instance.resume(),
    emergency: (...args: [] | [input: RequestInfo | URL, init?: RequestInit]) =>
      promised(() => (args.length === 0 ? instance.native() : instance.fetch(args[0], args[1], true))),
    close: () => instance.close(),
  });
}

/** Whatever it is called with, what goes wrong rejects. */
function promised(call: () => Promise<Response>): Promise<Response> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}

class Instance {
  readonly ready: Promise<void>;
  readonly events = new Events();
  readonly #options: SixlaneOptions;
  readonly #lanes: Lanes;
  installed = false;
  #routing: Routing | undefined;
  #engine: Engine<Flight> | undefined;
  #mode: Status['mode'] = 'starting';
  #reason: string | null = null;
  /** Wrong options that only the module could see: then no call is made at all. */
  #refusal: unknown;
  /** Once the module runs. */
  #gets: Gets | undefined;
  #batching: Batching | undefined;
  readonly cache: Values;
  /** Only until the module runs. */
  #starting: Starting | undefined;
  #early = { completed: 0, failed: 0, cancelled: 0, preempted: 0, retries: 0 };
  /** Addresses whose redirects were followed to a response. */
  readonly #redirects = new Set<string>();
  /** Flights whose callers have the headers, while their bodies are watched. */
  readonly #bodies = new Set<Flight>();
  /** What fetch was when this instance was made. */
  readonly before = nativeFetch();
  /** Functions in the place of fetch that may lead back to us. */
  readonly #loops = new Loops();
  /** The transport is being called right now. */
  #handing = false;
  #clearReason: unknown;
  /** Attempts that were sent. */
  #sends = 0;
  #leaving = false;
  #closed = false;
  readonly #stopLearning: () => void;
  readonly #onPage = (event: Event): void => {
    const { type } = event;
    if (type === 'online') {
      this.#engine?.online();
      return;
    }
    if (type === 'securitypolicyviolation') {
      this.#violated(event as SecurityPolicyViolationEvent);
      return;
    }
    this.#leaving = type === 'pagehide';
    if (!this.#batching) return;
    this.#batching.hurried = this.#leaving;
    if (this.#leaving) this.#batching.flush();
  };

  constructor(options: SixlaneOptions) {
    this.#options = snapshot({ ...options });
    this.#lanes = new Lanes(this.#options);
    this.cache = new Values(this.#options.cache || {});
    if (loaded() && !(this.#options.batch && !blocksLoaded())) {
      join(this.#begin());
      this.ready = Promise.resolve();
    } else {
      try {
        this.#routing = compileRoutes(this.#options.routes);
      } catch {
        // The module says what is wrong with them, and if it finds nothing, compiling them again does.
      }
      this.#starting = new Starting(this.#options.queue?.perOrigin, (flight) => {
        this.#send(flight, LEVEL_NAMES.indexOf(levelOf(flight.priority)));
      });
      this.#early = this.#starting.totals;
      join(this.#starting);
      this.ready = this.#load(this.#starting);
      // Whoever does not look at `ready` hears of wrong options from every call.
      this.ready.catch(() => {});
      this.cache.wait(this.ready);
    }
    for (const type of PAGE_EVENTS) globalThis.addEventListener?.(type, this.#onPage);
    this.#stopLearning = onProtocol((origin, protocol) => this.#engine?.setProtocol(origin, protocol));
  }

  fetch(input: RequestInfo | URL, init: RequestInit | null | undefined, emergency: boolean): Promise<Response> {
    // The transport leads back to us: somebody wrapped us by hand and put that in the place of fetch.
    const { before } = this;
    if (this.#handing) return before(input, init ?? undefined);
    const sender = senderOf(input) ?? senderOf(init?.signal);
    // What waits for a slot here has one already.
    if (sender) return (sender === this ? before : (this.#options.fetch ?? before))(input, init ?? undefined);
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (this.#closed) {
      // Somebody may have wrapped what was installed, and the page needs a fetch.
      return this.installed ? before(input, init ?? undefined) : Promise.reject(new SixlaneError('closed'));
    }
    // Without a scheduler in between, the arguments as they came are the best copy of themselves.
    if (this.#mode === 'native') {
      return unscheduled((...args) => this.native(...args), this.cache, input, init ?? undefined);
    }
    const plain = init ? undefined : this.#plain(input);
    if (plain) return Promise.resolve(plain);
    let request: Request;
    try {
      request = requestOf(input, init ?? undefined);
    } catch {
      // Nothing that a request cannot be made of is ever sent; native fetch says why, in its own words.
      return this.native(input, init ?? undefined);
    }
    if (!/^https?:/.test(request.url) || request.mode === 'navigate') return this.native(request);
    const ended = this.#loops.take(request);
    if (ended) {
      const call = before(request);
      call.then(ended, ended);
      return call;
    }
    const lane = this.#lanes.of(this.#routing?.of(request), init ?? undefined, emergency);
    const { signal } = request;
    if (signal.aborted) return Promise.reject(signal.reason);
    const said = termsOf(lane);
    const asking: Asking = {
      request,
      plain: !init && isAddress(input),
      windowless: init?.window === null,
      lane,
      resend: this.#resend(request, input, init ?? undefined, lane?.retry, said),
      arrived: performance.now(),
      signal,
      source: init?.signal === undefined && isRequest(input) ? input.signal : init?.signal,
      priority: priorityValue(lane?.priority) ?? LEVELS.normal,
    };
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (!reads) noteWrite(request.url);
    return reads && this.#gets ? this.#gets.fetch(asking) : this.send(asking, request).response;
  }

  send(asking: Asking, request: Request, joint?: Source): { wire: Sent; response: Promise<Response> } {
    const { windowless, lane, resend, arrived, priority, reads = false } = asking;
    const origin = originOf(request.url);
    let settle: Flight['settle'];
    const response = new Promise<Response>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const flight: Flight = {
      id: -1,
      request,
      windowless,
      reads: reads || request.method === 'GET' || request.method === 'HEAD',
      lane,
      resend,
      origin,
      key: typeof lane?.key === 'string' ? lane.key : origin,
      arrived,
      signal: joint ? undefined : asking.signal,
      source: joint ?? asking.source,
      priority,
      stage: 'waiting',
      attempt: 0,
      tries: 0,
      sent: 0,
      order: 0,
      controller: undefined,
      timing: undefined,
      timers: [],
      settle,
      onAbort: undefined,
      lost: undefined,
      blocked: false,
      onRead: undefined,
      refusal: undefined,
      barrier: 0,
      length: -2,
      status: 0,
      reading: false,
    };
    this.#onAbort(flight, () => this.#over(flight, Settled.Cancelled, asking.signal.reason));
    if (this.#closed) this.#over(flight, Settled.Failed, new SixlaneError('closed'));
    else if (this.#engine) this.#submit(this.#engine, flight);
    else if (this.#starting) this.#startEarly(this.#starting, flight);
    else this.#send(flight, LEVEL_NAMES.indexOf('normal'));
    return { wire: new Sending(this, flight), response };
  }

  /** Nobody wants it any more, nor its body. */
  abort(flight: Flight, reason: unknown): void {
    this.#over(flight, Settled.Cancelled, reason);
    flight.controller?.abort(reason);
    if (flight.stage === 'body') this.#bodyEnded(flight);
  }

  whenRead(flight: Flight, response: Response, read: () => void): void {
    if (flight.stage === 'body') flight.onRead = read;
    // Its slot is free already, and nobody watches it. (A mock may answer with anything.)
    else if (!isResponse(response) || !watchBody(response, { reading: () => {}, ended: read })) read();
  }

  raise(flight: Flight, priority: number): void {
    flight.priority = priority;
    this.#engine?.reprioritise(flight, priority);
  }

  /** A call was answered without a request of its own, or failed so. */
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

  async preload(input: RequestInfo | URL, init: RequestInit | null | undefined): Promise<void> {
    try {
      // Nothing is kept before.
      await this.ready;
      const said = init?.lane;
      const lane = said === undefined || typeof said === 'object' ? { priority: 'background' as const, ...said } : said;
      const response = await this.fetch(input, { ...init, lane }, false);
      const request = new NativeRequest(input, init ?? undefined);
      const rule = this.#lanes.of(this.#routing?.of(request), { ...init, lane }, false)?.cache;
      await this.#gets?.settled(request, rule, response);
      if (!this.#gets) discard(response);
    } catch {
      // Whoever needs it will ask again, and hear of it then.
    }
  }

  status(): Status {
    const figures = this.#engine?.status() ?? this.#starting?.status() ?? new Starting(1, () => {}).status();
    const { lanes, paused: _paused, concurrency: _concurrency, ...rest } = figures;
    return {
      ...rest,
      batched: this.#batching?.batched ?? 0,
      deduplicated: (this.#gets?.deduplicated ?? 0) + (this.#batching?.deduplicated ?? 0),
      completed: rest.completed + this.#early.completed,
      failed: rest.failed + this.#early.failed,
      cancelled: rest.cancelled + this.#early.cancelled,
      preempted: rest.preempted + this.#early.preempted,
      retries: rest.retries + this.#early.retries,
      mode: this.#mode,
      reason: this.#reason,
      origins: lanes.map((lane) => ({ ...lane, utilization: lane.running / lane.limit })),
    };
  }

  clear(reason?: unknown): number {
    const why = reason ?? new SixlaneError('queue-cleared');
    const flights = [...(this.#engine?.calls() ?? this.#starting?.flights ?? [])];
    const waiting = flights.filter(({ stage }) => stage === 'waiting');
    const callers = waiting.reduce((sum, { source }) => sum + (source?.callers ?? 1), 0);
    const others = (this.#gets?.clear(why) ?? 0) + (this.#batching?.clear(why) ?? 0);
    this.#clearReason = reason;
    if (this.#engine) this.#engine.clear();
    else for (const flight of waiting) this.#over(flight, Settled.Cancelled, why);
    return callers + others;
  }

  pause(): void {
    if (this.#starting) this.#starting.paused = true;
    this.#engine?.pause();
  }

  resume(): void {
    this.#starting?.resume();
    this.#engine?.resume();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const type of PAGE_EVENTS) globalThis.removeEventListener?.(type, this.#onPage);
    this.#stopLearning();
    const reason = new SixlaneError('closed');
    const flights = [...(this.#engine?.calls() ?? []), ...(this.#starting?.flights ?? []), ...this.#bodies];
    // Waiting ones first: none is to start in a slot that another one leaves.
    this.pause();
    this.#gets?.clear(reason);
    this.#batching?.clear(reason);
    for (const flight of flights) {
      this.#over(flight, Settled.Cancelled, reason);
      flight.controller?.abort(reason);
    }
    const stored = this.cache.close();
    // What was counted stays.
    const last = this.#engine?.status();
    for (const name of COUNTED) this.#early[name] += last?.[name] ?? 0;
    for (const sharer of [this.#starting, this.#engine]) if (sharer) leave(sharer);
    this.#engine?.free();
    this.#engine = undefined;
    await stored;
  }

  native(...args: Parameters<typeof fetch> | []): Promise<Response> {
    // Never called as a method: native fetch insists on its own global object.
    const { fetch = nativeFetch() } = this.#options;
    this.#handing = true;
    try {
      return fetch(...(args as Parameters<typeof fetch>));
    } finally {
      this.#handing = false;
    }
  }

  /** To make a Request of an address takes longer than to answer it from memory. */
  #plain(input: RequestInfo | URL): Response | undefined {
    if (!this.#gets || this.#gets.isEmpty || !isAddress(input)) return undefined;
    const url = resolved(String(input));
    if (url === undefined) return undefined;
    const lane = this.#routing?.ofAddress(url);
    // How it is kept matters no more, but under which name.
    if (lane === null || lane?.cache === false || lane?.cache?.key !== undefined) return undefined;
    return this.#gets.plain(url, lane);
  }

  // ── with the module

  #begin(): Engine<Flight> {
    const host: Host<Flight> = {
      start: (flight, level) => this.#send(flight, level),
      preempt: (flight) => this.#preempt(flight),
      refuse: (flight, why, retryAfter) => this.#refuse(flight, why, retryAfter),
      expire: (flight) => this.#expire(flight),
      paused: (key, pausedFor) => this.events.emit('paused-origin', () => ({ key, pausedFor })),
      breaker: (key, state, retryAfter) => this.events.emit('breaker', () => ({ key, state, retryAfter })),
      lend: (flight, why) => {
        this.#engine?.forget(flight);
        this.events.emit('lent', () => ({ ...describe(flight), why }));
      },
      opened: balance,
      drained: balance,
      trapped: (flights, error) => this.#failOpen(error, flights),
    };
    const said = read('fetch', this.#options);
    if (Number.isNaN(said.words[Option.Seed])) said.set(Option.Seed, 'seed', Math.random());
    const engine = new Engine<Flight>(new Handle('createFetch', Kind.Requests, said), host);
    this.#routing = compileRoutes(this.#options.routes);
    this.#engine = engine;
    const { batch } = this.#options;
    this.#batching = batch && new (needBlocks('createFetch').Batching)(this, batch);
    this.#gets = new Gets(this, this.#options.dedupe, this.cache, this.#batching, this.#openCache());
    this.#mode = 'wasm';
    return engine;
  }

  #openCache(): { store: Store; http: HttpCache } | undefined {
    const { cache: options = {}, routes = [] } = this.#options;
    if (options === false) {
      this.cache.open();
      return undefined;
    }
    const rules = routes.flatMap(({ cache }) => cache || []);
    const tiers = rules.flatMap(({ tiers }) => tiers ?? []);
    // As they were when the instance was made.
    const own = this.cache.options;
    const store = new Store('createFetch', 'cache', own, tiers);
    const http = new HttpCache(store, own, this.cache.cuts);
    store.onGone = (entry) => http.gone(entry);
    this.cache.open(store, http);
    return { store, http };
  }

  #submit(engine: Engine<Flight>, flight: Flight): void {
    let terms: Terms;
    try {
      terms = this.#terms(flight);
    } catch (error) {
      if (flight.settle) {
        flight.controller?.abort(error);
        this.#over(flight, Settled.Failed, error);
      } else {
        // Its caller has the response already, and is reading perhaps.
        globalThis.reportError?.(error);
        this.#bodyEnded(flight);
      }
      return;
    }
    engine.submit(flight, terms);
    if (flight.stage === 'waiting') {
      if (terms.immediate) this.#send(flight, LEVEL_NAMES.indexOf(levelOf(flight.priority)));
      else this.events.emit('queued', () => describe(flight));
    } else if (flight.stage === 'body') {
      this.#hold(engine, flight);
    }
  }

  /** @throws RangeError or TypeError for what a call says under `lane` */
  #terms({ lane, request, reads, origin, stage, arrived }: Flight): Terms {
    const said = termsOf(lane);
    const { keepalive } = request;
    // Of a page that is left, what waits would never be sent.
    const hurried = keepalive || this.#leaving;
    return {
      priority: said?.get(Option.Priority, undefined) ?? LEVELS.normal,
      emergency: said?.get(Option.Emergency, 0) === 1,
      // What must never wait is not put back into the queue, either, and what cannot be stopped is not sent twice.
      repeatable: reads && !hurried && isReferrerTold(request),
      untilHeaders: said?.get(Option.Slot, 0) === 1,
      immediate: stage !== 'waiting' || hurried,
      protocol: protocolOf(origin),
      // They are for what comes before the headers.
      total: stage === 'body' ? undefined : said?.get(Option.Total, undefined),
      attempt: stage === 'body' ? undefined : said?.get(Option.Attempt, undefined),
      arrived,
    };
  }

  /** What a call may be sent again as. Its body is only kept where that may happen. */
  #resend(
    request: Request,
    input: RequestInfo | URL,
    init: RequestInit | undefined,
    retry: LaneInit['retry'],
    said: Said | undefined,
  ): Flight['resend'] {
    const { method, redirect, integrity, headers, cache } = request;
    // These fail for good, and a page cannot tell it from bad luck.
    if (redirect === 'error' || integrity || cache === 'only-if-cached' || retry === false) return undefined;
    if (method === 'GET' || method === 'HEAD') return 'as it is';
    if (!isResendable(input, init)) return undefined;
    return mayRepeat(said, method, headers.has('idempotency-key')) ? () => request.clone() : undefined;
  }

  #preempt(flight: Flight): void {
    this.#standBack(flight);
    flight.tries -= 1;
    flight.controller?.abort();
    this.events.emit('preempted', () => describe(flight));
  }

  /** It waits again: of the attempt that was under way nothing is heard any more. */
  #standBack(flight: Flight): void {
    flight.stage = 'waiting';
    flight.attempt += 1;
    flight.timing?.stop();
  }

  #refuse(flight: Flight, why: Refusal, retryAfter: number | null = null): void {
    const reason = refusalReason(why, this.#clearReason, retryAfter);
    // The core knows already.
    flight.id = -1;
    flight.refusal = why;
    this.#over(flight, Settled.Failed, reason);
    flight.controller?.abort(reason);
  }

  // ── one attempt

  #send(flight: Flight, level: number): void {
    const { request, lane, source } = flight;
    // One signal may abort many calls, one after the other: the slot of the first is not for the next of them.
    if (source?.aborted) {
      this.#over(flight, Settled.Unsent, source.reason);
      return;
    }
    flight.barrier = this.cache.past.barrier(request);
    if (flight.barrier > 0 && request.cache === 'only-if-cached') {
      this.#over(flight, Settled.Unsent, notCached());
      return;
    }
    flight.lost?.timing?.stop();
    const attempt = ++flight.attempt;
    flight.tries += 1;
    const controller = new NativeAbortController();
    flight.stage = 'sent';
    flight.controller = controller;
    flight.sent = performance.now();
    flight.order = ++this.#sends;
    flight.timing = new Timing(request.url, flight.sent);
    const init: RequestInit = {
      signal: flight.signal ? either(flight.signal, controller) : controller.signal,
      ...forgotten(request),
    };
    if (flight.windowless) init.window = null;
    const hint = lane?.priority !== undefined || lane?.emergency ? HINTS[level] : undefined;
    if (hint) init.priority = hint;
    this.events.emit('started', () => describe(flight));
    // A body can be read once: what is sent again is a clone that was made before.
    const { resend, barrier } = flight;
    const make = typeof resend === 'function' ? resend : (): Request => request;
    const changes: RequestInit = { ...(barrier > 0 && { cache: 'reload' }), ...(flight.lost && unfollowed(request)) };
    this.#attempt(flight, make, changes, init).then(
      (response) => this.#guarded(flight, response, () => this.#answered(flight, attempt, response)),
      (error: unknown) => {
        if (attempt === flight.attempt) this.#lost(flight, error);
      },
    );
  }

  /** Never throws, whatever somebody put in the place of fetch. */
  async #attempt(flight: Flight, make: () => Request, changes: RequestInit, init: RequestInit): Promise<Response> {
    const made = make();
    const request = Object.keys(changes).length > 0 ? derive(made, changes) : made;
    hand(request, this);
    hand(init.signal, this);
    // A service worker hands on what an element of its page asks for: with anything said to it, that would be asked for
    // in the worker's own name. It is not ours to stop then, only to leave.
    const args: Parameters<typeof fetch> = isReferrerTold(flight.request) ? [request, init] : [request];
    const transport = nativeFetch();
    // What was there before us knows nothing of us, and what the options name is not in the place of fetch.
    if (transport === this.before || this.#options.fetch) return this.native(...args);
    const ended = this.#loops.hand(transport, request);
    let response: Response | undefined;
    try {
      response = await this.native(...args);
      return response;
    } finally {
      ended(response !== undefined);
    }
  }

  #answered(flight: Flight, attempt: number, response: Response | undefined): void {
    if (attempt !== flight.attempt || flight.stage !== 'sent') {
      // It could not be stopped, or came just then.
      if (isResponse(response)) discard(response);
      return;
    }
    // It is no lost connection that is behind this: the address leads to where it may not be followed.
    if (flight.lost && isResponse(response) && response.type === 'opaqueredirect') {
      this.#over(flight, Settled.Offline, flight.lost.error);
      return;
    }
    if (isResponse(response) && flight.lane?.retry !== false) {
      const asked = pauseAsked(response);
      const unwell = asked !== undefined || response.status >= 400;
      if (unwell && this.#tryAgain(flight, response.status, asked, response)) return;
    }
    this.#deliver(flight, response);
  }

  /** Where a response of the page's own making cannot be looked at, its caller gets it all the same. */
  #guarded(flight: Flight, response: Response | undefined, act: () => void): void {
    try {
      act();
    } catch (error) {
      globalThis.reportError?.(error);
      const { settle } = flight;
      this.#release(flight);
      if (response) settle?.resolve(response);
      else settle?.reject(error);
      if (flight.id >= 0) this.#engine?.settled(flight, Settled.Completed);
      this.#bodyEnded(flight);
    }
  }

  /** No response: the browser does not say why, and another attempt may have one. */
  #lost(flight: Flight, error: unknown): void {
    if (flight.stage !== 'sent') return;
    const offline = globalThis.navigator?.onLine === false;
    // What native fetch rejects with where there is no network; anything else a transport of somebody's says of itself.
    const network = nameOf(error) === 'TypeError';
    const code = offline ? Lost.offline : Lost.noResponse;
    const may = network && !flight.blocked && flight.lane?.retry !== false;
    if (may && this.#tryAgain(flight, code, undefined, undefined, error)) return;
    this.#over(flight, offline && network ? Settled.Offline : Settled.Failed, error);
  }

  #expire(flight: Flight): void {
    // Somebody is being asked already whether there is to be another one.
    if (flight.stage !== 'sent') return;
    const reason = refusalReason('timeout');
    flight.attempt += 1;
    flight.timing?.stop();
    flight.controller?.abort(reason);
    if (flight.lane?.retry !== false && this.#tryAgain(flight, Lost.expired, undefined, undefined, reason)) return;
    this.#over(flight, Settled.Failed, reason);
  }

  /** The attempt under way failed. Whether there will be, or may be, another one. */
  #tryAgain(flight: Flight, code: number, asked?: number, response?: Response, error?: unknown): boolean {
    const engine = this.#engine;
    if (!engine) {
      // Of most refusals nobody has to be asked whether another attempt may help.
      const final = code >= 400 && code < 500 && code !== 429;
      return !final && this.#starting !== undefined && this.#whenReady(flight, code, asked, response, error);
    }
    const { request, reads, lane, origin, resend } = flight;
    const failure: Failure = {
      rules: termsOf(lane),
      // What asks in another way for what GETs ask for may be sent again as they may.
      method: reads && request.method !== 'HEAD' ? 'GET' : request.method,
      code,
      asked,
      idempotent: request.headers.has('idempotency-key'),
      resendable: resend !== undefined && !(request.keepalive || this.#leaving),
      // Where there is no page, there is no CORS.
      sameOrigin: origin === (ownOrigin() ?? origin),
    };
    const shouldRetry = typeof lane?.retry === 'object' ? lane.retry.shouldRetry : undefined;
    const again = (delay: number): void => this.#again(flight, delay, response, error);
    if (!shouldRetry) return this.#retry(flight, failure, again);
    if (!this.#retry(flight, failure)) return false;
    const { attempt } = flight;
    flight.stage = 'asking';
    const context = { request, attempt: flight.tries, ...(response ? { response } : { error }) };
    const decide = (yes: boolean): void => {
      if (!this.#goOn(flight, attempt, response)) return;
      if (!yes || !this.#retry(flight, failure, again)) this.#giveUp(flight, response, error);
    };
    permits(shouldRetry, context).then((yes) => this.#guarded(flight, response, () => decide(yes)));
    return true;
  }

  #retry(flight: Flight, failure: Failure, again?: (delay: number) => void): boolean {
    try {
      return this.#engine?.retry(flight, failure, again) ?? false;
    } catch (error) {
      // The options were right when the call was made; somebody has changed the object since.
      globalThis.reportError?.(error);
      return false;
    }
  }

  /** What is to become of an attempt that failed so early, the core says when it is there. */
  #whenReady(flight: Flight, ...failure: [code: number, asked?: number, response?: Response, error?: unknown]): true {
    const [, , response, error] = failure;
    const { attempt } = flight;
    flight.stage = 'asking';
    const decide = (): void => {
      if (!this.#goOn(flight, attempt, response)) return;
      if (!this.#tryAgain(flight, ...failure)) this.#giveUp(flight, response, error);
    };
    const look = (): void => this.#guarded(flight, response, decide);
    this.ready.then(look, look);
    return true;
  }

  /** Whether it is still of interest what was asked about this attempt. */
  #goOn(flight: Flight, attempt: number, response: Response | undefined): boolean {
    if (attempt !== flight.attempt || flight.stage !== 'asking') {
      discard(response);
      return false;
    }
    flight.stage = 'sent';
    return true;
  }

  #giveUp(flight: Flight, response: Response | undefined, error: unknown): void {
    if (response) this.#deliver(flight, response);
    else this.#over(flight, Settled.Failed, error);
  }

  #again(flight: Flight, delay: number, response: Response | undefined, error: unknown): void {
    discard(response);
    flight.lost?.timing?.stop();
    flight.lost = undefined;
    if (!response && this.#mayBePolicy(flight.request, error)) {
      const { timing } = flight;
      flight.lost = { error, timing };
      flight.timing = undefined;
      timing?.follow(() => this.#foundOut(flight));
    }
    this.#standBack(flight);
    this.events.emit('retry', () => ({
      ...describe(flight),
      attempt: flight.tries,
      delay,
      ...(response ? { status: response.status } : { error: textOf(error) }),
    }));
    // Its entry may have come before the failure.
    this.#foundOut(flight);
  }

  /**
   * Of a failed request a page is not told whether its connection was lost, or it was redirected to where it must not go.
   * The next attempt looks whether it is redirected at all, unless that has led somewhere before.
   */
  #mayBePolicy({ url, redirect }: Request, error: unknown): boolean {
    const network = nameOf(error) === 'TypeError';
    return network && redirect === 'follow' && isSameOrigin(url) && !this.#redirects.has(withoutFragment(url));
  }

  /** Where the browser tells that the last response was a redirect, nothing has to be sent to find out. */
  #foundOut(flight: Flight): void {
    const { lost, stage } = flight;
    if (stage === 'waiting' && lost?.timing?.endedInRedirect) this.#over(flight, Settled.Offline, lost.error);
  }

  /** The page's policy forbids what was sent; in some browsers this is heard before the request fails, in others after. */
  #violated({ disposition, effectiveDirective, blockedURI }: SecurityPolicyViolationEvent): void {
    if (disposition !== 'enforce' || effectiveDirective !== 'connect-src') return;
    for (const flight of this.#engine?.calls() ?? this.#starting?.flights ?? []) {
      if (flight.attempt === 0 || withoutFragment(flight.request.url) !== blockedURI) continue;
      flight.blocked = true;
      if (flight.stage === 'waiting' && flight.lost) this.#over(flight, Settled.Offline, flight.lost.error);
    }
  }

  #deliver(flight: Flight, response: Response | undefined): void {
    const { settle } = flight;
    if (!settle) return;
    flight.stage = 'body';
    // A mock may answer with anything; there is nothing to watch then.
    const real = isResponse(response);
    const watchable = real && !flight.timing?.finished;
    flight.length = watchable ? bodyLength(flight.request.method, response) : -1;
    flight.status = real ? response.status : 0;
    if (real) this.#noteAnswer(flight, response);
    if (!flight.reads) noteWrite(flight.request.url);
    this.#release(flight);
    settle.resolve(response as Response);
    this.#tellSettled(flight, response?.ok, response?.status);
    const holds = this.#engine ? this.#hold(this.#engine, flight) : this.#starting?.has(flight) && flight.length !== -1;
    // Some bodies go on without a slot.
    const goesOn = holds || flight.length === -3 || (flight.length !== -1 && flight.lane?.slot === 'headers');
    if (!goesOn || !response || !watchBody(response, this.#watch(flight))) this.#bodyEnded(flight);
  }

  /** What a response means to what is kept. Whatever is wrong with that, its caller gets it. */
  #noteAnswer({ request, reads, barrier }: Flight, response: Response): void {
    const { method, url } = request;
    try {
      if (response.redirected) {
        if (this.#redirects.size >= MAX_REDIRECTS) this.#redirects.clear();
        this.#redirects.add(withoutFragment(url));
      }
      this.cache.past.passed(request, response.status, barrier);
      if (!reads) this.cache.written(writeOf(method, url, response));
      this.cache.cleared(response);
    } catch (error) {
      globalThis.reportError?.(error);
    }
  }

  /** In a function of its own: whatever is made beside a response here would keep it alive. */
  #tellSettled(flight: Flight, ok: boolean | undefined, status: number | undefined): void {
    this.events.emit('settled', () => ({ ...describe(flight), ok, status, ...times(flight) }));
  }

  #watch(flight: Flight): BodyWatch {
    const ended = (): void => this.#bodyEnded(flight);
    this.#bodies.add(flight);
    this.#onAbort(flight, ended);
    flight.timing?.follow(ended);
    return {
      reading: () => {
        flight.reading = true;
        this.#engine?.reading(flight);
      },
      ended,
    };
  }

  /** Tells the core that the headers are there. Whether the body still holds a slot. */
  #hold(engine: Engine<Flight>, flight: Flight): boolean {
    const holds = engine.headers(flight, flight.length, flight.status);
    if (!holds) engine.forget(flight);
    else if (flight.reading) engine.reading(flight);
    return holds;
  }

  #bodyEnded(flight: Flight): void {
    if (flight.stage === 'over') return;
    flight.stage = 'over';
    this.#bodies.delete(flight);
    this.#release(flight);
    flight.onRead?.();
    flight.timing?.stop();
    if (this.#engine) {
      this.#engine.forget(flight);
      this.#engine.bodyEnded(flight);
    }
    this.#starting?.end(flight, Settled.Completed);
  }

  /** Settles a flight that has no headers yet. */
  #over(flight: Flight, outcome: Settled, reason: unknown): void {
    const { settle } = flight;
    if (!settle) return;
    flight.stage = 'over';
    if (!flight.reads) noteWrite(flight.request.url);
    this.#release(flight);
    flight.timing?.stop();
    flight.lost?.timing?.stop();
    settle.reject(reason);
    if (flight.id >= 0) this.#engine?.settled(flight, outcome);
    this.#starting?.end(flight, outcome);
    // Last: whoever hears of it finds its slot free.
    this.events.emit('settled', () => ({ ...describe(flight), ok: false, error: textOf(reason), ...times(flight) }));
  }

  #onAbort(flight: Flight, onAbort: () => void): void {
    flight.onAbort = onAbort;
    flight.signal?.addEventListener('abort', onAbort, { once: true });
  }

  #release(flight: Flight): void {
    if (flight.onAbort) flight.signal?.removeEventListener('abort', flight.onAbort);
    flight.onAbort = undefined;
    flight.settle = undefined;
    this.#clearTimers(flight);
  }

  // ── before the module runs, and without it

  async #load(starting: Starting): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the module was not there within 10 s')), START_LIMIT);
    });
    // What takes batches is a file of its own.
    const blocks = this.#options.batch && loadBlocks();
    const loading = Promise.all([load(this.#options.wasm), blocks]);
    try {
      await Promise.race([loading, late]);
    } catch (error) {
      this.#failOpen(error, [...starting.flights]);
      // It may come yet, too late to schedule, but not for what is in storage.
      const open = (): unknown => this.#closed || this.#openCache();
      loading.then(open).catch(() => this.cache.abandon());
      return;
    } finally {
      clearTimeout(timer);
    }
    if (this.#closed) return;
    const flights = [...starting.flights];
    this.#starting = undefined;
    let engine: Engine<Flight>;
    try {
      engine = this.#begin();
    } catch (error) {
      this.#refusal = error;
      leave(starting);
      for (const flight of flights) {
        this.#over(flight, Settled.Failed, error);
        flight.controller?.abort(error);
      }
      throw error;
    }
    if (starting.paused) engine.pause();
    for (const flight of flights) this.#clearTimers(flight);
    // Those on the wire first: they count before anybody is given a slot.
    for (const flight of flights) if (flight.stage !== 'waiting') this.#submit(engine, flight);
    replace(starting, engine);
    for (const flight of flights) if (flight.stage === 'waiting') this.#beginAgain(engine, flight);
  }

  /** Nothing was sent for it yet: it goes the way of any call from here on. */
  #beginAgain(engine: Engine<Flight>, flight: Flight): void {
    const { request, windowless, lane, resend, arrived, source, priority, settle } = flight;
    const gets = request.method === 'GET' || request.method === 'HEAD' ? this.#gets : undefined;
    if (!gets || !settle) {
      this.#submit(engine, flight);
      return;
    }
    try {
      termsOf(lane);
    } catch (error) {
      this.#over(flight, Settled.Failed, error);
      return;
    }
    flight.stage = 'over';
    this.#release(flight);
    const { signal } = request;
    settle.resolve(gets.fetch({ request, plain: false, windowless, lane, resend, arrived, signal, source, priority }));
  }

  #startEarly(starting: Starting, flight: Flight): void {
    const { timeout } = flight.lane ?? {};
    this.#limit(flight, typeof timeout === 'object' ? timeout?.total : timeout);
    starting.add(flight, flight.request.keepalive || this.#leaving);
    if (flight.stage === 'waiting') this.events.emit('queued', () => describe(flight));
  }

  /** A time limit that no core keeps; whether it is a right one, the module will say. */
  #limit(flight: Flight, limit: unknown): void {
    if (typeof limit !== 'number' || !(limit > 0 && limit <= LONGEST_TIMER)) return;
    flight.timers.push(setTimeout(() => this.#refuse(flight, 'timeout'), limit));
  }

  #clearTimers({ timers }: Flight): void {
    for (const timer of timers.splice(0)) clearTimeout(timer);
  }

  /** From here on native fetch does it all: what waits is sent, and nothing that was sent is sent again. */
  #failOpen(error: unknown, flights: readonly Flight[]): void {
    if (this.#closed) return;
    this.#mode = 'native';
    this.#reason = textOf(error);
    const sharer = this.#engine ?? this.#starting;
    this.#engine = undefined;
    this.#starting = undefined;
    this.#gets = undefined;
    if (sharer) leave(sharer);
    this.#batching?.flush();
    warnOnce(`sixlane: scheduling is off, every request goes to native fetch. ${this.#reason}`);
    for (const flight of flights) {
      flight.id = -1;
      if (flight.stage === 'waiting') this.#send(flight, LEVEL_NAMES.indexOf('normal'));
    }
  }
}

/** A flight, for who waits for it. */
class Sending implements Sent {
  readonly #instance: Instance;
  readonly #flight: Flight;

  constructor(instance: Instance, flight: Flight) {
    this.#instance = instance;
    this.#flight = flight;
  }

  get at(): number {
    return this.#flight.sent;
  }

  get order(): number {
    return this.#flight.order;
  }

  get refusal(): Refusal | undefined {
    return this.#flight.refusal;
  }

  abort(reason: unknown): void {
    this.#instance.abort(this.#flight, reason);
  }

  whenRead(response: Response, read: () => void): void {
    this.#instance.whenRead(this.#flight, response, read);
  }

  raise(priority: number): void {
    this.#instance.raise(this.#flight, priority);
  }
}

/** How an attempt is changed to show whether its address redirects. Where it does not, the response is the same. */
function unfollowed({ mode }: Request): RequestInit {
  // Without CORS, browsers forbid to look at redirects; of the page's own origin this makes no other difference.
  return mode === 'no-cors' ? { redirect: 'manual', mode: 'same-origin' } : { redirect: 'manual' };
}

/** Whether its referrer is one that a script can say again. That of another origin's stylesheet is not. */
function isReferrerTold({ referrer }: Request): boolean {
  return referrer === 'about:client' || referrer === '' || isSameOrigin(referrer);
}

/** A signal that aborts with the caller's or with ours. */
function either(signal: AbortSignal, controller: AbortController): AbortSignal {
  if (AbortSignal.any) return AbortSignal.any([signal, controller.signal]);
  // Before Safari 17.4. Our request's own signal: the listener goes with it.
  signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller.signal;
}

let warned = false;

function warnOnce(message: string): void {
  if (!warned) console.warn(message);
  warned = true;
}
