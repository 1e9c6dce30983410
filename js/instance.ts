import { resolved } from './addresses.js';
import type { Batching } from './batch/batching.js';
import { discard } from './body.js';
import { Handle, outOfRange, type Said } from './border.js';
import { HttpCache } from './cache/http.js';
import { Store } from './cache/store.js';
import { Values } from './cache/values.js';
import { noteWrite } from './cache/writes.js';
import type { Call, Resend } from './call.js';
import { Kind, Option, Settled } from './codes.js';
import { Engine } from './engine.js';
import { SixlaneError } from './errors.js';
import { Events } from './events.js';
import type { InstanceExtras } from './extras.js';
import { type Asking, Gets } from './gets.js';
import { Lanes, mayRepeat, termsOf } from './lane.js';
import { LEVEL_NAMES, LEVELS, levelOf, type Priority, priorityValue } from './levels.js';
import { load, loaded } from './load.js';
import { blocks, loadParts, needPart, watch } from './ondemand.js';
import { read } from './options.js';
import { senderOf } from './page.js';
import { Performer } from './perform.js';
import { isAddress, isRequest, textOf } from './platform.js';
import { onProtocol } from './protocols.js';
import { isPlain, isRead, isResendable, type RequestLike, requestOf, saysNothing } from './requests.js';
import { compileRoutes, type Routing } from './routes.js';
import { join, leave, replace } from './share.js';
import { snapshot } from './snapshot.js';
import { Starting } from './starting.js';
import { Transport } from './transport.js';
import type { CacheRule, Degradation, LaneInit, Monitor, SixlaneOptions, Status, WaitingCall } from './types.js';
import { unscheduled } from './unscheduled.js';
import { degradationOf, monitorOf } from './watching.js';

/** A module that is not there by then is not waited for. */
const START_LIMIT = 10_000;

const PAGE_EVENTS = ['pagehide', 'pageshow', 'online', 'securitypolicyviolation'];

const COUNTED = ['completed', 'failed', 'cancelled', 'preempted', 'retries'] as const;

/** One scheduler of requests: what `createFetch` makes. */
export class Instance {
  readonly ready: Promise<void>;
  readonly events = new Events();
  readonly transport: Transport;
  readonly cache: Values;
  readonly #performer: Performer;
  readonly #options: SixlaneOptions;
  readonly #lanes: Lanes;
  installed = false;
  #routing: Routing | undefined;
  #mode: Status['mode'] = 'starting';
  #reason: string | null = null;
  /** Wrong options that only the module could see: then no call is made at all. */
  #refusal: unknown;
  /** Once the module runs. */
  #gets: Gets | undefined;
  #batching: Batching | undefined;
  /** Once somebody watches, or where things are to be given up under pressure. */
  #extras: InstanceExtras | undefined;
  readonly monitor: Monitor;
  readonly degradation: Degradation;
  /** What became of calls that no core counts. */
  #early = { completed: 0, failed: 0, cancelled: 0, preempted: 0, retries: 0 };
  readonly #stopLearning: () => void;
  readonly #onPage = (event: Event): void => {
    const { type } = event;
    const { engine } = this.#performer;
    if (type === 'online') {
      engine?.online();
    } else if (type === 'securitypolicyviolation') {
      this.#performer.violated(event as SecurityPolicyViolationEvent);
    } else {
      const leaves = type === 'pagehide';
      this.#performer.leaving = leaves;
      engine?.leaving(leaves);
      if (!this.#batching) return;
      this.#batching.hurried = leaves;
      if (leaves) this.#batching.flush();
    }
  };

