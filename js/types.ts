import type { Priority, PriorityName } from './levels.js';

/** Where the module may come from. */
export type WasmSource = URL | string | Response | BufferSource | WebAssembly.Module;

/** A time limit in milliseconds: above 0, `Infinity` for none. */
export type Timeout =
  | number
  | {
      /** Over waiting, all attempts and pauses, up to the headers. */
      total?: number;
      /** For one attempt, up to its headers. */
      attempt?: number;
      /** From the call: no attempt begins later. What waits has lost its moment then. */
      wait?: number;
    };

/** How failed attempts are followed by others. */
export interface RetryOptions {
  /**
   * Attempts after the first. A whole number from 0 up, or `Infinity`.
   *
   * @defaultValue 3
   */
  limit?: number;
  /**
   * The delay before the first retry, without jitter. Milliseconds from 0 up.
   *
   * @defaultValue 300
   */
  baseDelay?: number;
  /**
   * No delay is longer, jitter included. Milliseconds from 0 up.
   *
   * @defaultValue 10000
   */
  maxDelay?: number;
  /**
   * How many times longer each delay is than the one before. A finite number from 1 up.
   *
   * @defaultValue 2
   */
  factor?: number;
  /**
   * Spreads the delays of many: "full" is 0 to the delay, "equal" half of it to all of it, "decorrelated" from `baseDelay` to
   * three times the last one; a number from 0 to 1 is ± that share of the delay; `false` is the delay itself. None is above
   * `maxDelay`, and those that would be are spread below it.
   *
   * @defaultValue "full"
   */
  jitter?: 'full' | 'equal' | 'decorrelated' | number | false;
  /**
   * Methods that may be sent twice, in any case. A call that carries an Idempotency-Key header may, whatever its method.
   *
   * @defaultValue GET HEAD OPTIONS PUT DELETE TRACE
   */
  methods?: readonly string[];
  /**
   * Whole numbers from 100 to 599.
   *
   * @defaultValue 408 429 500 502 503 504
   */
  statusCodes?: readonly number[];
  /**
   * Failures without any response. A page cannot tell another origin's refusal by CORS from a lost connection, and the first
   * one is final.
   *
   * @defaultValue "same-origin"
   */
  network?: 'same-origin' | 'all' | false;
  /**
   * A pause that a server asks for is waited for up to this long; the response to a longer one goes to the caller.
   * Milliseconds from 0 up, or `Infinity`.
   *
   * @defaultValue 60000
   */
  maxRetryAfter?: number;
  /**
   * Retries that an origin gets, counted over 10 s: `share` for each request made, 0 to 1, and `minPerSecond` whatever their
   * number, 0 or more. `false`: as many as they may be.
   *
   * @defaultValue 0.2 and 10
   */
  budget?: { share?: number; minPerSecond?: number } | false;
  /**
   * Asked before each retry, and may only say no. `attempt` is 1 for the first. What it throws is reported, and means no.
   *
   * @defaultValue none
   */
  shouldRetry?: (context: {
    request: Request;
    response?: Response;
    error?: unknown;
    attempt: number;
  }) => boolean | PromiseLike<boolean>;
}

export type RetryTask<T> = (context: { readonly attempt: number; readonly signal: AbortSignal }) => T | PromiseLike<T>;

/** Made by `createRetry`. */
export interface Retry {
  /**
   * Runs `task` until it succeeds or is not to be retried. `attempt` is 1 for the first. Resolves and rejects with what the
   * last attempt brought. Failures are: what it rejects with, unless that is an AbortError, and a `Response` whose status is
   * one of `statusCodes`. The Retry-After of a response is obeyed, and so is the `retryAfter` of a SixlaneError. `methods`,
   * and the difference between origins in `network`, mean nothing here, and `shouldRetry` gets no `request`.
   *
   * The signal's abort rejects with its reason at once, in an attempt and between them. Each attempt gets it, or one that
   * never aborts.
   */
  execute<T>(task: RetryTask<T>, options?: { signal?: AbortSignal }): Promise<T>;
}

