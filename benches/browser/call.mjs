// What a call costs before and behind its transport: over a stub that answers at once, with nothing said, with a time limit
// for all calls, with a lane, by a route, without a monitor, and with degradation. Each against the first, and beside it what the same costs by hand, over the same
// stub. In turns, one call after the other, each for an address of its own.
import { interval, median } from './support/statistics.mjs';

const CALLS = 500;
const SAMPLES = 40;

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    await browser.open(new URL('/blank.html', server.url).href);
    const samples = await browser.evaluate(measure, CALLS, SAMPLES);
    const cost = (name) => ((median(samples.map((sample) => sample[name])) * 1000) / CALLS).toFixed(1).padStart(7);
    console.log(
      `Chromium ${browser.version}: microseconds a call, median of ${SAMPLES} times ${CALLS} calls, and the share of "nothing"`,
    );
    console.log('          sixlane  by hand   ratio');
    for (const name of ['nothing', 'timeout', 'lane', 'fresh', 'route', 'unwatched', 'degrading']) {
      const ratios = samples.map((sample) => sample[name] / sample.nothing);
      const [low, high] = interval(ratios);
      const ratio = `${median(ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
      const byHand = samples[0][`${name} by hand`] === undefined ? ' '.repeat(7) : cost(`${name} by hand`);
      console.log(`${name.padEnd(9)} ${cost(name)}  ${byHand}   ${ratio}`);
    }
  } finally {
    await browser.close();
  }
}

/** Runs in the page. Each sample is one run of each, in turning order, milliseconds. */
async function measure(calls, samples) {
  const { createFetch, init } = await import('/dist/index.js');
  await init();
  const stub = async () => new Response(null);
  const options = { fetch: stub };
  const plain = createFetch(options);
  const limited = createFetch({ ...options, timeout: 5000 });
  const routed = createFetch({ ...options, routes: [{ match: /\/bench/, timeout: 5000 }] });
  const unwatched = createFetch({ ...options, monitor: false });
  const degrading = createFetch({ ...options, degradation: true });
  await degrading.ready;
  const make = () => ({ timeout: { attempt: 1000 }, retry: { limit: 2 } });
  const lane = make();
  const retried = async (url, limit) => {
    for (let attempt = 0; ; attempt++) {
      const response = await stub(new Request(url, { signal: AbortSignal.timeout(1000) }));
      if (response.ok || attempt === limit) return response;
    }
  };
  const variants = {
    nothing: (url) => plain(url),
    timeout: (url) => limited(url),
    lane: (url) => plain(url, { lane }),
    // The same lane, each time in an object of its own.
    fresh: (url) => plain(url, { lane: make() }),
    route: (url) => routed(url),
    unwatched: (url) => unwatched(url),
    degrading: (url) => degrading(url),
    'nothing by hand': (url) => stub(new Request(url)),
    'timeout by hand': (url) => stub(new Request(url, { signal: AbortSignal.timeout(5000) })),
    'lane by hand': (url) => retried(url, 2),
    'fresh by hand': (url) => retried(url, 2),
    'route by hand': (url) => stub(new Request(url, /\/bench/.test(url) ? { signal: AbortSignal.timeout(5000) } : {})),
  };
  const names = Object.keys(variants);
  let number = 0;
  const time = async (name) => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) await variants[name](`/bench?${number++}`);
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
  return results;
}
