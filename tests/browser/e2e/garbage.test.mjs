// What the page drops is noticed, and nothing is kept that it has dropped. Only an engine's own collector tells.
import assert from 'node:assert/strict';
import { until } from '../../../scripts/lib/wait.mjs';

export default async function ({ launch, server, test }) {
  const browser = await launch('chromium');
  const protocol = await browser.context.newCDPSession(browser.page);
  const collect = () => protocol.send('HeapProfiler.collectGarbage');
  // On a page of its own: what an earlier test dropped keeps its connection, as far as the browser goes, to the end.
  const onPage = (title, body) =>
    test(title, async () => {
      // The page before lets go of its connections, or none would be free for the next one.
      await browser.open('about:blank');
      await browser.open(new URL('/blank.html', server.url).href);
      await browser.evaluate(async () => {
        const { createFetch, createQueue, init } = await import('/dist/index.js');
        await init();
        const fetch = createFetch();
        Object.assign(window, { sixlane: fetch, createQueue });
        window.big = (orders, init) => fetch(`/api/data/1?size=1000000&slow=60000&${orders}`, init);
        window.running = () => fetch.status().running;
      });
      await body();
    });
  try {
    await onPage('a response that is dropped unread gives its slot back', async () => {
      await browser.evaluate(async () => {
        await Promise.all(Array.from({ length: 6 }, (_, n) => window.big(`unread=${n}`)));
      });
      assert.equal(await browser.evaluate(() => window.running()), 6);
      await untilCollected(browser, collect, () => window.running() === 0);
    });

    await onPage('so does one whose signal lives on', async () => {
      await browser.evaluate(async () => {
        window.controller = new AbortController();
        const { signal } = window.controller;
        await Promise.all(Array.from({ length: 6 }, (_, n) => window.big(`signal=${n}`, { signal })));
      });
      assert.equal(await browser.evaluate(() => window.running()), 6);
      await untilCollected(browser, collect, () => window.running() === 0);
    });

    await onPage(
      'an abort breaks off what is read, though its response is dropped, also of one of several',
      async () => {
        await browser.evaluate(async () => {
          const open = async (orders, count) => {
            const controllers = Array.from({ length: count }, () => new AbortController());
            const responses = await Promise.all(
              controllers.map(({ signal }) => window.big(orders, { signal, lane: { dedupe: true } })),
            );
            return { controllers, reads: responses.map(({ body }) => body.getReader()) };
          };
          window.open = [await open('alone', 1), await open('several', 3)];
          for (const { reads } of window.open) for (const reader of reads) await reader.read();
          window.canary = new WeakRef(new Response());
        });
        await untilCollected(browser, collect, () => window.canary.deref() === undefined);
        await collect();
        const names = await browser.evaluate(async () => {
          const rejected = window.open.map(({ controllers: [controller], reads: [reader] }) => {
            controller.abort();
            return reader.read().then(
              () => 'read',
              (error) => error.name,
            );
          });
          const names = await Promise.all(rejected);
          names.push(window.running());
          for (const { controllers } of window.open) for (const controller of controllers) controller.abort();
          names.push(window.running());
          return names;
        });
        assert.deepEqual(names, ['AbortError', 'AbortError', 1, 0]);
      },
    );

    await onPage('a body that is being read keeps its slot, though its response is dropped', async () => {
      await browser.evaluate(async () => {
        window.reader = (await window.big('reading')).body.getReader();
        await window.reader.read();
        window.text = (await window.big('text')).text();
        window.text.catch(() => {});
        window.canary = new WeakRef(new Response());
      });
      await untilCollected(browser, collect, () => window.canary.deref() === undefined);
      await collect();
      assert.equal(await browser.evaluate(() => window.running()), 2);
      await browser.evaluate(() => window.sixlane.close());
    });

    await onPage('what was asked for and written to leaves little behind, of however many addresses', async () => {
      const used = async () => {
        for (let round = 0; round < 3; round += 1) await collect();
        return (await protocol.send('Runtime.getHeapUsage')).usedSize;
      };
      await browser.evaluate(async () => {
        const { createFetch } = await import('/dist/index.js');
        const headers = { 'cache-control': 'no-store' };
        const fetch = createFetch({
          fetch: async ({ method }) => new Response(method === 'GET' ? 'x' : null, { headers }),
        });
        await fetch.cache.purge();
        let count = 0;
        window.many = async (calls, init) => {
          for (let round = 0; round < calls / 10; round += 1) {
            // Two of each: what may not be shared is remembered, too.
            const paths = Array.from({ length: 5 }, () => `/${'address/'.repeat(8)}${++count}`);
            await Promise.all([...paths, ...paths].map(async (path) => (await fetch(path, init)).text()));
          }
        };
      });
      for (const init of [{ method: 'POST' }, undefined, { headers: { 'x-own': '1' } }]) {
        await browser.evaluate((init) => window.many(200, init), init);
        const before = await used();
        const grown = [];
        for (let round = 0; round < 3; round += 1) {
          await browser.evaluate((init) => window.many(2_000, init), init);
          grown.push((await used()) - before);
        }
        const told = `${JSON.stringify(init)}: ${grown} bytes`;
        assert.ok(grown[2] < 500_000, told);
        // What there is room for is full by now.
        assert.ok(grown[2] - grown[1] < 100_000, told);
      }
    });

    await onPage(
      'a monitor says what it found, and ladders leave their levels, though the page has dropped them',
      async () => {
        await browser.evaluate(async () => {
          const { createDegradation, createFetch, createMonitor } = await import('/dist/index.js');
          window.said = [];
          const monitor = createMonitor({ interval: 500, pending: 0, minimum: 1, thresholds: { errorRate: 0.5 } });
          monitor.onAlert(({ trigger }) => trigger === 'error-rate' && window.said.push('alert'));
          for (let n = 0; n < 10; n += 1) monitor.record({ duration: 1, ok: false });
          const actions = [{ do: 'call', enter() {}, leave: () => window.said.push('left') }];
          const rules = [{ level: 1, name: 'one', triggers: ['memory'], actions }];
          createDegradation({ rules, recoverAfter: 500 }).trigger('memory');
          createFetch({ degradation: { rules, recoverAfter: 500 } }).degradation.trigger('memory');
        });
        for (let round = 0; round < 5; round += 1) await collect();
        await until(() => browser.evaluate(() => window.said.length === 3), {
          ms: 10_000,
          complaint: () => 'they were collected',
        });
      },
    );

    await onPage('a queue that is dropped is collected, once its tasks are done', async () => {
      await browser.evaluate(async () => {
        const queues = Array.from({ length: 20 }, () => window.createQueue());
        await Promise.all(queues.map((queue) => queue.add(() => 1, { timeout: 60_000 })));
        window.queues = queues.map((queue) => new WeakRef(queue));
      });
      await untilCollected(browser, collect, () => window.queues.every((queue) => queue.deref() === undefined));
    });
  } finally {
    await browser.close();
  }
}

/** A weak reference is cleared in a turn of its own, and a finalizer called in another: so several rounds. */
async function untilCollected(browser, collect, met) {
  for (let round = 0; round < 50; round += 1) {
    await collect();
    if (await browser.evaluate(met)) return;
  }
  assert.fail(`not after 50 collections: ${met}`);
}
