/** What the browser tells of finished requests: one observer for the page, and only while somebody listens. */

type Listener = (entry: PerformanceResourceTiming) => void;

const listeners = new Set<Listener>();
let observer: PerformanceObserver | undefined;

/**
 * Calls `listener` with each resource-timing entry from now on, and with those that the browser has kept. An observer
 * sees them all, also where the browser's own list is full. Returns how to stop.
 */
export function onResource(listener: Listener): () => void {
  listeners.add(listener);
  if (!observer && globalThis.PerformanceObserver?.supportedEntryTypes?.includes('resource')) {
    observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as PerformanceResourceTiming[]) for (const hear of listeners) hear(entry);
    });
    observer.observe({ type: 'resource', buffered: true });
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    observer?.disconnect();
    observer = undefined;
  };
}
