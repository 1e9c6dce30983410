import { Handle } from '../handle.js';
import { consult } from '../load.js';
import type { CacheIndex } from '../pkg/sixlane.js';
import type { CacheOptions, CacheStats } from '../types.js';

/** When it may answer, as the core wants it back: see `words` in the shell's cache.rs. */
export type Policy = ArrayLike<number>;

/** One thing to be kept. */
export interface NewEntry<T = unknown> {
  readonly key: string;
  readonly content: T;
  /** What it counts for against the bound. */
  readonly bytes: number;
  readonly tags: readonly string[];
  readonly policy: Policy;
}

/** One thing that is kept. */
export interface Entry<T = unknown> extends NewEntry<T> {
  /** Of its key. */
  readonly hash: number;
  /** Its place in the core's index. */
  id: number;
}

/** What the core says of an entry that was asked for. */
export interface Verdict {
  readonly answers: 'fresh' | 'stale' | 'validate';
  readonly standsIn: boolean;
}

type Words = Record<0 | 1 | 2 | 3 | 4 | 5, number>;

/** By the shell's number. */
const ANSWERS = ['fresh', 'stale', 'validate'] as const;
const VALIDATE = 2;

/** What lies in memory: the things on this side, who stays and who goes on the other. */
export class Store {
  readonly #index: Handle<CacheIndex>;
  readonly #entries = new Map<string, Entry>();
  readonly #byId: (Entry | undefined)[] = [];
  readonly #byTag = new Map<string, Set<Entry>>();
  readonly counts = { memory: 0, http: 0, misses: 0, stale: 0, revalidated: 0 };
  /** Rises with each purge: what was under way by then is not kept. */
  epoch = 0;
  /** Is called when an entry is put in. */
  onPut: () => void = () => {};
  /** Is told of each entry that goes. */
  onGone: (entry: Entry) => void = () => {};

  /**
   * @param owner the function that needs it, for messages
   * @throws Error when the module is not loaded
   * @throws RangeError or TypeError for wrong options
   */
  constructor(owner: string, path: string, options: CacheOptions | undefined) {
    this.#index = new Handle(owner, (bindings) => new bindings.CacheIndex(path, options));
  }

  /** Bytes that it may keep. */
  get most(): number {
    return this.#index.use((index) => index.most, 0);
  }

  /** Somebody wants what has this key. */
  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    this.#index.use((index) => index.asked(entry?.hash ?? hash(key)), undefined);
    return entry;
  }

  /** What has this key, whether anybody wants it or not. */
  peek(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Somebody wants it, and it answers. */
  hit({ id, hash }: Entry): void {
    this.#index.use((index) => index.hit(id, hash), undefined);
  }

  /** Whether it is still kept. */
  has(entry: Entry): boolean {
    return this.#entries.get(entry.key) === entry;
  }

  /** It answers. */
  used({ id }: Entry): void {
    this.#index.use((index) => index.used(id), undefined);
  }

  /** Keeps it in the place of what had its key, unless there is no room for it. */
  put(made: NewEntry): void {
    this.removeKey(made.key);
    const entry: Entry = { ...made, hash: hash(made.key), id: Number.NaN };
    entry.id = this.#index.use((index) => index.insert(entry.hash, entry.bytes), Number.NaN);
    if (Number.isNaN(entry.id)) return;
    this.#entries.set(entry.key, entry);
    this.#byId[entry.id] = entry;
    for (const tag of entry.tags) this.#byTag.set(tag, (this.#byTag.get(tag) ?? new Set()).add(entry));
    const next = (): number | undefined => this.#index.use((index) => index.gone(), undefined);
    for (let id = next(); id !== undefined; id = next()) this.#forget(this.#byId[id]);
    this.onPut();
  }

  /** Whether there was such a thing. */
  remove(entry: Entry | undefined): boolean {
    if (!entry || this.#entries.get(entry.key) !== entry) return false;
    this.#index.use((index) => index.remove(entry.id), undefined);
    this.#forget(entry);
    return true;
  }

  removeKey(key: string): boolean {
    return this.remove(this.#entries.get(key));
  }

  removeTag(tag: string): number {
    const tagged = [...(this.#byTag.get(tag) ?? [])];
    for (const entry of tagged) this.remove(entry);
    return tagged.length;
  }

  clear(): void {
    this.epoch += 1;
    for (const entry of this.#entries.values()) this.remove(entry);
  }

  stats(): CacheStats {
    const { memory, http, misses, stale, revalidated } = this.counts;
    const hits = memory + http;
    return {
      hits: { memory, localStorage: 0, indexedDB: 0, http },
      misses,
      stale,
      revalidated,
      evictions: this.#index.use((index) => index.evictions, 0),
      hitRate: hits === 0 ? 0 : hits / (memory + misses),
      memory: { entries: this.#entries.size, bytes: this.#index.use((index) => index.bytes, 0) },
      localStorage: { entries: 0, bytes: 0 },
      indexedDB: { entries: 0, bytes: 0 },
      disabled: {},
    };
  }

  #forget(entry: Entry | undefined): void {
    if (!entry) return;
    this.#entries.delete(entry.key);
    this.#byId[entry.id] = undefined;
    for (const tag of entry.tags) {
      const tagged = this.#byTag.get(tag);
      tagged?.delete(entry);
      if (tagged?.size === 0) this.#byTag.delete(tag);
    }
    this.onGone(entry);
  }
}

/** Whether an entry may answer now. `wanted`: what the headers of the request say to that, see `verdict` in the shell. */
export function judge({ policy }: Entry, wanted = ''): Verdict {
  const { 0: a, 1: b, 2: c, 3: d, 4: e, 5: f } = policy as unknown as Words;
  const now = Date.now();
  const word = consult(({ verdict }) => verdict(a, b, c, d, e, f, now, wanted), VALIDATE);
  return { answers: ANSWERS[word & 3] ?? 'validate', standsIn: (word & 4) !== 0 };
}

/** How old what it keeps is now, in milliseconds. */
export function ageOf({ policy }: Entry): number {
  const { 1: initialAge, 2: received } = policy as unknown as Words;
  return Math.max(0, initialAge + Date.now() - received);
}

/** FNV-1a over the code units. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    value = Math.imul(value ^ key.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}
