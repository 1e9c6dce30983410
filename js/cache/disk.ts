/**
 * The tier in IndexedDB: what is asked of it in one turn is one transaction.
 *
 * It is a file of its own in the package, loaded on demand. What it imports, it brings along: nothing that has a state.
 */
import { debtsOf, settle } from './debts.js';
import type { Health } from './health.js';
import { type OpenStorage, openStorage, type Storage, withTimeout } from './storage.js';
import {
  AFTER_MAKING_ROOM,
  CHANGE_LIMIT,
  type Doomed,
  EVERYTHING,
  GIVE_UP,
  isDoomed,
  isStored,
  NEWS,
  nameOf,
  Owed,
  prefixOf,
  READ_LIMIT,
  Recent,
  type StoredEntry,
} from './tier.js';

/**
 * Where this file is found by who cannot import it on demand, as no service worker can. The symbol carries the version of
 * what stands under it.
 */
const SYMBOL = Symbol.for('sixlane.disk.0');

/** What the shell brings back of an operation; see `storage/src/records.rs`. Most of it is empty after most of them. */
interface Reply {
  /** Of the whole database. */
  readonly totals: { readonly entries: number; readonly bytes: number };
  /** Changes with each purge of the partition: 0 before the first write, negative after it, positive once purged. */
  readonly epoch: number | undefined;
  /** The packs in which something that was wanted lies, with all that they have. */
  readonly packs: readonly (readonly StoredEntry[])[];
  readonly names: readonly string[];
  readonly gone: readonly StoredEntry[];
  readonly evicted: number;
}

export interface Found {
  readonly entry: StoredEntry;
  /** It and what lies beside it, which cost nothing more to read: what was written together is mostly wanted together. */
  readonly pack: readonly StoredEntry[];
}

/** A look-up that is under way. */
interface Wanted {
  readonly found: Promise<Found | null | undefined>;
  resolve(found: Found | null | undefined): void;
}

/** Entries in one transaction: reads wait for it to end. */
const MAX_WRITTEN = 256;

/** Bytes that may wait to be written; what comes while they do is not kept. Anything may wait alone. */
const MAX_WAITING = 64 * 2 ** 20;

/** Keys and packs that are remembered; what is forgotten costs a second attempt, or another write, at most. */
const MAX_KNOWN = 10_000;

/** A pack that was used within this time is not written again for that. */
const USE_PRECISION = 3_600_000;

/** What is left of what was kept when there is no room. */
const HALF = 0.5;

/** When the next writes begin: when all of this turn has come. */
const inThisTurn = queueMicrotask;

export class Disk {
  readonly #open: OpenStorage;
  readonly #database: string;
  readonly #most: number;
  readonly #prefix: string;
  readonly #health: Health;
  readonly #purged: () => void;
  #storage: Promise<Storage> | undefined;
  /** Since when a connection has been awaited. */
  #opening: number | undefined;
  /** Prefixes of partitions that have to be purged before anything else is done. */
  readonly #unpurged = new Set<string>();
  /** Another tab has begun to purge the partition, and was not heard to have done it. */
  #isSuspect = false;
  /** The connection for which the purges that are owed were looked up. */
  #heeded: Storage | undefined;
  #paying: Promise<void> | undefined;
  /** Until then other tabs may purge without having heard of what was written here before the epoch was known. */
  #blindUntil = 0;
  readonly #owed = new Owed();
  /** Epoch of the partition as last read; undefined before that. */
  #epoch: number | undefined;
  readonly #wanted = new Map<string, Wanted>();
  readonly #waiting = new Map<string, StoredEntry>();
  #waitingBytes = 0;
  /** What has been handed over for a transaction that has perhaps not begun. */
  readonly #leaving = new Set<StoredEntry>();
  readonly #recent = new Recent();
  readonly #doomed = new Set<{ readonly doomed: Doomed; resolve(gone: readonly StoredEntry[]): void }>();
  /** Keys that are stored, or were: to look for what is to be replaced takes longer than to write. */
  readonly #known = new Set<string>();
  #writing = false;
  /** Packs that were used, and when that was last noted. */
  readonly #uses = new Map<string, number>();
  readonly #unnoted = new Set<string>();
  /** Settles when all that was begun is over. */
  #last: Promise<unknown> = Promise.resolve();
  /** Of the whole database, as far as is known. */
  totals = { entries: 0, bytes: 0 };
  evictions = 0;

