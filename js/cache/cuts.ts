/** Events by name, in a fixed number of bytes. */
import { hash } from './hash.js';

/** Places for the times of cuts, four bytes each: 8 KiB, however many names there are. */
const SLOTS = 2048;

/**
 * Counts events, and knows for each name when its latest one was: what was asked for before is neither kept nor given to a
 * request made after. Names share slots, so a cut may count for another name, too; then a response that could have been kept
 * is not, and a request that could have been joined is sent. Purges, which concern all, are counted elsewhere.
 */
export class Cuts {
  /** Made with the first cut. */
  #slots: Uint32Array | undefined;
  /** How many there were. */
  now = 0;

  cut(name: string): void {
    this.now += 1;
    this.#slots ??= new Uint32Array(SLOTS);
    this.#slots[hash(name) % SLOTS] = this.now;
  }

  /** The latest that concerns any of these; none was before the first. */
  last(names: readonly string[]): number {
    const slots = this.#slots;
    return slots ? Math.max(...names.map((name) => slots[hash(name) % SLOTS] as number)) : 0;
  }
}

/** Keys whose latest response is known, about 70 bytes each: 70 kB. */
const MAX_KEYS = 1000;

/** The place of the request whose response was kept last, by key: a response to an earlier request is older, whenever it comes. */
export class Latest {
  /** By the hashes of the keys. Two with one hash are taken for one, and then a response that could have been kept may not be. */
  readonly #byHash = new Map<number, number>();
  /** The largest of those that had to go: responses to earlier requests than that count as older. */
  #others = 0;

  of(key: string): number {
    return this.#byHash.get(hash(key)) ?? this.#others;
  }

  note(key: string, order: number): void {
    const at = hash(key);
    const latest = Math.max(order, this.#byHash.get(at) ?? 0);
    // It goes to the end of the line.
    this.#byHash.delete(at);
    this.#byHash.set(at, latest);
    if (this.#byHash.size <= MAX_KEYS) return;
    const [oldest, its] = this.#byHash.entries().next().value as [number, number];
    this.#byHash.delete(oldest);
    this.#others = Math.max(this.#others, its);
  }
}

/** What an entry that a rule names itself has beside its own tags, so that it goes with its address. */
export function addressTag(address: string): string {
  return `\n${address}`;
}

/** As a name: it is no key of a value, and begins none of a response. */
export function tagName(tag: string): string {
  return `#${tag}`;
}
