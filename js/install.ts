import { createFetch } from './fetch.js';
import { page } from './page.js';
import type { SixlaneFetch, SixlaneOptions } from './types.js';

/**
 * Puts an instance in place of `globalThis.fetch`, with the descriptor that the native property has.
 *
 * @throws Error while one is installed, by this copy of the package or another
 * @throws RangeError or TypeError for wrong options, as `createFetch` does
 */
export function install(options?: SixlaneOptions): SixlaneFetch {
  const record = page();
  if (record.installed) throw new Error('sixlane is installed already: call uninstall() first');
  const before = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  if (!before) throw new Error('this host has no fetch to replace');
  const native = globalThis.fetch;
  const ours = createFetch(options);
  record.installed = { before, native, ours };
  const { enumerable = true, configurable = true } = before;
  Object.defineProperty(globalThis, 'fetch', { value: ours, writable: true, enumerable, configurable });
  return ours;
}

/** Puts back exactly the property that `install` replaced, unless somebody replaced it since. Harmless when nothing is installed. */
export function uninstall(): void {
  const record = page();
  const { installed } = record;
  if (!installed) return;
  const current = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  if (current?.value === installed.ours) {
    Object.defineProperty(globalThis, 'fetch', installed.before);
    delete record.installed;
  }
}
