import { watchBody } from './body.js';
import { type Call, type CoreStatus, Engine, type Host, Outcome, type Terms } from './engine.js';
import { type Refusal, refusalReason, SixlaneError } from './errors.js';
import { Events } from './events.js';
import { LEVEL_NAMES, LEVELS, levelOf, priorityValue } from './levels.js';
import { type Bindings, load, loaded } from './load.js';
import { nativeFetch } from './page.js';
import { compileRoutes, type Routing } from './routes.js';
import { balance, join, leave } from './share.js';
import type { LaneInit, SixlaneFetch, SixlaneOptions, Status } from './types.js';

/** Calls to one origin that go out at once while the module is on its way; the core takes over from there. */
const STARTING_PER_ORIGIN = 6;

/** A module that is not there by then is not waited for. */
const START_LIMIT = 10_000;

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
  const instance = new Instance(options);
  // One named parameter, as the native function has: code that looks at its length is not surprised.
  const surface = function (input: RequestInfo | URL): Promise<Response> {
    // biome-ignore lint/complexity/noArguments: rest parameters would need a copy to tell none from undefined
    return arguments.length === 0 ? instance.native() : instance.fetch(input, arguments[1], false);
  };
  // Minifiers drop the names of functions.
  Object.defineProperty(surface, 'name', { value: 'fetch', configurable: true });
  return Object.assign(surface, {
    ready: instance.ready,
    events: instance.events,
    status: () => instance.status(),
    clear: (reason?: unknown) => instance.clear(reason),
    pause: () => instance.pause(),
    resume: () => instance.resume(),
    emergency: (input: RequestInfo | URL, init?: RequestInit) => instance.fetch(input, init, true),
    close: () => instance.close(),
  });
}

/** Where a call stands: waits, is on the wire, its body is on the wire, or is over. */
type Stage = 'waiting' | 'sent' | 'body' | 'over';

interface Flight extends Call {
  readonly request: Request;
  readonly lane: LaneInit | undefined;
  readonly key: string;
  readonly arrived: number;
  /** The caller's own signal. It knows of an abort before the listeners of all the calls that share it have heard. */
  readonly source: AbortSignal | null | undefined;
  priority: number;
  stage: Stage;
  /** Which attempt is on the wire: answers of an earlier one, pre-empted since, are not heard. */
  attempt: number;
  sent: number;
  controller: AbortController | undefined;
  /** Gone once the promise is settled: its value must not be kept alive from here. */
  settle: { resolve(response: Response): void; reject(reason: unknown): void } | undefined;
  onAbort: (() => void) | undefined;
  /** What the headers said of the body, for the core when it starts after them. */
  length: number;
}

