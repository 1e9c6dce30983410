// What the panel costs the page that it watches: milliseconds of main thread in each second, at 100 calls a second over a
// stubbed transport, as Chromium itself counts them. In turns: without a panel, with one that is seen, with one that is not.
import { interval, median } from './support/statistics.mjs';

const RATE = 100;
const SECONDS = 5;
const SAMPLES = 12;
const VARIANTS = ['without', 'seen', 'hidden'];
const FIGURES = {
  script: ['ScriptDuration'],
  layout: ['RecalcStyleDuration', 'LayoutDuration'],
  all: ['TaskDuration'],
};

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    await browser.open(new URL('/blank.html', server.url).href);
    const protocol = await browser.context.newCDPSession(browser.page);
    await protocol.send('Performance.enable');
    const read = async () => {
      const { metrics } = await protocol.send('Performance.getMetrics');
      const of = (name) => metrics.find((metric) => metric.name === name).value * 1000;
      return Object.fromEntries(
        Object.entries(FIGURES).map(([figure, names]) => [figure, names.reduce((sum, name) => sum + of(name), 0)]),
      );
    };
    await browser.evaluate(prepare);
    const samples = [];
    for (let n = -1; n < SAMPLES; n++) {
      const sample = {};
      for (let k = 0; k < VARIANTS.length; k++) {
        const variant = VARIANTS[(n + 1 + k) % VARIANTS.length];
        await browser.evaluate(show, variant);
        const before = await read();
        await browser.evaluate(call, RATE, SECONDS);
        const after = await read();
        sample[variant] = Object.fromEntries(
          Object.keys(before).map((figure) => [figure, (after[figure] - before[figure]) / SECONDS]),
        );
      }
      // The first is for warming up.
      if (n >= 0) samples.push(sample);
    }
    console.log(
      `Chromium ${browser.version}: ms of main thread in a second at ${RATE} calls a second, median of ${SAMPLES}`,
    );
    for (const variant of VARIANTS) {
      const cells = Object.keys(FIGURES).map((figure) => {
        const more = samples.map((sample) => sample[variant][figure] - sample.without[figure]);
        const [low, high] = interval(more);
        const all = median(samples.map((sample) => sample[variant][figure])).toFixed(2);
        return `${figure} ${all}${variant === 'without' ? '' : ` (+${median(more).toFixed(2)}, ${low.toFixed(2)} to ${high.toFixed(2)})`}`;
      });
      console.log(`${variant.padEnd(8)} ${cells.join('  ')}`);
    }
  } finally {
    await browser.close();
  }
}

async function prepare() {
  const { createFetch, init } = await import('/dist/index.js');
  await import('/dist/panel.js');
  await init();
  const answer = async () => new Response('four', { headers: { 'content-length': '4' } });
  globalThis.watched = createFetch({ fetch: answer, cache: false });
}

async function show(variant) {
  document.querySelector('sixlane-panel')?.remove();
  document.querySelector('#above')?.remove();
  if (variant !== 'without') {
    const panel = document.createElement('sixlane-panel');
    panel.instance = globalThis.watched;
    document.body.append(panel);
  }
  if (variant === 'hidden') {
    const above = document.createElement('div');
    above.id = 'above';
    above.style.height = '10000px';
    document.body.prepend(above);
  }
  // What it draws first is no part of the figure.
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
}

async function call(rate, seconds) {
  const paths = ['/api/users', '/api/orders', '/api/statistics'];
  const all = [];
  const start = performance.now();
  for (let n = 0; n < rate * seconds; n++) {
    const due = start + (n * 1000) / rate;
    if (due > performance.now()) await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    all.push(globalThis.watched(`${paths[n % 3]}/${n}`).then((response) => response.text()));
  }
  await Promise.all(all);
}
