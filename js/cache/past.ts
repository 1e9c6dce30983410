import { withoutFragment } from '../addresses.js';
import type { RequestLike } from '../requests.js';

/**
 * Characters of the addresses that are remembered, of two bytes at most: 100 kB, and as much again for their places. To forget
 * them costs a request that the browser could have answered.
 */
const MAX_CHARACTERS = 50_000;

/** Modes in which the browser may answer with what it has. */
const MAY_BE_KEPT = ['default', 'force-cache', 'only-if-cached'];

/**
 * What the browser's own cache has from before a purge, which does not empty that: requests go past it, until the network has
 * answered.
 */
export class Past {
  /** How many purges there were. */
  epoch = 0;
  readonly #answered = new Set<string>();
  #characters = 0;

  purged(): void {
    this.epoch += 1;
    this.#clear();
  }

  /** The purge that a request has to go past; 0 for none. */
  barrier(request: RequestLike): number {
    if (this.epoch === 0) return 0;
    const { method, cache } = request;
    const reads = method === 'GET' || method === 'HEAD';
    return reads && MAY_BE_KEPT.includes(cache) && !this.#answered.has(nameOf(request)) ? this.epoch : 0;
  }

  /** The network has answered a request that went past that purge. */
  passed(request: RequestLike, status: number, barrier: number): void {
    // With an error the browser may have kept what it had.
    if (barrier === 0 || barrier !== this.epoch || status >= 400) return;
    // Neither replaces what the browser has as a whole.
    if (request.method !== 'GET' || request.headers.has('range')) return;
    const name = nameOf(request);
    if (this.#answered.has(name)) return;
    if (this.#characters + name.length > MAX_CHARACTERS) this.#clear();
    this.#answered.add(name);
    this.#characters += name.length;
  }

  #clear(): void {
    this.#answered.clear();
    this.#characters = 0;
  }
}

function nameOf({ credentials, url }: RequestLike): string {
  return `${credentials} ${withoutFragment(url)}`;
}
