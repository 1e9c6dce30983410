import { snapshot } from '../snapshot.js';
import type { Cache, CacheOptions } from '../types.js';
import { Store } from './store.js';
import { Values } from './values.js';

/**
 * A cache by itself, for any structured-cloneable value. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createCache(options: CacheOptions = {}): Cache {
  const own = snapshot(options);
  return new Values(own, new Store('createCache', '', own));
}
