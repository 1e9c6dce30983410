import { createInstalled } from './fetch.js';
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
  if (typeof globalThis.fetch !== 'function') throw new Error('this host has no fetch to replace');
  const made = createInstalled(options);
  const ours = Object.assign(made, {
    close: ((close) => () => {
      if (record.installed?.ours === made) {
        uninstall();
        // Where somebody has wrapped it, calls pass through from now on, and another one may be installed.
        delete record.installed;
      }
      return close();
    })(made.close),
  });
  // In a worker the property is inherited.
  const before = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  record.installed = { before, ours };
  const { enumerable = true, configurable = true } = before ?? {};
  Object.defineProperty(globalThis, 'fetch', { value: ours, writable: true, enumerable, configurable });
  return ours;
}

/** Puts back exactly the property that `install` replaced, unless somebody replaced it since. Harmless when nothing is installed. */
export function uninstall(): void {
  const record = page();
  const { installed } = record;
  if (!installed) return;
  const current = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  if (current?.value !== installed.ours) return;
  if (installed.before) Object.defineProperty(globalThis, 'fetch', installed.before);
  else Reflect.deleteProperty(globalThis, 'fetch');
  delete record.installed;
}
