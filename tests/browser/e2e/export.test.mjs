// What the monitor gives to others: OpenTelemetry's own SDK, readers of HTTP Archives, the browser's performance panel.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import Ajv from 'ajv';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);

/** The SDK as a script that leaves it behind as `otel`. */
async function sdk() {
  const { outputFiles } = await build({
    entryPoints: [require.resolve('@opentelemetry/sdk-metrics')],
    bundle: true,
    format: 'iife',
    globalName: 'otel',
    platform: 'browser',
    write: false,
  });
  return outputFiles[0].text;
}

export default async function ({ launch, server, test }) {
  const browser = await launch('chromium');
  try {
    const open = () => browser.open(new URL('/blank.html', server.url).href);

    await test('OpenTelemetry: its SDK takes what is recorded, by its names, attributes and buckets', async () => {
      await open();
      await browser.page.addScriptTag({ content: await sdk() });
      const metrics = await browser.evaluate(record);
      const byName = Object.fromEntries(metrics.map((metric) => [metric.descriptor.name, metric]));
      const port = Number(new URL(server.url).port);
      const of = (method, rest) => ({
        'http.request.method': method,
        'server.address': '127.0.0.1',
        'server.port': port,
        'network.protocol.version': '1.1',
        ...rest,
      });
      const duration = byName['http.client.request.duration'];
      assert.equal(duration.descriptor.unit, 's');
      const points = duration.dataPoints.map(({ attributes, value }) => ({ attributes, count: value.count }));
      assert.deepEqual(points, [
        { attributes: of('GET', { 'http.response.status_code': 200 }), count: 3 },
        { attributes: of('GET', { 'http.response.status_code': 404, 'error.type': '404' }), count: 1 },
        { attributes: of('POST', { 'http.response.status_code': 200 }), count: 1 },
      ]);
      const { boundaries } = duration.dataPoints[0].value.buckets;
      assert.deepEqual(boundaries, [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]);
      // Each takes 60 ms at least.
      const { sum } = duration.dataPoints[0].value;
      assert.ok(sum > 0.18 && sum < 10, `${sum} s`);
      const queued = byName['sixlane.queue.duration'].dataPoints.map(({ value }) => value.count);
      assert.deepEqual(queued, [3, 1, 1]);
    });

    await test('HTTP Archive: it is one by its schema, the wait is `blocked`, and secrets are left out', async () => {
      await open();
      const { har, secret } = await browser.evaluate(archive);
      const ajv = new Ajv({ schemaId: 'auto', allErrors: true });
      ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-06.json'));
      for (const schema of Object.values(require('har-schema'))) ajv.addSchema(schema);
      for (const one of [har, secret]) {
        assert.ok(ajv.validate('har.json#', one), JSON.stringify(ajv.errors, null, 1));
      }
      const { entries } = har.log;
      assert.deepEqual(
        entries.map(({ request, response }) => [request.method, new URL(request.url).pathname, response.status]),
        [
          ['GET', '/api/data/1', 200],
          ['GET', '/api/data/2', 200],
        ],
      );
      const [first, second] = entries;
      assert.ok(first.timings.blocked < 100 && second.timings.blocked >= 150, JSON.stringify(second.timings));
      assert.equal(second.timings._blocked_queueing, second.timings.blocked);
      const { blocked, wait, receive } = second.timings;
      assert.equal(second.time, blocked + wait + receive);
      assert.ok(wait >= 150 && receive >= 0, JSON.stringify(second.timings));
      assert.equal(first.response.httpVersion, 'HTTP/1.1');
      assert.ok(first.response.bodySize > 0 && first.response.content.mimeType.startsWith('application/json'));
      assert.ok(!/hidden/i.test(JSON.stringify(har)), 'a secret is in it');
      assert.equal(JSON.stringify(secret).match(/hidden/gi).length, 2 * 3);
    });

    await test('performance panel: a call and its wait are on a track of its origin', async () => {
      await open();
      const chromium = browser.context.browser();
      await chromium.startTracing(browser.page, { categories: ['devtools.timeline'] });
      const origin = await browser.evaluate(trace);
      const { traceEvents } = JSON.parse(await chromium.stopTracing());
      const stamps = traceEvents.filter(
        ({ name, args }) => name === 'TimeStamp' && args.data?.trackGroup === 'sixlane',
      );
      assert.deepEqual(
        stamps.map(({ args: { data } }) => [data.message ?? data.name, data.track]),
        [
          ['GET /api/data/1 waits', origin],
          ['GET /api/data/1 200', origin],
          ['GET /api/data/1 body', origin],
        ],
      );
      const [waits, sent, body] = stamps.map(({ args: { data } }) => ({
        start: Number(data.start),
        end: Number(data.end),
      }));
      assert.ok(waits.end === sent.start && sent.end === body.start, JSON.stringify([waits, sent, body]));
      assert.ok(sent.end - sent.start >= 50, JSON.stringify(sent));
    });
  } finally {
    await browser.close();
  }
}

/** Runs in the page. */
async function record() {
  const { otel } = window;
  const exporter = new otel.InMemoryMetricExporter(otel.AggregationTemporality.CUMULATIVE);
  const reader = new otel.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
  const meter = new otel.MeterProvider({ readers: [reader] }).getMeter('page');
  const { createFetch } = await import('/dist/index.js');
  const fetch = createFetch({ cache: false, monitor: {} });
  await fetch.ready;
  const text = async (...args) => (await fetch(...args)).text();
  // What its origin speaks is seen in the first answer.
  await text('/api/data/9');
  while (fetch.status().origins[0].protocol === null) await new Promise((resolve) => setTimeout(resolve));
  const stop = fetch.monitor.otel(meter);
  for (let n = 1; n <= 3; n++) await text(`/api/data/${n}?delay=60`);
  await text('/api/none');
  await text('/api/echo', { method: 'POST', body: 'x' });
  stop();
  await text('/api/data/4');
  await reader.forceFlush();
  const [{ scopeMetrics }] = exporter.getMetrics().slice(-1);
  await fetch.close();
  return JSON.parse(JSON.stringify(scopeMetrics.flatMap(({ metrics }) => metrics)));
}

/** Runs in the page. */
async function archive() {
  const { createFetch } = await import('/dist/index.js');
  const fetch = createFetch({ cache: false, monitor: {}, queue: { perOrigin: 1 } });
  await fetch.ready;
  const headers = { authorization: 'Hidden' };
  const call = async (n) => (await fetch(`/api/data/${n}?delay=200&token=hidden`, { headers })).text();
  await Promise.all([call(1), call(2)]);
  const both = { har: fetch.monitor.har(), secret: fetch.monitor.har({ secrets: true }) };
  await fetch.close();
  return both;
}

/** Runs in the page. */
async function trace() {
  const { createFetch } = await import('/dist/index.js');
  const fetch = createFetch({ cache: false, trace: true });
  await fetch.ready;
  const ended = new Promise((resolve) => fetch.events.addEventListener('body', resolve));
  await (await fetch('/api/data/1?delay=60')).text();
  await ended;
  await fetch.close();
  return location.origin;
}