/** When calls to what keeps failing are turned away. */
export interface BreakerOptions {
  /**
   * Opens when this share of the calls of the last `window` failed. A number above 0, at most 1.
   *
   * @defaultValue 0.5
   */
  failureRate?: number;
  /**
   * Milliseconds above 0.
   *
   * @defaultValue 10000
   */
  window?: number;
  /**
   * Calls in the window below which `failureRate` is not looked at. A whole number from 1 up.
   *
   * @defaultValue 10
   */
  minimum?: number;
  /**
   * Or: opens at this many failures in a row. A whole number from 1 up; `Infinity`: only the rate counts.
   *
   * @defaultValue 5
   */
  consecutive?: number;
  /**
   * Time open before the first probe; it doubles at each failed one. Milliseconds above 0.
   *
   * @defaultValue 10000
   */
  openFor?: number;
  /**
   * Time open at most. Milliseconds above 0.
   *
   * @defaultValue 60000
   */
  maxOpenFor?: number;
  /**
   * Calls let through at once while half-open. A whole number from 1 up.
   *
   * @defaultValue 1
   */
  probes?: number;
  /**
   * Successes that close it. A whole number from 1 up.
   *
   * @defaultValue 3
   */
  successes?: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open' | 'isolated';

export interface BreakerStatus {
  state: BreakerState;
  /** In the window. */
  failures: number;
  successes: number;
  /** Milliseconds until the next probe is allowed; null where that is unknown, and while it is closed. */
  retryAfter: number | null;
}

/** Made by `createCircuitBreaker`. */
export interface CircuitBreaker {
  /**
   * Runs `task` if the breaker lets it through, else rejects with SixlaneError "circuit-open". It settles as the task does.
   * A failure is what it rejects with, or a `Response` with a status from 500 up. Not counted: an AbortError, and a
   * `Response` with a status from 400 to 499, which is a sign of life while half-open.
   */
  execute<T>(task: () => T | PromiseLike<T>): Promise<T>;
  readonly state: BreakerState;
  status(): BreakerStatus;
  /** Turns everything away until {@link CircuitBreaker.reset}. */
  isolate(): void;
  /** Closes it, as new. */
  reset(): void;
  /**
   * "breaker" when the state has changed, with `state` and `retryAfter` in `detail`. No timer runs: that the time open is
   * over is told with the next call.
   */
  readonly events: EventTarget;
}

export interface RateVerdict {
  allowed: boolean;
  /** How much there is to take now. */
  remaining: number;
  /** Milliseconds until the same would be allowed if nobody else came; 0 where it is. */
  retryAfter: number;
}

/** Made by `createRateLimiter`. Each `key` has a limit of its own; without one, all share one. */
export interface RateLimiter {
  /**
   * Takes `weight` (a whole number from 1 to what the limit lets through at once, default 1) if it is there and nobody
   * waits for it in `acquire`.
   */
  allow(key?: string, weight?: number): RateVerdict;
  /** Waits for it: first come, first served. Rejects with the signal's reason; then nothing was taken. */
  acquire(key?: string, options?: { weight?: number; signal?: AbortSignal }): Promise<void>;
}

/** How many in how much time. */
export type RateLimitOptions =
  | {
      algorithm?: 'token-bucket';
      /**
       * The most at once. A whole number from 1 up.
       *
       * @defaultValue 100
       */
      capacity?: number;
      /**
       * Tokens that flow in smoothly in each `refillInterval`. A number above 0.
       *
       * @defaultValue 10
       */
      refillRate?: number;
      /**
       * Milliseconds above 0.
       *
       * @defaultValue 1000
       */
      refillInterval?: number;
    }
  | {
      algorithm: 'sliding-window';
      /** Never more than this many in any `window`. A whole number from 1 up. */
      limit: number;
      /** Milliseconds above 0. */
      window: number;
    };

/** What one call may say. Whatever is left out comes from the first route that matches, then from the options. */
export interface LaneInit {
  /**
   * How urgent the call is: a level, or any finite number. Is passed on to the browser as its hint.
   *
   * @defaultValue from `init.priority` ("high" is high, "low" is low), else "normal"
   */
  priority?: Priority;
  /**
   * Goes before everything. When no slot is free, one running GET or HEAD below "high" whose headers are not there yet
   * gives its slot and waits again at its old place.
   *
   * @defaultValue false
   */
  emergency?: boolean;
  /**
   * The lane that the call counts against.
   *
   * @defaultValue the URL's origin
   */
  key?: string;
  /**
   * Milliseconds above 0. A number is the total. Rejects with a DOMException named "TimeoutError".
   *
   * @defaultValue none
   */
  timeout?: Timeout;
  /** A number is the `limit`; `false`: no retry, and no pause by what its answers say. Each option by itself. */
  retry?: RetryOptions | number | false;
  /** `false`: neither asked for in the cache nor kept there. */
  cache?: CacheRule | false;
  /** As in {@link SixlaneOptions.dedupe}. */
  dedupe?: 'storable' | boolean;
  /**
   * `false`: goes by itself, whatever {@link SixlaneOptions.batch} says.
   *
   * @defaultValue true
   */
  batch?: boolean;
  /**
   * When the slot is given back: at the end of the body, or when the headers are there.
   *
   * @defaultValue "body"
   */
  slot?: 'body' | 'headers';
}

/** A URLPattern, also to a compiler that knows none (before TypeScript 5.9): then it is what this uses of one. */
type Pattern = typeof globalThis extends { readonly URLPattern: { readonly prototype: infer P } }
  ? P
  : { test(input: string): boolean; exec(input: string): unknown };

/** What a call site would say under `lane`, said once for many. */
export interface Route extends LaneInit {
  /** A URLPattern, its pathname as a string ("/api/users/:id"), a RegExp on the whole URL, or a predicate. */
  match: string | RegExp | Pattern | ((request: Request) => boolean);
  /** One method or several, in any case. Default: all. */
  method?: string | readonly string[];
}

/** Long waits change a call's place in the queue, in both directions, and no call waits for ever. */
export interface AgingOptions {
  /**
   * A "high" or "normal" call that waited this long falls to "low": its moment has passed. Milliseconds from 0 up,
   * `Infinity` for never.
   *
   * @defaultValue 5000
   */
  demoteAfter?: number;
  /**
   * One start in this many goes to whoever has waited longest, whatever its level. A whole number from 1 up, `Infinity`
   * for never. So the wait has a bound: a call with `a` older ones waiting for the same origin is among its next
   * `oldestEvery * (a + 1)` starts.
   *
   * @defaultValue 8
   */
  oldestEvery?: number;
}

interface CommonQueueOptions {
  /**
   * Under way in all. A whole number from 1 up, or `Infinity`. Keeps the browser from ERR_INSUFFICIENT_RESOURCES.
   *
   * @defaultValue 64
   */
  concurrency?: number;
  /**
   * Waiting calls above which `strategy` applies. A whole number from 0 up, or `Infinity`.
   *
   * @defaultValue Infinity
   */
  highWater?: number;
  /**
   * "reject" the newcomer, or "drop-lowest": the least urgent, youngest one is rejected. Code "queue-full". An emergency is
   * never rejected so.
   *
   * @defaultValue "reject"
   */
  strategy?: 'reject' | 'drop-lowest';
  /** `false`: strictly by priority, and no wait is bounded. */
  aging?: AgingOptions | false;
}

export interface QueueOptions extends CommonQueueOptions {
  /**
   * Requests under way to one origin: a whole number from 1 to 1000, or "auto". That is 6 over HTTP/1.1, as many as
   * browsers open connections: more would only wait where no priority counts. Where an origin is seen to speak HTTP/2 or
   * HTTP/3, it begins with 24 and follows the measured round trips, from 6 to 100.
   *
   * @defaultValue "auto"
   */
  perOrigin?: number | 'auto';
}

export interface SixlaneOptions {
  queue?: QueueOptions;
  /** For every call that says nothing else. */
  timeout?: Timeout;
  /** For every call that says nothing else. */
  retry?: RetryOptions | number | false;
  /**
   * For each origin: calls to one that keeps failing reject with SixlaneError "circuit-open". `true`: the defaults.
   *
   * @defaultValue false
   */
  breaker?: BreakerOptions | boolean;
  /**
   * For each origin. Calls over the limit wait.
   *
   * @defaultValue false
   */
  rateLimit?: RateLimitOptions | false;
  /**
   * Keeps answers as a private cache does by HTTP's own rules.
   *
   * @defaultValue the memory tier
   */
  cache?: CacheOptions | false;
  /** GETs that one request asks for together. The first match wins; of those to one origin, see {@link BatchRule}. */
  batch?: readonly BatchRule[];
  /**
   * Joins equal GET and HEAD calls under way: one request, and a response of its own for each caller. "storable": unless the
   * answer says `no-store`; then the others are sent on their own. `true`: always. `false`: never.
   *
   * @defaultValue "storable"
   */
  dedupe?: 'storable' | boolean;
  /**
   * How calls are watched. Counting costs next to nothing; what only a browser tells (its main thread, heap and processor) is
   * asked for when this is said, or `monitor` is first used. `false`: nothing is counted, unless degradation needs it.
   *
   * @defaultValue the defaults of {@link MonitorOptions}
   */
  monitor?: MonitorOptions | false;
  /**
   * What is given up under pressure, see the guide to degradation. `true`: the three default rules, and the share.
   *
   * @defaultValue false
   */
  degradation?: DegradationOptions | boolean;
  /**
   * Shows each call and its waits on tracks of the browser's performance panel (`console.timeStamp`), where it has them.
   *
   * @defaultValue false
   */
  trace?: boolean;
  /** The first match wins. */
  routes?: readonly Route[];
  /** Where the module comes from. Default: `sixlane.wasm` beside this file. */
  wasm?: WasmSource;
  /** The transport. Default: `globalThis.fetch` as it was, looked up at each call. */
  fetch?: typeof fetch;
  /** Of the jitter, for tests that must repeat. A number; drawn by default. */
  seed?: number;
}

export interface TaskQueueOptions extends CommonQueueOptions {
  /**
   * Under way for one `key`. A whole number from 1 up, or `Infinity`.
   *
   * @defaultValue Infinity
   */
  perKey?: number;
}

export type QueueTask<T> = (context: { readonly signal: AbortSignal }) => T | PromiseLike<T>;

export interface AddOptions {
  /** A name for {@link Queue.setPriority}. No two waiting tasks may share one. */
  id?: string;
  /** What `perKey` counts. Default: one key for all that name none. */
  key?: string;
  /** A level, or any finite number: the higher goes first. Default "normal". */
  priority?: Priority;
  /** Settles the task with the signal's reason at once, waiting or running; its slot is free then. */
  signal?: AbortSignal;
  /** Milliseconds above 0 over waiting and running. Rejects with a DOMException named "TimeoutError". */
  timeout?: number;
  /** Goes before everything. */
  emergency?: boolean;
}

/**
 * GETs of one shape that are asked for together: `/api/users/7` and `/api/users/9` become one `POST /api/batch` with the body
 * `{"keys":["7","9"]}`. Each caller gets a `Response` of its own. Together are those that differ in the key alone: in the rest
 * of the address, headers, credentials, mode, referrer, and in `key`, `retry` and `timeout.attempt` of `lane` they are equal.
 *
 * An emergency, and a call with `batch: false`, `keepalive`, `integrity`, a `Range` or `If-…` header, mode "no-cors", a
 * `redirect` other than "follow", or cache mode "force-cache" or "only-if-cached" goes by itself.
 */
export interface BatchRule {
  /** As of {@link Route.match}. The first named group is the key, its escapes decoded, unless {@link BatchRule.key} says. */
  match: Route['match'];
  /**
   * Where the batch goes; a path is one of the origin of the calls. The query of the calls, which they have in common, goes
   * along, unless there is a {@link BatchRule.key}.
   */
  endpoint: string | URL;
  /**
   * Is sent at once at this many keys. A whole number from 1 up, or `Infinity`.
   *
   * @defaultValue 50
   */
  maxSize?: number;
  /**
   * Is sent at the latest this long after its first key; later ones do not postpone it. Milliseconds from 0 up. A "critical"
   * call sends it at once.
   *
   * @defaultValue 10
   */
  maxWait?: number;
  /**
   * Bytes of the body, in UTF-8. A whole number from 1 up, or `Infinity`. A key that is too large by itself goes alone.
   *
   * @defaultValue 65536
   */
  maxBytes?: number;
  /**
   * The key of a request. What tells two of them apart has to be in it: they go together whatever their addresses are, within
   * one origin. What is no string lets the request go by itself, and so does what it throws, which is reported.
   */
  key?: (request: Request) => string;
  /**
   * The request of a batch, for `fetch`. Its headers are added to those that the calls have in common; without a `method` it
   * is POST. A body above `maxBytes` halves the batch. What it throws is reported, and each call goes by itself.
   *
   * @defaultValue `{"keys":[…]}` as JSON
   */
  encode?: (keys: readonly string[]) => RequestInit;
  /**
   * Finds each key's answer in the body, which is JSON. One that is missing is a 404 of its own. What it throws is reported,
   * and each call goes by itself.
   *
   * Without it, the body may be an object by key, or an array in the order of the keys, of JSON values, where null is missing;
   * or it is `application/x-ndjson` with a line for each, as it gets ready:
   * `{"key":"7","status":200,"headers":{…},"body":…}`, where `status`, `headers` and `body` may be left out.
   */
  decode?: (body: unknown, keys: readonly string[]) => ReadonlyMap<string, BatchItem>;
}

/** The answer to one key of a batch. */
export interface BatchItem {
  /**
   * A whole number from 200 to 599.
   *
   * @defaultValue 200
   */
  status?: number;
  /** By these it is cached. Without a Content-Type it is JSON. */
  headers?: HeadersInit;
  /**
   * Is turned into JSON, unless it is a Blob, a buffer or another body, or a string that is not said to be JSON by its
   * Content-Type.
   */
  body?: unknown;
}

/** Loads many at once: see {@link Batcher}. */
export type BatchLoad<K, V> = (
  keys: readonly K[],
  context: {
    readonly group: string;
    /** Aborts when the callers of all keys have left. */
    readonly signal: AbortSignal;
  },
) => PromiseLike<readonly (V | Error)[] | ReadonlyMap<K, V | Error> | Readonly<Record<string, V | Error>>>;

export interface BatcherOptions<K> {
  /**
   * Is loaded at once at this many keys. A whole number from 1 up, or `Infinity`.
   *
   * @defaultValue 50
   */
  maxSize?: number;
  /**
   * Is loaded at the latest this long after its first key. Milliseconds from 0 up; 0 is the end of the turn.
   *
   * @defaultValue 0
   */
  maxWait?: number;
  /** Tells keys apart that are no strings or numbers, and finds them in an object. Default: the key itself. */
  keyOf?: (key: K) => string;
}

export interface LoadOptions {
  /** Only keys of one group are loaded together. Default "". */
  group?: string;
  /** Rejects with its reason at once. Others who want the key still get it. */
  signal?: AbortSignal;
}

/** Made by `createBatcher`. */
export interface Batcher<K, V> {
  /**
   * What is loaded for a key. Equal keys of one batch are loaded once. Rejects with the `Error` that stands in its place, or
   * with what the loader rejects with; with a TypeError where it brings too many or too few.
   */
  load(key: K, options?: LoadOptions): Promise<V>;
  /** {@link load} for each; an `Error` stands where one failed. Rejects with the signal's reason alone. */
  loadMany(keys: readonly K[], options?: LoadOptions): Promise<(V | Error)[]>;
  /** Loads now what waits, of one group or of all. */
  flush(group?: string): void;
}

/** How long a cache keeps something, in milliseconds from 0 up, or `Infinity`. */
interface Keeping {
  /**
   * "http": what the headers say, by RFC 9111 (for values that you set, 300000). A number: fresh for that long, whatever they
   * say, `no-store` apart.
   *
   * @defaultValue "http"
   */
  ttl?: 'http' | number;
  /**
   * How long after it is stale it may still be given, while it is asked for again behind that.
   *
   * @defaultValue what the headers say, else 0
   */
  staleWhileRevalidate?: number;
  /**
   * How long after it is stale it may be given where the origin cannot be reached or is in trouble: 500, 502, 503, 504.
   *
   * @defaultValue what the headers say, else 0
   */
  staleIfError?: number;
  /**
   * Where: looked up in the order of {@link CacheTier}, and kept in all of them. What is found in one is kept in those before
   * it from then on.
   *
   * @defaultValue ["memory"]
   */
  tiers?: readonly CacheTier[];
}

/** The persistent ones survive the page; "localStorage" has small texts alone, and does not exist in workers. */
export type CacheTier = 'memory' | 'localStorage' | 'indexedDB';

export interface CacheOptions extends Keeping {
  /** Bytes, headers and keys included: a whole number from 1 up, or `Infinity`. Default 52428800, 50 MiB. */
  memory?: { maxBytes?: number };
  /**
   * As of memory, for all partitions together; a character takes two bytes. Default 1048576, 1 MiB; of one entry 16384,
   * 16 KiB.
   */
  localStorage?: { maxBytes?: number; maxEntryBytes?: number };
  /** As of memory, for all partitions of the database together. Default 268435456, 256 MiB, in "sixlane". */
  indexedDB?: { maxBytes?: number; database?: string };
  /**
   * Whether answers to requests with `Authorization` or `credentials: 'include'` may be kept beyond memory. Which
   * cookies go to the page's own origin no request says: who has sessions by cookie gives each user a `partition`.
   *
   * @defaultValue false
   */
  persistPrivate?: boolean;
  /**
   * Whose data this is: what {@link Cache.purge} empties in all tabs. Only with one are responses kept that vary on `Cookie`.
   * Default "".
   */
  partition?: string;
}

/** What one call, or one value, says. */
export interface CacheRule extends Keeping {
  /** Names by which {@link Cache.invalidateTag} finds it. */
  tags?: readonly string[];
  /** Is asked for and kept under this instead of its URL. */
  key?: string;
}

export type CacheLoader<T> = (context: { readonly signal: AbortSignal }) => T | PromiseLike<T>;

/** Each key is a string; a TypeError rejects anything else. */
export interface Cache {
  /** A copy of the value, if there is one that may be given now. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** Keeps a copy of any structured-cloneable value. */
  set<T>(key: string, value: T, rule?: CacheRule): Promise<void>;
  /**
   * The value; where there is none, what `load` brings, once for all who ask meanwhile. One that is no longer fresh is given
   * while it is loaded again, or when that fails, as the rule allows. Its signal aborts at a purge.
   */
  getWithFallback<T>(key: string, load: CacheLoader<T>, rule?: CacheRule): Promise<T>;
  /** Forgets a value, or the responses kept for an address, in all tiers and tabs. Whether there was one in this. */
  delete(key: string): Promise<boolean>;
  /** Forgets what has this tag, in all tiers and tabs. Returns how many in this. */
  invalidateTag(tag: string): Promise<number>;
  /**
   * Forgets everything of a partition, in all tiers and tabs, and what is under way for it is not kept. Resolves when storage
   * is empty of it, also where a tier is off. Rejects with an Error named "PurgeError" when it is not, after ten seconds at
   * most: its message names the tier and why, `cause` is what the browser said. That is noted in localStorage before, and done
   * by the next page that opens the tier, before anything is read there; where it cannot be noted, the message says that, too.
   *
   * @param partition default: the one of this cache
   */
  purge(partition?: string): Promise<void>;
  stats(): CacheStats;
  /** Writes what waits to be written and lets go of memory and storage. Nothing is kept or found from then on. */
  close(): Promise<void>;
}

export interface CacheStats {
  readonly hits: {
    readonly memory: number;
    readonly localStorage: number;
    readonly indexedDB: number;
    /** Answered by the browser's own HTTP cache. */
    readonly http: number;
  };
  /** Asked for, and not here. */
  readonly misses: number;
  /** Given although stale. */
  readonly stale: number;
  /** The browser asked whether what its own HTTP cache has still holds, and it did; 0 in browsers that do not tell. */
  readonly revalidated: number;
  /** Gone because there was no room. */
  readonly evictions: number;
  /** 0 to 1: hits, the browser's among them, of all that was asked for. */
  readonly hitRate: number;
  readonly memory: TierStats;
  readonly localStorage: TierStats;
  readonly indexedDB: TierStats;
  /** Tiers that storage faults switched off, and why. */
  readonly disabled: Partial<Record<'localStorage' | 'indexedDB', string>>;
}

interface TierStats {
  readonly entries: number;
  readonly bytes: number;
}

export interface QueueStatus {
  readonly queued: number;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Waiting and running, by level as it is now; a raw number counts with the nearest level at or below it. */
  readonly byPriority: Readonly<Record<PriorityName, { readonly queued: number; readonly running: number }>>;
  /** Longest wait among those queued now, in milliseconds. */
  readonly oldestWait: number;
}

/** A queue of tasks. */
export interface Queue {
  /**
   * Runs `task` when its turn has come. Rejects as the task does; with SixlaneError "queue-full" or "queue-cleared";
   * with the signal's reason; with RangeError or TypeError for options that cannot be.
   */
  add<T>(task: QueueTask<T>, options?: AddOptions): Promise<T>;
  /** {@link add} for each, all with the same options. */
  addAll<T>(tasks: readonly QueueTask<T>[], options?: AddOptions): Promise<T[]>;
  /** @throws ReferenceError when no waiting task has this id */
  setPriority(id: string, priority: Priority): void;
  /** Starts no task any more. */
  pause(): void;
  /** Starts tasks again. */
  start(): Queue;
  /** Rejects what waits, with `reason` or SixlaneError "queue-cleared". Returns how many. */
  clear(reason?: unknown): number;
  /** Resolves when nothing waits. */
  onEmpty(): Promise<void>;
  /** Resolves when nothing waits or runs. */
  onIdle(): Promise<void>;
  /** Resolves when fewer than this many wait. */
  onSizeLessThan(limit: number): Promise<void>;
  status(): QueueStatus;
  /** Tasks waiting. */
  readonly size: number;
  /** Tasks running. */
  readonly pending: number;
  readonly isPaused: boolean;
  /** As the option of that name; may be set at any time. */
  concurrency: number;
}

export interface OriginStatus {
  /** The origin, or the `key` that calls named. */
  readonly key: string;
  /** What it was last seen to speak, "http/1.1", "h2" or "h3"; null while unknown. */
  readonly protocol: string | null;
  /** Slots it has now. */
  readonly limit: number;
  readonly running: number;
  readonly queued: number;
  /** running / limit */
  readonly utilization: number;
  readonly breaker: BreakerState;
  /** Milliseconds left of a pause that the server asked for. */
  readonly pausedFor: number;
}

/** What may be wrong with how calls fare, or with the page. */
export type Trigger =
  | 'response-time'
  | 'error-rate'
  | 'queued'
  | 'main-thread'
  | 'memory'
  | 'cpu-pressure'
  | 'breaker-open';

export interface MonitorOptions {
  /**
   * Length of a sample. Milliseconds from 100 up.
   *
   * @defaultValue 5000
   */
  interval?: number;
  /**
   * How far back a report can look. Beyond five minutes samples are merged to minutes. Milliseconds above 0. All that is kept
   * takes 256 kB at most: what is oldest goes before its time where that is not enough.
   *
   * @defaultValue 3600000
   */
  retention?: number;
  /** An alert each time that a value is above one of these for `pending`, and one when it was below `clear` times it for as long. */
  thresholds?: {
    /** Milliseconds from sending to headers that 95 % do not exceed. Above 0. Default 1000. */
    responseTime?: number;
    /** The share of requests that failed, from 0 to 1. Default 0.05. */
    errorRate?: number;
    /** Calls that wait. From 0 up. Default 500. */
    queued?: number;
    /** The share of time in tasks over 50 ms, from 0 to 1. Default 0.8. */
    mainThread?: number;
    /** The used share of the JavaScript heap, from 0 to 1. Default 0.8. */
    memory?: number;
    /** This word of the browser's for the processor's load, or a worse one. Default "serious". */
    cpuPressure?: 'fair' | 'serious' | 'critical';
  };
  /**
   * Milliseconds from 0 up.
   *
   * @defaultValue 10000
   */
  pending?: number;
  /**
   * A share of the threshold, from 0 to 1.
   *
   * @defaultValue 0.8
   */
  clear?: number;
  /**
   * Fewer requests than this in a sample say nothing of times and failures: the state is held. A whole number from 1 up.
   *
   * @defaultValue 10
   */
  minimum?: number;
}

export interface Alert {
  readonly trigger: Trigger;
  /** "info" when it is resolved, "critical" at twice the threshold, else "warning". */
  readonly level: 'info' | 'warning' | 'critical';
  /** In the unit of the threshold; of "cpu-pressure" 0 for nominal, 1 fair, 2 serious, 3 critical. */
  readonly value: number;
  readonly threshold: number;
  /** In milliseconds of `performance.now()`. */
  readonly at: number;
  /** Whether the value is right again. */
  readonly resolved: boolean;
  readonly message: string;
}

/** Times in milliseconds, each within 1 % of the exact one; null where nothing was measured. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

interface Times {
  /** Attempts that were sent and have ended, but for those that their callers gave up. */
  readonly requests: number;
  /** From the call to sending, of first attempts. */
  readonly queueTime: Quantiles;
  /** From sending to headers. */
  readonly responseTime: Quantiles;
}

