// What an answer from memory costs: a call that the cache answers, its 2 KiB read as text, against the least that any cache
// must do, a new Response read as text; against the same with the header fields of the answer, which one that keeps them must
// do; and against the browser's own Cache API. In turns, one call after the other.
import { interval, median } from './support/statistics.mjs';

const CALLS = 500;
const SAMPLES = 40;

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    await browser.open(new URL('/blank.html', server.url).href);
    const samples = await browser.evaluate(measure, CALLS, SAMPLES);
    const cost = (name) => ((median(samples.map((sample) => sample[name])) * 1000) / CALLS).toFixed(1);
    console.log(`Chromium ${browser.version}: microseconds a call, median of ${SAMPLES} times ${CALLS} calls`);
    for (const name of ['floor', 'fields', 'plain', 'route', 'lane', 'value', 'cacheApi']) {
      const ratios = samples.map((sample) => sample[name] / sample.floor);
      const [low, high] = interval(ratios);
      const ratio = `${median(ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
      console.log(`${name.padEnd(9)} ${cost(name).padStart(7)}  ${ratio}`);
    }
  } finally {
    await browser.close();
  }
}

/** Runs in the page. Each sample is one run of each, in turning order, milliseconds. */
async function measure(calls, samples) {
  const { createCache, createFetch, init } = await import('/dist/index.js');
  await init();
  const bytes = new Uint8Array(2048).fill(120);
  const headers = {
    'cache-control': 'max-age=3600',
    'content-type': 'application/json',
    'content-length': '2048',
    date: new Date().toUTCString(),
    etag: '"0123456789abcdef"',
    vary: 'accept-encoding',
  };
  const pairs = Object.entries(headers);
  const make = () => new Response(bytes, { headers });
  const fetch = createFetch({ fetch: async () => make() });
  const match = [/\/other\//, /\/bench$/];
  const routed = createFetch({
    fetch: async () => make(),
    routes: match.map((match) => ({ match, priority: 'high' })),
  });
  const values = createCache();
  await values.set('key', new TextDecoder().decode(bytes));
  const native = await caches.open('bench');
  await native.put('/bench', make());
  const lane = { priority: 'high' };
  const variants = {
    floor: () => new Response(bytes).text(),
    fields: () => new Response(bytes, { headers: pairs }).text(),
    plain: async () => (await fetch('/bench')).text(),
    route: async () => (await routed('/bench')).text(),
    lane: async () => (await fetch('/bench', { lane })).text(),
    value: () => values.get('key'),
    cacheApi: async () => (await native.match('/bench')).text(),
  };
  const names = Object.keys(variants);
  for (const one of [fetch, routed]) {
    await (await one('/bench')).text();
    while (one.cache.stats().memory.entries === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  const time = async (name) => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) await variants[name]();
    return performance.now() - start;
  };
  for (let i = 0; i < 5; i++) for (const name of names) await time(name);
  const results = [];
  for (let i = 0; i < samples; i++) {
    const sample = {};
    for (let k = 0; k < names.length; k++) {
      const name = names[(i + k) % names.length];
      sample[name] = await time(name);
    }
    results.push(sample);
  }
  await caches.delete('bench');
  return results;
}
