/**
 * The module for IndexedDB. It is loaded on demand, so this imports nothing that the page has already.
 */

import type { Storage } from '../pkg-storage/storage.js';
import * as bindings from '../pkg-storage/storage_bg.js';
import { CHANGE_LIMIT } from './tier.js';

export type { Storage };

/** Opens a database by that name; rejects with what the browser says. */
export type OpenStorage = (database: string) => Promise<Storage>;

let starting: Promise<void> | undefined;

/** How a module is made of what an address leads to; the signal ends it. */
type Compile = (source: URL, signal: AbortSignal | undefined) => Promise<WebAssembly.Module>;

/** Compiles and starts the module once for the page. */
export async function openStorage(compile: Compile, database: string): Promise<Storage> {
  starting ??= start(compile).catch((error: unknown) => {
    starting = undefined;
    throw error;
  });
  await starting;
  return bindings.openStorage(database);
}

/**
 * Settles as what has begun does, or rejects with a "TimeoutError" when that takes longer than so many milliseconds. The
 * module keeps the time; how long its own file may take is limited for itself.
 */
export async function withTimeout<T>(limit: number, begun: Promise<T>): Promise<T> {
  try {
    await starting;
  } catch {
    // What has begun fails of that, too.
    return begun;
  }
  return bindings.withTimeout(limit, begun) as Promise<T>;
}

async function start(compile: Compile): Promise<void> {
  const module = await compile(new URL('./storage.wasm', import.meta.url), AbortSignal.timeout?.(CHANGE_LIMIT));
  const instance = await WebAssembly.instantiate(module, { './storage_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports as { __wbindgen_start(): void }).__wbindgen_start();
}