export interface Sample extends Times {
  /** When it ended, in milliseconds of `performance.now()`. */
  readonly at: number;
  /** What it really spans: timers of hidden pages come late. What spans a sleep of the machine is left out. */
  readonly span: number;
  /** The share that failed, from 0 to 1: no response, 429, or 5xx. Null without requests. */
  readonly errorRate: number | null;
  readonly byPriority: Readonly<Record<PriorityName, Times>>;
  /** Calls that wait and that hold a slot at its end; of several samples the most. */
  readonly queued: number;
  readonly running: number;
  /** Of bodies, on the wire, as far as the browser tells. */
  readonly bytes: number;
  /** Of calls that the cache might have answered, the share that it did. Null without any. */
  readonly cacheHitRate: number | null;
  /** The share of time in tasks over 50 ms: long tasks, else handlers of events. Null where the browser tells neither. */
  readonly mainThread: number | null;
  /** The used share of the JavaScript heap. Null where the browser does not tell. */
  readonly memory: number | null;
  /** The browser's own word for the processor's load (Compute Pressure). Null where it has none. */
  readonly cpuPressure: 'nominal' | 'fair' | 'serious' | 'critical' | null;
}

/** By Theil and Sen: the median slope of all pairs of samples, so that one outlier does not turn it. */
export interface Trend {
  readonly perMinute: number;
  /** The value that it predicts one minute ahead. */
  readonly nextMinute: number;
}

