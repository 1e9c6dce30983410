import { resolved, withoutFragment } from '../addresses.js';
import { judge as judgeOptions, putText } from '../border.js';
import { consult, loaded } from '../load.js';
import { read } from '../options.js';
import { snapshot } from '../snapshot.js';
import type { Cache, CacheLoader, CacheOptions, CacheRule, CacheStats, CacheTier } from '../types.js';
import { addressTag, Cuts, tagName } from './cuts.js';
import type { HttpCache } from './http.js';
import { beginningsOf, storedKeyOf } from './keys.js';
import { Past } from './past.js';
import { Purge, type Reach } from './purge.js';
import { type Entry, judge, type NewEntry, policyIn, type Store } from './store.js';
import { Tabs, type What, type Word } from './tabs.js';
import { type Doomed, EVERYTHING, type StoredEntry } from './tier.js';
import { DATABASE, wipe } from './wipe.js';
import type { Write } from './writes.js';

/** What a value costs beside itself. About; exact would be the engine's to say. */
const OVERHEAD = 128;

/** Writes that are remembered until the core can say whether they count; with more of them everything goes. */
const MAX_UNJUDGED = 1000;

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

const NONE = { memory: 0, localStorage: 0, indexedDB: 0, misses: 0 };

interface Located {
  readonly entry: Entry;
  readonly tier: CacheTier;
}

interface Loading {
  readonly value: Promise<unknown>;
  readonly controller: AbortController;
  /** Whether nothing that concerns it has been purged, forgotten or set since it began. */
  isCurrent(): boolean;
  /** `set` was called for the key while the loader ran. */
  replaced: boolean;
}

/** Values under keys; beside them, in the same store, there may be responses. */
export class Values implements Cache {
  /** What might have been answered, and what was, in all. */
  get looked(): readonly [lookups: number, hits: number] {
    const { memory, localStorage, indexedDB, misses } = this.#store?.counts ?? NONE;
    const hits = memory + localStorage + indexedDB;
    return [hits + misses, hits];
  }

  /** What was to be forgotten, and when. */
  readonly cuts = new Cuts();
  readonly past = new Past();
  /** As they were when it was made: its maker has taken them. */
  readonly options: CacheOptions;
  readonly #tabs: Tabs;
  readonly #loading = new Map<string, Loading>();
  /** What was to be set before one of them is not. */
  #purges = 0;
  #store: Store | undefined;
  #closed = false;
  /** Settles when it is known whether there is a store. */
  #ready: Promise<unknown> = Promise.resolve();
  /** Answered while the core was on its way, which says whether they count. */
  #unjudged: Write[] | undefined;
  #lostCount = false;
  /** Responses beside the values. */
  #http: HttpCache | undefined;

