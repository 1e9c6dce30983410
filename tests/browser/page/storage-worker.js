// Keeps an answer in storage and finds it again, as the next worker would; tells whoever asks, or its owner.
import { createFetch } from '/dist/index.js';
// A service worker cannot import on demand.
import '/dist/disk.js';

const database = new URL(self.location.href).searchParams.get('database');
const make = () => createFetch({ cache: { tiers: ['memory', 'localStorage', 'indexedDB'], indexedDB: { database } } });

async function visitTwice() {
  const first = make();
  await first.ready;
  await (await first('/api/data/1?cache=60')).text();
  while (first.cache.stats().indexedDB.entries === 0) await new Promise((resolve) => setTimeout(resolve));
  await first.close();
  const second = make();
  await second.ready;
  await (await second('/api/data/1?cache=60')).text();
  const { hits, disabled } = second.cache.stats();
  await second.close();
  return { hits, disabled };
}

if ('ServiceWorkerGlobalScope' in self) {
  self.addEventListener('message', (event) => {
    event.waitUntil(visitTwice().then((told) => event.ports[0].postMessage(told)));
  });
} else {
  visitTwice().then((told) => postMessage(told));
}
