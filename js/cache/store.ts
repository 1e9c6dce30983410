import { type Core, putText, words } from '../border.js';
import { OPTIONS, Option } from '../codes.js';
import { consult, need } from '../load.js';
import { read, tiersOf } from '../options.js';
import type { CacheOptions, CacheStats, CacheTier } from '../types.js';
import { type Below, Beyond } from './beyond.js';
import { hash } from './hash.js';
import { CacheIndex } from './index.js';
import type { Names } from './keys.js';
import type { Doomed } from './tier.js';

/** Options as the core reads them, with its defaults; bytes. */
export interface CacheConfig {
  readonly tiers: readonly CacheTier[];
  readonly memory: number;
  readonly localStorage: number;
  readonly localStorageEntry: number;
  readonly indexedDB: number;
  readonly database: string;
  readonly persistPrivate: boolean;
}

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
  /** Of a response: the headers of the request that it depends on. */
  readonly names?: Names | undefined;
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

/** What holds, with what the core says of the numbers. */
function configOf(held: Float64Array, options: CacheOptions | undefined): CacheConfig {
  const at = (option: Option): number => held[option] as number;
  return {
    tiers: tiersOf(at(Option.Tiers)),
    memory: at(Option.MemoryBytes),
    localStorage: at(Option.LocalBytes),
    localStorageEntry: at(Option.LocalEntryBytes),
    indexedDB: at(Option.IndexedDbBytes),
    database: options?.indexedDB?.database ?? 'sixlane',
    persistPrivate: at(Option.PersistPrivate) === 1,
  };
}

/** Of a module that has trapped: nothing is kept. */
const NO_CONFIG = configOf(new Float64Array(OPTIONS), undefined);

/** The numbers of a policy. */
const POLICY = 6;

/** The policy that the core has written last. */
export function policyIn(core: Core): Float64Array {
  return words(core, POLICY).slice(0, POLICY);
}

type Words = Record<0 | 1 | 2 | 3 | 4 | 5, number>;

/** By the shell's number. */
const ANSWERS = ['fresh', 'stale', 'validate'] as const;
const VALIDATE = 2;

/** What is kept. Of what lies in memory the things are on this side, who stays and who goes is on the other. */
export class Store {
  readonly config: CacheConfig;
  /** Beyond memory. */
  readonly beyond: Beyond;
  readonly #index: CacheIndex;
  readonly #entries = new Map<string, Entry>();
  readonly #byId: (Entry | undefined)[] = [];
  readonly #byTag = new Map<string, Set<Entry>>();
  readonly counts = { memory: 0, localStorage: 0, indexedDB: 0, http: 0, misses: 0, stale: 0, revalidated: 0 };
  /** Rises with each purge: what was under way by then is not kept. */
  epoch = 0;
  /** Rises whenever anything is to be forgotten: what was being read by then may be just that. */
  forgotten = 0;
  /** Is called when there is something that others may want forgotten. */
  onPut: () => void = () => {};
  /** Called when a read shows that the partition was purged and no message of that came. */
  onPurged: () => void = () => {};
  /** Is told of each entry that goes. */
  onGone: (entry: Entry) => void = () => {};

  /**
   * @param owner the function that needs it, for messages
   * @param others tiers that are used beside those of the options
   * @throws Error when the module is not loaded
   * @throws RangeError or TypeError for wrong options
   */
  constructor(owner: string, path: string, options: CacheOptions | undefined, others: readonly CacheTier[] = []) {
    need(owner);
    this.#index = new CacheIndex(owner, read('cache', options, path));
    this.config = this.#index.use((core) => configOf(words(core, OPTIONS), options), NO_CONFIG);
    this.beyond = new Beyond(this.config, others, options?.partition ?? '', () => this.onPurged());
  }

  /** Bytes that it may keep. */
  get most(): number {
    return this.#index.most;
  }

