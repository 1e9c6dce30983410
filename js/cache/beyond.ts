/** Storage beyond the page, as the first file knows it: what keeps it is a file of its own, loaded when it is first needed. */
import { tiers } from '../ondemand.js';
import { withTimeout } from '../timeout.js';
import type { CacheStats, CacheTier } from '../types.js';
import { noteDebt } from './debts.js';
import type { Depths } from './depths.js';
import type { Found } from './disk.js';
import { hasItems, hearOfPurge, markOf, purgeItems } from './marks.js';
import type { CacheConfig } from './store.js';
import {
  CHANGE_LIMIT,
  type Doomed,
  EVERYTHING,
  isDoomed,
  Owed,
  prefixOf,
  READ_LIMIT,
  type StoredEntry,
  unlessLate,
} from './tier.js';
import { mayHaveDatabase, wipe } from './wipe.js';

/** Where something was found that memory did not have. */
export interface Below extends Found {
  readonly tier: Exclude<CacheTier, 'memory'>;
}

/** What was to be forgotten before a tier was in use, where an earlier visit may have left it. */
export type Missed = Record<Below['tier'], Owed>;

type Tiers = readonly CacheTier[];

/** Something to be done when the file is there. */
interface Pending {
  /** What it would write. */
  readonly entry?: StoredEntry;
  /** What it would remove. */
  readonly removes?: boolean;
  act(depths: Depths | undefined): void;
}

const TIERS = ['localStorage', 'indexedDB'] as const;

const EMPTY = { entries: 0, bytes: 0 };

const MISSING = 'tiers.js could not be loaded';

/** Milliseconds after which a file that could not be had is asked for again. */
const REST = 30_000;

export class Beyond {
  readonly #config: CacheConfig;
  /** Tiers that are looked into: those of the options and the routes, and what a call has named since. */
  readonly #inUse: Set<CacheTier>;
  readonly #missed: Missed = { localStorage: new Owed(), indexedDB: new Owed() };
  readonly #partition: string;
  readonly #purged: () => void;
  #depths: Depths | undefined;
  #loading: Promise<Depths | undefined> | undefined;
  /** When the file was first asked for. */
  #since = 0;
  /** In the order in which it was asked for. */
  #pending: Pending[] = [];
  /** What other tabs have said meanwhile. */
  #heard: ((depths: Depths) => void)[] = [];
  /** The mark of the partition in localStorage as it was when it was first asked for. */
  #mark: string | undefined;
  /** After a failure it is not tried again before this. */
  #restUntil = 0;
  /** The page goes, and what was to be removed is still there: then nothing is left of the partition. */
  readonly #onPage = (): void => {
    if (this.#pending.some(({ removes }) => removes)) this.#purgeAll();
  };

  /**
   * @param others tiers that are used beside those of the options
   * @param purged is called when a purge is found out that nobody told of
   */
  constructor(config: CacheConfig, others: Tiers, partition: string, purged: () => void) {
    this.#config = config;
    this.#inUse = new Set([...config.tiers, ...others]);
    this.#partition = partition;
    this.#purged = purged;
    if (this.inUse) this.#load();
  }

  /** The same for all that read and write the same. */
  get name(): string {
    return `${TIERS.filter((tier) => this.#inUse.has(tier))} ${this.#config.database}`;
  }

