// What retry, circuit breaker and rate limit cost a call that succeeds at once: all on against all off, in turns, over a
// transport that answers at once.
import { interval, median } from './support/statistics.mjs';

const CALLS = 1_000;
const SAMPLES = 60;

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    await browser.open(new URL('/blank.html', server.url).href);
    const samples = await browser.evaluate(measure, CALLS, SAMPLES);
    const ratios = samples.map(({ on, off }) => on / off);
    const [low, high] = interval(ratios);
    const cost = (name) => ((median(samples.map((sample) => sample[name])) * 1000) / CALLS).toFixed(1);
    console.log(`Chromium ${browser.version}: microseconds a call, median of ${SAMPLES} times ${CALLS} calls`);
    console.log(`all off ${cost('off')}, all on ${cost('on')}`);
    console.log(`ratio ${median(ratios).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`);
  } finally {
    await browser.close();
  }
}

/** Runs in the page. Each sample is one run of each, in alternating order, milliseconds. */
async function measure(calls, samples) {
  const { createFetch, init } = await import('/dist/index.js');
  await init();
  const transport = async () => new Response('answer');
  // Each call by itself.
  const bare = { fetch: transport, cache: false, dedupe: false };
  // Never reached: what is measured is that it is looked at.
  const rateLimit = { capacity: 1e9, refillRate: 1e6 };
  const fetches = {
    on: createFetch({ ...bare, retry: 3, breaker: true, rateLimit }),
    off: createFetch({ ...bare, retry: false, breaker: false, rateLimit: false }),
  };
  const time = async (name) => {
    const fetch = fetches[name];
    const start = performance.now();
    const all = new Array(calls);
    for (let i = 0; i < calls; i++) all[i] = fetch('/api/data/1').then((response) => response.text());
    await Promise.all(all);
    return performance.now() - start;
  };
  for (let i = 0; i < 10; i++) for (const name of ['on', 'off']) await time(name);
  const results = [];
  for (let i = 0; i < samples; i++) {
    const sample = {};
    for (const name of i % 2 === 0 ? ['on', 'off'] : ['off', 'on']) sample[name] = await time(name);
    results.push(sample);
  }
  return results;
}
