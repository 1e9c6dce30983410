/**
 * The module for IndexedDB. It is loaded on demand, so this imports nothing that the page has already.
 */

import type { Storage } from '../pkg-storage/storage.js';
import * as bindings from '../pkg-storage/storage_bg.js';

export type { Storage };

/** Opens a database by that name; rejects with what the browser says. */
export type OpenStorage = (database: string) => Promise<Storage>;

let starting: Promise<void> | undefined;

/** Compiles and starts the module once for the page. */
export async function openStorage(
  compile: (source: URL) => Promise<WebAssembly.Module>,
  database: string,
): Promise<Storage> {
  starting ??= start(compile).catch((error: unknown) => {
    starting = undefined;
    throw error;
  });
  await starting;
  return bindings.openStorage(database);
}

async function start(compile: (source: URL) => Promise<WebAssembly.Module>): Promise<void> {
  const module = await compile(new URL('./storage.wasm', import.meta.url));
  const instance = await WebAssembly.instantiate(module, { './storage_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports as { __wbindgen_start(): void }).__wbindgen_start();
}