  constructor(options: SixlaneOptions) {
    this.#options = snapshot({ ...options });
    this.#lanes = new Lanes(this.#options);
    this.cache = new Values(this.#options.cache || {});
    this.transport = new Transport(this.#options.fetch);
    const performer = new Performer(this.transport, this.events, this.cache, (calls, error) =>
      this.#failOpen(error, calls),
    );
    this.#performer = performer;
    const { watching } = performer;
    this.monitor = monitorOf(
      watching,
      (act) => this.#watch(act),
      () => this.#extras,
    );
    this.degradation = degradationOf(watching);
    watching.eased = (stale, batches) => {
      this.#gets?.ease(stale);
      this.#batching?.widen(batches);
    };
    if (loaded() && this.#parts().every(({ made }) => made)) {
      join(this.#begin());
      this.ready = Promise.resolve();
    } else {
      try {
        this.#routing = compileRoutes(this.#options.routes);
      } catch {
        // The module says what is wrong with them, and if it finds nothing, compiling them again does.
      }
      const starting = new Starting(this.#options.queue?.perOrigin, (call) => {
        performer.start(call, LEVEL_NAMES.indexOf(levelOf(call.priority)));
      });
      performer.starting = starting;
      this.#early = starting.totals;
      join(starting);
      this.ready = this.#load(starting);
      // Without a handler on `ready`, wrong options are still reported by every call.
      this.ready.catch(() => {});
      this.cache.wait(this.ready);
    }
    for (const type of PAGE_EVENTS) globalThis.addEventListener?.(type, this.#onPage);
    this.#stopLearning = onProtocol((origin, protocol) => performer.engine?.setProtocol(origin, protocol));
  }

  fetch(input: RequestInfo | URL, init: RequestInit | null | undefined, emergency: boolean): Promise<Response> {
    const { transport } = this;
    const { before } = transport;
    // The transport leads back here: the page wrapped this function and put the wrapper in the place of fetch.
    if (transport.handing) return before(input, init ?? undefined);
    const sender = senderOf(input) ?? senderOf(init?.signal);
    // What waits for a slot here has one already.
    if (sender) return transport.beyond(sender === transport)(input, init ?? undefined);
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (this.#performer.closed) {
      // The page may have wrapped the installed function, and still needs a fetch.
      return this.installed ? before(input, init ?? undefined) : Promise.reject(new SixlaneError('closed'));
    }
    // Without a scheduler in between, the arguments as they came are the best copy of themselves.
    if (this.#mode === 'native') {
      return unscheduled((...args) => transport.native(...args), this.cache, input, init ?? undefined);
    }
    const plain = emergency ? undefined : this.#plain(input, init ?? undefined);
    if (plain) return Promise.resolve(plain);
    let request: RequestLike;
    try {
      request = requestOf(input, init ?? undefined);
    } catch {
      // Nothing that a request cannot be made of is ever sent; native fetch says why, in its own words.
      return transport.native(input, init ?? undefined);
    }
    if (!/^https?:/.test(request.url) || request.mode === 'navigate') return transport.native(request as Request);
    return transport.takeLoop(request) ?? this.#schedule(request, input, init ?? undefined, emergency);
  }

  #schedule(
    request: RequestLike,
    input: RequestInfo | URL,
    init: RequestInit | undefined,
    emergency: boolean,
  ): Promise<Response> {
    const lane = this.#lanes.of(this.#routing?.of(request), init, emergency);
    const { signal } = request;
    if (signal.aborted) return Promise.reject(signal.reason);
    const instead = lane?.emergency ? undefined : this.#extras?.answer(request);
    if (instead) {
      const { url, method } = request;
      this.#performer.told({ url, method, lane, arrived: performance.now() }, instead, { static: true });
      return Promise.resolve(instead);
    }
    const said = termsOf(lane);
    const asking: Asking = {
      request,
      plain: isPlain(request),
      windowless: init?.window === null,
      lane,
      resend: resendOf(request, input, init, lane?.retry, said),
      arrived: performance.now(),
      signal,
      source: init?.signal === undefined && isRequest(input) ? input.signal : init?.signal,
      priority: priorityValue(lane?.priority) ?? LEVELS.normal,
    };
    if (!isRead(request)) noteWrite(request.url);
    else if (this.#gets) return this.#gets.fetch(asking);
    return this.#performer.send(asking, request).response;
  }

  async preload(input: RequestInfo | URL, init: RequestInit | null | undefined): Promise<void> {
    try {
      // Nothing is kept before.
      await this.ready;
      const said = init?.lane;
      const lane = said === undefined || typeof said === 'object' ? { priority: 'background' as const, ...said } : said;
      const response = await this.fetch(input, { ...init, lane }, false);
      const request = requestOf(input, init ?? undefined);
      const rule = this.#lanes.of(this.#routing?.of(request), { ...init, lane }, false)?.cache;
      await this.#gets?.settled(request, rule, response);
      if (!this.#gets) discard(response);
    } catch {
      // A later call for it will fail in the same way, and report it.
    }
  }

  status(): Status {
    const { engine, starting } = this.#performer;
    const figures = engine?.status() ?? starting?.status() ?? new Starting(1, () => {}).status();
    const {
      lanes,
      paused: _paused,
      concurrency: _concurrency,
      levelSince: _since,
      healthy: _healthy,
      ...rest
    } = figures;
    for (const name of COUNTED) rest[name] += this.#early[name];
    return {
      ...rest,
      batched: this.#batching?.batched ?? 0,
      deduplicated: (this.#gets?.deduplicated ?? 0) + (this.#batching?.deduplicated ?? 0),
      mode: this.#mode,
      reason: this.#reason,
      origins: lanes.map(({ share: _, ...lane }) => ({ ...lane, utilization: lane.running / lane.limit })),
    };
  }

  clear(reason?: unknown): number {
    const performer = this.#performer;
    const why = reason ?? new SixlaneError('queue-cleared');
    const waiting = [...performer.calls].filter(({ stage }) => stage === 'waiting');
    const callers = waiting.reduce((sum, { source }) => sum + (source?.callers ?? 1), 0);
    const others = (this.#gets?.clear(why) ?? 0) + (this.#batching?.clear(why) ?? 0);
    performer.clearReason = reason;
    if (performer.engine) performer.engine.clear();
    else for (const call of waiting) performer.settler.over(call, Settled.Cancelled, why);
    return callers + others;
  }

  waiting(): readonly WaitingCall[] {
    return this.#performer.waiting();
  }

  cancel(id: number, reason?: unknown): boolean {
    const call = this.#performer.waiter(id);
    const why = reason ?? new DOMException('The call was cancelled while it waited.', 'AbortError');
    if (call) this.#performer.settler.over(call, Settled.Cancelled, why);
    return call !== undefined;
  }

  setPriority(id: number, priority: Priority): boolean {
    const value = priorityValue(priority);
    if (value === undefined) throw outOfRange('priority', 'a finite number or the name of a level', priority);
    const call = this.#performer.waiter(id);
    if (call) this.#performer.raise(call, value);
    return call !== undefined;
  }

  pause(): void {
    const { engine, starting } = this.#performer;
    if (starting) starting.paused = true;
    engine?.pause();
  }

  resume(): void {
    const { engine, starting } = this.#performer;
    starting?.resume();
    engine?.resume();
  }

  async close(): Promise<void> {
    const performer = this.#performer;
    if (performer.closed) return;
    performer.closed = true;
    for (const type of PAGE_EVENTS) globalThis.removeEventListener?.(type, this.#onPage);
    this.#stopLearning();
    const reason = new SixlaneError('closed');
    const calls = [...performer.calls, ...performer.settler.bodies];
    // Waiting ones first: none is to start in a slot that another one leaves.
    this.pause();
    this.#gets?.clear(reason);
    this.#batching?.clear(reason);
    for (const call of calls) {
      performer.settler.over(call, Settled.Cancelled, reason);
      call.controller?.abort(reason);
    }
    const stored = this.cache.close();
    this.#extras?.gauges.stop();
    performer.watching.leave();
    const { engine, starting } = performer;
    // What was counted stays.
    const last = engine?.status();
    for (const name of COUNTED) this.#early[name] += last?.[name] ?? 0;
    for (const sharer of [starting, engine]) if (sharer) leave(sharer);
    engine?.free();
    performer.engine = undefined;
    await stored;
  }

  /** To make a Request of an address takes longer than to answer it from memory. */
  #plain(input: RequestInfo | URL, init: RequestInit | undefined): Response | undefined {
    if (!this.#gets || this.#gets.isEmpty || !isAddress(input) || !saysNothing(init)) return undefined;
    const url = resolved(String(input));
    if (url === undefined) return undefined;
    const route = this.#routing?.ofAddress(url);
    if (route === null) return undefined;
    const lane = init ? this.#lanes.of(route, init, false) : route;
    // What is wrong in it, its caller hears.
    if (init) termsOf(lane);
    // How it is kept matters no more, but under which name.
    const rule = lane?.cache;
    if (rule === false || (rule as CacheRule | undefined)?.key !== undefined) return undefined;
    return this.#gets.plain(url, lane);
  }

  // ── the module

  #begin(): Engine<Call> {
    const said = read('fetch', this.#options);
    if (Number.isNaN(said.words[Option.Seed])) said.set(Option.Seed, 'seed', Math.random());
    const performer = this.#performer;
    const { batch } = this.#options;
    if (this.#parts().includes(watch)) {
      const { InstanceExtras } = needPart(watch, 'createFetch');
      this.#extras = new InstanceExtras(performer.settler.recorders, this.#options, said);
    }
    const engine = new Engine<Call>(new Handle('createFetch', Kind.Requests, said), performer);
    performer.sheds = said.get(Option.Degradation, 0) === 1;
    this.#routing = compileRoutes(this.#options.routes);
    performer.engine = engine;
    performer.starting = undefined;
    if (performer.leaving) engine.leaving(true);
    this.#batching = batch && new (needPart(blocks, 'createFetch').Batching)(performer, batch);
    this.#gets = new Gets(performer, this.#options.dedupe, this.cache, this.#batching, this.#openCache());
    this.#mode = 'wasm';
    performer.watching.looked = () => this.cache.looked;
    if (this.#extras) performer.watching.attend(this.#extras);
    return engine;
  }

  // ── who watches

  /** The files that its options need. */
  #parts(): readonly (typeof blocks | typeof watch)[] {
    const { batch, monitor, degradation, trace } = this.#options;
    return [...(batch ? [blocks] : []), ...(monitor || degradation || trace ? [watch] : [])];
  }

  /** Somebody looks at how calls fare: what only that needs is loaded. */
  #watch(act?: (extras: InstanceExtras) => void): void {
    if (this.#performer.closed) return;
    if (this.#extras) act?.(this.#extras);
    else
      watch
        .load()
        .then(({ InstanceExtras }) => {
          if (this.#performer.closed) return;
          this.#extras ??= new InstanceExtras(this.#performer.settler.recorders, {});
          this.#performer.watching.attend(this.#extras);
          act?.(this.#extras);
        })
        .catch((error: unknown) => globalThis.reportError?.(error));
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

  async #load(starting: Starting): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the module was not there within 10 s')), START_LIMIT);
    });
    const loading = Promise.all([load(this.#options.wasm), loadParts(...this.#parts())]);
    try {
      await Promise.race([loading, late]);
    } catch (error) {
      this.#failOpen(error, [...starting.calls]);
      // It may come yet, too late to schedule, but not for what is in storage.
      const open = (): unknown => this.#performer.closed || this.#openCache();
      loading.then(open).catch(() => this.cache.abandon());
      return;
    } finally {
      clearTimeout(timer);
    }
    const performer = this.#performer;
    if (performer.closed) return;
    const calls = [...starting.calls];
    let engine: Engine<Call>;
    try {
      engine = this.#begin();
    } catch (error) {
      this.#refusal = error;
      performer.starting = undefined;
      leave(starting);
      for (const call of calls) {
        performer.settler.over(call, Settled.Failed, error);
        call.controller?.abort(error);
      }
      throw error;
    }
    if (starting.paused) engine.pause();
    // Taken apart before the core has said anything: a call that has failed waits for its next attempt from then on.
    const waiting = calls.filter(({ stage }) => stage === 'waiting');
    const sent = calls.filter(({ stage }) => stage !== 'waiting');
    // Calls on the wire first: they are counted before any slot is given away.
    for (const call of sent) performer.submit(engine, call);
    replace(starting, engine);
    // Nothing was sent for these yet, and their callers may have left meanwhile.
    for (const call of waiting) if (call.stage === 'waiting') this.#beginAgain(engine, call);
  }

  /** Nothing was sent for it yet: it goes the way of any call from here on. */
  #beginAgain(engine: Engine<Call>, call: Call): void {
    const { request, windowless, lane, resend, arrived, source, priority, settle } = call;
    const performer = this.#performer;
    const gets = isRead(request) ? this.#gets : undefined;
    if (!gets || !settle) {
      performer.submit(engine, call);
      return;
    }
    try {
      termsOf(lane);
    } catch (error) {
      performer.settler.over(call, Settled.Failed, error);
      return;
    }
    call.stage = 'over';
    performer.settler.release(call);
    const { signal } = request;
    settle.resolve(gets.fetch({ request, plain: false, windowless, lane, resend, arrived, signal, source, priority }));
  }

  /** From here on native fetch does it all: what waits is sent, and nothing that was sent is sent again. */
  #failOpen(error: unknown, calls: readonly Call[]): void {
    const performer = this.#performer;
    if (performer.closed) return;
    this.#mode = 'native';
    this.#reason = textOf(error);
    performer.watching.leave();
    const sharer = performer.engine ?? performer.starting;
    performer.engine = undefined;
    performer.starting = undefined;
    this.#gets = undefined;
    if (sharer) leave(sharer);
    this.#batching?.flush();
    warnOnce(`sixlane: scheduling is off, every request goes to native fetch. ${this.#reason}`);
    for (const call of calls) {
      call.id = -1;
      if (call.stage === 'waiting') performer.start(call, LEVEL_NAMES.indexOf('normal'));
      else if (call.brought) performer.conclude(call, call.brought);
    }
  }
}

/** What a call may be sent again as. Its body is only kept where that may happen. */
function resendOf(
  request: RequestLike,
  input: RequestInfo | URL,
  init: RequestInit | undefined,
  retry: LaneInit['retry'],
  said: Said | undefined,
): Resend {
  const { method, redirect, integrity, headers, cache } = request;
  // These fail for good, and a page cannot tell it from bad luck.
  if (redirect === 'error' || integrity || cache === 'only-if-cached' || retry === false) return undefined;
  if (isRead(request)) return 'as it is';
  if (!isResendable(input, init)) return undefined;
  return mayRepeat(said, method, headers.has('idempotency-key')) ? () => (request as Request).clone() : undefined;
}

let warned = false;

function warnOnce(message: string): void {
  if (!warned) console.warn(message);
  warned = true;
}
