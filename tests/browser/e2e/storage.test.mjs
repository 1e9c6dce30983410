// Storage faults that only a browser can make: its own quota, and the end of a page's process in the middle of a write.
import assert from 'node:assert/strict';

const QUOTA = 2_000_000;

export default async function ({ launch, server, test }) {
  const browser = await launch('chromium');
  const blank = new URL('/blank.html', server.url).href;
  try {
    await test('under the browser’s own quota every call is answered, and nothing is thrown at the page', async () => {
      const errors = [];
      browser.onPageError((text) => errors.push(text));
      await browser.open(blank);
      const protocol = await browser.context.newCDPSession(browser.page);
      const { origin } = new URL(server.url);
      await protocol.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: QUOTA });
      const { statuses, stats } = await browser.evaluate(async () => {
        const { createFetch } = await import('/dist/index.js');
        const fetch = createFetch({ cache: { tiers: ['memory', 'indexedDB'], indexedDB: { database: 'quota' } } });
        await fetch.ready;
        const statuses = [];
        for (let n = 1; n <= 60; n++) {
          // What can be compressed takes no room.
          const noise = new Uint8Array(5 * 65_536);
          for (let k = 0; k < 5; k++) crypto.getRandomValues(noise.subarray(k * 65_536, (k + 1) * 65_536));
          await fetch.cache.set(`noise ${n}`, noise);
          const response = await fetch(`/api/data/${n}?cache=3600`);
          statuses.push(response.status);
          await response.arrayBuffer();
          // So that it is written before the next one comes.
          await fetch.cache.get('nothing');
        }
        return { statuses, stats: fetch.cache.stats() };
      });
      await protocol.send('Storage.overrideQuotaForOrigin', { origin });
      assert.deepEqual(new Set(statuses), new Set([200]));
      // Room was made, and when that was not enough it went on without.
      assert.equal(stats.disabled.indexedDB, 'there is no room left', JSON.stringify(stats));
      assert.deepEqual(errors, []);
    });

    await test('a page that is killed while it writes leaves whole entries, and the next one goes on', async () => {
      for (let round = 0; round < 3; round++) {
        const page = await browser.context.newPage();
        await page.goto(blank);
        await page.evaluate(async (round) => {
          const { createCache, init } = await import('/dist/index.js');
          await init();
          const cache = createCache({ tiers: ['memory', 'indexedDB'], indexedDB: { database: 'killed' } });
          await cache.get('open');
          const write = async () => {
            for (let n = 0; ; n++) {
              for (let k = 0; k < 200; k++) cache.set(`${round}/${n}/${k}`, 'x'.repeat(100 * (k % 90)));
              await cache.get(`turn ${n}`);
              window.turns = n;
            }
          };
          write();
        }, round);
        await page.waitForFunction((turns) => window.turns >= turns, round + 1);
        const protocol = await browser.context.newCDPSession(page);
        protocol.send('Page.crash').catch(() => {});
        await new Promise((resolve) => page.once('crash', resolve));
        await browser.open(blank);
        const found = await browser.evaluate(async () => {
          const { recount } = await import('/tests/browser/suite/support/database.js');
          const { createCache, init } = await import('/dist/index.js');
          await init();
          const before = await recount('killed');
          const cache = createCache({ tiers: ['memory', 'indexedDB'], indexedDB: { database: 'killed' } });
          await cache.set('next', 1);
          await cache.close();
          const after = await recount('killed');
          return { problems: [...before.problems, ...after.problems], added: after.entries - before.entries, before };
        });
        assert.deepEqual(found.problems, []);
        assert.ok(found.before.entries > 0);
        assert.equal(found.added, round === 0 ? 1 : 0);
      }
    });
  } finally {
    await browser.close();
  }
}
