// What native fetch does, sixlane does: each case runs through both, and what comes out must be the same.

import { expect } from 'chai';
import { createFetch, init, install, uninstall } from '/dist/index.js';
import { otherHost, turn } from './support/server.js';

const other = `http://${otherHost}`;
const native = globalThis.fetch;

/** All of a response that can be seen from outside. */
async function seen(response) {
  const { status, statusText, ok, type, url, redirected } = response;
  const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== 'date'));
  return { status, statusText, ok, type, url, redirected, headers, body: await response.text() };
}

function aborted(reason) {
  return AbortSignal.abort(reason);
}

function form() {
  const data = new FormData();
  data.append('name', 'value');
  data.append('file', new Blob(['content']), 'a.txt');
  return data;
}

/** The server's echo without what differs from one request to the next by nature. */
async function echo(response) {
  const { method, url, headers, body } = await response.json();
  const { connection, ...rest } = headers;
  const boundary = /boundary=(\S+)/.exec(headers['content-type'])?.[1];
  // Drawn anew for each form, in Firefox also its length.
  if (boundary) delete rest['content-length'];
  const plain = (text) => (boundary ? text?.replaceAll(boundary, 'BOUNDARY') : text);
  return { method, url, body: plain(body), headers: { ...rest, 'content-type': plain(headers['content-type']) } };
}

const post = (body, init) => (fetch) => fetch('/api/echo', { method: 'POST', body, ...init }).then(echo);