class Instance {
  readonly ready: Promise<void>;
  readonly events = new Events();
  readonly #options: SixlaneOptions;
  #routing: Routing | undefined;
  #engine: Engine<Flight> | undefined;
  #mode: Status['mode'] = 'starting';
  #reason: string | null = null;
  /** Wrong options that only the module could see: then no call is made at all. */
  #refusal: unknown;
  /** All flights that are not over while the module is on its way, in order of arrival. */
  readonly #early = new Set<Flight>();
  /** How many of them are on the wire, by key. */
  readonly #earlyRunning = new Map<string, number>();
  #earlyPaused = false;
  #clearReason: unknown;
  #leaving = false;
  #closed = false;
  readonly #onPage = ({ type }: Event): void => {
    this.#leaving = type === 'pagehide';
  };

  constructor(options: SixlaneOptions) {
    this.#options = { ...options };
    const bindings = loaded();
    if (bindings) {
      this.#begin(bindings);
      this.ready = Promise.resolve();
    } else {
      try {
        this.#routing = compileRoutes(options.routes);
      } catch {
        // The module says what is wrong with them, and if it finds nothing, compiling them again does.
      }
      this.ready = this.#load();
      // Whoever does not look at `ready` hears of wrong options from every call.
      this.ready.catch(() => {});
    }
    globalThis.addEventListener?.('pagehide', this.#onPage);
    globalThis.addEventListener?.('pageshow', this.#onPage);
  }

  fetch(input: RequestInfo | URL, init: RequestInit | null | undefined, emergency: boolean): Promise<Response> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (this.#closed) return Promise.reject(new SixlaneError('closed'));
    // Without a scheduler in between, the arguments as they came are the best copy of themselves.
    if (this.#mode === 'native') return this.native(input, init ?? undefined);
    let request: Request;
    try {
      request = new Request(input, init ?? undefined);
    } catch {
      // Nothing that a request cannot be made of is ever sent; native fetch says why, in its own words.
      return this.native(input, init ?? undefined);
    }
    let lane: LaneInit | undefined;
    try {
      if (!/^https?:/.test(request.url) || request.mode === 'navigate') return this.native(request);
      lane = this.#laneOf(request, init ?? undefined, emergency);
    } catch (error) {
      return Promise.reject(error);
    }
    if (request.signal.aborted) return Promise.reject(request.signal.reason);
    return new Promise((resolve, reject) => {
      const flight: Flight = {
        id: -1,
        request,
        lane,
        key: typeof lane?.key === 'string' ? lane.key : new URL(request.url).origin,
        arrived: performance.now(),
        source: init?.signal === undefined && input instanceof Request ? input.signal : init?.signal,
        priority: priorityValue(lane?.priority) ?? LEVELS.normal,
        stage: 'waiting',
        attempt: 0,
        sent: 0,
        controller: undefined,
        settle: { resolve, reject },
        onAbort: undefined,
        length: -2,
      };
      flight.onAbort = () => this.#over(flight, Outcome.cancelled, request.signal.reason);
      request.signal.addEventListener('abort', flight.onAbort, { once: true });
      if (this.#engine) this.#submit(this.#engine, flight);
      else this.#startEarly(flight);
    });
  }

  status(): Status {
    const figures = this.#engine?.status() ?? this.#earlyStatus();
    const { lanes, ...rest } = figures;
    return {
      ...rest,
      mode: this.#mode,
      reason: this.#reason,
      origins: lanes.map(({ key, limit, running, queued }) => {
        const slots = limit ?? Number.POSITIVE_INFINITY;
        return { key, limit: slots, running, queued, utilization: running / slots };
      }),
    };
  }

  clear(reason?: unknown): number {
    if (this.#engine) {
      this.#clearReason = reason;
      return this.#engine.clear();
    }
    const waiting = [...this.#early].filter((flight) => flight.stage === 'waiting');
    for (const flight of waiting) this.#over(flight, Outcome.cancelled, reason ?? new SixlaneError('queue-cleared'));
    return waiting.length;
  }

  pause(): void {
    this.#earlyPaused = true;
    this.#engine?.pause();
  }

  resume(): void {
    this.#earlyPaused = false;
    this.#engine?.resume();
    for (const key of new Set([...this.#early].map((flight) => flight.key))) this.#fillEarly(key);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    globalThis.removeEventListener?.('pagehide', this.#onPage);
    globalThis.removeEventListener?.('pageshow', this.#onPage);
    const reason = new SixlaneError('closed');
    const flights = [...(this.#engine?.calls() ?? []), ...this.#early];
    // Waiting ones first: none is to start in a slot that another one leaves.
    this.pause();
    for (const flight of flights) {
      this.#over(flight, Outcome.cancelled, reason);
      flight.controller?.abort(reason);
    }
    if (this.#engine) leave(this.#engine);
    this.#engine?.free();
  }

  native(...args: Parameters<typeof fetch> | []): Promise<Response> {
    // Never called as a method: native fetch insists on its own global object.
    const { fetch = nativeFetch() } = this.#options;
    return fetch(...(args as Parameters<typeof fetch>));
  }

  #laneOf(request: Request, init: RequestInit | undefined, emergency: boolean): LaneInit | undefined {
    const route = this.#routing?.(request);
    const { timeout } = this.#options;
    const said = init?.lane;
    const hint = init?.priority;
    const natural = hint === 'high' || hint === 'low' ? { priority: hint } : undefined;
    if (!route && said === undefined && timeout === undefined && !natural && !emergency) return undefined;
    // What is no object cannot be spread without losing what it is: the module says what is wrong with it.
    if (said !== undefined && (typeof said !== 'object' || said === null)) return said;
    const lane = { ...(timeout === undefined ? {} : { timeout }), ...natural, ...route, ...defined(said ?? {}) };
    return emergency ? { ...lane, emergency } : lane;
  }

  // ── with the module

  #begin(bindings: Bindings): Engine<Flight> {
    const host: Host<Flight> = {
      start: (flight, level) => this.#send(flight, level),
      preempt: (flight) => this.#preempt(flight),
      refuse: (flight, why) => this.#refuse(flight, why),
      lend: (flight, why) => {
        this.#engine?.forget(flight);
        this.events.emit('lent', () => ({ ...describe(flight), why }));
      },
      opened: () => this.#balance(),
      drained: () => this.#balance(),
      trapped: (flights, error) => this.#failOpen(error, flights),
    };
    const engine = new Engine<Flight>((wake) => bindings.Driver.forFetch(this.#options, wake), host);
    this.#routing = compileRoutes(this.#options.routes);
    this.#engine = engine;
    join(engine);
    this.#mode = 'wasm';
    return engine;
  }

  #balance(): void {
    if (this.#engine) balance(this.#engine);
  }

  #submit(engine: Engine<Flight>, flight: Flight): void {
    let terms: Terms;
    try {
      terms = this.#terms(flight);
    } catch (error) {
      flight.controller?.abort(error);
      this.#over(flight, Outcome.failed, error);
      return;
    }
    engine.submit(flight, flight.key, terms);
    if (flight.stage === 'waiting') {
      if (terms.immediate) this.#send(flight, LEVEL_NAMES.indexOf(levelOf(flight.priority)));
      else this.events.emit('queued', () => describe(flight));
    } else if (flight.stage === 'body') {
      this.#hold(engine, flight);
    }
  }

  /** @throws RangeError or TypeError for what a call says under `lane` */
  #terms({ lane, request, stage, arrived }: Flight): Terms {
    const [priority = Number.NaN, emergency, total, attempt, headers] =
      lane === undefined ? [] : (loaded()?.readLane(lane) ?? []);
    const { method, keepalive } = request;
    // Of a page that is left, what waits would never be sent.
    const hurried = keepalive || this.#leaving;
    return {
      priority: Number.isNaN(priority) ? LEVELS.normal : priority,
      emergency: emergency === 1,
      // What must never wait is not put back into the queue, either.
      repeatable: (method === 'GET' || method === 'HEAD') && !hurried,
      untilHeaders: headers === 1,
      immediate: stage !== 'waiting' || hurried,
      total: total ?? Number.NaN,
      attempt: attempt ?? Number.NaN,
      arrived,
    };
  }

  #preempt(flight: Flight): void {
    flight.stage = 'waiting';
    flight.attempt += 1;
    flight.controller?.abort();
    this.events.emit('preempted', () => describe(flight));
  }

  #refuse(flight: Flight, why: Refusal): void {
    const reason = refusalReason(why, this.#clearReason);
    // The core knows already.
    flight.id = -1;
    this.#over(flight, Outcome.failed, reason);
    flight.controller?.abort(reason);
  }

  // ── one attempt

  #send(flight: Flight, level: number): void {
    const { request, lane, source } = flight;
    // One signal may abort many calls, one after the other: the slot of the first is not for the next of them.
    if (source?.aborted) {
      this.#over(flight, Outcome.cancelled, source.reason);
      return;
    }
    const attempt = ++flight.attempt;
    const controller = new AbortController();
    flight.stage = 'sent';
    flight.controller = controller;
    flight.sent = performance.now();
    // A second argument makes fetch forget the referrer of the first, so it is said again.
    const init: RequestInit = {
      signal: either(request.signal, controller),
      referrer: request.referrer,
      referrerPolicy: request.referrerPolicy,
    };
    const hint = lane?.priority !== undefined || lane?.emergency ? HINTS[level] : undefined;
    if (hint) init.priority = hint;
    this.events.emit('started', () => describe(flight));
    this.#attempt(request, init).then(
      (response) => this.#answered(flight, attempt, response),
      (error: unknown) => {
        if (attempt === flight.attempt) this.#over(flight, Outcome.failed, error);
      },
    );
  }

  /** Never throws, whatever somebody put in the place of fetch. */
  async #attempt(request: Request, init: RequestInit): Promise<Response> {
    return this.native(request, init);
  }

  #answered(flight: Flight, attempt: number, response: Response): void {
    const { settle } = flight;
    if (attempt !== flight.attempt || flight.stage !== 'sent' || !settle) return;
    flight.stage = 'body';
    // A mock may answer with anything; there is nothing to watch then.
    flight.length = response instanceof Response ? bodyLength(flight.request.method, response) : -1;
    this.#release(flight);
    this.events.emit('settled', () => ({
      ...describe(flight),
      ok: response.ok,
      status: response.status,
      ...times(flight),
    }));
    const engine = this.#engine;
    if (engine ? this.#hold(engine, flight) : this.#early.has(flight) && flight.length !== -1) {
      watchBody(response, flight.request.url, flight.sent, {
        reading: () => this.#engine?.reading(flight),
        ended: () => this.#bodyEnded(flight),
      });
    } else if (!engine) {
      this.#bodyEnded(flight);
    }
    settle.resolve(response);
  }

  /** Tells the core that the headers are there. Whether the body still holds a slot. */
  #hold(engine: Engine<Flight>, flight: Flight): boolean {
    const holds = engine.headers(flight, flight.length);
    if (!holds) engine.forget(flight);
    return holds;
  }

  #bodyEnded(flight: Flight): void {
    flight.stage = 'over';
    if (this.#engine) {
      this.#engine.forget(flight);
      this.#engine.bodyEnded(flight);
    }
    this.#endEarly(flight);
  }

  /** Settles a flight that has no headers yet. */
  #over(flight: Flight, outcome: number, reason: unknown): void {
    const { settle } = flight;
    if (!settle) return;
    flight.stage = 'over';
    this.#release(flight);
    settle.reject(reason);
    this.events.emit('settled', () => ({ ...describe(flight), ok: false, error: String(reason), ...times(flight) }));
    if (flight.id >= 0) this.#engine?.settled(flight, outcome);
    this.#endEarly(flight);
  }

  #release(flight: Flight): void {
    if (flight.onAbort) flight.request.signal.removeEventListener('abort', flight.onAbort);
    flight.onAbort = undefined;
    flight.settle = undefined;
  }

  // ── before the module runs, and without it

  async #load(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the module was not there within 10 s')), START_LIMIT);
    });
    let bindings: Bindings;
    try {
      bindings = await Promise.race([load(this.#options.wasm), late]);
    } catch (error) {
      this.#failOpen(error, [...this.#early]);
      return;
    } finally {
      clearTimeout(timer);
    }
    if (this.#closed) return;
    const early = [...this.#early];
    this.#early.clear();
    let engine: Engine<Flight>;
    try {
      engine = this.#begin(bindings);
    } catch (error) {
      this.#refusal = error;
      for (const flight of early) {
        this.#over(flight, Outcome.failed, error);
        flight.controller?.abort(error);
      }
      throw error;
    }
    if (this.#earlyPaused) engine.pause();
    // Those on the wire first: they count before anybody is given a slot.
    for (const flight of early) if (flight.stage !== 'waiting') this.#submit(engine, flight);
    for (const flight of early) if (flight.stage === 'waiting') this.#submit(engine, flight);
  }

  #startEarly(flight: Flight): void {
    this.#early.add(flight);
    const { keepalive } = flight.request;
    if (keepalive || this.#leaving || this.#hasEarlyRoom(flight.key)) this.#sendEarly(flight);
    else this.events.emit('queued', () => describe(flight));
  }

  #hasEarlyRoom(key: string): boolean {
    return !this.#earlyPaused && (this.#earlyRunning.get(key) ?? 0) < STARTING_PER_ORIGIN;
  }

  #sendEarly(flight: Flight): void {
    this.#earlyRunning.set(flight.key, (this.#earlyRunning.get(flight.key) ?? 0) + 1);
    this.#send(flight, LEVEL_NAMES.indexOf(levelOf(flight.priority)));
  }

  #endEarly(flight: Flight): void {
    if (!this.#early.delete(flight)) return;
    if (flight.sent > 0) this.#earlyRunning.set(flight.key, (this.#earlyRunning.get(flight.key) ?? 1) - 1);
    this.#fillEarly(flight.key);
  }

  /** The most urgent first; the core will put the others in order. */
  #fillEarly(key: string): void {
    const urgency = ({ lane, priority }: Flight): number => (lane?.emergency ? Number.POSITIVE_INFINITY : priority);
    while (this.#mode === 'starting' && this.#hasEarlyRoom(key)) {
      const waiting = [...this.#early].filter((flight) => flight.stage === 'waiting' && flight.key === key);
      const [first, ...others] = waiting;
      if (!first) return;
      this.#sendEarly(others.reduce((best, flight) => (urgency(flight) > urgency(best) ? flight : best), first));
    }
  }

  #earlyStatus(): CoreStatus {
    const flights = [...this.#early];
    const count = (those: readonly Flight[]) => {
      const queued = those.filter(({ stage }) => stage === 'waiting').length;
      return { queued, running: those.length - queued };
    };
    const level = (name: (typeof LEVEL_NAMES)[number]) =>
      count(flights.filter(({ priority }) => levelOf(priority) === name));
    const keys = [...new Set(flights.map(({ key }) => key))];
    const waiting = flights
      .filter(({ stage }) => stage === 'waiting')
      .map(({ arrived }) => performance.now() - arrived);
    return {
      ...count(flights),
      completed: 0,
      failed: 0,
      cancelled: 0,
      preempted: 0,
      byPriority: {
        critical: level('critical'),
        high: level('high'),
        normal: level('normal'),
        low: level('low'),
        background: level('background'),
      },
      oldestWait: Math.max(0, ...waiting),
      lanes: keys.map((key) => ({
        key,
        limit: STARTING_PER_ORIGIN,
        ...count(flights.filter((flight) => flight.key === key)),
      })),
    };
  }

  /** From here on native fetch does it all: what waits is sent, and nothing that was sent is sent again. */
  #failOpen(error: unknown, flights: readonly Flight[]): void {
    if (this.#closed) return;
    this.#mode = 'native';
    this.#reason = String(error);
    if (this.#engine) leave(this.#engine);
    this.#engine = undefined;
    this.#early.clear();
    warnOnce(`sixlane: scheduling is off, every request goes to native fetch. ${this.#reason}`);
    for (const flight of flights) {
      flight.id = -1;
      if (flight.stage === 'waiting') this.#send(flight, LEVEL_NAMES.indexOf('normal'));
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

let warned = false;

function warnOnce(message: string): void {
  if (!warned) console.warn(message);
  warned = true;
}

function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** What follows the headers, as the core wants to know it: see `body` in the shell's convert.rs. */
function bodyLength(method: string, { status, type, headers }: Response): number {
  const none = method === 'HEAD' || [101, 103, 204, 205, 304].includes(status);
  if (none || type === 'opaque' || type === 'opaqueredirect' || type === 'error') return -1;
  if (/^(text\/event-stream|multipart\/x-mixed-replace)\b/i.test(headers.get('content-type') ?? '')) return -3;
  const length = headers.get('content-length');
  return length && /^\d+$/.test(length) ? Number(length) : -2;
}

function describe({ id, request, key, priority, lane }: Flight): object {
  return {
    id,
    url: request.url,
    method: request.method,
    key,
    priority: levelOf(priority),
    emergency: lane?.emergency === true,
  };
}

function times({ arrived, sent }: Flight): object {
  const now = performance.now();
  return { duration: now - arrived, queued: (sent || now) - arrived };
}
