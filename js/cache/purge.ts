/** A purge of what lies beyond the page, and the truth about it. */
import { noteDebt } from './debts.js';
import { hasItems, purgeItems } from './marks.js';
import { nameOf, prefixOf } from './tier.js';
import { isWithout } from './wipe.js';

/** What the cache that purges has to do with storage. */
export interface Reach {
  readonly localStorage: boolean;
  readonly indexedDB: boolean;
  readonly database: string;
}

type Tier = 'localStorage' | 'indexedDB';

export class Purge {
  readonly #prefix: string;
  readonly #faults = new Map<Tier, unknown>();
  #isNoted = false;
  /** Whether this cache has ever put anything into the database. */
  #isInUse = false;
  /** The mark that the partition has in localStorage from now on, where it has one. */
  mark: string | undefined;

  constructor(partition: string) {
    this.#prefix = prefixOf(partition);
  }

  /**
   * Empties localStorage and notes what the database has still to see: all that can be done at once, since the page may go
   * while it waits. Once more when more is known of the reach.
   */
  begin({ localStorage, indexedDB, database }: Reach): void {
    if (this.mark === undefined && (localStorage || hasItems(this.#prefix))) {
      this.#try('localStorage', () => {
        this.mark = purgeItems(this.#prefix);
      });
    }
    this.#isInUse = indexedDB;
    if (indexedDB && !this.#isNoted) this.note(database);
  }

  note(database: string): void {
    try {
      noteDebt(database, this.#prefix);
      this.#isNoted = true;
    } catch {
      // It is of no use unless the database cannot be emptied, and is told of then.
    }
  }

  async empty(database: () => Promise<void>): Promise<void> {
    try {
      await database();
    } catch (error) {
      const isRefused = nameOf(error) === 'SecurityError' && !this.#isInUse;
      if (!isRefused && !isWithout('indexedDB')) this.#faults.set('indexedDB', error);
    }
  }

  /** Whether the database has seen it. */
  get isDone(): boolean {
    return !this.#faults.has('indexedDB');
  }

  /** @throws Error named "PurgeError" where storage is not empty */
  end(): void {
    if (this.#faults.size === 0) return;
    const said = [...this.#faults].map(([tier, error]) => `${tier}: ${(error as Error)?.message || nameOf(error)}`);
    const later =
      this.#isNoted && !this.#faults.has('localStorage')
        ? 'it is emptied before it is read again'
        : 'and that could not be noted for the next page';
    const [cause] = this.#faults.values();
    const error = new Error(`the purge did not empty ${said.join('; ')} (${later})`, { cause });
    throw Object.defineProperty(error, 'name', { value: 'PurgeError', configurable: true, writable: true });
  }

  #try(tier: Tier, empty: () => void): void {
    this.#faults.delete(tier);
    try {
      empty();
    } catch (error) {
      if (!isWithout(tier)) this.#faults.set(tier, error);
    }
  }
}
