import { onResource } from './resources.js';

/** Origins that are remembered, some 100 kB. A forgotten one counts as unknown. */
const MAX_ORIGINS = 1000;

/** By origin: "http/1.1", "h2", "h3". The last word counts: a server may be replaced, or begin to offer HTTP/3. */
const protocols = new Map<string, string>();

/** The protocol that an origin was last seen to speak; undefined while that is unknown. */
export function protocolOf(origin: string): string | undefined {
  return protocols.get(origin);
}

/** Whether many requests share one connection. */
export function isMultiplexed(protocol: string): boolean {
  return /^(h2|h3|hq)/.test(protocol);
}

const listeners = new Set<(origin: string, protocol: string) => void>();
let stop: (() => void) | undefined;

/** Calls `listener` when an origin is seen to speak something else than before. Returns how to stop. */
export function onProtocol(listener: (origin: string, protocol: string) => void): () => void {
  // The page itself was the first request to its origin.
  for (const entry of globalThis.performance?.getEntriesByType?.('navigation') ?? []) {
    learn(entry as PerformanceNavigationTiming);
  }
  listeners.add(listener);
  stop ??= onResource(learn);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    stop?.();
    stop = undefined;
  };
}

function learn({ name, nextHopProtocol, transferSize, decodedBodySize }: PerformanceResourceTiming): void {
  const origin = /^https?:\/\/[^/?#]+/.exec(name)?.[0];
  // Empty for another origin that does not allow it to be seen. What came from a cache came over no connection.
  if (!origin || !nextHopProtocol || (transferSize === 0 && decodedBodySize > 0)) return;
  if (protocols.get(origin) === nextHopProtocol) return;
  if (protocols.size >= MAX_ORIGINS) protocols.delete(protocols.keys().next().value as string);
  protocols.set(origin, nextHopProtocol);
  for (const hear of listeners) hear(origin, nextHopProtocol);
}
