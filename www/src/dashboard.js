/** A page's data through a sixlane of its own with all tiers: who answered, and what is kept. Draws nothing. */
import { createFetch } from 'sixlane';

const MIB = 2 ** 20;

/** The tiers, in the order in which they are asked, and how many bytes each may keep. */
export const BOUNDS = { memory: 50 * MIB, localStorage: MIB, indexedDB: 4 * MIB };

/** What "Fill the quota" writes, clearly more than the bound. */
const VALUE = 256 * 1024;
export const FILL = 6 * MIB;
/** Between two values, so that it can be seen. */
const FILL_PAUSE = 30;

const MAX_AGE = 3600;
/** Every third answer is too large for localStorage. */
const LARGE = 20 * 1024;

/** What the browser tells of a request may come after its body. */
const LATE = 100;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function addressOf(index, delay) {
  const query = new URLSearchParams({ run: 'visit', cache: MAX_AGE, delay, ...(index % 3 === 2 && { size: LARGE }) });
  return new URL(`/api/data/${index + 1}?${query}`, location.href).href;
}

/** Calls back with the address of each request from now on that the browser's HTTP cache answered. Returns the end of it. */
function watchBrowser(tell) {
  const from = performance.now();
  const look = (entries) => {
    for (const { name, startTime, transferSize, decodedBodySize } of entries) {
      if (startTime >= from && transferSize === 0 && decodedBodySize > 0) tell(name);
    }
  };
  const observer = new PerformanceObserver((list) => look(list.getEntries()));
  observer.observe({ type: 'resource' });
  return () => {
    look(observer.takeRecords());
    observer.disconnect();
  };
}

export function createDashboard() {
  const bounds = Object.fromEntries(Object.entries(BOUNDS).map(([tier, maxBytes]) => [tier, { maxBytes }]));
  const fetch = createFetch({ cache: { tiers: Object.keys(BOUNDS), ...bounds } });
  let filled = 0;

  return {
    fetch,
    ready: fetch.ready,
    status: () => fetch.status(),
    stats: () => fetch.cache.stats(),
    purge: () => fetch.cache.purge(),

    /** Asks for all at once. `tell(index, source)` for each answer, perhaps twice; returns how long it took, in ms. */
    async load({ count, delay }, signal, tell) {
      const indexes = new Map(Array.from({ length: count }, (_, index) => [addressOf(index, delay), index]));
      const sources = new Map();
      const settled = ({ detail: { url, cache = 'network' } }) => sources.set(url, cache);
      await fetch.ready;
      fetch.events.addEventListener('settled', settled);
      const unwatch = watchBrowser((url) => {
        if (!indexes.has(url)) return;
        sources.set(url, 'http');
        tell(indexes.get(url), 'http');
      });

      async function ask(url, index) {
        try {
          const response = await fetch(url, { signal });
          await response.arrayBuffer();
          tell(index, response.ok ? (sources.get(url) ?? 'network') : 'failed');
        } catch {
          if (!signal.aborted) tell(index, 'failed');
        }
      }

      const started = performance.now();
      await Promise.all([...indexes].map(([url, index]) => ask(url, index)));
      const ms = performance.now() - started;
      if (!signal.aborted) await pause(LATE);
      unwatch();
      fetch.events.removeEventListener('settled', settled);
      return ms;
    },

    /** Writes more than IndexedDB may keep. `tell(bytes)`: so much is written. */
    async fill(signal, tell) {
      for (let written = 0; written < FILL && !signal.aborted; ) {
        filled += 1;
        await fetch.cache.set(`fill ${Date.now()} ${filled}`, new Uint8Array(VALUE), { tiers: ['indexedDB'] });
        written += VALUE;
        tell(written);
        await pause(FILL_PAUSE);
      }
    },
  };
}
