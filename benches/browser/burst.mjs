// A burst of 1,000 GETs at once against an origin that takes so long for each: sixlane, native fetch, and a pool of six over
// native fetch, in turns, in one page. And what a critical call takes that is made in the middle of it.
import { interval, median } from './support/statistics.mjs';

const CALLS = 1000;
const DELAYS = [0, 2, 5, 20];
const SAMPLES = 15;
const NAMES = ['native', 'pool', 'sixlane'];

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    console.log(
      `Chromium ${browser.version}: milliseconds for ${CALLS} GETs, median of ${SAMPLES}; as a share of native; a critical call`,
    );
    console.log('delay    native    pool sixlane   pool           sixlane        critical: native  sixlane');
    for (const delay of DELAYS) {
      await browser.open(new URL('/blank.html', server.url).href);
      const samples = await browser.evaluate(measure, CALLS, delay, SAMPLES);
      const lost = samples.reduce((sum, { native }) => sum + native.lost, 0);
      const of = (name, what) => samples.map((sample) => sample[name][what]);
      const share = (name) => {
        const ratios = samples.map((sample) => sample[name].time / sample.native.time);
        const [low, high] = interval(ratios);
        return `${median(ratios).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
      };
      const cells = [
        `${delay} ms`.padEnd(7),
        ...NAMES.map((name) => median(of(name, 'time')).toFixed(0).padStart(7)),
        ` ${share('pool')}`,
        ` ${share('sixlane')}`,
        `         ${['native', 'sixlane'].map((name) => median(of(name, 'critical')).toFixed(1).padStart(8)).join('')}`,
        lost > 0 ? `(native lost ${lost})` : '',
      ];
      console.log(cells.join(' '));
    }
  } finally {
    await browser.close();
  }
}

/** Runs in the page. Each sample is one run of each, in turning order. */
async function measure(calls, delay, samples) {
  const { createFetch, init } = await import('/dist/index.js');
  await init();
  const native = window.fetch;
  const sixlane = createFetch({ cache: false });
  const pool = () => {
    const waiting = [];
    let running = 0;
    const next = () => {
      while (running < 6 && waiting.length > 0) {
        running += 1;
        const { url, resolve } = waiting.shift();
        native(url).then((response) => {
          resolve(response);
          running -= 1;
          next();
        });
      }
    };
    return (url) =>
      new Promise((resolve) => {
        waiting.push({ url, resolve });
        next();
      });
  };
  let number = 0;
  const burst = async (name) => {
    const fetch = name === 'native' ? (url) => native(url) : name === 'pool' ? pool() : (url) => sixlane(url);
    const address = () => `/api/data/1?delay=${delay}&burst=${number++}`;
    const start = performance.now();
    let settled = 0;
    let lost = 0;
    let middle;
    const half = new Promise((resolve) => {
      middle = resolve;
    });
    const one = async () => {
      try {
        await (await fetch(address())).text();
      } catch {
        lost += 1;
      }
      settled += 1;
      if (settled === calls / 2) middle();
    };
    const all = Array.from({ length: calls }, one);
    const critical = half.then(async () => {
      const made = performance.now();
      const response = await (name === 'sixlane'
        ? sixlane(address(), { lane: { priority: 'critical' } })
        : native(address(), { priority: 'high' }));
      await response.text();
      return performance.now() - made;
    });
    await Promise.all(all);
    const time = performance.now() - start;
    return { time, lost, critical: await critical };
  };
  const names = ['native', 'pool', 'sixlane'];
  for (const name of names) await burst(name);
  const results = [];
  for (let i = 0; i < samples; i++) {
    const sample = {};
    for (let k = 0; k < names.length; k++) {
      const name = names[(i + k) % names.length];
      sample[name] = await burst(name);
    }
    results.push(sample);
  }
  return results;
}