export interface MonitorReport {
  /** The oldest first. */
  readonly samples: Sample[];
  /** All of them as one. */
  readonly summary: Omit<Sample, 'at'>;
  /** Null below ten samples that say something. `responseTime` is that of the 95 % quantile. */
  readonly trend: Readonly<Record<'responseTime' | 'errorRate' | 'queued', Trend | null>>;
  readonly alerts: Alert[];
}

/** The part of an OpenTelemetry meter that is used. */
export interface Meter {
  createHistogram(
    name: string,
    options?: object,
  ): { record(value: number, attributes?: Record<string, string | number>): void };
}

export interface Monitor {
  /** Returns how to stop. */
  onAlert(callback: (alert: Alert) => void): () => void;
  /**
   * Over the last `range` milliseconds, or all that is kept.
   *
   * @throws RangeError when `range` is not above 0
   */
  report(range?: number): MonitorReport;
  /**
   * Records `http.client.request.duration` (seconds from sending to headers, by OpenTelemetry's names, attributes and buckets)
   * and `sixlane.queue.duration` of each request from now on. Returns how to stop.
   */
  otel(meter: Meter): () => void;
  /**
   * The last 1000 requests since somebody watches, as an HTTP Archive 1.2; the wait in the queue is `blocked` and `_blocked_queueing`.
   * Queries, Authorization and cookies are left out unless `secrets`.
   */
  har(options?: { secrets?: boolean }): object;
}

