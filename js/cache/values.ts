import { consult } from '../load.js';
import type { Cache, CacheLoader, CacheOptions, CacheRule, CacheStats } from '../types.js';
import type { HttpCache } from './http.js';
import { type Entry, judge, Store } from './store.js';
import { Tabs } from './tabs.js';

/**
 * A cache by itself, for any structured-cloneable value. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createCache(options: CacheOptions = {}): Cache {
  return new Values(options, new Store('createCache', '', options));
}

/** What a value costs beside itself. About; exact would be the engine's to say. */
const OVERHEAD = 128;

const NOTHING: CacheStats = {
  hits: { memory: 0, localStorage: 0, indexedDB: 0, http: 0 },
  misses: 0,
  stale: 0,
  revalidated: 0,
  evictions: 0,
  hitRate: 0,
  memory: { entries: 0, bytes: 0 },
  localStorage: { entries: 0, bytes: 0 },
  indexedDB: { entries: 0, bytes: 0 },
  disabled: {},
};

interface Loading {
  readonly value: Promise<unknown>;
  readonly controller: AbortController;
}

/** Values under keys; beside them, in the same store, there may be responses. */
export class Values implements Cache {
  readonly #options: CacheOptions;
  readonly #tabs: Tabs;
  readonly #loading = new Map<string, Loading>();
  #store: Store | undefined;
  /** Settles when it is known whether there is a store. */
  #ready: Promise<unknown> = Promise.resolve();
  /** Responses beside the values. */
  #http: HttpCache | undefined;

  constructor(options: CacheOptions, store?: Store) {
    this.#options = options;
    this.#store = store;
    if (store) store.onPut = () => this.#tabs.listen();
    this.#tabs = new Tabs(
      (word) => {
        if (word.partition !== this.#partition) return;
        if ('forget' in word) this.forget(word.forget, false);
        else if ('tag' in word) this.#store?.removeTag(word.tag);
        else this.#empty();
      },
      () => this.#empty(),
    );
  }

  /** Until then nobody knows whether there will be a store. */
  wait(ready: Promise<unknown>): void {
    this.#ready = ready.catch(() => {});
  }

  /** The store is there, and what keeps responses in it. */
  open(store: Store, http: HttpCache): void {
    this.#store = store;
    this.#http = http;
    // From the first entry on there is something that other tabs may want forgotten.
    store.onPut = () => this.#tabs.listen();
  }

