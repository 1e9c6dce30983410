// What the page drops is noticed, and nothing is kept that it has dropped. Only an engine's own collector tells.
import assert from 'node:assert/strict';

export default async function ({ launch, server, test }) {
  const browser = await launch('chromium');
  const protocol = await browser.context.newCDPSession(browser.page);
  const collect = () => protocol.send('HeapProfiler.collectGarbage');
  try {
    await browser.open(new URL('/blank.html', server.url).href);
    await browser.evaluate(async () => {
      const { createFetch, createQueue, init } = await import('/dist/index.js');
      await init();
      const fetch = createFetch();
      Object.assign(window, { sixlane: fetch, createQueue });
      window.big = (orders) => fetch(`/api/data/1?size=1000000&slow=60000&${orders}`);
      window.running = () => fetch.status().running;
    });

    await test('a response that is dropped unread gives its slot back', async () => {
      await browser.evaluate(async () => {
        await Promise.all(Array.from({ length: 6 }, (_, n) => window.big(`unread=${n}`)));
      });
      assert.equal(await browser.evaluate(() => window.running()), 6);
      await untilCollected(browser, collect, () => window.running() === 0);
    });

    await test('a body that is being read keeps its slot, though its response is dropped', async () => {
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

    await test('a queue that is dropped is collected, once its tasks are done', async () => {
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