  /** @param purged is called when a read shows that the partition was purged and no message of that came */
  constructor(
    open: OpenStorage,
    options: { database: string; most: number; partition: string; health: Health; purged: () => void },
  ) {
    this.#open = open;
    this.#database = options.database;
    this.#most = options.most;
    this.#prefix = prefixOf(options.partition);
    this.#health = options.health;
    this.#purged = options.purged;
  }

  /** Never rejects. Null for a key that is not stored, undefined when storage did not answer. */
  read(key: string): Promise<Found | null | undefined> {
    const waiting = this.#waiting.get(key);
    if (waiting) return Promise.resolve({ entry: waiting, pack: [waiting] });
    if (!this.#health.usable) return Promise.resolve(undefined);
    const under = this.#wanted.get(key);
    if (under) return under.found;
    if (this.#wanted.size === 0) inThisTurn(() => this.#readWanted());
    let resolve: (found: Found | null | undefined) => void = () => {};
    const found = new Promise<Found | null | undefined>((settle) => {
      resolve = settle;
    });
    this.#wanted.set(key, { found, resolve });
    return found;
  }

  /** Learns when the partition was purged last, if it does not know. */
  heed(): void {
    if (this.#epoch === undefined) this.read('');
  }

  /** Behind whatever asked for it. Of what it replaces nothing is left in any case. */
  write(entry: StoredEntry): void {
    this.#drop(entry.key);
    if (!this.#health.usable) {
      this.owe({ keys: [entry.key] });
      return;
    }
    const crowded = this.#waiting.size > 0 && this.#waitingBytes + entry.bytes > MAX_WAITING;
    if (entry.bytes > this.#most || crowded) {
      this.remove({ keys: [entry.key] });
      return;
    }
    this.#waiting.set(entry.key, entry);
    this.#waitingBytes += entry.bytes;
    this.#writeSoon();
  }

  /** Resolves with the keys of what was there. From now on nothing of it is read. */
  async remove(doomed: Doomed): Promise<readonly string[]> {
    const gone = this.forgetWaiting(doomed);
    const stored = await new Promise<readonly StoredEntry[]>((resolve) => {
      this.#doomed.add({ doomed, resolve });
      if (this.#doomed.size === 1) inThisTurn(() => this.#removeDoomed());
    });
    for (const { key, tags } of stored) if (isDoomed(doomed, key, tags)) gone.push(key);
    return [...new Set(gone)];
  }

  /** Before anything else is done, this goes. */
  owe(doomed: Doomed): void {
    this.#owed.add(doomed);
    if (this.#owed.doomed !== EVERYTHING) return;
    this.#owed.done(EVERYTHING);
    this.#unpurged.add(this.#prefix);
  }

  /** Drops entries that wait to be written; another tab has removed the stored ones. Returns their keys. */
  forgetWaiting(doomed: Doomed): string[] {
    const gone = [...this.#waiting.values()]
      .filter(({ key, tags }) => isDoomed(doomed, key, tags))
      .map(({ key }) => key);
    for (const key of gone) this.#drop(key);
    for (const entry of this.#leaving) {
      if (!isDoomed(doomed, entry.key, entry.tags)) continue;
      this.#leaving.delete(entry);
      gone.push(entry.key);
    }
    return gone;
  }

  /** Whether it is about to write any of that, or has just now. */
  hasWritten(doomed: Doomed): boolean {
    const leaves = [...this.#leaving].some(({ key, tags }) => isDoomed(doomed, key, tags));
    return leaves || this.#recent.has(doomed);
  }

  /**
   * Empties a partition, whether the tier is off or not. What cannot be done now is done before anything else is, here and by
   * the next page that opens the database, if that was noted.
   *
   * @throws (rejects with) what the browser says
   */
  purge(partition: string): Promise<void> {
    const prefix = prefixOf(partition);
    if (prefix === this.#prefix) this.forgetWaiting(EVERYTHING);
    this.#unpurged.add(prefix);
    return this.#behind(this.#purge());
  }

  async #purge(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await withTimeout(this.#patience(CHANGE_LIMIT), this.#ready());
        this.#health.worked(false);
        return;
      } catch (error) {
        const next = this.#health.failed(error, attempt, true);
        // To take the marks down there must be room, and there is no half of it that may stay.
        if (next === AFTER_MAKING_ROOM) await this.#makeRoom(0);
        else this.disconnect();
        if (next === GIVE_UP) throw error;
      }
    }
  }

  /** Another tab purges the partition: until it is done nothing is read here that this tab has not purged itself. */
  heardPurge(done: boolean): void {
    this.#isSuspect = !done;
    // That may have come there after the purge, and no epoch was there to tell.
    if (done && performance.now() < this.#blindUntil) {
      this.#unpurged.add(this.#prefix);
      this.#behind(this.#purge()).catch(() => {});
    }
  }

  /** The page may go at any moment: what waits is handed over now. */
  async flush(): Promise<void> {
    if (this.#waiting.size > 0 || this.#unnoted.size > 0) await this.#writeSome(Number.POSITIVE_INFINITY);
  }

  /**
   * The page goes, or is put aside. An open connection may keep it out of the back/forward cache, and others from a later
   * version; in WebKit a document that goes with one may leave IndexedDB without an answer for all others of its process.
   */
  leave(): void {
    if (this.#waiting.size > 0 || this.#unnoted.size > 0) this.flush().finally(() => this.disconnect());
    else this.disconnect();
  }

  /** Writes what waits, and is of no use from then on. */
  async close(): Promise<void> {
    await this.flush();
    // Behind all that is under way.
    await this.#last;
    await this.disconnect();
  }

  /** Ends the connection when what is under way is done; the next use makes a new one. */
  async disconnect(): Promise<void> {
    const storage = this.#storage;
    this.#storage = undefined;
    this.#opening = undefined;
    this.#paying = undefined;
    await storage?.then(
      (open) => open.close(),
      () => {},
    );
  }

  async #readWanted(): Promise<void> {
    const wanted = new Map(this.#wanted);
    this.#wanted.clear();
    const keys = [...wanted.keys()].map((key) => this.#prefix + key);
    const reply = await this.#do(READ_LIMIT, (storage) => storage.read(this.#prefix, keys));
    try {
      this.#hand(reply, wanted);
    } finally {
      // Also when an entry cannot be read: its caller goes to the network.
      for (const { resolve } of wanted.values()) resolve(reply && null);
    }
  }

  #hand(reply: Reply | undefined, wanted: Map<string, Wanted>): void {
    const rubbish = new Set<string>();
    let isSound = true;
    for (const [place, pack] of (reply?.packs ?? []).entries()) {
      this.#use(reply?.names[place]);
      const doomed = [...this.#doomed];
      const entries: StoredEntry[] = [];
      for (const stored of Array.isArray(pack) ? pack : [undefined]) {
        const entry = this.#own(stored);
        if (entry && isStored(entry)) {
          if (!doomed.some((each) => isDoomed(each.doomed, entry.key, entry.tags))) entries.push(entry);
        } else {
          isSound = false;
          if (entry) rubbish.add(entry.key);
        }
      }
      this.#know(entries.map(({ key }) => this.#prefix + key));
      for (const entry of entries) {
        wanted.get(entry.key)?.resolve({ entry, pack: entries });
        wanted.delete(entry.key);
      }
    }
    // With what was looked for and is not there goes whatever its pack has in its place.
    if (!isSound) this.remove({ keys: [...rubbish, ...wanted.keys()] });
  }

  /** What comes while one transaction is under way goes into the next one. */
  async #removeDoomed(): Promise<void> {
    while (this.#doomed.size > 0) {
      const all = [...this.#doomed];
      const reply = await this.#do(CHANGE_LIMIT, (storage) =>
        this.#remove(
          storage,
          all.map(({ doomed }) => doomed),
        ),
      );
      if (!reply) for (const { doomed } of all) this.owe(doomed);
      // What has a tag of this partition may be another's, all the same.
      const gone = (reply?.gone ?? []).map((entry) => this.#own(entry)).filter((entry) => entry !== undefined);
      for (const each of all) {
        this.#doomed.delete(each);
        each.resolve(gone);
      }
    }
  }

  #remove(storage: Storage, doomed: readonly Doomed[]): Promise<unknown> {
    const of = (kind: keyof Doomed): string[] =>
      doomed.flatMap((each) => (each[kind] ?? []).map((text) => this.#prefix + text));
    return storage.remove(of('keys'), of('beginnings'), of('tags'));
  }

  #writeSoon(): void {
    if (this.#writing) return;
    this.#writing = true;
    inThisTurn(async () => {
      while (this.#waiting.size > 0) await this.#writeSome(MAX_WRITTEN);
      this.#writing = false;
    });
  }

  async #writeSome(most: number): Promise<void> {
    const entries = [...this.#waiting.values()].slice(0, most);
    for (const { key } of entries) this.#drop(key);
    const used = [...this.#unnoted];
    this.#unnoted.clear();
    await this.#write(entries, used);
  }

  async #write(entries: readonly StoredEntry[], used: readonly string[]): Promise<void> {
    for (const entry of entries) this.#leaving.add(entry);
    const write = async (storage: Storage): Promise<unknown> => {
      // Some of it may have to be forgotten since, each time.
      const left = () => entries.filter((entry) => this.#leaving.has(entry)).map((entry) => this.#stored(entry));
      const put = (stored: StoredEntry[], known: string[] | undefined): Promise<unknown> => {
        this.#know(stored.map(({ key }) => key));
        if (this.#epoch === undefined) this.#blindUntil = performance.now() + NEWS;
        return storage.write(this.#prefix, this.#epoch, stored, known, [...used], this.#most);
      };
      const first = left();
      const known = first.map(({ key }) => key).filter((key) => this.#known.has(key));
      try {
        return await put(first, known);
      } catch (error) {
        // Another tab, or a visit before this one, has written one of them.
        if (nameOf(error) !== 'ConstraintError') throw error;
        return put(left(), undefined);
      }
    };
    try {
      const reply = await this.#do(CHANGE_LIMIT, write);
      if (!reply) this.owe({ keys: entries.map(({ key }) => key) });
      else {
        if (entries.length > 0) this.#health.worked(true);
        this.#recent.note(entries);
        this.evictions += reply.evicted;
      }
    } catch {
      // One of them is nothing that can be stored. The others can.
      const left = entries.filter((entry) => this.#leaving.has(entry));
      if (entries.length > 1) for (const entry of left) await this.#write([entry], []);
      else this.owe({ keys: entries.map(({ key }) => key) });
    } finally {
      for (const entry of entries) this.#leaving.delete(entry);
    }
  }

  #know(keys: readonly string[]): void {
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
    for (const key of keys) this.#known.add(key);
  }

  /**
   * Does it, again if that is of use.
   *
   * @throws (rejects) for what cannot be stored at all, and for nothing else
   */
  #do(limit: number, operation: (storage: Storage) => Promise<unknown>): Promise<Reply | undefined> {
    return this.#behind(this.#attempt(limit, operation));
  }

  /** What has begun is over before this is closed. */
  #behind<R>(done: Promise<R>): Promise<R> {
    const before = this.#last;
    this.#last = done.then(
      () => before,
      () => before,
    );
    return done;
  }

  /** A connection that does not come is awaited no longer than that by all together. */
  #patience(limit: number): number {
    return this.#opening === undefined ? limit : Math.max(0, this.#opening + limit - performance.now());
  }

  async #attempt(limit: number, operation: (storage: Storage) => Promise<unknown>): Promise<Reply | undefined> {
    for (let attempt = 0; this.#health.usable; attempt++) {
      try {
        const ready = this.#ready();
        const reply = (await withTimeout(this.#patience(limit), ready.then(operation))) as Reply | undefined;
        this.#health.worked(false);
        if (reply) this.#note(reply);
        return reply;
      } catch (error) {
        if (nameOf(error) === 'DataCloneError') throw error;
        const next = this.#health.failed(error, attempt);
        if (next === AFTER_MAKING_ROOM) await this.#makeRoom(HALF);
        else this.disconnect();
        if (next === GIVE_UP) return undefined;
      }
    }
    return undefined;
  }

  #connected(): Promise<Storage> {
    const open = async (): Promise<Storage> => {
      this.#opening ??= performance.now();
      try {
        return await this.#open(this.#database);
      } finally {
        this.#opening = undefined;
      }
    };
    this.#storage = this.#storage?.then((storage) => (storage.closed ? open() : storage)) ?? open();
    return this.#storage;
  }

  /** Where nothing is left that must be gone. */
  async #ready(): Promise<Storage> {
    const storage = await this.#connected();
    while (this.#heeded !== storage || this.#unpurged.size > 0 || this.#isSuspect) {
      this.#paying ??= this.#pay(storage);
      const paying = this.#paying;
      try {
        await paying;
      } finally {
        if (this.#paying === paying) this.#paying = undefined;
      }
    }
    const owed = this.#owed.doomed;
    if (owed) {
      await this.#remove(storage, [owed]);
      this.#owed.done(owed);
    }
    return storage;
  }

  /** Does the purges that could not be done in their time, by this page or by any before it. */
  async #pay(storage: Storage): Promise<void> {
    const isOpen = this.#heeded === storage && this.#unpurged.size === 0;
    const debts = isOpen ? [] : debtsOf(this.#database);
    for (const { prefix } of debts) this.#unpurged.add(prefix);
    if (this.#isSuspect) {
      // What is heard, or asked for, from here on is another purge.
      this.#isSuspect = false;
      try {
        if (!(await this.#wasPurged(storage))) this.#unpurged.add(this.#prefix);
      } catch (error) {
        this.#isSuspect = true;
        throw error;
      }
    }
    for (const prefix of [...this.#unpurged]) {
      this.#unpurged.delete(prefix);
      try {
        const { totals, epoch } = (await storage.purge(prefix)) as Reply;
        this.totals = totals;
        if (prefix === this.#prefix) this.#epoch = epoch;
      } catch (error) {
        this.#unpurged.add(prefix);
        throw error;
      }
      settle(debts.filter((debt) => debt.prefix === prefix));
    }
    this.#heeded = storage;
  }

  /** Whether the other tab has done it by now. */
  async #wasPurged(storage: Storage): Promise<boolean> {
    if (this.#epoch === undefined) return false;
    const { epoch = 0 } = (await storage.read(this.#prefix, [])) as Reply;
    const is = epoch !== this.#epoch && epoch > 0;
    if (is) this.#epoch = epoch;
    return is;
  }

  /** Gives up what was used longest ago, until that share is left. */
  async #makeRoom(share: number): Promise<void> {
    try {
      const storage = await this.#connected();
      this.evictions += ((await withTimeout(CHANGE_LIMIT, storage.makeRoom(share))) as Reply).evicted;
      this.totals = ((await withTimeout(CHANGE_LIMIT, storage.recount())) as Reply).totals;
    } catch {
      // The next attempt will tell.
    }
  }

  #note(reply: Reply): void {
    const { totals, epoch } = reply;
    this.totals = totals;
    if (epoch === undefined) return;
    const begun = this.#epoch === 0 && epoch < 0;
    const unheard = this.#epoch !== undefined && epoch !== this.#epoch && !begun;
    this.#epoch = epoch;
    if (!unheard) return;
    this.forgetWaiting(EVERYTHING);
    this.#purged();
  }

  #drop(key: string): void {
    this.#waitingBytes -= this.#waiting.get(key)?.bytes ?? 0;
    this.#waiting.delete(key);
  }

  #use(pack: unknown): void {
    if (typeof pack !== 'string') return;
    const now = Date.now();
    if (now - (this.#uses.get(pack) ?? 0) < USE_PRECISION) return;
    if (this.#uses.size > MAX_KNOWN) this.#uses.clear();
    this.#uses.set(pack, now);
    this.#unnoted.add(pack);
  }

  /** As it is stored: everything that it can be found by begins with the partition. */
  #stored({ key, tags, ...entry }: StoredEntry): StoredEntry {
    return { ...entry, key: this.#prefix + key, tags: tags.map((tag) => this.#prefix + tag) };
  }

  /** Undefined for what is none of the partition; otherwise what it is has still to be judged. */
  #own(stored: StoredEntry | null | undefined): StoredEntry | undefined {
    const { key, tags } = stored ?? {};
    const isOwn = (text: unknown): text is string => typeof text === 'string' && text.startsWith(this.#prefix);
    if (!isOwn(key) || !Array.isArray(tags)) return undefined;
    const cut = (text: unknown): unknown => (isOwn(text) ? text.slice(this.#prefix.length) : undefined);
    return { ...(stored as StoredEntry), key: cut(key) as string, tags: tags.map(cut) as string[] };
  }
}

Object.defineProperty(globalThis, SYMBOL, { value: { Disk, openStorage }, configurable: true });
