// A server that becomes slow under mixed load: two pages at once, one of which gives things up.
import assert from 'node:assert/strict';

/** Milliseconds that each answer takes: the server at ease, and in trouble. */
const EASE = 20;
const TROUBLE = 2_000;

export default async function ({ launch, startServer, test }) {
  await test('Chromium: a slow server is noticed in two samples, critical calls are twice as fast, and all comes back', async () => {
    // Of its own: its delay is that of all who ask it.
    const server = await startServer();
    const browsers = await Promise.all([launch('chromium'), launch('chromium')]);
    const delay = async (milliseconds) => {
      const body = JSON.stringify({ delay: milliseconds });
      assert.ok((await fetch(new URL('/control', server.url), { method: 'PUT', body })).ok);
    };
    try {
      await delay(EASE);
      await Promise.all(browsers.map((browser) => browser.open(new URL('/blank.html', server.url).href)));
      const [careful, plain] = browsers;
      await Promise.all([careful.evaluate(begin, true), plain.evaluate(begin, false)]);
      await careful.evaluate(sampled, 1);
      await delay(TROUBLE);
      const { slow, alert, level } = await careful.evaluate(alerted);
      assert.equal(alert.trigger, 'response-time');
      assert.ok(alert.value > TROUBLE * 0.99, `${alert.value} ms`);
      assert.ok(slow <= 2, `${slow} samples were slow before the alert`);
      assert.equal(level, 1);
      // From the alert on, in both.
      await Promise.all(browsers.map((browser) => browser.evaluate(forget)));
      await careful.evaluate(sampled, 4);
      const [given, before] = await Promise.all(browsers.map((browser) => browser.evaluate(critical)));
      console.log(`    critical p95: ${Math.round(given.p95)} ms, without degradation ${Math.round(before.p95)} ms`);
      assert.ok(given.count >= 15 && before.count >= 10, `${given.count} and ${before.count} calls`);
      assert.ok(given.p95 <= before.p95 / 2, `${given.p95} ms in place of ${before.p95}`);
      assert.ok(given.background.shed > 0 && before.background.shed === 0, JSON.stringify([given, before]));
      // But for probes.
      assert.ok(given.background.sent <= given.background.shed / 10, JSON.stringify(given.background));
      await delay(EASE);
      assert.deepEqual(await careful.evaluate(recovered), { level: 0, shed: 0 });
    } finally {
      await Promise.all(browsers.map((browser) => browser.close()));
      await server.close();
    }
  });
}

/** Runs in the page: from now on there is mixed load. */
async function begin(degrades) {
  const { createFetch } = await import('/dist/index.js');
  // Half of the default times.
  const monitor = { interval: 2_500, pending: 5_000, minimum: 5 };
  const degradation = degrades && { recoverAfter: 2_500 };
  const fetch = createFetch({ monitor, degradation, retry: false });
  await fetch.ready;
  const state = { fetch, alerts: [], since: 0, critical: [], background: { sent: 0, shed: 0 } };
  window.state = state;
  fetch.monitor.onAlert((alert) => state.alerts.push(alert));
  const call = async (priority, url) => {
    const start = performance.now();
    try {
      await (await fetch(url, { lane: { priority, timeout: { wait: 5_000 } } })).text();
      if (priority === 'critical' && start >= state.since) state.critical.push(performance.now() - start);
      if (priority === 'background') state.background.sent += 1;
    } catch (error) {
      if (error.code === 'shed') state.background.shed += 1;
    }
  };
  const every = (milliseconds, priority, path) => {
    let n = 0;
    setInterval(() => call(priority, path(n++)), milliseconds);
  };
  // What it shows, asked for again and again; it may be a minute old.
  every(500, 'critical', (n) => `/api/data/${(n % 5) + 1}?cache=1&etag=1`);
  every(250, 'normal', (n) => `/api/data/${n + 1}?kind=normal`);
  every(200, 'low', (n) => `/api/data/${n + 1}?kind=low`);
  every(100, 'background', (n) => `/api/data/${n + 1}?kind=background`);
}

/** Runs in the page: waits for so many samples more. */
async function sampled(count) {
  const { monitor } = window.state.fetch;
  const last = monitor.report().samples.at(-1)?.at ?? 0;
  const later = () => monitor.report().samples.filter(({ at }) => at > last).length;
  while (later() < count) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Runs in the page. */
async function alerted() {
  const { fetch, alerts } = window.state;
  while (fetch.degradation.level === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const alert = alerts.find(({ trigger }) => trigger === 'response-time');
  const slow = fetch.monitor.report().samples.filter(({ responseTime: { p95 }, at }) => p95 > 1_000 && at <= alert.at);
  return { slow: slow.length, alert, level: fetch.degradation.level };
}

/** Runs in the page. */
function forget() {
  // What was called before is not counted.
  Object.assign(window.state, { critical: [], since: performance.now() });
  Object.assign(window.state.background, { sent: 0, shed: 0 });
}

/** Runs in the page. */
function critical() {
  const { critical, background } = window.state;
  const times = critical.toSorted((a, b) => a - b);
  return { count: times.length, p95: times[Math.ceil(times.length * 0.95) - 1], background };
}

/** Runs in the page. */
async function recovered() {
  const { fetch } = window.state;
  while (fetch.degradation.level > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const { shed } = fetch.status();
  window.state.background.sent = 0;
  while (window.state.background.sent < 20) await new Promise((resolve) => setTimeout(resolve, 50));
  return { level: fetch.degradation.level, shed: fetch.status().shed - shed };
}
