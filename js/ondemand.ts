/** Files that are loaded when they are first needed. */
import { need, trapped } from './load.js';
import * as shared from './shared.js';

type Blocks = typeof import('./blocks.js');
type Tiers = typeof import('./tiers.js');

/** What such a file leaves behind: makes its parts of what they share with one copy of the first file. */
type Make<T> = (own: typeof shared) => T;

/** One of them. In a service worker it is there when the application has imported it. */
class Part<T> {
  readonly #symbol: symbol;
  readonly #import: () => Promise<unknown>;
  #loading: Promise<T> | undefined;
  made: T | undefined;

  /** @param name of this version: another copy of the package may be on the page */
  constructor(name: string, load: () => Promise<unknown>) {
    this.#symbol = Symbol.for(name);
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

const blocks = new Part<Blocks>('sixlane.blocks.__VERSION__', () => import('./blocks.js'));

/** What keeps things beyond the page. */
export const tiers = new Part<Tiers>('sixlane.tiers.__VERSION__', () => import('./tiers.js'));

/** Undefined in a service worker that has not imported them: the function that needs them reports it. */
export async function loadBlocks(): Promise<Blocks | undefined> {
  return blocks.load().catch((error: unknown) => {
    if ('ServiceWorkerGlobalScope' in globalThis) return undefined;
    throw error;
  });
}

/** Whether they are there. */
export function blocksLoaded(): boolean {
  return blocks.made !== undefined;
}

/** @throws Error when they are not there, naming the function that needs them */
export function needBlocks(owner: string): Blocks {
  if (blocks.made) return blocks.made;
  // Where the module is not there either, that says it all.
  if (!trapped()) need(owner);
  throw new Error(`sixlane/blocks is not loaded: await init() before ${owner}(), in a service worker import it, too`);
}