/** Something that is over. */
export interface RecordedCall {
  /** Milliseconds from 0 up. */
  readonly duration: number;
  readonly ok: boolean;
  /** Milliseconds before that in which it waited. */
  readonly queued?: number;
  readonly bytes?: number;
  /** Said where a cache might have answered. */
  readonly cacheHit?: boolean;
  /** Default "normal". */
  readonly priority?: Priority;
}

/** What `createMonitor` makes. */
export interface LoneMonitor extends Monitor {
  /** @throws RangeError or TypeError for what is no time, number of bytes or priority */
  record(call: RecordedCall): void;
  /** It takes samples, and is kept in memory, until then. */
  close(): void;
}

/** 0 is normal. */
export type DegradationLevel = 0 | 1 | 2 | 3 | 4 | 5;

export interface DegradationOptions {
  /** Default: light, medium and heavy, as in the guide to degradation. Two rules of one level are an error. */
  rules?: readonly DegradationRule[];
  /**
   * A level is given back when its triggers were off for so long; twice as long after each relapse, up to 300000. Milliseconds
   * above 0.
   *
   * @defaultValue 30000
   */
  recoverAfter?: number;
  /**
   * The rejection share of an origin: `max(0, (requests - k * accepts) / (requests + 1))`, over `window` milliseconds or twice
   * the longest time limit, nothing below `minimum` requests, and no more than `most`. `false`: levels alone.
   */
  share?:
    | {
        /** A finite number from 1 up. Default 2. */
        k?: number;
        /** Milliseconds above 0. Default 30000. */
        window?: number;
        /** A whole number from 1 up. Default 10. */
        minimum?: number;
        /** From 0 to 1. Default 0.9. */
        most?: number;
      }
    | false;
}

