// Storage as only browsers make it: their own quota, the end of a page's process in the middle of a write, and tabs whose
// processes see each other's writes late.
import assert from 'node:assert/strict';

const QUOTA = 2_000_000;

/** In how many rounds two tabs meet. */
const ROUNDS = 20;

/** Responses under way in one of them when the other purges. */
const UNDER_WAY = 30;

export default async function ({ launch, server, test }) {
  for (const name of ['chromium', 'firefox']) await tabs(name, { launch, server, test });
  await quotaOfFirefox({ launch, server, test });
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
      // Room was made. Where that is not enough, since Chromium gives it back when it likes, it goes on without.
      assert.ok(stats.evictions > 0, JSON.stringify(stats));
      assert.ok([undefined, 'there is no room left'].includes(stats.disabled.indexedDB), JSON.stringify(stats));
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

/** Two real tabs, each with a process of its own. */
async function tabs(name, { launch, server, test }) {
  const browser = await launch(name);
  const newPage = async () => {
    const page = await (browser.context ?? browser.page.browser()).newPage();
    await page.goto(new URL('/blank.html', server.url).href);
    return page;
  };
  try {
    await test(`a purge leaves nothing that another tab has just written (${name})`, async () => {
      const [writer, purger] = [await newPage(), await newPage()];
      const setUp = async (count) => {
        const { createFetch } = await import('/dist/index.js');
        window.make = async () => {
          const made = createFetch({ cache: { tiers: ['memory', 'localStorage'] } });
          await made.ready;
          return made;
        };
        window.fetching = await window.make();
        window.paths = (round) =>
          Array.from({ length: count }, (_, n) => `/api/data/${n + 1}?cache=3600&round=${round}`);
        window.isOf = (round) => (name) => /^sixlane:\d+:/.test(name) && name.includes(`round=${round}\n`);
        /** Resolves when an item was written, or is there, whose name fits. */
        window.written = (fits) =>
          new Promise((resolve) => {
            const look = () => Object.keys(localStorage).some(fits) && resolve();
            addEventListener('storage', look);
            look();
          });
        // What comes here has been heard by all on the page that listened before.
        const channel = new BroadcastChannel('sixlane.cache.0');
        window.purges = 0;
        window.heard = new EventTarget();
        channel.onmessage = () => {
          window.purges += 1;
          window.heard.dispatchEvent(new Event('purge'));
        };
      };
      await Promise.all([writer, purger].map((page) => page.evaluate(setUp, UNDER_WAY)));
      const left = [];
      for (let round = 0; round < ROUNDS; round++) {
        const writing = writer.evaluate(async (round) => {
          const told = window.purges + 2;
          const all = window.paths(round).map(async (path) => (await window.fetching(path)).text());
          await Promise.all(all);
          while (window.purges < told) {
            await new Promise((resolve) => window.heard.addEventListener('purge', resolve, { once: true }));
          }
          // Whoever sees this has seen all that was written here before it.
          localStorage.setItem(`seen ${round}`, '');
        }, round);
        const found = purger.evaluate(async (round) => {
          await window.written(window.isOf(round));
          await window.fetching.cache.purge();
          await window.written((name) => name === `seen ${round}`);
          const items = Object.keys(localStorage).filter(window.isOf(round)).length;
          const next = await window.make();
          await Promise.all(window.paths(round).map(async (path) => (await next(path)).text()));
          const { hits } = next.cache.stats();
          await next.close();
          return { items, hits: hits.localStorage };
        }, round);
        left.push(await found);
        await writing;
      }
      assert.deepEqual(
        left,
        Array.from({ length: ROUNDS }, () => ({ items: 0, hits: 0 })),
      );
    });
  } finally {
    await browser.close();
  }
}

/** There a transaction after a full quota may only delete, which no stub would tell. */
async function quotaOfFirefox({ launch, server, test }) {
  const browser = await launch('firefox', { 'dom.quotaManager.temporaryStorage.fixedLimit': 8 * 1024 });
  try {
    await test('makes room under the quota of Firefox as often as it takes, and is purged when it is full', async () => {
      await browser.open(new URL('/blank.html', server.url).href);
      const found = await browser.evaluate(async () => {
        const { recount } = await import('/tests/browser/suite/support/database.js');
        const { createCache, init } = await import('/dist/index.js');
        await init();
        const options = { tiers: ['indexedDB'], indexedDB: { database: 'quota' } };
        const { quota } = await navigator.storage.estimate();
        const found = { quota, bytes: 0, latest: 0, disabled: [], problems: [] };
        // Four times the quota, of what cannot be compressed.
        for (let round = 0; round < 8; round++) {
          const cache = createCache(options);
          for (let n = 0; n < 16; n++) {
            const noise = new Uint8Array(4 * 65_536);
            for (let k = 0; k < 4; k++) crypto.getRandomValues(noise.subarray(k * 65_536, (k + 1) * 65_536));
            found.bytes += noise.byteLength;
            await cache.set(`noise ${n}`, noise);
            // Most are written by then, each in a transaction of its own.
            await cache.get('nothing');
            found.disabled.push(...Object.values(cache.stats().disabled));
          }
          // All of them are.
          await cache.close();
          const next = createCache(options);
          if ((await next.get('noise 15')) !== undefined) found.latest += 1;
          await next.close();
          found.problems.push(...(await recount('quota')).problems);
        }
        // Whoever fills it up to the last byte leaves no room for a mark.
        const opened = () =>
          new Promise((resolve) => {
            const request = indexedDB.open('other', 1);
            request.onupgradeneeded = () => request.result.createObjectStore('store');
            request.onsuccess = () => resolve(request.result);
          });
        for (let size = 2 ** 20; size >= 2 ** 10; ) {
          // A connection of its own, which may put.
          const raw = await opened();
          const transaction = raw.transaction('store', 'readwrite');
          const parts = Array.from({ length: Math.ceil(size / 65_536) }, () => new Uint8Array(Math.min(size, 65_536)));
          for (const part of parts) transaction.objectStore('store').put(crypto.getRandomValues(part), Math.random());
          const isKept = await new Promise((resolve) => {
            transaction.oncomplete = () => resolve(true);
            transaction.onabort = () => resolve(false);
          });
          raw.close();
          if (!isKept) size /= 2;
        }
        const purger = createCache(options);
        const purged = await purger.purge().then(
          () => 'done',
          (error) => `${error.name}: ${error.message}`,
        );
        await purger.close();
        return { ...found, purged, after: await recount('quota') };
      });
      assert.deepEqual(found, {
        quota: 8 * 2 ** 20,
        bytes: 32 * 2 ** 20,
        latest: 8,
        disabled: [],
        problems: [],
        purged: 'done',
        after: { entries: 0, bytes: 0, problems: [] },
      });
    });
  } finally {
    await browser.close();
  }
}
