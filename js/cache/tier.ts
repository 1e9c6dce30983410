/** Storage beyond the page: what its two tiers have in common. One of them is loaded on demand, and brings a copy of this. */
import { withTimeout } from '../timeout.js';
import { isFrozen } from './frozen.js';
import { isResponse, type Names } from './keys.js';
import type { Policy } from './store.js';

/** One thing as it lies in storage, where nothing but plain data can. */
export interface StoredEntry {
  readonly key: string;
  readonly bytes: number;
  readonly tags: readonly string[];
  readonly policy: Policy;
  /** Of a response, the headers of the request that it depends on. */
  readonly names?: Names | undefined;
  /** None where only the names are kept, because what depends on them lies elsewhere. */
  readonly content?: unknown;
}

/** What is to be forgotten: by key, by the beginning of keys, by tag. */
export interface Doomed {
  readonly keys?: readonly string[];
  readonly beginnings?: readonly string[];
  readonly tags?: readonly string[];
}

/** By the shell's number. */
export const GIVE_UP = 0;
export const AFTER_MAKING_ROOM = 2;

/** An answer that comes later than this is of no use: the network is asked meanwhile. In some browsers it never comes. */
export const READ_LIMIT = 1000;

/** Milliseconds for a write, a removal or a purge: no caller waits for a write, and one transaction may have many entries. */
export const CHANGE_LIMIT = 10_000;

/** Removals that are remembered for when they can be done; of more of them, all that there is goes. */
const MAX_OWED = 1000;

export const EVERYTHING: Doomed = { beginnings: [''] };

/** What is to be forgotten and cannot be, or need not be, by now. */
export class Owed {
  readonly #all = { keys: new Set<string>(), beginnings: new Set<string>(), tags: new Set<string>() };

  add(doomed: Doomed): void {
    const { keys, beginnings, tags } = this.#all;
    // There is nothing beside everything.
    if (beginnings.has('')) return;
    for (const kind of KINDS) for (const text of doomed[kind] ?? []) this.#all[kind].add(text);
    if (keys.size + beginnings.size + tags.size <= MAX_OWED) return;
    for (const kind of KINDS) this.#all[kind].clear();
    beginnings.add('');
  }

  /** All of it, which is everything perhaps; undefined where nothing is owed. */
  get doomed(): Doomed | undefined {
    const { keys, beginnings, tags } = this.#all;
    if (beginnings.has('')) return EVERYTHING;
    if (keys.size + beginnings.size + tags.size === 0) return undefined;
    return { keys: [...keys], beginnings: [...beginnings], tags: [...tags] };
  }

  /** It is forgotten; what was added since is not. */
  done(doomed: Doomed): void {
    if (isEverything(doomed)) for (const kind of KINDS) this.#all[kind].clear();
    for (const kind of KINDS) for (const text of doomed[kind] ?? []) this.#all[kind].delete(text);
  }
}

const KINDS = ['keys', 'beginnings', 'tags'] as const;

function isEverything({ beginnings = [] }: Doomed): boolean {
  return beginnings.includes('');
}

/** How long (ms) after a write an invalidation from another tab is still applied to it: this tab may have written first. */
export const NEWS = 1000;

/** What was written just now. */
export class Recent {
  #all: { readonly key: string; readonly tags: readonly string[]; readonly at: number }[] = [];

  note(entries: readonly Pick<StoredEntry, 'key' | 'tags'>[]): void {
    const at = performance.now();
    this.#all = this.#all.filter((one) => one.at > at - NEWS);
    for (const { key, tags } of entries) this.#all.push({ key, tags, at });
  }

  has(doomed: Doomed): boolean {
    const since = performance.now() - NEWS;
    return this.#all.some(({ key, tags, at }) => at > since && isDoomed(doomed, key, tags));
  }
}

/** Words of a policy. What has no content has none. */
const WORDS = 6;

/** Whether it is an entry, of which a response can really be made if it is one: what lies in storage may have been changed. */
export function isStored(entry: Partial<StoredEntry> | null | undefined): boolean {
  const { key, bytes, tags, policy, names, content } = entry ?? {};
  if (typeof key !== 'string' || !Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) return false;
  if (!isCount(bytes) || !Number.isSafeInteger(bytes)) return false;
  const words = Array.isArray(policy) || policy instanceof Float64Array ? Array.from(policy) : undefined;
  const whole = entry !== null && typeof entry === 'object' && 'content' in entry;
  if (!words?.every(isCount) || words.length !== (whole ? WORDS : 0)) return false;
  // Ages are made of the second and the third.
  if (words[1] === Number.POSITIVE_INFINITY || words[2] === Number.POSITIVE_INFINITY) return false;
  return !isResponse(key) || (areNames(names) && (!whole || isFrozen(content)));
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function areNames(names: unknown): boolean {
  const isName = (name: unknown): boolean => typeof name === 'string' && /^[!#$%&'*+.^_`|~\w-]+$/.test(name);
  return names === undefined || names === 'all' || (Array.isArray(names) && names.every(isName));
}

/** Undefined when it takes longer than that. */
export async function unlessLate<T>(limit: number, promise: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await (promise && withTimeout(limit, promise));
  } catch (error) {
    if (nameOf(error) === 'TimeoutError') return undefined;
    throw error;
  }
}

export function nameOf(error: unknown): string {
  return `${(error as { name?: unknown } | null | undefined)?.name}`;
}

/** What begins the keys of a partition, and of no other. */
export function prefixOf(partition: string): string {
  return `${partition.length}:${partition}\n`;
}

export function isDoomed(
  { keys = [], beginnings = [], tags = [] }: Doomed,
  key: string,
  own: readonly string[],
): boolean {
  return (
    keys.includes(key) ||
    beginnings.some((beginning) => key.startsWith(beginning)) ||
    tags.some((tag) => own.includes(tag))
  );
}
