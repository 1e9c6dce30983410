// 1,000 items in batches of 50 from an origin that takes 5 ms for each request: the batcher by itself beside dataloader, both
// with the same loader, and calls by address, whose callers get whole responses. In turns. The floor is dataloader with a
// Request and a Response around each item. Native fetch one by one beside them. Then how long the others wait for their
// answers when one item comes a second late.
import { interval, median, quantile } from './support/statistics.mjs';

const ITEMS = 1000;
const SERVICE = 5;
const SAMPLES = 30;
const SINGLY = 3;
const LATE_SAMPLES = 15;

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    await browser.open(new URL('/blank.html', server.url).href);
    const samples = await browser.evaluate(measure, ITEMS, SERVICE, SAMPLES, SINGLY);
    console.log(`Chromium ${browser.version}: milliseconds for ${ITEMS} items, median of ${SAMPLES}`);
    for (const name of ['dataloader', 'createBatcher', 'the floor', 'by address']) {
      const times = samples.turns.map((sample) => sample[name]);
      const ratios = samples.turns.map((sample) => sample[name] / sample.dataloader);
      const [low, high] = interval(ratios);
      const ratio = `${median(ratios).toFixed(2)} of dataloader (${low.toFixed(2)} to ${high.toFixed(2)})`;
      console.log(
        `${name.padEnd(16)}${median(times).toFixed(1).padStart(8)}${name === 'dataloader' ? '' : `  ${ratio}`}`,
      );
    }
    console.log(`${'native, singly'.padEnd(16)}${median(samples.singly).toFixed(1).padStart(8)}  median of ${SINGLY}`);
    for (const items of [50, ITEMS]) {
      const late = await browser.evaluate(oneLate, items, SERVICE, LATE_SAMPLES);
      const of = (share) => median(late.map((others) => quantile(others, share))).toFixed(1);
      const slowest = Math.max(...late.map((others) => quantile(others, 0.95))).toFixed(1);
      const text = `half of the others after ${of(0.5)}, 95 % after ${of(0.95)} (slowest of ${LATE_SAMPLES}: ${slowest})`;
      console.log(`${items} items, one late by 1 s: ${text}`);
    }
  } finally {
    await browser.close();
  }
}

/** Runs in the page. */
async function measure(items, service, samples, singly) {
  const { createBatcher, createFetch, init } = await import('/dist/index.js');
  const script = document.createElement('script');
  const loaded = new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = reject;
  });
  // As bundlers do with it.
  globalThis.exports = {};
  globalThis.module = { exports: globalThis.exports };
  script.src = '/node_modules/dataloader/index.js';
  document.body.append(script);
  await Promise.all([loaded, init()]);
  const DataLoader = globalThis.module.exports;

  const keys = Array.from({ length: items }, (_, index) => `${index + 1}`);
  const load = async (some) => {
    const body = JSON.stringify({ keys: some });
    const found = await (await fetch(`/api/batch?delay=${service}`, { method: 'POST', body })).json();
    return some.map((key) => found[key]);
  };
  const ways = {
    dataloader: () => {
      const loader = new DataLoader(load, { maxBatchSize: 50, cache: false });
      return (key) => loader.load(key);
    },
    createBatcher: () => {
      const batcher = createBatcher(load, { maxSize: 50 });
      return (key) => batcher.load(key);
    },
    'the floor': () => {
      const loader = new DataLoader(load, { maxBatchSize: 50, cache: false });
      return async (key) => {
        const { url } = new Request(`/api/data/${key}?delay=${service}`);
        const found = await loader.load(url.slice(url.lastIndexOf('/') + 1, url.lastIndexOf('?')));
        const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
        return new Response(JSON.stringify(found), { headers }).json();
      };
    },
    'by address': () => {
      const batch = [{ match: /\/api\/data\/(?<id>\d+)/, endpoint: '/api/batch' }];
      const ours = createFetch({ batch });
      const call = async (key) => (await ours(`/api/data/${key}?delay=${service}`)).json();
      return Object.assign(call, { end: () => ours.close() });
    },
    singly: () => async (key) => (await fetch(`/api/data/${key}?delay=${service}`)).json(),
  };
  const time = async (name) => {
    const one = ways[name]();
    const start = performance.now();
    const found = await Promise.all(keys.map(one));
    const took = performance.now() - start;
    await one.end?.();
    if (found.some(({ id }, index) => id !== index + 1)) throw new Error(`${name}: wrong answers`);
    return took;
  };
  const names = Object.keys(ways).filter((name) => name !== 'singly');
  for (let i = 0; i < 5; i++) for (const name of names) await time(name);
  const turns = [];
  for (let i = 0; i < samples; i++) {
    const sample = {};
    for (const name of names.map((_, index) => names[(index + i) % names.length])) sample[name] = await time(name);
    turns.push(sample);
  }
  const times = [];
  for (let i = 0; i < singly; i++) times.push(await time('singly'));
  return { turns, singly: times };
}

/** Runs in the page. */
async function oneLate(items, service, samples) {
  const { createFetch, init } = await import('/dist/index.js');
  await init();
  const sample = async () => {
    const ours = createFetch({ batch: [{ match: /\/api\/data\/(?<id>\d+)/, endpoint: '/api/batch' }] });
    const start = performance.now();
    const calls = Array.from({ length: items }, async (_, index) => {
      await (await ours(`/api/data/${index + 1}?delay=${service}&late=1:1000`)).json();
      return performance.now() - start;
    });
    const [late, ...others] = await Promise.all(calls);
    if (late < 1000) throw new Error('it was not late');
    await ours.close();
    return others;
  };
  const results = [];
  for (let i = 0; i < samples; i++) results.push(await sample());
  return results;
}
