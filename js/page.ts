/**
 * What all copies of the package on one page know of each other: a record on the global object, under a symbol
 * that carries the version of its shape.
 */
interface Page {
  /** Running instances that send requests, and so share the connections to each origin. */
  readonly sharers: Set<Sharer>;
  /** What was in the place of fetch when each of our replacements was made. */
  readonly replaced: WeakMap<typeof fetch, typeof fetch>;
  /** The instance that handed a request to a transport: when the request comes back, it is not scheduled a second time. */
  handed?: WeakMap<object, object>;
  /** By origin; see `cache/writes.ts`. */
  writes?: Writes;
  /** Whether the shares are being balanced: what that changes is taken up by who began. */
  balancing: boolean;
  /** The property that `install` replaced, and what it put there. */
  installed?: { readonly before: PropertyDescriptor | undefined; readonly ours: typeof fetch };
}

/** What was written, and when: as counts that only grow. */
export interface Writes {
  readonly now: number;
  cut(name: string): void;
  last(names: readonly string[]): number;
}

/** One of several schedulers that send to the same origins. */
export interface Sharer {
  keys(): Iterable<string>;
  /** Whether it has a call with that key, waiting or in a slot. Assumed where a sharer lacks this method. */
  uses?(key: string): boolean;
  /** Those of them in which something may have changed since it was last asked. */
  touched(): readonly string[];
  /** Slots of that origin that this scheduler has by its own options. */
  limitOf(key: string): number;
  /** Slots of that origin that it holds now. */
  running(key: string): number;
  /** The first call that waits there. */
  first(key: string): Want | undefined;
  /** How urgent the call is that would give its slot to an emergency: an index of a level, NaN for none. */
  preemptible(key: string): number;
  /** That call gives its slot to an emergency of another one. */
  yieldSlot(key: string): void;
  /** Tells it how many the others hold, of how many for all. */
  foreignSlots(key: string, held: number, shared: number): void;
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
      value: { sharers: new Set(), replaced: new WeakMap(), balancing: false } satisfies Page,
      configurable: true,
    });
  return host[SYMBOL] as Page;
}

/** A request, or the signal that it is sent with, is handed to a transport. */
export function hand(sent: object | null | undefined, sender: object): void {
  const record = page();
  // Another copy of the package, of an earlier version, may have made the record.
  record.handed ??= new WeakMap();
  if (sent) record.handed.set(sent, sender);
}

/** The instance that sends it, of this copy or another. */
export function senderOf(sent: unknown): object | undefined {
  return typeof sent === 'object' && sent !== null ? page().handed?.get(sent) : undefined;
}

/**
 * Fetch as it is without us: behind `install` what was there before, else looked up anew at each call, so that whoever
 * replaces it, to watch or to mock it, is obeyed. Through one of our own replacements a call would wait for itself.
 */
export function nativeFetch(): typeof fetch {
  const { installed, replaced } = page();
  let native = installed?.ours ?? globalThis.fetch;
  for (let before = replaced.get(native); before; before = replaced.get(native)) native = before;
  return native;
}
