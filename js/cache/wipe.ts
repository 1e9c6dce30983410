/** Storage is emptied without the module, which may be what is missing: what is private must go all the same. */
import { within } from '../sleep.js';
import type { CacheOptions } from '../types.js';
import { purgeItems } from './local.js';
import { CHANGE_LIMIT, prefixOf } from './tier.js';

/** As in the core, which is not there to be asked. */
const DATABASE = 'sixlane';

/** Of localStorage the partition is emptied; of IndexedDB all goes, since what is in there only the module can tell. */
export async function wipe({ indexedDB }: CacheOptions, partition: string): Promise<void> {
  purgeItems(prefixOf(partition), true);
  try {
    await within(CHANGE_LIMIT, deleted(indexedDB?.database ?? DATABASE));
  } catch {
    // There is none that may be touched, or somebody does not let go of it: it goes when they do.
  }
}

function deleted(database: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = globalThis.indexedDB.deleteDatabase(database);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
}
