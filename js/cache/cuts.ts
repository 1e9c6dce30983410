/** Names that are remembered: what is older than all of them counts as forgotten with the latest that had to go. */
const MOST_NAMES = 10_000;

/**
 * What was forgotten, and when: what was asked for before is neither kept then nor given to anybody who asks later. Purges,
 * which concern all, are counted elsewhere.
 */
export class Cuts {
  readonly #byName = new Map<string, number>();
  #others = 0;
  /** How many there were. */
  now = 0;

  cut(name: string): void {
    this.now += 1;
    this.#byName.delete(name);
    this.#byName.set(name, this.now);
    if (this.#byName.size <= MOST_NAMES) return;
    const [oldest, at] = this.#byName.entries().next().value as [string, number];
    this.#byName.delete(oldest);
    this.#others = at;
  }

  /** The latest that concerns any of these; none was before the first. */
  last(names: readonly string[]): number {
    return this.now === 0 ? 0 : Math.max(...names.map((name) => this.#byName.get(name) ?? this.#others));
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
