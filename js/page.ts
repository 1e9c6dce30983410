/**
 * What all copies of the package on one page know of each other: a record on the global object, under a symbol
 * that carries the version of its shape.
 */
interface Page {
  /** Running instances that send requests, and so share the connections to each origin. */
  readonly sharers: Set<Sharer>;
  /** Whether the shares are being balanced: what that changes is taken up by who began. */
  balancing: boolean;
  /** The property that `install` replaced, and what it put there. */
  installed?: { readonly before: PropertyDescriptor; readonly native: typeof fetch; readonly ours: typeof fetch };
}

/** One of several schedulers that send to the same origins. */
export interface Sharer {
  keys(): Iterable<string>;
  /** Slots of one origin that this scheduler has by its own options. */
  readonly perLane: number;
  /** Slots of that origin that it holds now. */
  running(key: string): number;
  /** The first call that waits there. */
  first(key: string): Want | undefined;
  /** Tells it how many the others hold, of how many for all. */
  elsewhere(key: string, held: number, shared: number): void;
}

export interface Want {
  readonly priority: number;
  /** When it arrived, on the clock of the page. */
  readonly since: number;
  /** It would start now if only the others left it a slot. */
  readonly ready: boolean;
}

const SYMBOL = Symbol.for('sixlane.page.0');

/** Made at first use, so that importing the package touches nothing. */
export function page(): Page {
  const host = globalThis as { [SYMBOL]?: Page };
  if (!host[SYMBOL])
    Object.defineProperty(host, SYMBOL, {
      value: { sharers: new Set(), balancing: false } satisfies Page,
      configurable: true,
    });
  return host[SYMBOL] as Page;
}

/** Fetch as it was, looked up anew at each call: whoever replaces it later, to watch or to mock it, is obeyed. */
export function nativeFetch(): typeof fetch {
  return page().installed?.native ?? globalThis.fetch;
}
