// What floods a browser does not flood it through sixlane.
import assert from 'node:assert/strict';

export default async function ({ launch, server, test }) {
  await test('Chromium: 10,000 GETs at once are all answered, by six connections; native fetch loses most', async () => {
    const browser = await launch('chromium');
    try {
      await browser.open(new URL('/blank.html', server.url).href);
      const { ours, native } = await browser.evaluate(async () => {
        const { createFetch, init } = await import('/dist/index.js');
        await init();
        const burst = async (fetch, run) => {
          const call = async (n) => (await fetch(`/api/data/${n + 1}?run=${run}`)).arrayBuffer();
          const results = await Promise.allSettled(Array.from({ length: 10_000 }, (_, n) => call(n)));
          return results.filter(({ status }) => status === 'fulfilled').length;
        };
        const sixlane = createFetch();
        const answered = await burst(sixlane, 'burst');
        const { queued, running, completed, failed } = sixlane.status();
        const stats = await (await fetch('/control/stats?run=burst')).json();
        return {
          ours: { answered, queued, running, completed, failed, seen: stats.seen, peak: stats.peak },
          native: await burst(fetch, 'native'),
        };
      });
      const all = { answered: 10_000, queued: 0, running: 0, completed: 10_000, failed: 0, seen: 10_000, peak: 6 };
      assert.deepEqual(ours, all);
      console.log(`    native fetch answered ${native} of 10,000 in the same page`);
      assert.ok(native < 5_000, `native fetch answered ${native}`);
    } finally {
      await browser.close();
    }
  });
}
