// Time to the answer of one urgent call behind a crowd, native fetch and sixlane in turns, against an origin that takes
// 20 ms for each request.
import { median, quantile } from './support/statistics.mjs';

const RUNS = 20;
const SERVICE = 20;

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    await browser.open(new URL('/blank.html', server.url).href);
    console.log(`Chromium ${browser.version}: milliseconds, median and slowest of ${RUNS}`);
    const show = (what, values) => {
      const cells = [median(values), quantile(values, 1)].map((value) => value.toFixed(0).padStart(7));
      console.log(`${what.padEnd(66)}${cells.join('')}`);
    };
    const critical = await browser.evaluate(behindThousand, RUNS, SERVICE);
    show(`a critical GET behind 1,000 waiting ones, ${SERVICE} ms each: sixlane`, critical.ours);
    show('the same: native fetch', critical.theirs);
    const emergency = await browser.evaluate(behindSlow, RUNS, SERVICE);
    show('an emergency, all six slots taken by GETs of 2 s: sixlane', emergency.ours);
    show('the same: native fetch', emergency.theirs);
  } finally {
    await browser.close();
  }
}

/** Runs in the page. */
async function behindThousand(runs, service) {
  const { createFetch, init } = await import('/dist/index.js');
  await init();
  const samples = { ours: [], theirs: [] };
  const sample = async (fetch, lane) => {
    const controller = new AbortController();
    const { signal } = controller;
    const crowd = Array.from({ length: 1000 }, (_, n) =>
      fetch(`/api/data/${n + 1}?delay=${service}`, { signal, ...lane('background') }).then((response) =>
        response.text(),
      ),
    );
    const start = performance.now();
    await (await fetch(`/api/user/profile?delay=${service}`, lane('critical'))).text();
    const time = performance.now() - start;
    controller.abort();
    await Promise.allSettled(crowd);
    return time;
  };
  for (let i = 0; i < runs; i++) {
    const sixlane = createFetch();
    samples.ours.push(await sample(sixlane, (priority) => ({ lane: { priority } })));
    await sixlane.close();
    samples.theirs.push(await sample(fetch, () => ({})));
  }
  return samples;
}

/** Runs in the page. */
async function behindSlow(runs, service) {
  const { createFetch } = await import('/dist/index.js');
  const samples = { ours: [], theirs: [] };
  const sample = async (fetch, emergency) => {
    const controller = new AbortController();
    const { signal } = controller;
    const crowd = Array.from({ length: 6 }, (_, n) =>
      fetch(`/api/data/${n + 1}?delay=2000`, { signal, lane: { priority: 'background' } }),
    );
    // Until they are really on the wire.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const start = performance.now();
    await (await emergency(`/api/user/profile?delay=${service}`)).text();
    const time = performance.now() - start;
    controller.abort();
    await Promise.allSettled(crowd);
    return time;
  };
  for (let i = 0; i < runs; i++) {
    const sixlane = createFetch();
    samples.ours.push(await sample(sixlane, sixlane.emergency));
    await sixlane.close();
    samples.theirs.push(await sample(fetch, fetch));
  }
  return samples;
}
