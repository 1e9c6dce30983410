/** Resource-timing entries as a sign that a body has ended. One observer for the page, and only while it is needed. */

interface Watch {
  readonly sent: number;
  readonly ended: () => void;
}

/** An entry's start and our own reading of the clock differ by what the browser rounds them to. */
const ROUNDING = 2;

const watches = new Map<string, Set<Watch>>();
let observer: PerformanceObserver | undefined;

/** Calls `ended` when the entry of the request comes that was sent to `url` at `sent`. Returns how to stop. */
export function watchTiming(url: string, sent: number, ended: () => void): () => void {
  const name = url.split('#', 1)[0] as string;
  const watch: Watch = { sent, ended };
  const same = watches.get(name) ?? new Set();
  watches.set(name, same.add(watch));
  observe();
  return () => {
    same.delete(watch);
    if (same.size === 0 && watches.get(name) === same) watches.delete(name);
    if (watches.size === 0) unobserve();
  };
}

function observe(): void {
  if (observer || !globalThis.PerformanceObserver?.supportedEntryTypes?.includes('resource')) return;
  observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as PerformanceResourceTiming[]) {
      // A body that broke off has an end time, too: its connection is free just the same.
      if (entry.responseEnd > 0) match(entry);
    }
  });
  observer.observe({ type: 'resource' });
}

function unobserve(): void {
  observer?.disconnect();
  observer = undefined;
}

function match(entry: PerformanceResourceTiming): void {
  const same = watches.get(entry.name.split('#', 1)[0] as string);
  for (const watch of same ?? []) {
    if (Math.abs(watch.sent - entry.startTime) <= ROUNDING) return watch.ended();
  }
}
