/**
 * What all copies of the package on one page know of each other: a record on the global object, under a symbol
 * that carries the version of its shape.
 */
interface Page {
  /** The property that `install` replaced, and what it put there. */
  installed?: { readonly before: PropertyDescriptor; readonly native: typeof fetch; readonly ours: typeof fetch };
}

const SYMBOL = Symbol.for('sixlane.page.0');

/** Made at first use, so that importing the package touches nothing. */
export function page(): Page {
  const host = globalThis as { [SYMBOL]?: Page };
  if (!host[SYMBOL]) Object.defineProperty(host, SYMBOL, { value: {}, configurable: true });
  return host[SYMBOL] as Page;
}

/** Fetch as it was, looked up anew at each call: whoever replaces it later, to watch or to mock it, is obeyed. */
export function nativeFetch(): typeof fetch {
  return page().installed?.native ?? globalThis.fetch;
}
