/** The file of `blocks.ts`. */
import { need, trapped } from './load.js';
import * as shared from './shared.js';

export type Blocks = typeof import('./blocks.js');

/** What that file leaves behind: makes the blocks of what they share with one copy of the first file. */
type Make = (own: typeof shared) => Blocks;

// Of this version: another copy of the package may be on the page.
const SYMBOL = Symbol.for('sixlane.blocks.__VERSION__');

let loading: Promise<Blocks | undefined> | undefined;
let blocks: Blocks | undefined;

/** Loads them once. In a service worker they are there when the application has imported them. */
export function loadBlocks(): Promise<Blocks | undefined> {
  loading ??= start().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/** Whether they are there. */
export function blocksLoaded(): boolean {
  return blocks !== undefined;
}

/** @throws Error when they are not there, naming the function that needs them */
export function needBlocks(owner: string): Blocks {
  if (blocks) return blocks;
  // Where the module is not there either, that says it all.
  if (!trapped()) need(owner);
  throw new Error(`sixlane/blocks is not loaded: await init() before ${owner}(), in a service worker import it, too`);
}

async function start(): Promise<Blocks | undefined> {
  const host = globalThis as { [SYMBOL]?: Make };
  const isOnDemand = !('ServiceWorkerGlobalScope' in globalThis);
  if (!host[SYMBOL] && isOnDemand) await import('./blocks.js');
  blocks = host[SYMBOL]?.(shared);
  return blocks;
}
