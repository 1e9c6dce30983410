/**
 * The marks of partitions in localStorage, and all that a purge has to do there at once: the page may go before anything else
 * is loaded.
 */

/** Begins the names of all our items, and carries the version of what is in them. */
export const NAMESPACE = 'sixlane:1:';

/** That of a version whose items did not say under which mark they were written. */
export const FORMER = 'sixlane:0:';

/**
 * Begins the names of the marks, one for each partition, which change with each purge. Each item begins with the mark that
 * its writer knew, and is given only while that is the mark of its partition: pages see each other's writes late, so that
 * an item may come after the purge that was to remove it. A mark begins with a number that only grows.
 */
export const MARKS = 'sixlane:epoch:0:';

/** The mark of a partition that was never purged. */
export const UNMARKED = '';

/**
 * Empties a partition. Returns its new mark.
 *
 * @throws what the browser says where localStorage may not be used
 */
export function purgeItems(prefix: string): string {
  const storage = globalThis.localStorage;
  if (!storage) throw new DOMException('there is none', 'NotSupportedError');
  removeItems(storage, prefix);
  const after = `${numberOf(storage.getItem(MARKS + prefix)) + 1}`;
  const mark = `${Math.max(Date.now(), numberOf(after))}:${Math.random()}`;
  storage.setItem(MARKS + prefix, mark);
  return mark;
}

/** Whether a partition has entries in localStorage, or had any before a purge. */
export function hasItems(prefix: string): boolean {
  return Boolean(
    regardless((storage) => {
      const own = (name: string): boolean =>
        [NAMESPACE, FORMER, MARKS].some((space) => name.startsWith(space + prefix));
      return Object.keys(storage).some(own);
    }),
  );
}

/**
 * Another tab has purged a partition. Items that this page sees may have been removed there, or have come after that from
 * those who had not heard of it; the mark may be seen here before this or after.
 */
export function hearOfPurge(prefix: string, mark: string): void {
  regardless((storage) => {
    const found = storage.getItem(MARKS + prefix);
    const { heard } = onThisPage();
    if (isBefore(found, mark) && !isBefore(mark, heard.get(prefix))) heard.set(prefix, mark);
    removeItems(storage, prefix, [mark, isBefore(found, mark) ? mark : (found ?? mark)]);
  });
}

/** But for those under one of these marks. */
function removeItems(storage: Storage, prefix: string, but: readonly string[] = []): void {
  for (const name of Object.keys(storage)) {
    if (![NAMESPACE, FORMER].some((space) => name.startsWith(space + prefix))) continue;
    const text = storage.getItem(name) ?? '';
    if (but.some((mark) => isUnder(mark, text))) continue;
    storage.removeItem(name);
    tell(name, null);
  }
}

/** The mark of a partition, {@link UNMARKED} for one that was never purged; undefined where localStorage cannot be used. */
export function markOf(prefix: string): string | undefined {
  return regardless((storage) => storage.getItem(MARKS + prefix) ?? UNMARKED);
}

/** Whether a mark is older than another; of two purges at once neither is. */
export function isBefore(mark: string | null, other: string | undefined): boolean {
  return other !== undefined && numberOf(mark) < numberOf(other);
}

/** With what a mark begins; 0 for what is none, as is a number that cannot grow any more. */
export function numberOf(mark: string | null): number {
  const number = Number.parseInt(mark ?? '', 10);
  return number < Number.MAX_SAFE_INTEGER ? number : 0;
}

/** Whether an item was written under that mark. */
export function isUnder(mark: string, text: string): boolean {
  return text.startsWith(`${mark}\n`);
}

/** Hears of an item that was written, or is gone. */
export type Hear = (name: string, text: string | null) => void;

/** What all copies of the package on this page have in common. */
interface OnThisPage {
  /** Listeners for changes by this page: `storage` events tell only of other tabs. */
  readonly hears: Set<Hear>;
  /** By partition the mark of a purge that this page was told of, until it is seen here. */
  readonly heard: Map<string, string>;
}

const SYMBOL = Symbol.for('sixlane.local.1');

export function onThisPage(): OnThisPage {
  const host = globalThis as { [SYMBOL]?: OnThisPage };
  if (!host[SYMBOL]) {
    Object.defineProperty(host, SYMBOL, { value: { hears: new Set(), heard: new Map() }, configurable: true });
  }
  return host[SYMBOL] as OnThisPage;
}

export function tell(name: string, text: string | null, teller?: Hear): void {
  for (const hear of onThisPage().hears) if (hear !== teller) hear(name, text);
}

/** What is to go has to go while the tier is off, too: it may be on again. */
export function regardless<R>(operation: (storage: Storage) => R): R | undefined {
  try {
    return operation(globalThis.localStorage);
  } catch {
    // There is none, or it may not be touched.
    return undefined;
  }
}