export interface DegradationRule {
  /** Takes in those below. */
  level: 1 | 2 | 3 | 4 | 5;
  name: string;
  /** One of them is enough. */
  triggers: readonly Trigger[];
  /** Undone in reverse order. */
  actions: readonly DegradationAction[];
}

export type DegradationAction =
  | {
      /** Calls of this level and below are rejected ("shed"), or served stale where the cache can. Never high or critical. */
      do: 'shed';
      priority: 'normal' | 'low' | 'background';
      /** "stale": only where the cache can. */
      where?: 'stale';
    }
  | {
      /** Of all slots, and of those of each origin, this share is used, above 0 and at most 1. */
      do: 'limit-concurrency';
      to: number;
    }
  | {
      /** Time limits of calls and attempts that begin are so many times longer. From 1 up. */
      do: 'extend-timeouts';
      factor: number;
    }
  | {
      /** What the cache has is given for so many milliseconds after it became stale, where nothing forbids that. */
      do: 'serve-stale';
      for: number;
    }
  | {
      /** Batches have so many times more keys, and wait so many times longer. From 1 up. */
      do: 'widen-batches';
      factor: number;
    }
  | {
      /** These calls get a response of the page's own. */
      do: 'static-response';
      match: Route['match'];
      response: () => Response;
    }
  | {
      /** What throws is reported and stops nothing. */
      do: 'call';
      enter: () => void;
      leave: () => void;
    };