const CASES = {
  'a path': (fetch) => fetch('/api/data/1').then(seen),
  'a URL object': (fetch) => fetch(new URL('/api/data/2?x=1#fragment', location)).then(seen),
  'a Request': (fetch) => fetch(new Request('/api/data/3')).then(seen),
  'a Request with init over it': (fetch) =>
    fetch(new Request('/api/echo', { headers: { a: '1' } }), { method: 'PUT', headers: { b: '2' }, body: 'x' }).then(
      echo,
    ),
  'an init that is null': (fetch) => fetch('/api/data/1', null).then(seen),
  'a missing page': (fetch) => fetch('/api/status/404').then(seen),
  'an error of the server': (fetch) => fetch('/api/status/503').then(seen),
  'no content': (fetch) => fetch('/api/status/204').then(seen),
  HEAD: (fetch) => fetch('/api/data/1', { method: 'HEAD' }).then(seen),
  'a lower-case method': (fetch) =>
    fetch('/api/echo', { method: 'patch', body: 'x' })
      .then(seen)
      .then(({ status }) => status),
  'a text body': post('text'),
  'a form': post(form()),
  'URL parameters': post(new URLSearchParams({ a: '1' })),
  'a blob with a type': post(new Blob(['{}'], { type: 'application/json' })),
  bytes: post(new Uint8Array([104, 105])),
  'own headers': post('x', { headers: { 'x-own': 'yes', accept: 'text/plain' } }),
  'the referrer': (fetch) => fetch('/api/echo', { referrer: '/some/page' }).then(echo),
  'a referrer in a Request': (fetch) =>
    fetch(new Request('/api/echo', { referrer: '/other/page', referrerPolicy: 'unsafe-url' })).then(echo),
  'no referrer': (fetch) => fetch('/api/echo', { referrerPolicy: 'no-referrer' }).then(echo),
  'an empty referrer': (fetch) => fetch('/api/echo', { referrer: '' }).then(echo),
  keepalive: post('x', { keepalive: true }),
  'another origin': (fetch) => fetch(`${other}/api/data/1`).then(seen),
  'another origin without CORS': (fetch) => fetch(`${other}/api/data/1?cors=0`).then(seen),
  'no-cors': (fetch) => fetch(`${other}/api/data/1?cors=0`, { mode: 'no-cors' }).then(seen),
  'same-origin mode to another origin': (fetch) => fetch(`${other}/api/data/1`, { mode: 'same-origin' }),
  'credentials to another origin': (fetch) => fetch(`${other}/api/echo`, { credentials: 'include' }).then(echo),
  'a redirect': (fetch) => fetch('/api/redirect?to=/api/data/1').then(seen),
  'a redirect that must be an error': (fetch) => fetch('/api/redirect?to=/api/data/1', { redirect: 'error' }),
  'a redirect to be seen': (fetch) => fetch('/api/redirect?to=/api/data/1', { redirect: 'manual' }).then(seen),
  'a redirect with a body': (fetch) =>
    fetch('/api/redirect?to=/api/echo&status=307', { method: 'POST', body: 'again' }).then(echo),
  'a connection that breaks': (fetch) => fetch('/api/data/1?drop=1'),
  'a host that is not there': (fetch) => fetch('http://127.0.0.1:1/'),
  'right integrity': async (fetch) => {
    const bytes = await (await native('/api/data/1')).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return fetch('/api/data/1', { integrity: `sha256-${btoa(String.fromCharCode(...digest))}` }).then(seen);
  },
  'wrong integrity': (fetch) =>
    fetch('/api/data/1', { integrity: 'sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' }),
  'a data URL': (fetch) =>
    fetch('data:text/plain,hello')
      .then(seen)
      .then(({ body, status }) => ({ body, status })),
  'a blob URL': (fetch) => fetch(URL.createObjectURL(new Blob(['blob']))).then((response) => response.text()),
  'a scheme that is none': (fetch) => fetch('nonsense:thing'),
  'no argument at all': (fetch) => fetch(),
  'a bad address': (fetch) => fetch('http://['),
  'credentials in the address': (fetch) => fetch('http://user:password@localhost/'),
  'a forbidden method': (fetch) => fetch('/api/echo', { method: 'TRACE' }),
  'a method that is none': (fetch) => fetch('/api/echo', { method: 'a b' }),
  'a body on a GET': (fetch) => fetch('/api/echo', { body: 'x' }),
  'a bad header': (fetch) => fetch('/api/echo', { headers: { 'a b': '1' } }),
  'a bad mode': (fetch) => fetch('/api/echo', { mode: 'navigate' }),
  'a body that is used': async (fetch) => {
    const request = new Request('/api/echo', { method: 'POST', body: 'x' });
    await request.text();
    return fetch(request);
  },
  'aborted before': (fetch) => fetch('/api/data/1', { signal: aborted() }),
  'aborted before with a reason': (fetch) => fetch('/api/data/1', { signal: aborted('my reason') }),
  'aborted right after the call': (fetch) => {
    const controller = new AbortController();
    const call = fetch('/api/data/1', { signal: controller.signal });
    controller.abort(new RangeError('mine'));
    return call;
  },
  'a signal in a Request': (fetch) => fetch(new Request('/api/data/1', { signal: aborted('in the request') })),
  'a signal taken out of a Request': (fetch) =>
    fetch(new Request('/api/data/1', { signal: aborted() }), { signal: null }).then(seen),
  'a time-out of the platform': (fetch) => fetch('/api/data/1?delay=60000', { signal: AbortSignal.timeout(10) }),
  'aborted after the headers': async (fetch) => {
    const controller = new AbortController();
    const response = await fetch('/api/data/1', { signal: controller.signal });
    controller.abort();
    return response.text().then(
      () => 'read',
      (error) => error.name,
    );
  },
  'the cache mode only-if-cached': (fetch) =>
    fetch('/api/data/1?never', { cache: 'only-if-cached', mode: 'same-origin' })
      .then(seen)
      .then(({ status }) => status),
  'init changed after the call': (fetch) => {
    const init = { method: 'POST', headers: new Headers({ 'x-own': 'before' }), body: 'before' };
    const call = fetch('/api/echo', init).then(echo);
    init.body = 'after';
    init.method = 'PUT';
    init.headers.set('x-own', 'after');
    return call;
  },
  'init with getters and a prototype': (fetch) =>
    fetch(
      '/api/echo',
      Object.create({
        get method() {
          return 'POST';
        },
        headers: { a: '1' },
        body: 'x',
      }),
    ).then(echo),
  'a body read twice': async (fetch) => {
    const response = await fetch('/api/data/1?size=100000');
    await response.text();
    return response.text();
  },
  'a clone': async (fetch) => {
    const response = await fetch('/api/data/1?size=100000');
    const copy = response.clone();
    return [await seen(copy), await seen(response), copy.bodyUsed];
  },
  'a locked body': async (fetch) => {
    const response = await fetch('/api/data/1?size=100000');
    const { body } = response;
    const state = [body === response.body, response.bodyUsed, body.locked];
    const reader = body.getReader();
    state.push(body.locked);
    await response.text().catch((error) => state.push(error.name));
    await reader.cancel();
    return state;
  },
  'what the response is': async (fetch) => {
    const response = await fetch('/api/data/1?size=100000');
    const shown = [
      response instanceof Response,
      Object.keys(response),
      Object.prototype.toString.call(response),
      JSON.stringify(response),
    ];
    await response.body.cancel();
    return shown;
  },
  'a body for the Cache API': async (fetch) => {
    const cache = await caches.open('fidelity');
    await cache.put('/stored', await fetch('/api/data/1?size=100000'));
    const stored = await (await cache.match('/stored')).text();
    await caches.delete('fidelity');
    return stored;
  },
  'a body for WebAssembly': async (fetch) => {
    const module = await WebAssembly.compileStreaming(fetch('/dist/sixlane.wasm'));
    return WebAssembly.Module.exports(module).length > 5;
  },
};

