/** The tier in localStorage: small texts, read and written at once while the page waits. */
import { Said } from '../border.js';
import { Option } from '../codes.js';
import { tagOf } from '../platform.js';
import { hash } from './hash.js';
import type { Health } from './health.js';
import { CacheIndex } from './index.js';
import {
  FORMER,
  type Hear,
  isBefore,
  isUnder,
  MARKS,
  NAMESPACE,
  onThisPage,
  purgeItems,
  regardless,
  tell,
  UNMARKED,
} from './marks.js';
import {
  AFTER_MAKING_ROOM,
  CHANGE_LIMIT,
  type Doomed,
  GIVE_UP,
  isDoomed,
  isStored,
  prefixOf,
  Recent,
  type StoredEntry,
} from './tier.js';

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
  /** The mark of the partition, once it was seen or heard of. */
  #known: string | undefined;
  /** One that it was told of and does not see, and until when it waits for that. */
  #awaited: { readonly mark: string; readonly until: number } | undefined;
  /** Who is there and who goes, of all partitions: the bound is one for all. Made when it is first needed. */
  #index: CacheIndex | undefined;
  readonly #items = new Map<string, Item>();
  readonly #byId: (Item | undefined)[] = [];
  readonly #recent = new Recent();
  /** Others write there, too. */
  readonly #onChange: Hear = (name, text) => {
    if (!this.#isRight()) this.#index = undefined;
    // It may be gone again by now.
    if (text !== null && globalThis.localStorage.getItem(name) === text) this.#count(name, text);
    else this.#uncount(name);
  };
  readonly #onStorage = ({ key, newValue }: StorageEvent): void => {
    if (key === null) {
      this.#index = undefined;
      // With all marks, of which those are not awaited any more that were still to be seen here.
      onThisPage().heard.clear();
    } else if (key.startsWith(NAMESPACE)) this.#onChange(key, newValue);
  };

  /** @param purged is called when a read shows that the partition was purged and no message of that came */
  constructor(options: {
    most: number;
    mostOfEntry: number;
    partition: string;
    /** That of the partition, where it was seen before. */
    mark: string | undefined;
    health: Health;
    purged: () => void;
  }) {
    this.#most = options.most;
    this.#mostOfEntry = options.mostOfEntry;
    this.#partition = prefixOf(options.partition);
    this.#prefix = NAMESPACE + this.#partition;
    this.#health = options.health;
    this.#purged = options.purged;
    this.#known = options.mark;
  }

  /** Null for a key that is not stored, undefined when storage did not answer. */
  read(key: string): StoredEntry | null | undefined {
    const name = this.#prefix + key;
    const found = this.#do((storage) => {
      const mark = this.#mark(storage);
      if (mark === undefined) return undefined;
      const text = storage.getItem(name);
      // The caller fetches it, and admission is judged when it is written again.
      if (text === null) this.#load(storage);
      this.#index?.asked(hash(name));
      return { text, mark };
    }, undefined);
    if (!found) return undefined;
    const { text, mark } = found;
    if (text === null) return null;
    const entry = decode(key, text, mark);
    const item = this.#items.get(name);
    if (entry && item) this.#index?.used(item.id);
    // Whatever else is there under our name, it is of no use.
    if (!entry) this.#removeItem(name);
    return entry ?? null;
  }

  /** Learns when the partition was purged last. */
  heed(): void {
    this.#do((storage) => this.#mark(storage), undefined);
  }

  /** Learns the mark that another tab gave the partition when it purged it. */
  learn(mark: string): void {
    if (isBefore(this.#known ?? null, mark)) this.#known = mark;
  }

  /** Keeps what is small and a text; of what it replaces nothing is left in any case. */
  write(entry: StoredEntry): void {
    const name = this.#prefix + entry.key;
    const json = entry.bytes > this.#mostOfEntry ? undefined : encode(entry);
    const kept = this.#do((storage) => {
      const before = this.#known;
      const mark = this.#mark(storage);
      // It may be from before a purge that was only found out now.
      if (mark === undefined || (before !== undefined && before !== mark)) return false;
      this.#load(storage);
      if (json === undefined) return false;
      const text = `${mark}\n${json}`;
      if (sizeOf(name, text) > this.#mostOfEntry) return false;
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

  get totals(): { entries: number; bytes: number } {
    this.#do((storage) => {
      const names = Object.keys(storage).filter((name) => name.startsWith(NAMESPACE));
      // The page may have removed any of them.
      if (names.length !== this.#items.size || !names.every((name) => this.#items.has(name))) this.#index = undefined;
      this.#load(storage);
    }, undefined);
    return { entries: this.#items.size, bytes: this.#index?.bytes ?? 0 };
  }

  get evictions(): number {
    return this.#index?.evictions ?? 0;
  }

  close(): void {
    globalThis.removeEventListener?.('storage', this.#onStorage);
    onThisPage().hears.delete(this.#onChange);
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

  /** The mark of the partition; undefined when it was purged, and this page may still come to see the mark of that. */
  #mark(storage: Storage): string | undefined {
    const found = storage.getItem(MARKS + this.#partition);
    const { heard } = onThisPage();
    const told = heard.get(this.#partition);
    const isMissing = isBefore(found, told);
    if (isMissing && this.#awaits(told as string)) return undefined;
    heard.delete(this.#partition);
    // Somebody has emptied all of localStorage, or the mark was lost with the tab that wrote it, or never was: what is written
    // under no mark, or the one before, may be from before that purge.
    const mark = isMissing || (found === null && this.#known) ? purgeItems(this.#partition) : (found ?? UNMARKED);
    const isNews = this.#known !== undefined && this.#known !== mark;
    this.#known = mark;
    if (isNews) this.#purged();
    return mark;
  }

  /** Whether that mark may still come. */
  #awaits(mark: string): boolean {
    const now = performance.now();
    if (this.#awaited?.mark !== mark) this.#awaited = { mark, until: now + CHANGE_LIMIT };
    return now < this.#awaited.until;
  }

  /** No more than the bound is looked at, once. */
  #load(storage: Storage): void {
    if (this.#index && this.#isRight()) return;
    const said = new Said();
    said.set(Option.MemoryBytes, 'maxBytes', this.#most);
    this.#index?.close();
    this.#index = new CacheIndex('createCache', said);
    this.#items.clear();
    globalThis.addEventListener?.('storage', this.#onStorage);
    onThisPage().hears.add(this.#onChange);
    const marks = new Map<string, string>();
    const markOf = (prefix: string): string => {
      const mark = marks.get(prefix) ?? storage.getItem(MARKS + prefix) ?? UNMARKED;
      marks.set(prefix, mark);
      return mark;
    };
    for (const name of Object.keys(storage)) {
      if (!name.startsWith(NAMESPACE) && !name.startsWith(FORMER)) continue;
      const text = storage.getItem(name) ?? '';
      const prefix = name.startsWith(NAMESPACE) ? prefixIn(name.slice(NAMESPACE.length)) : undefined;
      if (prefix !== undefined && isUnder(markOf(prefix), text)) this.#count(name, text);
      else this.#removeItem(name);
    }
  }

  /** Whether what is counted is there, by the first of it: the page may have emptied localStorage. */
  #isRight(): boolean {
    const [first] = this.#items.keys();
    return first === undefined || globalThis.localStorage.getItem(first) !== null;
  }

  #count(name: string, text: string): void {
    const policy = policyOf(text);
    const place = this.#items.get(name)?.id ?? Number.NaN;
    this.#forget(name);
    const id = this.#index?.put(place, hash(name), sizeOf(name, text), policy) ?? Number.NaN;
    if (Number.isNaN(id)) return;
    const item = { id, name };
    this.#items.set(name, item);
    this.#byId[id] = item;
    for (const victim of this.#index?.gone() ?? []) {
      const { name } = this.#byId[victim] as Item;
      this.#forget(name);
      globalThis.localStorage.removeItem(name);
      tell(name, null, this.#onChange);
    }
  }

  #uncount(name: string): void {
    const item = this.#items.get(name);
    if (!item) return;
    this.#index?.remove(item.id);
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

/** What begins a key, if that is the prefix of a partition. */
function prefixIn(key: string): string | undefined {
  const length = Number.parseInt(key, 10);
  const prefix = key.slice(0, `${length}:`.length + length + 1);
  return prefix.endsWith('\n') ? prefix : undefined;
}

function sizeOf(name: string, text: string): number {
  return BYTES_OF_CHARACTER * (name.length + text.length);
}

/** Undefined for what is no text: it would come back as something else. */
function encode({ key: _, policy, content, ...entry }: StoredEntry): string | undefined {
  const words = Array.from(policy);
  const { body, ...head } = (content ?? {}) as Record<string, unknown>;
  if (tagOf(body) !== 'ArrayBuffer') {
    return isPlain(content) ? JSON.stringify({ ...entry, policy: words, content }) : undefined;
  }
  if (!isPlain(head)) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body as ArrayBuffer);
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

/** Undefined for what was written under another mark than this, or does not read back as an entry. */
function decode(key: string, item: string, mark = item.slice(0, item.indexOf('\n'))): StoredEntry | undefined {
  if (!isUnder(mark, item)) return undefined;
  try {
    const { bytes, tags, policy, names, text, ...rest } = JSON.parse(item.slice(mark.length + 1));
    // JSON knows no infinity.
    const words = (policy as (number | null)[]).map((word) => word ?? Number.POSITIVE_INFINITY);
    if (text !== undefined) rest.content = { ...rest.content, body: new TextEncoder().encode(text).buffer };
    const content = 'content' in rest && { content: rest.content };
    const stored = { key, bytes, tags, policy: words, names, ...content };
    return isStored(stored) && (text === undefined || typeof text === 'string') ? stored : undefined;
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