  /** A request was answered that may have changed what is kept for its address. */
  written(request: Request, response: Response): void {
    for (const address of this.#http?.written(request, response) ?? []) this.forget(address, true);
  }

  close(): void {
    this.#empty();
    this.#store = undefined;
    this.#http?.close();
    this.#tabs.close();
  }

  async get<T>(key: string): Promise<T | undefined> {
    const store = await this.#opened(key);
    const entry = store?.get(name(key));
    if (!store || !entry || judge(entry).answers === 'validate') {
      if (store) store.counts.misses += 1;
      return undefined;
    }
    return this.#give(store, entry) as T;
  }

  async set<T>(key: string, value: T, rule: CacheRule = {}): Promise<void> {
    const store = await this.#opened(key, rule);
    if (store) this.#put(store, key, value, rule);
  }

  async getWithFallback<T>(key: string, load: CacheLoader<T>, rule: CacheRule = {}): Promise<T> {
    if (typeof load !== 'function') throw new TypeError(`\`load\` must be a function, got ${typeof load}`);
    const store = await this.#opened(key, rule);
    if (!store) return load({ signal: new AbortController().signal });
    const entry = store.get(name(key));
    const { answers, standsIn } = entry ? judge(entry) : { answers: 'none', standsIn: false };
    if (entry && answers === 'fresh') return this.#give(store, entry) as T;
    if (entry && answers === 'stale') {
      store.counts.stale += 1;
      // It has an answer already.
      this.#load(store, key, load, rule).catch(() => {});
      return this.#give(store, entry) as T;
    }
    store.counts.misses += 1;
    try {
      return (await this.#load(store, key, load, rule)) as T;
    } catch (error) {
      if (!entry || !standsIn || !store.has(entry)) throw error;
      store.counts.stale += 1;
      return copy(entry.content) as T;
    }
  }

  async delete(key: string): Promise<boolean> {
    await this.#opened(key);
    return this.forget(key, true);
  }

  async invalidateTag(tag: string): Promise<number> {
    const store = await this.#opened(tag, undefined, 'tag');
    this.#tabs.tell({ partition: this.#partition, tag });
    return store?.removeTag(tag) ?? 0;
  }

  async purge(partition: string = this.#partition): Promise<void> {
    if (typeof partition !== 'string') throw new TypeError(`\`partition\` must be a string, got ${typeof partition}`);
    // At once, and not after anything else has had its turn.
    if (partition === this.#partition) this.#empty();
    this.#tabs.tell({ partition, purge: true });
  }

  stats(): CacheStats {
    return this.#store?.stats() ?? NOTHING;
  }

  /** Forgets a value, and responses of an address with that name. */
  forget(key: string, tell: boolean): boolean {
    if (tell) this.#tabs.tell({ partition: this.#partition, forget: key });
    const value = this.#store?.removeKey(name(key)) ?? false;
    return this.#http?.forget(key) || value;
  }

  get #partition(): string {
    return this.#options.partition ?? '';
  }

  /** @throws TypeError or RangeError for what is no key or no rule */
  async #opened(key: unknown, rule?: CacheRule, option = 'key'): Promise<Store | undefined> {
    if (typeof key !== 'string') throw new TypeError(`\`${option}\` must be a string, got ${typeof key}`);
    if (!this.#store) await this.#ready;
    if (rule !== undefined) consult(({ checkCacheRule }) => checkCacheRule(rule), undefined);
    return this.#store;
  }

  #empty(): void {
    this.#store?.clear();
    for (const { controller } of this.#loading.values()) {
      controller.abort(new DOMException('the cache was purged', 'AbortError'));
    }
    this.#loading.clear();
  }

  #give(store: Store, entry: Entry): unknown {
    store.used(entry);
    store.counts.memory += 1;
    return copy(entry.content);
  }

  #put(store: Store, key: string, value: unknown, rule: CacheRule): void {
    const { ttl, staleWhileRevalidate, staleIfError } = { ...this.#options, ...rule };
    const times = [ttl, staleWhileRevalidate, staleIfError].map((time) =>
      typeof time === 'number' ? time : Number.NaN,
    );
    const [fresh, behind, instead] = times as [number, number, number];
    const policy = consult(({ policyOfValue }) => policyOfValue(fresh, behind, instead, Date.now()), undefined);
    if (!policy) return;
    const content = copy(value);
    const bytes = OVERHEAD + 2 * key.length + sizeOf(content);
    store.put({ key: name(key), content, bytes, tags: rule.tags ?? [], policy });
  }

  #load<T>(store: Store, key: string, load: CacheLoader<T>, rule: CacheRule): Promise<unknown> {
    const under = this.#loading.get(key);
    // Each has a copy of its own.
    if (under) return under.value.then(copy);
    const { epoch } = store;
    const controller = new AbortController();
    const run = async (): Promise<unknown> => {
      const value = await load({ signal: controller.signal });
      // After a purge it is still its callers', but nobody else's.
      if (store.epoch === epoch) this.#put(store, key, value, rule);
      return value;
    };
    const value = run().finally(() => {
      if (this.#loading.get(key)?.controller === controller) this.#loading.delete(key);
    });
    this.#loading.set(key, { value, controller });
    return value.then(copy);
  }
}

/** Two letters begin the keys of responses. */
function name(key: string): string {
  return `:${key}`;
}

/** Nobody changes by accident what others get. */
function copy(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? structuredClone(value) : value;
}

/** About how many bytes a value takes. */
function sizeOf(value: unknown, seen: Set<object> = new Set()): number {
  if (typeof value === 'string') return 2 * value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (seen.has(value)) return 8;
  seen.add(value);
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return OVERHEAD + value.byteLength;
  if (typeof Blob !== 'undefined' && value instanceof Blob) return OVERHEAD + value.size;
  const parts = value instanceof Map || value instanceof Set ? [...value].flat() : Object.entries(value).flat();
  return parts.reduce((sum: number, part) => sum + 8 + sizeOf(part, seen), OVERHEAD);
}
