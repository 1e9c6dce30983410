// A burst of requests of 20 ms each, on HTTP/1.1 and on HTTP/2, sixlane and native fetch in turns. A fresh page for each
// run: what an origin speaks, and how much it takes, is learned anew.
import { median, quantile } from './support/statistics.mjs';

const RUNS = 5;
const SERVICE = 20;

export async function run({ launch, server, startServer }) {
  const secure = await startServer('--tls');
  try {
    const browser = await launch('chromium');
    console.log(
      `Chromium ${browser.version}: milliseconds for a burst, ${SERVICE} ms each; median (slowest) of ${RUNS}`,
    );
    console.log(
      `${'requests'.padEnd(12)}${['sixlane h1', 'sixlane h2', 'ratio', 'native h1', 'native h2'].map(right).join('')}`,
    );
    try {
      for (const count of [100, 300, 1000]) {
        const times = { ours1: [], ours2: [], native1: [], native2: [] };
        for (let n = 0; n < RUNS; n += 1) {
          for (const [which, { url }, ours] of [
            ['ours1', server, true],
            ['ours2', secure, true],
            ['native1', server, false],
            ['native2', secure, false],
          ]) {
            await browser.open(new URL('/blank.html', url).href);
            times[which].push(await browser.evaluate(burst, count, SERVICE, ours));
          }
        }
        const cell = (values) => right(`${median(values).toFixed(0)} (${quantile(values, 1).toFixed(0)})`);
        const ratio = right((median(times.ours2) / median(times.ours1)).toFixed(2));
        const { ours1, ours2, native1, native2 } = times;
        console.log(`${String(count).padEnd(12)}${cell(ours1)}${cell(ours2)}${ratio}${cell(native1)}${cell(native2)}`);
      }
    } finally {
      await browser.close();
    }
  } finally {
    await secure.close();
  }
}

const right = (text) => text.padStart(16);

/** Runs in the page. */
async function burst(count, service, ours) {
  let { fetch } = window;
  if (ours) {
    const { createFetch, init } = await import('/dist/index.js');
    await init();
    fetch = createFetch();
  }
  const start = performance.now();
  const call = async (n) => (await fetch(`/api/data/${n + 1}?delay=${service}`)).text();
  await Promise.all(Array.from({ length: count }, (_, n) => call(n)));
  return performance.now() - start;
}
