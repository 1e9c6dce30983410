/** What is kept beyond the page: the persistent tiers, of which a cache may have either, both or none. */
import { compile } from '../load.js';
import { withTimeout } from '../timeout.js';
import type { CacheStats, CacheTier } from '../types.js';
import type { Below, Missed } from './beyond.js';
import type { Disk } from './disk.js';
import { Health } from './health.js';
import { Local } from './local.js';
import { hearOfPurge, purgeItems } from './marks.js';
import type { openStorage } from './storage.js';
import type { CacheConfig } from './store.js';
import { CHANGE_LIMIT, type Doomed, isDoomed, prefixOf, READ_LIMIT, type StoredEntry, unlessLate } from './tier.js';
import { mayHaveDatabase, wipe } from './wipe.js';

type Tiers = readonly CacheTier[];

/** What is one partition's. */
interface Own {
  readonly partition: string;
  /** Its mark in localStorage, where that was seen before. */
  readonly mark: string | undefined;
  /** Called when a read shows that the partition was purged and no message of that came. */
  readonly purged: () => void;
}

export class Depths {
  readonly #config: CacheConfig;
  readonly #inUse: Set<CacheTier>;
  readonly #missed: Missed;
  readonly #partition: string;
  #mark: string | undefined;
  readonly #purged: () => void;
  readonly #localHealth = new Health();
  readonly #diskHealth = new Health();
  #local: Local | undefined;
  #disk: Disk | undefined;
  #loading: Promise<Disk | undefined> | undefined;
  /** When the file for IndexedDB was first asked for. */
  #since = 0;
  /** Whether IndexedDB has ever answered, or been found to be of no use. */
  #hasAnswered = false;
  /** Another tab has begun to purge the partition, and was not heard to have done it. */
  #isSuspect = false;
  /** What is to be done when the file for IndexedDB is there. */
  readonly #pending: ((disk: Disk | undefined) => void)[] = [];
  /** What is to be written when it is there. */
  readonly #unwritten = new Map<string, StoredEntry>();
  readonly #onPage = (): void => {
    this.#disk?.leave();
  };

  /**
   * @param inUse tiers that are looked into; what a call names besides is added
   * @param missed what was to be forgotten in others
   */
  constructor(config: CacheConfig, inUse: Set<CacheTier>, missed: Missed, { partition, mark, purged }: Own) {
    this.#config = config;
    this.#inUse = inUse;
    this.#missed = missed;
    this.#partition = partition;
    this.#mark = mark;
    this.#purged = purged;
  }

  /** Never rejects. Null for a key that is not stored, undefined when storage did not answer. */
  async find(key: string, tiers: Tiers): Promise<Below | null | undefined> {
    const entry = tiers.includes('localStorage') ? this.#localStorage().read(key) : null;
    if (entry) return { entry, pack: [entry], tier: 'localStorage' };
    if (!tiers.includes('indexedDB')) return entry;
    this.#use('indexedDB');
    const unwritten = this.#unwritten.get(key);
    if (unwritten) return { entry: unwritten, pack: [unwritten], tier: 'indexedDB' };
    const reading = this.#onDisk((disk) => disk.read(key));
    const found = await (this.#hasAnswered ? reading : this.#awaited(reading));
    if (!found) return entry === undefined ? undefined : found;
    // What lies above it is to have it, too.
    if (tiers.includes('localStorage')) this.#localStorage().write(found.entry);
    return { ...found, tier: 'indexedDB' };
  }

  /**
   * The file may be a while on its way, behind the very requests that wait for it, and the database after that: they are
   * awaited no longer than that by all together.
   */
  async #awaited<T>(reading: Promise<T>): Promise<T | undefined> {
    const heard = reading.then((found) => {
      this.#hasAnswered = true;
      return found;
    });
    return unlessLate(Math.max(0, this.#since + READ_LIMIT - performance.now()), heard);
  }

  /** Learns by which purges it comes, for who does not look. */
  heed(tiers: Tiers): void {
    if (tiers.includes('localStorage')) this.#localStorage().heed();
    if (!tiers.includes('indexedDB')) return;
    this.#use('indexedDB');
    this.#onDisk((disk) => disk.heed());
  }

  /** In tiers where it is not to be, nothing is left of what it replaces. */
  keep(entry: StoredEntry, tiers: Tiers): void {
    if (tiers.includes('localStorage')) this.#localStorage().write(entry);
    else if (this.#inUse.has('localStorage')) this.#localStorage().drop(entry.key);
    if (tiers.includes('indexedDB')) {
      this.#use('indexedDB');
      if (this.#disk) this.#disk.write(entry);
      else {
        this.#unwritten.set(entry.key, entry);
        this.#onDisk(() => {});
      }
    } else if (this.#inUse.has('indexedDB')) {
      this.#unwritten.delete(entry.key);
      this.#onDisk((disk) => disk.remove({ keys: [entry.key] }));
    }
  }

  /**
   * Resolves with the keys of what was there. With `everywhere`, tiers are looked into that are not in use: what lies there
   * was put there by calls of an earlier visit.
   */
  async remove(doomed: Doomed, everywhere: boolean): Promise<readonly string[]> {
    const waiting = this.forgetWaiting(doomed);
    const local = everywhere || this.#inUse.has('localStorage') ? this.#anyLocal().remove(doomed) : [];
    if (!this.#inUse.has('indexedDB') && !(everywhere && (await this.#mayHaveDatabase()))) return local;
    // A call that began to use the tier in the meantime has applied these removals already.
    this.#missed.indexedDB.done(doomed);
    // When the file comes late this is still the first that is done.
    const stored = this.#onDisk((disk) => disk.remove(doomed));
    return [...local, ...waiting, ...((await unlessLate(CHANGE_LIMIT, stored)) ?? [])];
  }

  /** Others have removed it where all can read it, but for what is yet to be written there, or was just now. */
  forget(doomed: Doomed): void {
    if (this.#local?.hasWritten(doomed)) this.#local.remove(doomed);
    if (this.#disk?.hasWritten(doomed)) this.#disk.remove(doomed);
    this.forgetWaiting(doomed);
  }

  /** Returns the keys of what was to be written. */
  forgetWaiting(doomed: Doomed): readonly string[] {
    const unwritten = [...this.#unwritten.values()].filter(({ key, tags }) => isDoomed(doomed, key, tags));
    for (const { key } of unwritten) this.#unwritten.delete(key);
    return [...unwritten.map(({ key }) => key), ...(this.#disk?.forgetWaiting(doomed) ?? [])];
  }

  /** The partition was purged in localStorage, and has that mark now. */
  learn(mark: string): void {
    // Also for who is made later.
    this.#mark = mark;
    this.#local?.learn(mark);
  }

  /**
   * Empties a partition in IndexedDB, also of what only calls before this page's time put there.
   *
   * @param note is called before the database is asked, where there may be one
   * @throws (rejects with) what the browser says
   */
  async purge(partition: string, note: () => void = () => {}): Promise<void> {
    if (!this.#loading && !(await this.#mayHaveDatabase())) return;
    note();
    const disk = await withTimeout(CHANGE_LIMIT, this.#indexedDB());
    // Without the file the partitions in the database cannot be told apart.
    await (disk ? disk.purge(partition) : wipe(this.#config.database));
  }

  /**
   * Another tab purges the partition, and has given it that mark in localStorage, if it could.
   *
   * @param done whether it has emptied the database, too; undefined where it does not say
   * @param name as ours: what it reads and writes
   */
  heardPurge(mark: string | undefined, done: boolean | undefined, name: string): void {
    const prefix = prefixOf(this.#partition);
    if (mark !== undefined) {
      hearOfPurge(prefix, mark);
      this.learn(mark);
    } else if (this.#inUse.has('localStorage') && done !== true) {
      try {
        this.learn(purgeItems(prefix));
      } catch {
        // It may not be touched, or there is none.
      }
    }
    const [tiers = ''] = name.split(' ', 1);
    const isSame = tiers.includes('indexedDB') && name.slice(tiers.length + 1) === this.#config.database;
    if (!isSame) {
      if (done !== true) this.purge(this.#partition).catch(() => {});
    } else if (this.#disk) this.#disk.heardPurge(done !== false);
    else this.#isSuspect = done === false;
  }

  async close(): Promise<void> {
    globalThis.removeEventListener?.('pagehide', this.#onPage);
    this.#local?.close();
    await (await this.#loading)?.close();
  }

  get evictions(): number {
    return (this.#local?.evictions ?? 0) + (this.#disk?.evictions ?? 0);
  }

  stats(): Pick<CacheStats, 'localStorage' | 'indexedDB' | 'disabled'> {
    const disabled: { localStorage?: string; indexedDB?: string } = {};
    if (this.#inUse.has('localStorage')) this.#localStorage();
    const localStorage = this.#local?.totals ?? { entries: 0, bytes: 0 };
    const [local, disk] = [this.#local && this.#localHealth.off, this.#loading && this.#diskHealth.off];
    if (local) disabled.localStorage = local;
    if (disk) disabled.indexedDB = disk;
    const { entries, bytes } = this.#disk?.totals ?? { entries: 0, bytes: 0 };
    return { localStorage, indexedDB: { entries, bytes }, disabled };
  }

  async #mayHaveDatabase(): Promise<boolean> {
    return this.#inUse.has('indexedDB') || mayHaveDatabase(this.#config.database);
  }

  #localStorage(): Local {
    this.#local ??= this.#newLocal();
    this.#use('localStorage');
    return this.#local;
  }

  /** From now on it is one that is looked into, and nothing is there that was to be forgotten before. */
  #use(tier: Below['tier']): void {
    this.#inUse.add(tier);
    const missed = this.#missed[tier].doomed;
    if (!missed) return;
    if (tier === 'localStorage') this.#local?.remove(missed);
    else if (this.#disk) this.#disk.owe(missed);
    // The file is on its way, and sees to it then.
    else return;
    this.#missed[tier].done(missed);
  }

  /** What is only looked for to be forgotten does not make it a tier in use. */
  #anyLocal(): Local {
    return this.#local ?? this.#newLocal();
  }

  #newLocal(): Local {
    const { localStorage: most, localStorageEntry: mostOfEntry } = this.#config;
    const [partition, mark, health, purged] = [this.#partition, this.#mark, this.#localHealth, this.#purged];
    return new Local({ most, mostOfEntry, partition, mark, health, purged });
  }

  #indexedDB(): Promise<Disk | undefined> {
    if (!this.#loading) {
      this.#since = performance.now();
      this.#loading = this.#load();
    }
    return this.#loading;
  }

  /** In the order in which it is asked for, whether the file is there or not. Undefined when it cannot be had. */
  #onDisk<R>(use: (disk: Disk) => R | Promise<R>): Promise<R | undefined> {
    if (this.#disk) return Promise.resolve(use(this.#disk));
    return new Promise((resolve) => {
      this.#pending.push((disk) => resolve(disk && use(disk)));
      this.#indexedDB().then(() => this.#catchUp());
    });
  }

  #catchUp(): void {
    for (const use of this.#pending.splice(0)) use(this.#disk);
    for (const entry of this.#unwritten.values()) this.#disk?.write(entry);
    this.#unwritten.clear();
  }

  async #load(): Promise<Disk | undefined> {
    globalThis.addEventListener?.('pagehide', this.#onPage);
    try {
      const { Disk, openStorage } = await onDemand();
      const { indexedDB: most, database } = this.#config;
      const options = { database, most, partition: this.#partition, health: this.#diskHealth, purged: this.#purged };
      this.#disk = new Disk((name) => openStorage(compile, name), options);
      if (this.#isSuspect) this.#disk.heardPurge(false);
      if (this.#inUse.has('indexedDB')) this.#use('indexedDB');
      this.#catchUp();
      return this.#disk;
    } catch {
      this.#diskHealth.failed(new DOMException('', 'NotSupportedError'), 0);
      return undefined;
    }
  }
}

/** What the file for IndexedDB leaves behind when it is imported: in a service worker, by the application. */
interface OnDemand {
  readonly Disk: typeof Disk;
  readonly openStorage: typeof openStorage;
}

const SYMBOL = Symbol.for('sixlane.disk.0');

async function onDemand(): Promise<OnDemand> {
  const host = globalThis as { [SYMBOL]?: OnDemand };
  if (!host[SYMBOL]) await import('./disk.js');
  return host[SYMBOL] as OnDemand;
}