export interface Degradation {
  readonly level: DegradationLevel;
  /**
   * Says that something is wrong: the level is entered that is named, or the lowest whose rule has this trigger. It is left as
   * any other. What is said before the module is there is done then; where the option `degradation` is off, nothing is.
   *
   * @throws RangeError for what is no trigger or level, and, where no level is named, for a trigger that no rule has
   */
  trigger(trigger: Trigger, level?: DegradationLevel): void;
  /** Back to level 0, and all shares to 0. */
  reset(): void;
  /** `since`: in milliseconds of `performance.now()`. `healthy`: its triggers are off. `shares`: by key, from 0 to 1. */
  status(): {
    readonly level: number;
    readonly rule: string | null;
    readonly since: number;
    readonly healthy: boolean;
    readonly shares: Readonly<Record<string, number>>;
  };
}

/** What `createDegradation` makes. */
export interface LoneDegradation extends Degradation {
  /** Back to level 0, and off its monitor. */
  close(): void;
}

export interface Status extends QueueStatus {
  /** "wasm", "starting", or "native": then nothing is scheduled, and `reason` says why. */
  readonly mode: 'wasm' | 'starting' | 'native';
  readonly reason: string | null;
  /** Those in use, and up to 64 that were. */
  readonly origins: readonly OriginStatus[];
  /** Attempts stopped for an emergency. */
  readonly preempted: number;
  /** Attempts that failed and were followed by another one. */
  readonly retries: number;
  /** Calls that got their part of a batch. Of its requests, `completed` and `failed` count each batch as one. */
  readonly batched: number;
  /** Calls that got what another one under way had asked for. */
  readonly deduplicated: number;
  /** Calls turned away under pressure. They count as nothing else. */
  readonly shed: number;
}

