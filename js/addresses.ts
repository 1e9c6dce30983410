/** Addresses of requests, which are whole ones of HTTP: to look at their text is quicker than to take them apart. */

/** As `new URL(url).origin`. */
export function originOf(url: string): string {
  return url.slice(0, url.indexOf('/', url.indexOf('//') + 2));
}

/** To ask for it takes long, and it never changes. */
const own = globalThis.location?.origin;

/** Whether it is of the page's own origin. */
export function isSameOrigin(url: string): boolean {
  return originOf(url) === own;
}

export function withoutFragment(url: string): string {
  const end = url.indexOf('#');
  return end < 0 ? url : url.slice(0, end);
}
