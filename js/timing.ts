/** Resource-timing entries as a sign that a body has ended. One observer for the page, and only while it is needed. */

interface Watch {
  readonly sent: number;
  readonly ended: () => void;
  /** Its end was seen in another way. It stays beside those of the same address, so that its entry is not taken for theirs. */
  over: boolean;
}

/** The clock that entries are read from is rounded, in Firefox to a millisecond. */
const ROUNDING = 1;

const watches = new Map<string, Set<Watch>>();
let observer: PerformanceObserver | undefined;

/** Calls `ended` when the entry of the request comes that was sent to `url` at `sent`. Returns how to stop. */
export function watchTiming(url: string, sent: number, ended: () => void): () => void {
  const name = withoutFragment(url);
  const watch: Watch = { sent, ended, over: false };
  const same = watches.get(name) ?? new Set();
  watches.set(name, same.add(watch));
  observe();
  return () => {
    watch.over = true;
    for (const { over } of same) if (!over) return;
    if (watches.get(name) === same) watches.delete(name);
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

/** The entry is that of the last request to its address that was sent before the entry's start. */
function match(entry: PerformanceResourceTiming): void {
  const same = watches.get(withoutFragment(entry.name));
  let last: Watch | undefined;
  for (const watch of same ?? []) {
    if (watch.sent <= entry.startTime + ROUNDING && watch.sent >= (last?.sent ?? 0)) last = watch;
  }
  if (!last) return;
  same?.delete(last);
  if (!last.over) last.ended();
}

function withoutFragment(url: string): string {
  return url.split('#', 1)[0] as string;
}
