// Limits follow the protocol, as the real server and the real browsers speak it.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { get } from 'node:https';

export default async function ({ launch, server, startServer, test }) {
  const secure = await startServer('--tls');
  try {
    await test('the server speaks HTTP/2 and HTTP/1.1 behind TLS', async () => {
      assert.match(secure.url, /^https:/);
      assert.deepEqual(await byHttp2(secure.url), { protocol: 'h2', status: 200 });
      assert.deepEqual(await byHttp1(secure.url), { version: '1.1', status: 200 });
    });

    for (const name of ['chromium', 'firefox', 'webkit']) {
      await test(`${name}: on HTTP/2 more than six go at once, to another origin on HTTP/1.1 six`, async () => {
        const browser = await launch(name);
        try {
          await browser.open(new URL('/blank.html', secure.url).href);
          // WebKit lets no page on HTTPS talk to a plain origin, not even on loopback.
          const plain = name === 'webkit' ? null : new URL(server.url).origin;
          const result = await browser.evaluate(burst, plain);
          const { own, other, hidden } = result;
          assert.equal(own.protocol, 'h2');
          // It begins with 24, and falls where a busy machine answers late.
          assert.ok(own.limit > 6 && own.limit <= 100, `limit ${own.limit}`);
          assert.equal(own.seen, 400);
          assert.ok(own.peak > 6 && own.peak <= 64, `${own.peak} at once`);
          if (!plain) return;
          assert.deepEqual(other, { protocol: 'http/1.1', limit: 6, answered: 60, most: 6 });
          assert.deepEqual(hidden, { protocol: null, limit: 6, answered: 60, most: 6 });
        } finally {
          await browser.close();
        }
      });
    }
  } finally {
    await secure.close();
  }
}

/** Runs in the page. */
async function burst(plain) {
  const { createFetch, init } = await import('/dist/index.js');
  await init();
  const fetch = createFetch();
  const origin = (key) => fetch.status().origins.find((one) => one.key === key);
  const call = async (url) => (await fetch(url)).text();

  const most = {};
  fetch.events.addEventListener('started', ({ detail }) => {
    most[detail.key] = Math.max(most[detail.key] ?? 0, origin(detail.key).running);
  });
  const run = `protocol-${Math.random()}`;
  await Promise.all(Array.from({ length: 400 }, (_, n) => call(`/api/data/${n + 1}?delay=20&run=${run}`)));
  const { seen, peak } = await (await globalThis.fetch(`/control/stats?run=${run}`)).json();

  const elsewhere = async (base, orders) => {
    const calls = Array.from({ length: 60 }, (_, n) => call(`${base}/api/data/${n + 1}?delay=5&${orders}`));
    const answered = (await Promise.all(calls)).length;
    // Entries of resource timing come when the browser finds time.
    for (let n = 0; orders && n < 100 && origin(base).protocol === null; n += 1)
      await call(`${base}/api/data/1?${orders}`);
    const { protocol, limit } = origin(base);
    return { protocol, limit, answered, most: most[base] };
  };
  const { protocol, limit } = origin(location.origin);
  return {
    own: { protocol, limit, seen, peak },
    hidden: plain && (await elsewhere(plain.replace('127.0.0.1', 'localhost'), '')),
    other: plain && (await elsewhere(plain, 'tao=1')),
  };
}

function byHttp2(url) {
  return new Promise((resolve, reject) => {
    const session = connect(url, { rejectUnauthorized: false });
    session.on('error', reject);
    const request = session.request({ ':path': '/api/data/1' });
    request.on('response', (headers) => {
      resolve({ protocol: session.alpnProtocol, status: headers[':status'] });
      session.destroy();
    });
    request.end();
  });
}

function byHttp1(url) {
  return new Promise((resolve, reject) => {
    const request = get(new URL('/api/data/1', url), { rejectUnauthorized: false }, (response) => {
      resolve({ version: response.httpVersion, status: response.statusCode });
      response.destroy();
    });
    request.on('error', reject);
  });
}
