/** Files that are loaded when they are first needed. */
import { need, trapped } from './load.js';
import * as shared from './shared.js';
import { VERSION } from './version.js';

type Blocks = typeof import('./blocks.js');
type Tiers = typeof import('./tiers.js');
type Watch = typeof import('./watch.js');

/** What such a file leaves behind: makes its parts of what they share with one copy of the first file. */
type Make<T> = (own: typeof shared) => T;

/** One of them. In a service worker it is there when the application has imported it. */
class Part<T> {
  readonly #symbol: symbol;
  readonly #import: () => Promise<unknown>;
  #loading: Promise<T> | undefined;
  made: T | undefined;

  /** As it is imported. */
  readonly path: string;

  /** @param name one of this version: another copy of the package may be on the page */
  constructor(name: string, load: () => Promise<unknown>) {
    this.path = `sixlane/${name}`;
    this.#symbol = Symbol.for(`sixlane.${name}.${VERSION}`);
    this.#import = load;
  }

  /** Loads it once; a failure is not kept, so that it can be tried again. */
  load(): Promise<T> {
    this.#loading ??= this.#start().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #start(): Promise<T> {
    const host = globalThis as { [symbol: symbol]: unknown };
    const isOnDemand = !('ServiceWorkerGlobalScope' in globalThis);
    if (!host[this.#symbol] && isOnDemand) await this.#import();
    const make = host[this.#symbol] as Make<T> | undefined;
    if (!make) throw new Error(`${this.#symbol.description} is not imported`);
    this.made ??= make(shared);
    return this.made;
  }
}

/** Batches, and what stands by itself. */
export const blocks = new Part<Blocks>('blocks', () => import('./blocks.js'));

/** What keeps things beyond the page. */
export const tiers = new Part<Tiers>('tiers', () => import('./tiers.js'));

/** What watches an instance, and what only a page can do under pressure. */
export const watch = new Part<Watch>('watch', () => import('./watch.js'));

/** Loads these parts. Of one that a service worker has not imported, the function that needs it reports it. */
export async function loadParts(...parts: readonly Part<unknown>[]): Promise<void> {
  await Promise.all(
    parts.map((part) =>
      part.load().catch((error: unknown) => {
        if (!('ServiceWorkerGlobalScope' in globalThis)) throw error;
      }),
    ),
  );
}

/**
 * What a part has, which must be there.
 *
 * @throws Error when it is not, naming the function that needs it
 */
export function needPart<T>(part: Part<T>, owner: string): T {
  if (part.made) return part.made;
  // Where the module is not there either, that says it all.
  if (!trapped()) need(owner);
  throw new Error(`${part.path} is not loaded: await init() before ${owner}(), in a service worker import it, too`);
}