  /** Looks an entry up, and counts the request for admission. */
  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    this.#index.asked(entry?.hash ?? hash(key));
    return entry;
  }

  /** Looks an entry up without counting a request. */
  peek(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Counts a request that this entry answers. */
  hit({ id, hash }: Entry): void {
    this.#index.hit(id, hash);
  }

  /** Whether it is still kept. */
  has(entry: Entry): boolean {
    return this.#entries.get(entry.key) === entry;
  }

  /** It answers. */
  used({ id }: Entry): void {
    if (!Number.isNaN(id)) this.#index.used(id);
  }

  /**
   * What lies deeper, null when nothing does. Undefined when nobody knows, or something was to be forgotten while it was
   * read: it may be just that.
   */
  async find(key: string, tiers: readonly CacheTier[]): Promise<Below | null | undefined> {
    if (!Beyond.reaches(tiers)) return null;
    const { forgotten } = this;
    const found = await this.beyond.find(key, tiers);
    return forgotten === this.forgotten ? found : undefined;
  }

  /** Puts it into memory, too, if it may lie there and nothing newer does. Returns it as if it were there. */
  raise<T>(made: NewEntry<T>, tiers: readonly CacheTier[]): Entry<T> {
    if (tiers.includes('memory') && !this.#entries.has(made.key)) this.put(made);
    return (this.#entries.get(made.key) as Entry<T> | undefined) ?? { ...made, hash: hash(made.key), id: Number.NaN };
  }

  /** Keeps it in the place of what had its key, unless there is no room for it. */
  put(made: NewEntry): void {
    const old = this.#entries.get(made.key);
    if (old) this.#forget(old);
    // Tags of its own: by those that it has when it goes, it is taken out of the index.
    const entry: Entry = { ...made, tags: [...made.tags], hash: old?.hash ?? hash(made.key), id: Number.NaN };
    const { bytes } = entry;
    const place = old?.id ?? Number.NaN;
    entry.id = this.#index.put(place, entry.hash, bytes, made.policy);
    if (Number.isNaN(entry.id)) return;
    this.#entries.set(entry.key, entry);
    this.#byId[entry.id] = entry;
    for (const tag of entry.tags) this.#byTag.set(tag, (this.#byTag.get(tag) ?? new Set()).add(entry));
    for (const id of this.#index.gone()) this.#forget(this.#byId[id]);
    this.onPut();
  }

  /** Whether there was such a thing. */
  remove(entry: Entry | undefined): boolean {
    if (!entry || this.#entries.get(entry.key) !== entry) return false;
    this.#index.remove(entry.id);
    this.#forget(entry);
    return true;
  }

  removeKey(key: string): boolean {
    return this.remove(this.#entries.get(key));
  }

  /** Returns the keys of what had it. */
  removeTag(tag: string): string[] {
    const tagged = [...(this.#byTag.get(tag) ?? [])];
    for (const entry of tagged) this.remove(entry);
    return tagged.map(({ key }) => key);
  }

  /** Forgets what lies deeper, with `everywhere` also in tiers that are not in use. Resolves with the keys of what was there. */
  async removeBelow(doomed: Doomed, everywhere: boolean): Promise<readonly string[]> {
    this.forgotten += 1;
    return this.beyond.remove(doomed, everywhere);
  }

  /** Another tab has removed it from the persistent tiers. */
  forgetBelow(doomed: Doomed): void {
    this.forgotten += 1;
    this.beyond.forget(doomed);
  }

  clear(): void {
    this.epoch += 1;
    this.forgotten += 1;
    for (const entry of this.#entries.values()) this.remove(entry);
  }

  stats(): CacheStats {
    const { memory, localStorage, indexedDB, http, misses, stale, revalidated } = this.counts;
    const own = memory + localStorage + indexedDB;
    return {
      hits: { memory, localStorage, indexedDB, http },
      misses,
      stale,
      revalidated,
      evictions: this.#index.evictions + this.beyond.evictions,
      hitRate: own + http === 0 ? 0 : (own + http) / (own + misses),
      memory: { entries: this.#entries.size, bytes: this.#index.bytes },
      ...this.beyond.stats(),
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

/**
 * Whether an entry may answer now.
 *
 * @param wanted what the headers of the request say to that, a text of `Head`
 * @param stale milliseconds for which it may be given stale at least, where nothing forbids that
 * @param instead the same for standing in where its origin cannot be asked
 */
export function judge({ policy }: Pick<Entry, 'policy'>, wanted = '', stale = 0, instead = 0): Verdict {
  const { 0: a, 1: b, 2: c, 3: d, 4: e, 5: f } = policy as unknown as Words;
  const [revalidate, now] = [Math.max(e, stale), Date.now()];
  const word = consult(
    (core) => core.verdict(a, b, c, d, revalidate, Math.max(f, instead), now, putText(core, wanted)),
    VALIDATE,
  );
  return { answers: ANSWERS[word & 3] ?? 'validate', standsIn: (word & 4) !== 0 };
}

/** How old what it keeps is now, in milliseconds. */
export function ageOf({ policy }: Entry): number {
  const { 1: initialAge, 2: received } = policy as unknown as Words;
  return Math.max(0, initialAge + Date.now() - received);
}
