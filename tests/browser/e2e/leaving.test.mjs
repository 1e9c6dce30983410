// What a page sends while it is left, as real browsers do it.
import { until } from '../../../scripts/lib/wait.mjs';

const EVENTS = ['beforeunload', 'pagehide'];

export default async function ({ launch, server, test }) {
  for (const name of ['chromium', 'firefox', 'webkit']) {
    await test(`${name}: a POST with keepalive of a page that is left arrives, however it is said`, async () => {
      const browser = await launch(name);
      const run = `leaving-${name}-${Date.now()}`;
      try {
        await browser.open(new URL('/blank.html', server.url).href);
        await browser.evaluate(prepare, run, EVENTS);
        await browser.open(new URL('/blank.html?left', server.url).href);
        let seen;
        await until(
          async () => {
            const response = await fetch(new URL(`/control/stats?order=1&run=${run}`, server.url));
            seen = await response.json();
            return seen.seen === 2 * EVENTS.length;
          },
          { ms: 10_000, every: 50, complaint: () => `of ${2 * EVENTS.length} requests came ${JSON.stringify(seen)}` },
        );
      } finally {
        await browser.close();
      }
    });
  }
}

/** Runs in the page. */
async function prepare(run, types) {
  const { createFetch, init } = await import('/dist/index.js');
  await init();
  const fetch = createFetch();
  for (const type of types) {
    addEventListener(type, () => {
      const said = { method: 'POST', body: '{}', keepalive: true, headers: { 'content-type': 'application/json' } };
      fetch(`/api/analytics?of=${type}-init&run=${run}`, said);
      fetch(new Request(`/api/analytics?of=${type}-request&run=${run}`, said));
    });
  }
}