// WebKit rejects with an AbortError of its own where the standard has the signal's reason: there the standard is right.
const STANDARD = {
  'aborted right after the call': { rejected: { name: 'RangeError', message: 'mine', kind: 'RangeError' } },
  'a time-out of the platform': { rejected: { name: 'TimeoutError', kind: 'DOMException' } },
};

async function outcome(run, fetch) {
  try {
    return { resolved: await run(fetch) };
  } catch (error) {
    const isError = error instanceof Error || error instanceof DOMException;
    return { rejected: isError ? { name: error.name, message: error.message, kind: error.constructor.name } : error };
  }
}

describe('fidelity', () => {
  let full;
  let busy;
  before(async () => {
    await init();
    full = createFetch();
    // The same through a queue, where every call waits for one before it.
    busy = createFetch({ queue: { perOrigin: 1, concurrency: 1 } });
  });
  after(() => Promise.all([full.close(), busy.close()]));

  for (const [name, run] of Object.entries(CASES)) {
    it(`is native for ${name}`, async () => {
      let expected = await outcome(run, native);
      if (STANDARD[name] && expected.rejected.name === 'AbortError') {
        const { rejected } = await outcome(run, full);
        expected = { rejected: { ...rejected, ...STANDARD[name].rejected } };
      }
      expect(await outcome(run, full)).to.deep.equal(expected);
      const first = busy('/api/data/1?delay=10').then((response) => response.text());
      expect(await outcome(run, busy), 'through a queue').to.deep.equal(expected);
      await first;
    });
  }

  it('returns a promise also for what native rejects, and settles no call twice', async () => {
    const call = full('http://[');
    expect(call).to.be.instanceOf(Promise);
    await call.catch(() => {});
    // Entries of resource timing, the sign of some ends, come when the browser finds time.
    while (full.status().running > 0) await turn();
    expect(full.status().queued).to.equal(0);
  });
});

describe('install', () => {
  afterEach(() => uninstall());

  it('leaves a function of the same name, length and descriptor, and puts back the very same property', () => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
    const installed = install();
    const during = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
    expect(globalThis.fetch).to.equal(installed);
    expect([installed.name, installed.length]).to.deep.equal([native.name, native.length]);
    expect({ ...during, value: null }).to.deep.equal({ ...before, value: null });
    uninstall();
    expect(Object.getOwnPropertyDescriptor(globalThis, 'fetch')).to.deep.equal(before);
    uninstall();
    expect(globalThis.fetch).to.equal(native);
  });

  it('is refused while installed, by this copy and by another', async () => {
    install();
    expect(() => install()).to.throw('sixlane is installed already');
    const copy = await import('/dist/index.js?copy=install');
    expect(() => copy.install()).to.throw('sixlane is installed already');
  });

  it('does not take away what somebody put over it', async () => {
    const installed = install();
    const wrapped = (...args) => installed(...args);
    globalThis.fetch = wrapped;
    uninstall();
    expect(globalThis.fetch).to.equal(wrapped);
    expect((await globalThis.fetch('/api/data/1')).status).to.equal(200);
    globalThis.fetch = installed;
  });

  it('is undone by close()', async () => {
    const installed = install();
    await installed.close();
    expect(globalThis.fetch).to.equal(native);
  });

  it('passes calls through when it is closed under what somebody put over it', async () => {
    const installed = install();
    globalThis.fetch = (...args) => installed(...args);
    try {
      await installed.close();
      expect((await globalThis.fetch('/api/data/1')).status).to.equal(200);
      await install().close();
    } finally {
      globalThis.fetch = native;
    }
  });

  it('works in a worker, where fetch is inherited', async () => {
    const worker = new Worker('/worker.js', { type: 'module' });
    const told = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
    });
    worker.terminate();
    expect(told).to.deep.equal({
      own: [false, true, false],
      statuses: Array(20).fill(200),
      mode: 'wasm',
      completed: 20,
    });
  });

  it('serves the page, and does not go through itself', async () => {
    const installed = install({ queue: { perOrigin: 1 } });
    const other = createFetch();
    expect(
      (await Promise.all([fetch('/api/data/1'), fetch('/api/data/2'), other('/api/data/3')])).map(
        ({ status }) => status,
      ),
    ).to.deep.equal([200, 200, 200]);
    expect(installed.status().completed).to.equal(2);
    await other.close();
  });

  it('obeys a fetch that was replaced before, at each call', async () => {
    const instance = createFetch();
    globalThis.fetch = async () => new Response('mocked');
    expect(await (await instance('/api/data/1')).text()).to.equal('mocked');
    globalThis.fetch = native;
    expect((await instance('/api/data/1')).status).to.equal(200);
    await instance.close();
  });
});
