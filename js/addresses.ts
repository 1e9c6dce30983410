import { ownOrigin } from './platform.js';

/** Addresses: to look at their text is quicker than to take them apart, and to remember them than to resolve them. */

/** As `new URL(url).origin`, of a whole address of HTTP. */
export function originOf(url: string): string {
  return url.slice(0, url.indexOf('/', url.indexOf('//') + 2));
}

/** To ask for it takes long, and it never changes. */
let own: string | undefined;

/** That of the page; undefined where there is no page. */
export function pageOrigin(): string | undefined {
  own ??= ownOrigin();
  return own;
}

/** Whether it is of the page's own origin. */
export function isSameOrigin(url: string): boolean {
  return originOf(url) === pageOrigin();
}

export function withoutFragment(url: string): string {
  const end = url.indexOf('#');
  return end < 0 ? url : url.slice(0, end);
}

/** Addresses that were looked at already, for one base: to resolve one takes longer than to look it up. */
const addresses = { base: '', known: new Map<string, string>() };

/** With {@link MAX_CHARACTERS}, some 300 kB in all, and mostly much less. */
const MAX_ADDRESSES = 1000;

/** Of an address that is remembered; longer ones are resolved each time. */
const MAX_CHARACTERS = 128;

/** The whole address, or undefined for what is none: native fetch says why. */
export function resolved(input: string): string | undefined {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href ?? '';
  const { known } = addresses;
  if (addresses.base !== base || known.size >= MAX_ADDRESSES) {
    addresses.base = base;
    known.clear();
  }
  let url = known.get(input);
  if (url === undefined) {
    try {
      url = new URL(input, base || undefined).href;
    } catch {
      return undefined;
    }
    if (url.length <= MAX_CHARACTERS) known.set(input, url);
  }
  return url;
}
