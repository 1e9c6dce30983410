// Cost per task of no-op tasks in five priorities at concurrency 6: sixlane and p-queue, in turns, in one page.
import { interval, median } from './support/statistics.mjs';

const SIZES = [1_000, 10_000, 100_000];
const SAMPLES = { 1000: 50, 10000: 30, 100000: 15 };

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    console.log(
      `Chromium ${browser.version}: microseconds a task, median, and sixlane as a share of p-queue with its 95 % interval`,
    );
    console.log('      n   sixlane   p-queue   ratio');
    for (const n of SIZES) {
      // The page imports packages by their names, through its import map.
      await browser.open(new URL('/index.html', server.url).href);
      const samples = await browser.evaluate(measure, n, SAMPLES[n]);
      const ratios = samples.map(({ ours, theirs }) => ours / theirs);
      const [low, high] = interval(ratios);
      const cost = (name) => (median(samples.map((sample) => sample[name])) * 1000) / n;
      const cells = [`${n}`.padStart(7), cost('ours').toFixed(2).padStart(9), cost('theirs').toFixed(2).padStart(9)];
      console.log(`${cells.join(' ')}    ${median(ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`);
    }
  } finally {
    await browser.close();
  }
}

/** Runs in the page. Each sample is one run of each, in alternating order, milliseconds. */
async function measure(n, samples) {
  const { createQueue, init } = await import('sixlane');
  const { default: PQueue } = await import('p-queue');
  await init();
  const levels = ['background', 'low', 'normal', 'high', 'critical'];
  const runs = {
    ours: () => {
      const queue = createQueue({ concurrency: 6 });
      return (i) => queue.add(async () => {}, { priority: levels[i % 5] });
    },
    theirs: () => {
      const queue = new PQueue({ concurrency: 6 });
      return (i) => queue.add(async () => {}, { priority: i % 5 });
    },
  };
  const time = async (name) => {
    const add = runs[name]();
    const start = performance.now();
    const all = new Array(n);
    for (let i = 0; i < n; i++) all[i] = add(i);
    await Promise.all(all);
    return performance.now() - start;
  };
  await time('ours');
  await time('theirs');
  const results = [];
  for (let i = 0; i < samples; i++) {
    const order = i % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours'];
    const sample = {};
    for (const name of order) sample[name] = await time(name);
    results.push(sample);
  }
  return results;
}
