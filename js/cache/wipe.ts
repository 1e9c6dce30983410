/** Storage is emptied without the module, which may be what is missing: what is private must go all the same. */
import { withTimeout } from '../timeout.js';
import { debtsOf, settle } from './debts.js';
import { CHANGE_LIMIT, READ_LIMIT, unlessLate } from './tier.js';

/** As in the core, which is not there to be asked. */
export const DATABASE = 'sixlane';

/**
 * Deletes a database, since what is in there only the module can tell.
 *
 * @throws (rejects with) the browser's error, or a TimeoutError while another connection is open; it is deleted after that
 */
export async function wipe(database: string): Promise<void> {
  await withTimeout(CHANGE_LIMIT, deleted(database));
}

async function deleted(database: string): Promise<void> {
  const debts = debtsOf(database);
  await new Promise<void>((resolve, reject) => {
    const request = globalThis.indexedDB.deleteDatabase(database);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
  // Also after the time limit.
  settle(debts);
}

/** Whether there may be such a database; what it is that an earlier visit has left, only the module can tell. */
export async function mayHaveDatabase(name: string): Promise<boolean> {
  try {
    const all = await unlessLate(READ_LIMIT, globalThis.indexedDB.databases());
    return all?.some((database) => database.name === name) ?? true;
  } catch {
    return false;
  }
}

/** Whether there is no such storage, so that nothing can lie in it: outside of browsers, or in a frame without an origin. */
export function isWithout(storage: 'indexedDB' | 'localStorage'): boolean {
  try {
    // Pages have what a worker cannot reach.
    return !globalThis[storage] && !(storage === 'localStorage' && 'WorkerGlobalScope' in globalThis);
  } catch {
    return globalThis.origin === 'null';
  }
}