  /** Whether anything may lie beyond memory. */
  get inUse(): boolean {
    return Beyond.reaches([...this.#inUse]);
  }

  /** Whether anything is kept beyond memory, where that is allowed. */
  static reaches(tiers: Tiers): boolean {
    return tiers.includes('localStorage') || tiers.includes('indexedDB');
  }

  /** Whether a tier is looked into. */
  uses(tier: CacheTier): boolean {
    return this.#inUse.has(tier);
  }

  /** Null for a key that is not stored, undefined when storage did not answer. */
  find(key: string, tiers: Tiers): Promise<Below | null | undefined> {
    if (this.#depths) return this.#depths.find(key, tiers);
    const found = this.#then((depths) => depths?.find(key, tiers));
    // The file may be a while on its way, behind the very requests that wait for it.
    return unlessLate(Math.max(0, this.#since + READ_LIMIT - performance.now()), found);
  }

  /** Learns by which purges it comes, for who does not look. */
  heed(tiers: Tiers): void {
    if (Beyond.reaches(tiers)) this.#then((depths) => depths?.heed(tiers));
  }

  /** In tiers where it is not to be, nothing is left of what it replaces. */
  keep(entry: StoredEntry, tiers: Tiers): void {
    if (this.#depths) this.#depths.keep(entry, tiers);
    else if (this.inUse || Beyond.reaches(tiers)) this.#then((depths) => depths?.keep(entry, tiers), { entry });
  }

  /**
   * Resolves with the keys of what was there. With `everywhere`, tiers are looked into that are not in use: what lies there
   * was put there by calls of an earlier visit.
   */
  async remove(doomed: Doomed, everywhere: boolean): Promise<readonly string[]> {
    this.#miss(doomed);
    if (!this.#depths && !this.#loading && !this.inUse) {
      const isEmpty = !(everywhere && (this.#hasItems() || (await mayHaveDatabase(this.#config.database))));
      if (isEmpty) return [];
    }
    if (this.#depths) return this.#depths.remove(doomed, everywhere);
    const gone = this.#then(
      (depths) => {
        if (depths) return depths.remove(doomed, everywhere);
        // What cannot be looked at goes as a whole.
        this.#purgeAll();
        return undefined;
      },
      { removes: true },
    );
    return (await unlessLate(CHANGE_LIMIT, gone)) ?? [];
  }

  /** Others have removed it where all can read it, but for what is yet to be written there, or was just now. */
  forget(doomed: Doomed): void {
    this.#miss(doomed);
    if (this.#depths) this.#depths.forget(doomed);
    else this.#drop(doomed);
  }

  /** Returns the keys of what was to be written. */
  forgetWaiting(doomed: Doomed): readonly string[] {
    return this.#depths?.forgetWaiting(doomed) ?? this.#drop(doomed);
  }

  /** The partition was purged in localStorage, and has that mark now. */
  learn(mark: string): void {
    if (this.#depths) this.#depths.learn(mark);
    else this.#mark = mark;
  }

  /**
   * Empties a partition in IndexedDB, also of what only calls before this page's time put there.
   *
   * @param note is called before the database is asked, where there may be one
   * @throws (rejects with) what the browser says
   */
  async purge(partition: string, note: () => void = () => {}): Promise<void> {
    const { database } = this.#config;
    if (this.#depths) return this.#depths.purge(partition, note);
    if (!this.#inUse.has('indexedDB') && !(await mayHaveDatabase(database))) return undefined;
    note();
    const depths = await withTimeout(CHANGE_LIMIT, this.#load());
    // Without the file the partitions in the database cannot be told apart.
    return depths ? depths.purge(partition, note) : wipe(database);
  }

  /**
   * Another tab purges the partition, and has given it that mark in localStorage, if it could.
   *
   * @param done whether it has emptied the database, too; undefined where it does not say
   * @param name as ours: what it reads and writes
   */
  heardPurge(mark: string | undefined, done: boolean | undefined, name: string): void {
    if (this.#depths) {
      this.#depths.heardPurge(mark, done, name);
      return;
    }
    if (mark !== undefined) hearOfPurge(prefixOf(this.#partition), mark);
    // What was asked for before has seen nothing of it yet: this goes first, in the order in which it was said.
    if (this.#loading) this.#heard.push((depths) => depths.heardPurge(mark, done, name));
    // Nothing was read here, and the tab that purges empties the storage of that name.
    else if (done !== true && name !== this.name) this.purge(this.#partition).catch(() => {});
  }

  async close(): Promise<void> {
    const depths = await this.#loading;
    await depths?.close();
  }

  get evictions(): number {
    return this.#depths?.evictions ?? 0;
  }

  stats(): Pick<CacheStats, 'localStorage' | 'indexedDB' | 'disabled'> {
    if (this.#depths) return this.#depths.stats();
    const disabled: { localStorage?: string; indexedDB?: string } = {};
    for (const tier of TIERS) if (this.#restUntil > 0 && this.#inUse.has(tier)) disabled[tier] = MISSING;
    return { localStorage: EMPTY, indexedDB: EMPTY, disabled };
  }

  #miss(doomed: Doomed): void {
    for (const tier of TIERS) if (!this.#inUse.has(tier)) this.#missed[tier].add(doomed);
  }

  #hasItems(): boolean {
    return hasItems(prefixOf(this.#partition));
  }

  #drop(doomed: Doomed): string[] {
    const gone = this.#pending.flatMap(({ entry }) =>
      entry && isDoomed(doomed, entry.key, entry.tags) ? [entry] : [],
    );
    this.#pending = this.#pending.filter(({ entry }) => !entry || !gone.includes(entry));
    return gone.map(({ key }) => key);
  }

  /** Empties the partition, as far as that can be done at once. */
  #purgeAll(): void {
    const prefix = prefixOf(this.#partition);
    this.#drop(EVERYTHING);
    try {
      if (this.#hasItems()) purgeItems(prefix);
      noteDebt(this.#config.database, prefix);
    } catch {
      // Storage may not be touched, or there is none.
    }
  }

  /** Undefined where the file cannot be had. */
  #then<R>(act: (depths: Depths | undefined) => R | Promise<R>, what?: Omit<Pending, 'act'>): Promise<R> {
    if (this.#depths) return Promise.resolve(act(this.#depths));
    return new Promise((resolve) => {
      this.#pending.push({ ...what, act: (depths) => resolve(act(depths)) });
      this.#load();
    });
  }

  #load(): Promise<Depths | undefined> {
    if (!this.#loading) {
      const now = performance.now();
      this.#since = now;
      this.#mark ??= markOf(prefixOf(this.#partition));
      // At once where another cache has needed it before, or where it is of no use to ask again.
      if (tiers.made) this.#loading = Promise.resolve(this.#make(tiers.made));
      else if (now >= this.#restUntil) this.#loading = this.#start();
      else this.#work(undefined);
    }
    return this.#loading ?? Promise.resolve(undefined);
  }

  async #start(): Promise<Depths | undefined> {
    globalThis.addEventListener?.('pagehide', this.#onPage);
    try {
      const made = await tiers.load();
      return this.#make(made);
    } catch {
      this.#restUntil = performance.now() + REST;
      this.#loading = undefined;
      // The other tab may have left entries here, which cannot be read without the file.
      if (this.#heard.splice(0).length > 0) this.#purgeAll();
      this.#work(undefined);
      return undefined;
    } finally {
      globalThis.removeEventListener?.('pagehide', this.#onPage);
    }
  }

  #make({ Depths }: NonNullable<typeof tiers.made>): Depths {
    const depths = new Depths(this.#config, this.#inUse, this.#missed, {
      partition: this.#partition,
      mark: this.#mark,
      purged: this.#purged,
    });
    this.#depths = depths;
    for (const hear of this.#heard.splice(0)) hear(depths);
    this.#work(depths);
    return depths;
  }

  #work(depths: Depths | undefined): void {
    for (const { act } of this.#pending.splice(0)) act(depths);
  }
}
