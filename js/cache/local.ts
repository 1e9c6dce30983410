/** The tier in localStorage: small texts, read and written at once while the page waits. */
import { Handle } from '../handle.js';
import type { CacheIndex } from '../pkg/sixlane.js';
import { hash } from './hash.js';
import type { Health } from './health.js';
import {
  AFTER_MAKING_ROOM,
  type Doomed,
  GIVE_UP,
  isDoomed,
  isStored,
  prefixOf,
  Recent,
  type StoredEntry,
} from './tier.js';

/** Begins the names of all our items, and carries the version of what is in them. */
const NAMESPACE = 'sixlane:0:';

/** Begins the names of what changes with each purge, one for each partition. */
const EPOCHS = 'sixlane:epoch:0:';

/** A character there takes two bytes. */
const BYTES_OF_CHARACTER = 2;

interface Item {
  readonly id: number;
  readonly name: string;
}

export class Local {
  readonly #most: number;
  readonly #mostOfEntry: number;
  readonly #partition: string;
  readonly #prefix: string;
  readonly #health: Health;
  readonly #purged: () => void;
  /** That of the partition, once it was seen; null before anybody purged it. */
  #epoch: string | null | undefined;
  /** Who is there and who goes, of all partitions: the bound is one for all. Made when it is first needed. */
  #index: Handle<CacheIndex> | undefined;
  readonly #items = new Map<string, Item>();
  readonly #byId: (Item | undefined)[] = [];
  readonly #recent = new Recent();
  /** Others write there, too. */
  readonly #onChange: Hear = (name, text) => {
    // It may be gone again by now.
    if (text !== null && globalThis.localStorage.getItem(name) === text) this.#count(name, text);
    else this.#uncount(name);
  };
  readonly #onStorage = ({ key, newValue }: StorageEvent): void => {
    if (key === null) this.#index = undefined;
    else if (key.startsWith(NAMESPACE)) this.#onChange(key, newValue);
  };

  /** @param purged is called when somebody has purged the partition and this was not told */
  constructor(options: {
    most: number;
    mostOfEntry: number;
    partition: string;
    health: Health;
    purged: () => void;
  }) {
    this.#most = options.most;
    this.#mostOfEntry = options.mostOfEntry;
    this.#partition = prefixOf(options.partition);
    this.#prefix = NAMESPACE + this.#partition;
    this.#health = options.health;
    this.#purged = options.purged;
  }

  /** Null for what is not there, undefined when nobody knows. */
  read(key: string): StoredEntry | null | undefined {
    const name = this.#prefix + key;
    const text = this.#do((storage) => {
      this.#isCurrent(storage);
      const found = storage.getItem(name);
      // Whoever misses it will bring it: then it counts how often it was asked for.
      if (found === null) this.#load(storage);
      this.#index?.use((index) => index.asked(hash(name)), undefined);
      return found;
    }, undefined);
    if (text === undefined) return undefined;
    const entry = text === null ? null : (decode(key, text) ?? null);
    const item = this.#items.get(name);
    if (entry && item) this.#index?.use((index) => index.used(item.id), undefined);
    // Whatever else is there under our name, it is of no use.
    if (text !== null && !entry) this.#removeItem(name);
    return entry;
  }

  /** Learns when the partition was purged last. */
  heed(): void {
    this.#do((storage) => this.#isCurrent(storage), undefined);
  }

  /** Keeps what is small and a text; of what it replaces nothing is left in any case. */
  write(entry: StoredEntry): void {
    const name = this.#prefix + entry.key;
    const text = entry.bytes > this.#mostOfEntry ? undefined : encode(entry);
    const bytes = text === undefined ? Number.POSITIVE_INFINITY : sizeOf(name, text);
    const kept = this.#do((storage) => {
      if (!this.#isCurrent(storage)) return false;
      this.#load(storage);
      if (text === undefined || bytes > this.#mostOfEntry) return false;
      this.#count(name, text);
      // It may have been one of those for whom there was no room.
      if (!this.#items.has(name)) return false;
      try {
        storage.setItem(name, text);
        this.#health.worked(true);
        this.#recent.note([entry]);
        tell(name, text, this.#onChange);
        return true;
      } catch (error) {
        this.#uncount(name);
        throw error;
      }
    }, false);
    if (!kept) this.#removeItem(name);
  }

  /** Of that key nothing is left. */
  drop(key: string): void {
    this.#removeItem(this.#prefix + key);
  }

  /** Returns the keys of what was there. */
  remove(doomed: Doomed): string[] {
    const gone: string[] = [];
    regardless((storage) => {
      for (const name of Object.keys(storage)) {
        if (!name.startsWith(this.#prefix)) continue;
        const key = name.slice(this.#prefix.length);
        const text = storage.getItem(name) ?? '';
        // To read them all takes longer than to look for a tag.
        const tagged = doomed.tags?.some((tag) => text.includes(JSON.stringify(tag)));
        const { tags = [] } = (tagged && decode(key, text)) || {};
        if (!isDoomed(doomed, key, tags)) continue;
        gone.push(key);
        this.#removeItem(name);
      }
    });
    return gone;
  }

  /** Whether it has written any of that just now. */
  hasWritten(doomed: Doomed): boolean {
    return this.#recent.has(doomed);
  }

  /** With `inUse` also for those who are about to write there and have not heard of it. */
  purge(partition: string, inUse: boolean): void {
    const prefix = prefixOf(partition);
    const epoch = purgeItems(prefix, inUse);
    if (epoch !== undefined && prefix === this.#partition) this.#epoch = epoch;
  }

  get totals(): { entries: number; bytes: number } {
    this.#do((storage) => this.#load(storage), undefined);
    return { entries: this.#items.size, bytes: this.#index?.use((index) => index.bytes, 0) ?? 0 };
  }

  get evictions(): number {
    return this.#index?.use((index) => index.evictions, 0) ?? 0;
  }

  close(): void {
    globalThis.removeEventListener?.('storage', this.#onStorage);
    onThisPage().delete(this.#onChange);
  }

  #do<R>(operation: (storage: Storage) => R, without: R): R {
    for (let attempt = 0; this.#health.usable; attempt++) {
      try {
        // Even to touch it may throw.
        const storage = globalThis.localStorage;
        if (!storage) throw new DOMException('there is none', 'NotSupportedError');
        const result = operation(storage);
        this.#health.worked(false);
        return result;
      } catch (error) {
        const next = this.#health.failed(error, attempt);
        if (next === AFTER_MAKING_ROOM) this.#makeRoom();
        if (next === GIVE_UP) return without;
      }
    }
    return without;
  }

  /** Whether nobody has purged the partition since this was last asked. */
  #isCurrent(storage: Storage): boolean {
    const found = storage.getItem(EPOCHS + this.#partition);
    const current = this.#epoch === undefined || this.#epoch === found;
    this.#epoch = found;
    if (!current) this.#purged();
    return current;
  }

  /** No more than the bound is looked at, once. */
  #load(storage: Storage): void {
    if (this.#index) return;
    this.#index = new Handle('createCache', ({ CacheIndex }) => new CacheIndex(this.#most));
    this.#items.clear();
    globalThis.addEventListener?.('storage', this.#onStorage);
    onThisPage().add(this.#onChange);
    for (const name of Object.keys(storage)) {
      if (name.startsWith(NAMESPACE)) this.#count(name, storage.getItem(name) ?? '');
    }
  }

  #count(name: string, text: string): void {
    const policy = policyOf(text);
    const place = this.#items.get(name)?.id ?? Number.NaN;
    this.#forget(name);
    const put = (index: CacheIndex): number => index.put(place, hash(name), sizeOf(name, text), policy, Date.now());
    const id = this.#index?.use(put, Number.NaN) ?? Number.NaN;
    if (Number.isNaN(id)) return;
    const item = { id, name };
    this.#items.set(name, item);
    this.#byId[id] = item;
    const next = (): number | undefined => this.#index?.use((index) => index.gone(), undefined);
    for (let victim = next(); victim !== undefined; victim = next()) {
      const { name } = this.#byId[victim] as Item;
      this.#forget(name);
      globalThis.localStorage.removeItem(name);
      tell(name, null, this.#onChange);
    }
  }

  #uncount(name: string): void {
    const item = this.#items.get(name);
    if (!item) return;
    this.#index?.use((index) => index.remove(item.id), undefined);
    this.#forget(name);
  }

  #forget(name: string): void {
    const item = this.#items.get(name);
    if (item) this.#byId[item.id] = undefined;
    this.#items.delete(name);
  }

  #removeItem(name: string): void {
    this.#uncount(name);
    regardless((storage) => storage.removeItem(name));
    tell(name, null, this.#onChange);
  }

  /** Half of it, the oldest first. */
  #makeRoom(): void {
    const half = [...this.#items.keys()].slice(0, Math.ceil(this.#items.size / 2));
    for (const name of half) this.#removeItem(name);
  }
}

/** Empties a partition. Returns its new mark, where it has one: with `inUse` in any case, else if there was anything. */
export function purgeItems(prefix: string, inUse: boolean): string | undefined {
  return regardless((storage) => {
    const names = Object.keys(storage).filter((name) => name.startsWith(NAMESPACE + prefix));
    for (const name of names) {
      storage.removeItem(name);
      tell(name, null);
    }
    if (!inUse && names.length === 0) return undefined;
    const epoch = `${Math.random()}`;
    storage.setItem(EPOCHS + prefix, epoch);
    return epoch;
  });
}

/** Hears of an item that was written, or is gone. */
type Hear = (name: string, text: string | null) => void;

const SYMBOL = Symbol.for('sixlane.local.0');

/** Whoever counts what is there, of all copies of the package on this page: the browser tells a page only of others. */
function onThisPage(): Set<Hear> {
  const host = globalThis as { [SYMBOL]?: Set<Hear> };
  if (!host[SYMBOL]) Object.defineProperty(host, SYMBOL, { value: new Set<Hear>(), configurable: true });
  return host[SYMBOL] as Set<Hear>;
}

function tell(name: string, text: string | null, teller?: Hear): void {
  for (const hear of onThisPage()) if (hear !== teller) hear(name, text);
}

/** What is to go has to go while the tier is off, too: it may be on again. */
function regardless<R>(operation: (storage: Storage) => R): R | undefined {
  try {
    return operation(globalThis.localStorage);
  } catch {
    // There is none, or it may not be touched.
    return undefined;
  }
}

function sizeOf(name: string, text: string): number {
  return BYTES_OF_CHARACTER * (name.length + text.length);
}

/** Undefined for what is no text: it would come back as something else. */
function encode({ key: _, policy, content, ...entry }: StoredEntry): string | undefined {
  const words = Array.from(policy);
  const { body, ...head } = (content ?? {}) as Record<string, unknown>;
  if (!(body instanceof ArrayBuffer)) {
    return isPlain(content) ? JSON.stringify({ ...entry, policy: words, content }) : undefined;
  }
  if (!isPlain(head)) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    return JSON.stringify({ ...entry, policy: words, content: head, text });
  } catch {
    return undefined;
  }
}

/** When it may answer, as it was written: found without a look at the rest, of which there may be much. */
function policyOf(json: string): Float64Array {
  const words = /"policy":\[([^\]]*)/.exec(json)?.[1]?.split(',') ?? [];
  return Float64Array.from(words, (word) => (word === 'null' ? Number.POSITIVE_INFINITY : Number(word)));
}

function decode(key: string, json: string): StoredEntry | undefined {
  try {
    const { text, content, policy, ...entry } = JSON.parse(json);
    // JSON knows no infinity.
    const words = (policy as (number | null)[]).map((word) => word ?? Number.POSITIVE_INFINITY);
    const whole = text === undefined ? content : { ...content, body: new TextEncoder().encode(text).buffer };
    const stored = { ...entry, key, policy: words, content: whole };
    return isStored(stored) ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** With more inside each other it may well be a circle. */
const DEEPEST = 32;

/** Whether it is the same after it was written as JSON. */
function isPlain(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || depth === DEEPEST) return false;
  const parts = Reflect.ownKeys(value);
  if (Array.isArray(value)) return parts.length === value.length + 1 && value.every((part) => isPlain(part, depth + 1));
  // An instance of a class, or something with parts that JSON does not see.
  if (Object.getPrototypeOf(value) !== Object.prototype || parts.includes('__proto__')) return false;
  return parts.every(
    (name) => typeof name === 'string' && isPlain((value as Record<string, unknown>)[name], depth + 1),
  );
}