  constructor(options: CacheOptions, store?: Store) {
    this.options = options;
    this.#store = store;
    this.#tabs = new Tabs(
      (word) => this.#heard(word),
      () => this.#empty(),
    );
    if (store) this.#listenFor(store);
  }

  /** Until this settles it is not known whether there will be a store. */
  wait(ready: Promise<unknown>): void {
    this.#ready = ready.catch(() => {});
    this.#unjudged = [];
  }

  /** The core is there, and, where anything is kept, the store and what keeps responses in it. */
  open(store?: Store, http?: HttpCache): void {
    this.#store = store;
    this.#http = http;
    if (store) this.#listenFor(store);
    const unjudged = this.#unjudged;
    this.#unjudged = undefined;
    for (const write of unjudged ?? []) this.written(write);
    // No caller waits for this purge; if it fails, storage is emptied before it is read again.
    if (this.#lostCount) this.purge().catch(() => {});
  }

  /** The core will not come. */
  abandon(): void {
    this.#unjudged = undefined;
  }

  /** A request was answered that may have changed what is kept for its address. */
  written(write: Write): void {
    if (this.#unjudged) {
      if (this.#unjudged.length < MAX_UNJUDGED) this.#unjudged.push(write);
      else this.#lostCount = true;
      return;
    }
    const { method, status, addresses } = write;
    if (!consult((core) => core.invalidates(putText(core, method), status) !== 0, false)) return;
    for (const address of addresses) this.forget(address, false);
  }

  /**
   * A response of the page's own origin may say that what is kept for that is to be forgotten, and means what is kept here,
   * too (Clear-Site-Data, section 3: of use in secure contexts alone). What is under way is not kept.
   */
  cleared({ type, headers }: Response): void {
    if (type !== 'basic' || !globalThis.isSecureContext) return;
    // No caller waits for this purge; if it fails, storage is emptied before it is read again.
    if (/"(cache|storage|\*)"/.test(headers.get('clear-site-data') ?? '')) this.purge().catch(() => {});
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // What waits to be written is.
    this.#clear();
    this.#http?.close();
    this.#tabs.close();
    await this.#store?.beyond.close();
  }

  async get<T>(key: string): Promise<T | undefined> {
    const opened = this.#opened(key);
    const store = opened instanceof Promise ? await opened : opened;
    if (!store) return undefined;
    const found = this.#at(store, key) ?? (await this.#below(store, key, store.config.tiers));
    if (!found || judge(found.entry).answers === 'validate') {
      store.counts.misses += 1;
      return undefined;
    }
    return this.#give(store, found) as T;
  }

  async set<T>(key: string, value: T, rule: CacheRule = {}): Promise<void> {
    const purges = this.#purges;
    const own = snapshot(rule);
    const opened = this.#opened(key, own);
    // What is kept is what it is now, also where the store has still to come.
    const content = opened instanceof Promise ? copy(value) : value;
    const store = opened instanceof Promise ? await opened : opened;
    if (!store || purges !== this.#purges) return;
    const under = this.#loading.get(key);
    if (under) under.replaced = true;
    this.#put(store, key, content, own);
  }

  async getWithFallback<T>(key: string, load: CacheLoader<T>, said: CacheRule = {}): Promise<T> {
    if (typeof load !== 'function') throw new TypeError(`\`load\` must be a function, got ${typeof load}`);
    const rule = snapshot(said);
    const store = await this.#opened(key, rule);
    if (!store) return load({ signal: new AbortController().signal });
    const found = this.#at(store, key) ?? (await this.#below(store, key, rule.tiers ?? store.config.tiers));
    const { answers, standsIn } = found ? judge(found.entry) : { answers: 'none', standsIn: false };
    if (found && answers === 'fresh') return this.#give(store, found) as T;
    if (found && answers === 'stale') {
      store.counts.stale += 1;
      // It has an answer already.
      this.#load(store, key, load, rule).catch(() => {});
      return this.#give(store, found) as T;
    }
    store.counts.misses += 1;
    const isCurrent = this.#watch(store, key, found?.entry.tags);
    try {
      return (await this.#load(store, key, load, rule)) as T;
    } catch (error) {
      if (!found || !standsIn || !isCurrent()) throw error;
      store.counts.stale += 1;
      return copy(found.entry.content) as T;
    }
  }

  async delete(key: string): Promise<boolean> {
    const opened = this.#opened(key);
    if (opened instanceof Promise) await opened;
    const gone = this.forget(key, true);
    const address = this.#http && resolved(key);
    // Responses have whole addresses.
    const other = address !== undefined && address !== key && (await this.forget(withoutFragment(address), true));
    return (await gone) || other;
  }

  async invalidateTag(tag: string): Promise<number> {
    const opened = this.#opened(tag, undefined, 'tag');
    const store = opened instanceof Promise ? await opened : opened;
    this.cuts.cut(tagName(tag));
    const here = store?.removeTag(tag) ?? [];
    const below = store?.removeBelow({ tags: [tag] }, true);
    this.#tell({ tag });
    const stored = await Promise.all(here.map(storedKeyOf));
    const gone = await below;
    await this.#letGo();
    return new Set([...stored, ...(gone ?? [])]).size;
  }

  async purge(partition: string = this.#partition): Promise<void> {
    if (typeof partition !== 'string') throw new TypeError(`\`partition\` must be a string, got ${typeof partition}`);
    const purge = new Purge(partition);
    // At once, and not after anything else has had its turn: the page may go while it waits.
    if (partition === this.#partition) this.#empty();
    this.#beginPurge(purge, partition);
    this.#tell({ purge: true, mark: purge.mark, done: false }, partition);
    if (!this.#store) {
      await this.#ready;
      this.#beginPurge(purge, partition);
    }
    const { beyond } = this.#store ?? {};
    const { database } = this.#reach;
    if (!loaded()) await purge.empty(() => wipe(database));
    else if (beyond) await purge.empty(() => beyond.purge(partition, () => purge.note(database)));
    await this.#letGo();
    // Who has looked meanwhile may have found what was still there.
    if (purge.isDone) this.#tell({ purge: true, mark: purge.mark, done: true }, partition);
    purge.end();
  }

  stats(): CacheStats {
    return (!this.#closed && this.#store?.stats()) || NOTHING;
  }

  /**
   * Forgets a value, and responses of an address with that name, here and in other tabs. With `everywhere` it is also looked
   * for in tiers that are not in use. Whether there was one here.
   */
  async forget(key: string, everywhere: boolean): Promise<boolean> {
    const { here, doomed } = this.#forgetHere(key);
    const below = this.#store?.removeBelow(doomed, everywhere);
    this.#tell({ forget: key });
    const gone = await below;
    await this.#letGo();
    return (gone?.length ?? 0) > 0 || here;
  }

  #forgetHere(key: string): { here: boolean; doomed: Doomed } {
    const beginnings = beginningsOf(key);
    for (const cut of [name(key), ...beginnings, tagName(addressTag(key))]) this.cuts.cut(cut);
    const value = this.#store?.removeKey(name(key)) ?? false;
    const here = this.#http?.forget(key) || value;
    const doomed = { keys: [name(key)], beginnings, tags: [addressTag(key)] };
    return { here, doomed: this.#http ? doomed : { keys: doomed.keys } };
  }

  #beginPurge(purge: Purge, partition: string): void {
    purge.begin(this.#reach);
    if (partition === this.#partition && purge.mark !== undefined) this.#store?.beyond.learn(purge.mark);
  }

  get #reach(): Reach {
    const { tiers = [], indexedDB } = this.options;
    const { beyond, config } = this.#store ?? {};
    const uses = (tier: CacheTier): boolean => beyond?.uses(tier) ?? tiers.includes(tier);
    const database = config?.database ?? indexedDB?.database ?? DATABASE;
    return { localStorage: uses('localStorage'), indexedDB: uses('indexedDB'), database };
  }

  /** What is done when it is closed already leaves no connection behind. */
  async #letGo(): Promise<void> {
    if (this.#closed) await this.#store?.beyond.close();
  }

  #heard(word: Word): void {
    if (word.partition !== this.#partition) return;
    const store = this.#store;
    // Who says it has seen to that.
    const elsewhere = word.storage === store?.beyond.name;
    const forget = (doomed: Doomed): void => {
      if (elsewhere) store?.forgetBelow(doomed);
      else store?.removeBelow(doomed, false);
    };
    if ('forget' in word) forget(this.#forgetHere(word.forget).doomed);
    else if ('tag' in word) {
      this.cuts.cut(tagName(word.tag));
      store?.removeTag(word.tag);
      forget({ tags: [word.tag] });
    } else {
      this.#empty();
      store?.beyond.heardPurge(word.mark, word.done, word.storage);
    }
  }

  #tell(what: What, partition = this.#partition): void {
    this.#tabs.tell({ partition, storage: this.#store?.beyond.name ?? '', ...what });
  }

  #listenFor(store: Store): void {
    // From the first entry on there is something that other tabs may want forgotten.
    store.onPut = () => this.#tabs.listen();
    store.onPurged = () => this.#empty();
    if (store.beyond.inUse) this.#tabs.listen();
  }

  get #partition(): string {
    return this.options.partition ?? '';
  }

  /**
   * At once where it is known already: what is to be forgotten is not given to who asks in the same turn.
   *
   * @throws (or rejects with) TypeError or RangeError for what is no key or no rule
   */
  #opened(key: unknown, rule?: CacheRule, option = 'key'): Store | undefined | Promise<Store | undefined> {
    if (typeof key !== 'string') throw new TypeError(`\`${option}\` must be a string, got ${typeof key}`);
    return this.#store ? this.#checked(rule) : this.#ready.then(() => this.#checked(rule));
  }

  #checked(rule: CacheRule | undefined): Store | undefined {
    if (rule !== undefined && loaded()) judgeOptions(read('rule', rule, 'rule'));
    return this.#closed ? undefined : this.#store;
  }

  #empty(): void {
    this.#purges += 1;
    this.past.purged();
    this.#store?.beyond.forgetWaiting(EVERYTHING);
    this.#clear();
  }

  /** Nothing is in memory any more, or on its way there. */
  #clear(): void {
    this.#store?.clear();
    for (const { controller } of this.#loading.values()) {
      controller.abort(new DOMException('the cache was purged', 'AbortError'));
    }
    this.#loading.clear();
  }

  #at(store: Store, key: string): Located | undefined {
    const entry = store.get(name(key));
    return entry && { entry, tier: 'memory' };
  }

  async #below(store: Store, key: string, tiers: readonly CacheTier[]): Promise<Located | undefined> {
    const found = await store.find(name(key), tiers);
    if (!found) return undefined;
    const { entry, pack, tier } = found;
    for (const other of pack) if (isValue(other)) store.raise(other, tiers);
    return { entry: store.raise(entry as NewEntry, tiers), tier };
  }

  #give(store: Store, { entry, tier }: Located): unknown {
    store.used(entry);
    store.counts[tier] += 1;
    return copy(entry.content);
  }

  #put(store: Store, key: string, value: unknown, rule: CacheRule): void {
    const { ttl, staleWhileRevalidate, staleIfError } = { ...this.options, ...rule };
    const times = [ttl, staleWhileRevalidate, staleIfError].map((time) =>
      typeof time === 'number' ? time : Number.NaN,
    );
    const [fresh, behind, instead] = times as [number, number, number];
    const policy = consult((core) => {
      core.policy_of_value(fresh, behind, instead, Date.now());
      return policyIn(core);
    }, undefined);
    if (!policy) return;
    const content = copy(value);
    const bytes = OVERHEAD + 2 * key.length + sizeOf(content);
    const entry = { key: name(key), content, bytes, tags: rule.tags ?? [], policy };
    const tiers = rule.tiers ?? store.config.tiers;
    if (tiers.includes('memory')) store.put(entry);
    else store.removeKey(entry.key);
    store.beyond.keep(entry, tiers);
  }

  /** Tells later whether nothing of it has been purged or forgotten since. */
  #watch(store: Store, key: string, tags: readonly string[] = []): () => boolean {
    const { cuts } = this;
    const { epoch } = store;
    const names = [name(key), ...tags.map(tagName)];
    const begun = cuts.now;
    return () => store.epoch === epoch && cuts.last(names) <= begun;
  }

  #load<T>(store: Store, key: string, load: CacheLoader<T>, rule: CacheRule): Promise<unknown> {
    const under = this.#loading.get(key);
    // Each has a copy of its own.
    if (under?.isCurrent()) return under.value.then(copy);
    const isWatched = this.#watch(store, key, rule.tags);
    const isCurrent = (): boolean => !loading.replaced && isWatched();
    const controller = new AbortController();
    const run = async (): Promise<unknown> => {
      const value = await load({ signal: controller.signal });
      // After a purge or removal in the meantime its callers still get the value, but it is not stored.
      if (isCurrent()) this.#put(store, key, value, rule);
      return value;
    };
    const value = run().finally(() => {
      if (this.#loading.get(key)?.controller === controller) this.#loading.delete(key);
    });
    const loading: Loading = { value, controller, isCurrent, replaced: false };
    this.#loading.set(key, loading);
    return value.then(copy);
  }
}