export interface WaitingCall {
  readonly id: number;
  readonly url: string;
  readonly method: string;
  readonly key: string;
  /** As urgent as it is by now: a call that has waited for long may have sunk. */
  readonly priority: PriorityName;
  /** When it was made, in milliseconds of `performance.now()`. */
  readonly since: number;
}

type FetchArguments = [input: RequestInfo | URL, init?: RequestInit & { lane?: LaneInit | undefined }];

export interface SixlaneFetch {
  /** Same arguments, same `Response`, same rejections as `fetch`. `init.lane` adds what `fetch` has no word for. */
  (...args: FetchArguments): Promise<Response>;
  /**
   * Settles when the module runs, or is known not to: then every call goes to native fetch (`status().mode`). Rejects
   * only for wrong options.
   */
  readonly ready: Promise<void>;
  status(): Status;
  /** Rejects everything that waits, with `reason` or SixlaneError "queue-cleared". Running requests go on. Returns how many. */
  clear(reason?: unknown): number;
  /**
   * What waits now, in the order in which it would start: plain data, a copy. `id` is that of the events; a request for
   * several callers is one.
   */
  waiting(): readonly WaitingCall[];
  /** Rejects one that waits, with `reason` or an AbortError. False when it does not wait. */
  cancel(id: number, reason?: unknown): boolean;
  /**
   * Changes how urgent one is that waits. False when it does not wait.
   *
   * @throws RangeError for what is no priority
   */
  setPriority(id: number, priority: Priority): boolean;
  /** Sends nothing any more. `keepalive` requests are never held back. */
  pause(): void;
  resume(): void;
  /** The same as `init.lane.emergency`. */
  emergency(...args: FetchArguments): Promise<Response>;
  /** Fetches at "background" into the cache. Resolves when the answer is stored, or is not to be; never rejects. */
  preload(...args: FetchArguments): Promise<void>;
  /** What this instance keeps: responses, and values under keys of yours beside them. */
  readonly cache: Cache;
  /** How calls fare. */
  readonly monitor: Monitor;
  /** What is given up under pressure. */
  readonly degradation: Degradation;
  /**
   * "queued", "started", "settled", "body" (its end), "preempted", "retry", "breaker", "paused-origin", "alert", "degradation", and "lent": a slot was given to others although the body has not ended,
   * `detail.why` "unread" or "streams". `detail` is plain data: of a call its `url`, `key` and `priority`; "retry" adds
   * `attempt`, `delay`, and `status` or `error`. "breaker" has `key`, `state` and `retryAfter`, "paused-origin" `key` and
   * `pausedFor`. "body" adds `bytes`, null where the browser does not tell. "alert" is an {@link Alert}, "degradation" has
   * `level`, `from` and the name of its `rule`.
   */
  readonly events: EventTarget;
  /** Settles every waiting call with SixlaneError "closed", aborts the running ones, frees the module. */
  close(): Promise<void>;
}
