/** Keys of responses: the address or what its rule calls it, two letters, then what the headers say. */
import { isSameOrigin, withoutFragment } from '../addresses.js';
import type { RequestLike } from '../requests.js';

/** The names of headers, or all that the request has: another origin hides the field `Vary`. */
export type Names = readonly string[] | 'all';

/** Most answers vary on nothing that a page can set. */
export const NONE: Names = [];

/**
 * Begins the keys of responses. Those of values begin with something else. The character stands for the shape of the key:
 * entries that an earlier version left in storage under keys of another shape are not found.
 */
const RESPONSE = '~';

/** What ends the base of a call that says nothing: credentials "same-origin", mode "cors". */
const PLAIN = 'sc';

export function isResponse(key: string): boolean {
  return key.startsWith(RESPONSE);
}

/** Begins the keys of all responses of an address, which has no line break. */
export function beginningOf(address: string): string {
  return `${RESPONSE}${address}\n`;
}

/** The same under a key that a rule gave: in quotes it is no address, and its line breaks are escaped. */
function beginningOfNamed(key: string): string {
  return beginningOf(JSON.stringify(key));
}

/** Begins the keys of all responses that are known by this name: that of a rule, or an address. */
export function beginningsOf(name: string): readonly string[] {
  const named = beginningOfNamed(name);
  return name.includes('\n') || name.startsWith('"') ? [named] : [named, beginningOf(name)];
}

/** All that a stored answer must have in common with a request, but for the headers that it varies on. */
export function baseOf({ credentials, mode, url }: RequestLike, key: string | undefined): string {
  const beginning = key === undefined ? beginningOf(withoutFragment(url)) : beginningOfNamed(key);
  // To the page's own origin these two are one, unless a redirect leads away from it.
  const own = mode === 'same-origin' && isSameOrigin(url) ? 'cors' : mode;
  return `${beginning}${credentials[0]}${own[0]}`;
}

/** The same of a call that says no more than this address. */
export function plainBaseOf(url: string): string {
  return `${beginningOf(withoutFragment(url))}${PLAIN}`;
}

/** As `beginningOf` what it is the base of. */
export function beginningOfBase(base: string): string {
  return base.slice(0, -PLAIN.length);
}

/** Whether it is that of requests that send credentials to any origin. */
export function includesCredentials(base: string): boolean {
  return base.at(-PLAIN.length) === 'i';
}

export function baseOfKey(key: string): string {
  return key.slice(0, key.indexOf('\n', key.indexOf('\n') + 1));
}

/** No name or value of a header has a line break, or a NUL. */
export function keyOf(base: string, names: Names, headers: Headers): string {
  // No name begins with a space.
  if (names === 'all') return `${base}\n${[...headers].map(([name, value]) => ` ${name}\n${value}`).join('\n')}`;
  // Whose data it is, whether the origin says so or not.
  const authorization = headers.get('authorization');
  const own = authorization === null ? [] : [`authorization\n${authorization}`];
  const values = names.map((name) => `${name}\n${headers.get(name) ?? '\0'}`);
  return `${base}\n${[...own, ...values].join('\n')}`;
}

/** That of all requests whose headers say nothing that matters. */
export function plainKeyOf(base: string): string {
  return `${base}\n`;
}

/**
 * The name of an entry in storage: its key, but for what the headers said, which may be a secret. Undefined where there is
 * no way to hide that.
 */
export async function storedKeyOf(key: string): Promise<string | undefined> {
  if (!isResponse(key)) return key;
  const base = baseOfKey(key);
  const said = key.slice(base.length + 1);
  if (said === '') return key;
  const digest = await globalThis.crypto?.subtle?.digest('SHA-256', new TextEncoder().encode(said));
  return digest && `${base}\n${[...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