/** The keys of responses begin with something else. */
function name(key: string): string {
  return `:${key}`;
}

/** As distinct from a response, and from nothing but names. */
function isValue(entry: StoredEntry): entry is StoredEntry & NewEntry {
  return entry.key.startsWith(name('')) && 'content' in entry;
}

/** Copies a value, so that a caller who changes it does not change what the next one gets. */
function copy(value: unknown): unknown {
  const passes = value === null || !['object', 'function', 'symbol'].includes(typeof value);
  return passes ? value : structuredClone(value);
}

/** About how many bytes a value takes. */
function sizeOf(value: unknown, seen: Set<object> = new Set()): number {
  if (typeof value === 'string') return 2 * value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (seen.has(value)) return 8;
  seen.add(value);
  if (value instanceof ArrayBuffer) return OVERHEAD + value.byteLength;
  // With all of what it is a view of, which a copy has, too.
  if (ArrayBuffer.isView(value)) return OVERHEAD + sizeOf(value.buffer, seen);
  if (typeof Blob !== 'undefined' && value instanceof Blob) return OVERHEAD + value.size;
  const parts = value instanceof Map || value instanceof Set ? [...value].flat() : Object.entries(value).flat();
  return parts.reduce((sum: number, part) => sum + 8 + sizeOf(part, seen), OVERHEAD);
}
