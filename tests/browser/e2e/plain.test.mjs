// The modules as a stable compiler makes them without any option that is not stable: the same package, a little larger.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { at } from '../../../scripts/lib/paths.mjs';

const FOLDER = at('target/plain');

export default async function ({ launch, startServer, test }) {
  await test('plain: the package works when its modules are built with what is stable alone', async () => {
    assert.ok(existsSync(`${FOLDER}/storage.wasm`), 'it is not built: run `node scripts/build.mjs --plain`');
    const server = await startServer('--mount', `/plain=${FOLDER}`);
    const browser = await launch('chromium');
    try {
      const visit = async () => {
        await browser.open(new URL('/blank.html', server.url).href);
        return browser.evaluate(async () => {
          const { createFetch } = await import('/plain/index.js');
          const tiers = ['memory', 'indexedDB'];
          const fetch = createFetch({
            queue: { concurrency: 2 },
            batch: [{ match: /\/api\/users\/(?<id>\d+)/, endpoint: '/api/batch' }],
            cache: { tiers, indexedDB: { database: 'plain' } },
          });
          await fetch.ready;
          const addresses = Array.from({ length: 10 }, (_, n) => `/api/data/${n + 1}?cache=3600&run=plain`);
          const items = await Promise.all(addresses.map(async (address) => (await fetch(address)).json()));
          // Two for one key and one for another: a batch.
          const batched = await Promise.all(
            [1, 2].map(async (id) => (await fetch(`/api/users/${id}?run=batch`)).json()),
          );
          await fetch.cache.close();
          return { ids: items.map(({ id }) => id), batched: batched.map(({ id }) => id), stats: fetch.cache.stats() };
        });
      };
      const ids = Array.from({ length: 10 }, (_, n) => n + 1);
      const first = await visit();
      assert.deepEqual([first.ids, first.batched], [ids, [1, 2]]);
      assert.deepEqual(first.stats.disabled, {});
      const { seen } = await server.stats('plain');
      assert.deepEqual([seen, (await server.stats('batch')).seen], [10, 1]);
      // A page of its own, that has nothing in memory: what it does not ask for is from IndexedDB.
      const second = await visit();
      assert.deepEqual(second.ids, ids);
      assert.equal((await server.stats('plain')).seen, 10);
      assert.deepEqual(second.stats.disabled, {});
    } finally {
      await browser.close();
      await server.close();
    }
  });
}
