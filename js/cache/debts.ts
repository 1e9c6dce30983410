/**
 * Purges that a database has still to see, noted in localStorage: a note outlives the page that was to see to it. It is there
 * before the database is asked, and goes when that is empty. Whoever opens the database looks for notes before reading.
 *
 * Both parts of the package bring a copy of this, so it has no state.
 */
import { prefixOf } from './tier.js';

/** Begins the names of all notes, and carries the version of what is in them. */
const NOTES = 'sixlane:owed:0:';

export interface Debt {
  readonly name: string;
  /** Begins the keys of the partition that is to be purged. */
  readonly prefix: string;
}

/**
 * Notes that a partition of a database is to be purged. It stands for all older notes of the same, which go.
 *
 * @throws what the browser says where localStorage cannot be used, or is full
 */
export function noteDebt(database: string, prefix: string): void {
  const older = debtsOf(database).filter((debt) => debt.prefix === prefix);
  // A purge takes away the notes that it saw when it began: no two are the same.
  globalThis.localStorage.setItem(`${NOTES}${prefixOf(database)}${prefix}${Math.random()}`, '');
  settle(older);
}

/** What is owed to a database; nothing where localStorage cannot be used. */
export function debtsOf(database: string): readonly Debt[] {
  const beginning = NOTES + prefixOf(database);
  try {
    return Object.keys(globalThis.localStorage)
      .filter((name) => name.startsWith(beginning))
      .map((name) => ({ name, prefix: name.slice(beginning.length, name.lastIndexOf('\n') + 1) }));
  } catch {
    // There is none, or it may not be touched.
    return [];
  }
}

/** Takes away notes that were seen before the purge began which is done now. */
export function settle(debts: readonly Debt[]): void {
  for (const { name } of debts) globalThis.localStorage.removeItem(name);
}
