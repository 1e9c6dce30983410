/** Which stored responses a write makes invalid: RFC 9111, section 4.4. */
import { originOf, withoutFragment } from '../addresses.js';
import { page, type Writes } from '../page.js';
import { Cuts } from './cuts.js';

/**
 * Writes of this page, by origin, those of all instances of all copies: one counts when it is made, and again when it has ended. A response
 * that was asked for before may be of the user of before, or tell what is not so any more: it is given to no later call, and
 * not kept.
 */
function writes(): Writes {
  const record = page();
  // Another copy of the package, of an earlier version, may have made the record.
  record.writes ??= new Cuts();
  return record.writes;
}

/** A request that may change something at its origin is made, or has ended, with a response or without. */
export function noteWrite(url: string): void {
  writes().cut(originOf(url));
}

/** How often anything was written. */
export function writesNow(): number {
  return writes().now;
}

/** The same, when that of an address was written to last. */
export function lastWrite(url: string): number {
  const { now } = writes();
  return now === 0 ? 0 : writes().last([originOf(url)]);
}

/** A request that may have changed something, and was answered. */
export interface Write {
  readonly method: string;
  readonly status: number;
  /** Of what may have changed. */
  readonly addresses: readonly string[];
}

/** `url`: what was asked for. */
export function writeOf(method: string, url: string, { status, type, headers, url: end }: Response): Write {
  const origin = originOf(url);
  const others = ['location', 'content-location'].flatMap((name) => {
    const text = headers.get(name);
    const other = text === null ? undefined : parse(text, end || url);
    // Of another origin it has nothing to say.
    return other?.origin === origin ? [other.href] : [];
  });
  // Of a redirect that is not followed nothing is told but that it is one.
  return { method, status: type === 'opaqueredirect' ? 302 : status, addresses: [url, ...others].map(withoutFragment) };
}

function parse(text: string, base: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
