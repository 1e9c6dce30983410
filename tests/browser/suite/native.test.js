// It stays fetch: platform objects of any realm, odd and hostile arguments, and what a page can see of promises and errors.

import { expect } from 'chai';
import { createFetch, init, install, isSixlaneError, SixlaneError, uninstall } from '/dist/index.js';
import { otherHost, Run, rejection, turn } from './support/server.js';

const native = globalThis.fetch;
const SOON = { baseDelay: 1, jitter: false };

describe('it stays fetch', () => {
  let run;
  let frame;
  const open = [];
  const make = (options) => {
    const made = createFetch({ retry: SOON, ...options });
    open.push(made);
    return made;
  };
  /** What came of a call that may not throw, and may not hang. */
  const outcome = (call) => {
    let promise;
    try {
      promise = call();
    } catch (error) {
      return Promise.resolve(`thrown ${error?.name}`);
    }
    return promise.then(
      async ({ status, type, body }) => {
        await body?.cancel();
        return `${type} ${status}`;
      },
      (error) => `rejected ${error?.name ?? String(error)}`,
    );
  };

  /** The `attempts` that a page without an address of its own tells of. */
  const toldBy = (srcdoc, onLoad = () => {}) =>
    new Promise((resolve) => {
      const page = document.createElement('iframe');
      addEventListener('message', function hear({ data }) {
        if (!data?.attempts) return;
        removeEventListener('message', hear);
        page.remove();
        resolve(data.attempts);
      });
      page.onload = () => onLoad(page.contentWindow);
      page.srcdoc = srcdoc;
      document.body.append(page);
    });

  before(() => init());
  beforeEach(() => {
    run = new Run();
    frame = document.body.appendChild(document.createElement('iframe')).contentWindow;
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((made) => made.close()));
    frame.frameElement.remove();
  });

  describe('objects of another realm', () => {
    for (const [whose, requestOf] of Object.entries({
      'of a frame': (...args) => new frame.Request(...args),
      'made before a library replaced Request': (...args) => {
        const made = new Request(...args);
        globalThis.Request = class extends Request {};
        return made;
      },
    })) {
      describe(`a Request ${whose}`, () => {
        const { Request: before } = globalThis;
        afterEach(() => {
          globalThis.Request = before;
        });

        it('does not join what another user asked for, nor is it answered with that', async () => {
          const fetch = make({ retry: undefined });
          // What the browser keeps itself knows no users.
          const url = run.url('/api/echo', { cacheControl: 'max-age=0', delay: 50 }, location.host);
          const alice = fetch(url, { headers: { authorization: 'alice' } });
          const plain = fetch(url);
          const bob = await fetch(requestOf(url, { headers: { authorization: 'bob' } }));
          expect((await bob.json()).headers.authorization).to.equal('bob');
          expect((await (await alice).json()).headers.authorization).to.equal('alice');
          expect((await (await plain).json()).headers).not.to.have.property('authorization');
          const again = await fetch(requestOf(url, { headers: { authorization: 'carol' } }));
          expect((await again.json()).headers.authorization).to.equal('carol');
        });

        it('is sent with its method, and past what is kept when it says so', async () => {
          const fetch = make({ retry: undefined });
          const url = run.url('/api/data/1', { cache: 60 }, location.host);
          await (await fetch(url)).text();
          const get = fetch(`${url}#other`);
          expect(await (await fetch(requestOf(url, { method: 'HEAD' }))).text()).to.equal('');
          await (await get).text();
          const seen = async () => (await run.stats()).seen;
          const before = await seen();
          await (await fetch(requestOf(url, { cache: 'no-store' }))).text();
          expect((await seen()) - before).to.equal(1);
        });

        it('is ended by its own signal', async () => {
          const fetch = make({ retry: undefined });
          const controller = new AbortController();
          const url = run.url('/api/data/1', { delay: 60_000 }, location.host);
          const call = rejection(fetch(requestOf(url, { signal: controller.signal })));
          controller.abort(new RangeError('mine'));
          expect((await call).name).to.be.oneOf(['RangeError', 'AbortError']);
          expect(fetch.status()).to.include({ running: 0, queued: 0 });
        });
      });
    }

    it('a transport of a frame answers with responses that are retried, watched and kept', async () => {
      const fetch = make({ fetch: (...args) => frame.fetch(...args), queue: { perOrigin: 1 } });
      expect((await fetch(run.path('/api/status/503'))).status).to.equal(503);
      expect((await run.stats()).seen).to.equal(4);
      const path = run.path('/api/data/1', { cache: 60, size: 100_000 });
      const response = await fetch(path);
      expect(fetch.status().running).to.equal(1);
      await response.text();
      expect(fetch.status().running).to.equal(0);
      expect((await (await fetch(path)).text()).length).to.equal(100_000);
      expect((await run.stats()).seen).to.equal(5);
    });

    it('a library may replace Response and ReadableStream', async () => {
      const { Response: before, ReadableStream: stream } = globalThis;
      const fetch = make();
      const controllers = [new AbortController(), new AbortController()];
      const path = run.path('/api/data/1', { cache: 60, size: 100_000 });
      try {
        globalThis.Response = class extends before {};
        globalThis.ReadableStream = class {};
        const calls = controllers.map(({ signal }) => fetch(path, { signal }));
        const texts = await Promise.all(calls.map(async (call) => (await call).text()));
        expect(texts.map(({ length }) => length)).to.deep.equal([100_000, 100_000]);
        const { body } = await fetch(run.path('/api/data/2', { size: 100_000 }));
        let length = 0;
        const reader = body.getReader();
        for (let step = await reader.read(); !step.done; step = await reader.read()) length += step.value.length;
        expect(length).to.equal(100_000);
      } finally {
        Object.assign(globalThis, { Response: before, ReadableStream: stream });
      }
      expect(fetch.status()).to.include({ running: 0, completed: 2 });
    });

    it('what a frame made as a body may be sent again', async () => {
      const fetch = make();
      const bodies = [new frame.Blob(['x']), new frame.URLSearchParams('a=1'), new frame.Uint8Array(1).buffer];
      for (const body of bodies)
        expect((await fetch(run.path('/api/status/503'), { method: 'PUT', body })).status).to.equal(503);
      expect((await run.stats()).seen).to.equal(12);
    });

    it('an error of ours is known in any frame', async () => {
      const made = new SixlaneError('closed');
      const error = Object.assign(new frame.Error('closed'), { name: made.name, code: made.code });
      expect(isSixlaneError(error)).to.equal(true);
      expect([new frame.Error('x'), null, 1, {}, new Proxy({}, {})].some(isSixlaneError)).to.equal(false);
    });
  });

  describe('odd arguments', () => {
    const revoked = () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    };
    const thrower = (name) => ({
      get [name]() {
        throw new RangeError(name);
      },
    });
    const inputs = {
      undefined: () => undefined,
      null: () => null,
      number: () => 7,
      nothing: () => Number.NaN,
      yes: () => true,
      bigint: () => 10n,
      symbol: () => Symbol('x'),
      object: () => ({}),
      'object without a prototype': () => Object.create(null),
      'object that is no text': () => ({ toString: () => ({}) }),
      'object that throws': () => ({
        toString() {
          throw new RangeError('no text');
        },
      }),
      'object that calls itself a Request': () => ({ [Symbol.toStringTag]: 'Request', signal: 5, bodyUsed: true }),
      'object whose tag throws': () => thrower(Symbol.toStringTag),
      'a Proxy that is revoked': revoked,
      'a Proxy of a Request': () => new Proxy(new Request('/api/data/1'), {}),
      function: () => () => {},
      array: () => ['/api/data/1'],
      'boxed text': () => new String('/api/data/1'),
      'a URL': () => new URL('/api/data/1', location.href),
      'a URL that says another text': () =>
        Object.assign(new URL('http://['.slice(0, 0) || location.href), { toString: () => '/api/data/2' }),
      'nothing at all': () => '',
      space: () => '  /api/data/1  ',
      'line breaks': () => '/api/da\nta/1',
      'two slashes': () => '//',
      'half an address': () => 'http://',
      'a bad port': () => 'http://127.0.0.1:99999/',
      'an unknown scheme': () => 'nonsense:x',
      about: () => 'about:blank',
      'a blob that is gone': () => 'blob:nothing',
      'a lone surrogate': () => '/api/data/1?\ud800',
      'a Response': () => new Response('x'),
      'a used Request': () => {
        const request = new Request('/api/echo', { method: 'POST', body: 'x' });
        request.text();
        return request;
      },
    };
    const inits = {
      number: 7,
      text: 'x',
      symbol: Symbol('x'),
      yes: true,
      array: [],
      function: () => {},
      'a method that is a symbol': { method: Symbol('x') },
      'a method that is nothing': { method: null },
      'a method with a space': { method: 'G T' },
      'headers that are null': { headers: null },
      'headers that are a number': { headers: 5 },
      'half a header': { headers: [['a']] },
      'a header of a wrong name': { headers: { ä: '1' } },
      'a header of a wrong value': { headers: { a: 'ä\u0100' } },
      'a header that is a symbol': { headers: { a: Symbol('x') } },
      'a body that throws': {
        method: 'POST',
        body: {
          toString: () => {
            throw new RangeError('body');
          },
        },
      },
      'a body that is a symbol': { method: 'POST', body: Symbol('x') },
      'a body of a GET': { body: 'x' },
      'a signal that is none': { signal: {} },
      'a signal that is a number': { signal: 1 },
      'a mode that is none': { mode: 'x' },
      'a cache that is none': { cache: 'x' },
      'only-if-cached across origins': { cache: 'only-if-cached' },
      'credentials that are none': { credentials: 0 },
      'redirect that is none': { redirect: 'x' },
      'a referrer that is none': { referrer: 'http://[' },
      'a policy that is none': { referrerPolicy: 'x' },
      'integrity that is a symbol': { integrity: Symbol('x') },
      'keepalive that is an object': { keepalive: {} },
      'a priority that is none': { priority: 'x' },
      'a window that is one': { window: 1 },
      'a getter for the method': thrower('method'),
      'a getter for the signal': thrower('signal'),
      'a getter for the body': thrower('body'),
      'a getter for the headers': thrower('headers'),
    };
    const lists = [
      ['none', () => []],
      ...Object.entries(inputs).flatMap(([name, input]) => [
        [name, () => [input()]],
        [`${name} and undefined`, () => [input(), undefined]],
        [`${name} and more`, () => [input(), {}, 'more']],
      ]),
      ...Object.entries(inits).map(([name, init]) => [`/api/data/1 and ${name}`, () => ['/api/data/1', init]]),
      ['/api/data/1 and a Proxy', () => ['/api/data/1', revoked()]],
    ];

    const modes = {
      wasm: () => make(),
      // Another copy of the package, whose module does not come.
      starting: async () => {
        const { createFetch } = await import(`/dist/index.js?${run.tag}`);
        const made = createFetch({ retry: SOON, wasm: new Response(new ReadableStream()) });
        open.push(made);
        return made;
      },
      native: async () => {
        const { createFetch } = await import(`/dist/index.js?${run.tag}`);
        const { warn } = console;
        console.warn = () => {};
        const made = createFetch({ retry: SOON, wasm: '/api/status/404' });
        open.push(made);
        await made.ready;
        console.warn = warn;
        return made;
      },
    };
    for (const [mode, start] of Object.entries(modes)) {
      it(`of ${lists.length} lists, each comes to what native fetch makes of it, and none throws, in mode "${mode}"`, async () => {
        const fetch = await start();
        expect(fetch.status().mode).to.equal(mode);
        const ours = await Promise.all(lists.map(([, args]) => outcome(() => fetch(...args()))));
        expect(fetch.status()).to.include({ running: 0, queued: 0, mode });
        const theirs = await Promise.all(lists.map(([, args]) => outcome(() => native(...args()))));
        const differ = lists.flatMap(([name], n) =>
          ours[n] === theirs[n] ? [] : [`${name}: ${ours[n]} instead of ${theirs[n]}`],
        );
        expect(differ).to.deep.equal([]);
      });
    }

    it('what `lane` says is read once, and what is wrong in it rejects', async () => {
      const fetch = make();
      let reads = 0;
      const moody = {
        get ttl() {
          reads += 1;
          return reads === 1 ? 1000 : 'soon';
        },
      };
      expect((await fetch(run.path('/api/data/1'), { lane: { cache: moody } })).status).to.equal(200);
      expect(reads).to.equal(1);
      const tags = Object.assign(['a'], {
        toJSON() {
          throw new Error('no JSON');
        },
      });
      expect((await fetch(run.path('/api/data/2'), { lane: { cache: { tags } } })).status).to.equal(200);
      const lanes = [
        thrower('cache'),
        thrower('priority'),
        { cache: thrower('ttl') },
        { retry: thrower('limit') },
        revoked(),
      ];
      for (const lane of lanes) {
        expect(await outcome(() => fetch(run.path('/api/data/3'), { lane }))).to.match(/^rejected (Range|Type)Error$/);
      }
      expect(fetch.status()).to.include({ running: 0, queued: 0 });
    });

    it('options are taken once', async () => {
      const options = {
        cache: { partition: 'alice', tiers: ['memory'] },
        retry: { limit: 1, ...SOON },
        routes: [{ match: /status/, retry: { limit: 2 } }],
      };
      const fetch = make(options);
      const path = run.path('/api/data/1', { cache: 60 });
      await (await fetch(path)).text();
      options.cache.partition = 'bob';
      options.routes[0].retry.limit = 0;
      options.routes.length = 0;
      await fetch.cache.purge();
      expect(fetch.cache.stats().memory.entries).to.equal(0);
      await (await fetch(run.path('/api/status/503'))).text();
      expect((await run.stats()).seen).to.equal(1 + 3);
    });
  });

  describe('errors that are no text', () => {
    const reasons = {
      'an object without a prototype': () => Object.create(null),
      'an object that throws': () => ({
        toString() {
          throw new Error('no text');
        },
      }),
      'a symbol': () => Symbol('reason'),
      'a Proxy that is revoked': () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    };
    for (const [name, reason] of Object.entries(reasons)) {
      it(`are told of and hold no slot: ${name}`, async () => {
        const fetch = make({ queue: { perOrigin: 2 }, retry: false });
        const heard = [];
        fetch.events.addEventListener('settled', ({ detail }) => heard.push(typeof detail.error));
        const controllers = Array.from({ length: 4 }, () => new AbortController());
        const calls = controllers.map(({ signal }, n) => {
          const call = fetch(run.path('/api/data/1', { n, delay: 60_000 }), { signal });
          return call.then(
            () => 'resolved',
            () => 'rejected',
          );
        });
        for (const controller of controllers) controller.abort(reason());
        expect(await Promise.all(calls)).to.deep.equal(Array(4).fill('rejected'));
        expect(heard).to.deep.equal(Array(4).fill('string'));
        expect(fetch.status()).to.include({ running: 0, queued: 0 });
        const odd = make({ fetch: () => Promise.reject(reason()), retry: false });
        odd.events.addEventListener('settled', () => {});
        await odd('/api/data/1').then(
          () => expect.fail('resolved'),
          () => {},
        );
        expect(odd.status()).to.include({ running: 0 });
      });
    }

    it('a listener that throws holds no slot, and finds that of a call that has ended free', async () => {
      const fetch = make({ queue: { perOrigin: 1 }, retry: false });
      const { onerror } = globalThis;
      const running = [];
      globalThis.onerror = () => true;
      try {
        for (const type of ['queued', 'started', 'settled']) {
          fetch.events.addEventListener(type, () => {
            if (type === 'settled') running.push(fetch.status().running);
            throw new Error(type);
          });
        }
        const calls = [1, 2, 3].map((n) => rejection(fetch(run.path('/api/data/1', { n, drop: 1 }))));
        expect((await Promise.all(calls)).map(({ name }) => name)).to.deep.equal(Array(3).fill('TypeError'));
      } finally {
        globalThis.onerror = onerror;
      }
      expect(fetch.status()).to.include({ running: 0, queued: 0, failed: 3 });
      // The next has started by then.
      expect(running).to.deep.equal([1, 1, 0]);
    });
  });

  describe('what a library puts in the place of', () => {
    const natives = { Request, Response, Headers, AbortController };
    afterEach(() => Object.assign(globalThis, natives));

    it('Response and Headers is nothing that a caller gets', async () => {
      const fetch = make();
      const path = run.path('/api/data/1', { cache: 60 });
      for (const name of ['Response', 'Headers']) globalThis[name] = () => {};
      await (await fetch(path)).text();
      await turn();
      const again = await fetch(path);
      expect(again).to.be.instanceof(natives.Response);
      expect(again.headers.get('cache-control')).to.equal('max-age=60');
      expect((await run.stats()).seen).to.equal(1);
    });

    it('Request says nothing that the call does not say', async () => {
      const fetch = make();
      globalThis.Request = class extends natives.Request {
        constructor(...args) {
          super(...args);
          this.headers.set('authorization', 'library');
        }
      };
      const said = (await (await fetch(run.path('/api/echo'))).json()).headers;
      globalThis.Request = () => {};
      const { method, body } = await (await fetch(run.path('/api/echo'), { method: 'POST', body: 'text' })).json();
      expect([said.authorization, method, body]).to.deep.equal([undefined, 'POST', 'text']);
    });

    it('AbortController is nothing that native fetch gets', async () => {
      const fetch = make();
      globalThis.AbortController = class {
        signal = {};
        abort() {}
      };
      expect((await fetch(run.path('/api/data/1'))).status).to.equal(200);
    });
  });

  describe('equal calls', () => {
    it('whose response may not be shared end each by its own abort', async () => {
      // Firefox itself holds the second of two equal ones back.
      let sent = 0;
      const fetch = make({ fetch: ({ url }, { signal }) => native(`${url}&n=${++sent}`, { signal }) });
      const path = run.path('/api/events', { every: 10, cacheControl: 'no-store' });
      const controllers = [new AbortController(), new AbortController()];
      const responses = await Promise.all(controllers.map(({ signal }) => fetch(path, { signal })));
      const ends = responses.map((response) => rejection(response.text()));
      for (const controller of controllers) controller.abort(new RangeError('mine'));
      for (const end of ends) expect((await end).name).to.be.oneOf(['RangeError', 'AbortError']);
      await run.until(({ inFlight }) => inFlight === 0);
      expect(fetch.status()).to.include({ running: 0, queued: 0 });
    });

    it('that share a response reject before the next microtask after an abort', async () => {
      const fetch = make();
      const path = run.path('/api/data/1', { cache: 60, size: 100_000 });
      const controllers = [new AbortController(), new AbortController()];
      const [response, other] = await Promise.all(controllers.map(({ signal }) => fetch(path, { signal })));
      controllers[0].abort(new RangeError('mine'));
      const log = [];
      await Promise.all([
        response.text().catch(({ name }) => log.push(name)),
        Promise.resolve().then(() => log.push('next')),
      ]);
      expect(log).to.deep.equal(['RangeError', 'next']);
      expect((await other.text()).length).to.equal(100_000);
    });

    it('join nothing from before a write by another copy of the package', async () => {
      const fetch = make();
      const copy = await import(`/dist/index.js?${run.tag}`);
      const other = copy.createFetch();
      open.push(other);
      await other.ready;
      const path = run.path('/api/echo', { cacheControl: 'max-age=0', delay: 50 });
      const early = fetch(path);
      await (await other(run.path('/api/analytics'), { method: 'POST', body: '{}' })).text();
      const late = fetch(path);
      for (const call of [early, late]) await (await call).text();
      expect((await run.stats()).seen).to.equal(3);
    });
  });

  describe('promises', () => {
    for (const method of ['text', 'json', 'blob', 'arrayBuffer', 'formData']) {
      it(`${method}() of what was aborted rejects before the next microtask`, async () => {
        const orders = { size: 100_000 };
        const order = async (fetch) => {
          const controller = new AbortController();
          const response = await fetch(run.path('/api/data/1', orders), { signal: controller.signal });
          controller.abort();
          const log = [];
          await Promise.all([
            response[method]().catch(() => log.push('rejected')),
            Promise.resolve().then(() => log.push('next')),
          ]);
          return log;
        };
        expect(await order(make())).to.deep.equal(await order(native));
      });
    }

    it('a read through a stream is the browser’s own promise', async () => {
      const response = await make()(run.path('/api/data/1', { size: 100_000 }));
      const reader = response.body.getReader();
      for (;;) {
        const read = reader.read();
        expect(Object.getPrototypeOf(read)).to.equal(Promise.prototype);
        if ((await read).done) break;
      }
    });
  });

  describe('the installed function', () => {
    afterEach(() => uninstall());

    it('takes the `this` that the native one takes, and no other', async () => {
      const selves = {
        undefined: undefined,
        null: null,
        window: globalThis,
        object: {},
        text: 'x',
        node: document.body,
      };
      const all = async (fetch) => {
        const outcomes = [];
        for (const [name, self] of Object.entries(selves)) {
          outcomes.push([name, await outcome(() => fetch.call(self, '/api/data/1'))]);
        }
        return outcomes;
      };
      const theirs = await all(native);
      open.push(install());
      expect(await all(globalThis.fetch)).to.deep.equal(theirs);
      const made = make();
      expect((await { made }.made('/api/data/1')).status).to.equal(200);
    });

    it('has the name, the length and the property of the native one, and is no constructor', () => {
      const facts = () => {
        const { value, ...rest } = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
        return { ...rest, name: value.name, length: value.length, prototype: Object.hasOwn(value, 'prototype') };
      };
      const before = facts();
      open.push(install());
      expect(facts()).to.deep.equal(before);
      expect(() => new globalThis.fetch('/')).to.throw(TypeError);
    });
  });

  describe('a failure that policy explains', () => {
    // Firefox tells of the redirect; elsewhere one request is made to see whether there is one.
    const looks = navigator.userAgent.includes('Firefox') ? 0 : 1;

    for (const [name, { to, hops = 1, mode, hidden }] of Object.entries({
      'a redirect to data:': { to: 'data:,x' },
      'a redirect in a circle': { to: '#again', hops: 21 },
      'a redirect to another origin that does not agree': { to: `http://${otherHost}/api/data/1?cors=0`, hidden: true },
      'a redirect to data:, without CORS': { to: 'data:,x', mode: 'no-cors' },
    })) {
      it(`is final: ${name}`, async () => {
        // Time for what the browser tells of a failure, which comes after it.
        const fetch = make({ retry: { baseDelay: 500, jitter: false } });
        const path = run.path('/api/redirect', { to });
        const theirs = await rejection(native(path, { mode }));
        const before = (await run.stats()).seen;
        expect((await rejection(fetch(path, { mode }))).name).to.equal(theirs.name);
        const { seen } = await run.stats();
        expect(seen - before).to.equal(hops + (hidden ? 1 : looks));
        expect(fetch.status()).to.include({ running: 0, queued: 0, failed: 1 });
      });
    }

    it('is final where the page’s policy blocks the address, however the module came', async () => {
      const bytes = await (await native('/dist/sixlane.wasm')).arrayBuffer();
      const policy = `connect-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' ${location.origin}`;
      const attempts = await toldBy(
        `<!doctype html><meta http-equiv="content-security-policy" content="${policy}"><script type="module">
          import { createFetch } from '${location.origin}/dist/index.js';
          addEventListener('message', async ({ data }) => {
            const fetch = createFetch({ wasm: data, retry: { baseDelay: 100, jitter: false } });
            await fetch.ready;
            const attempts = [];
            for (const type of ['started', 'settled']) fetch.events.addEventListener(type, () => attempts.push(type));
            await fetch('/api/data/1').catch((error) => attempts.push(error.name));
            parent.postMessage({ attempts: [fetch.status().mode, ...attempts, fetch.status().running] });
          });
          </script>`,
        (page) => page.postMessage(bytes),
      );
      expect(attempts).to.deep.equal(['wasm', 'started', 'settled', 'TypeError', 0]);
    });

    it('is not one of another directive', async () => {
      const path = run.path('/api/data/1');
      let losses = 1;
      const fetch = make({
        fetch: (...args) => (losses-- > 0 ? native(run.path('/api/data/1', { drop: 1 })) : native(...args)),
      });
      fetch.events.addEventListener('retry', () => {
        const said = {
          blockedURI: new URL(path, location.href).href,
          disposition: 'enforce',
          effectiveDirective: 'img-src',
        };
        dispatchEvent(new SecurityPolicyViolationEvent('securitypolicyviolation', said));
      });
      expect((await fetch(path)).status).to.equal(200);
    });

    it('a lost connection is tried again, also of what is known to redirect', async () => {
      let losses = 0;
      const lost = () => native(run.path('/api/data/1', { drop: 1 }));
      const fetch = make({ fetch: (...args) => (losses-- > 0 ? lost() : native(...args)) });
      losses = 2;
      expect((await fetch(run.path('/api/data/2'))).status).to.equal(200);
      const path = run.path('/api/redirect', { to: '/api/data/3' });
      losses = 0;
      expect((await fetch(path)).redirected).to.equal(true);
      losses = 2;
      const again = await fetch(path, { cache: 'no-store' });
      expect([again.status, again.redirected]).to.deep.equal([200, true]);
    });
  });

  it('in a frame of srcdoc a lost connection to the page’s own origin is tried again', async () => {
    const path = run.path('/api/data/1', { drop: 1 });
    const attempts = await toldBy(`<!doctype html><script type="module">
        import { createFetch } from '${location.origin}/dist/index.js';
        const fetch = createFetch({ retry: { limit: 2, baseDelay: 1, jitter: false } });
        await fetch.ready;
        let attempts = 0;
        fetch.events.addEventListener('started', () => attempts += 1);
        await fetch('${path}').catch(() => parent.postMessage({ attempts }));
        </script>`);
    expect(attempts).to.equal(3);
  });

  describe('what is sent', () => {
    const MEMBERS = {
      method: { method: 'PUT' },
      headers: { headers: { 'x-own': '1' } },
      body: { method: 'POST', body: 'text' },
      referrer: { referrer: '/some/page' },
      'no referrer': { referrer: '' },
      referrerPolicy: { referrerPolicy: 'unsafe-url' },
      mode: { mode: 'same-origin' },
      credentials: { credentials: 'omit' },
      cache: { cache: 'no-store' },
      redirect: { redirect: 'manual' },
      integrity: { integrity: 'sha256-AAAA' },
      keepalive: { keepalive: true },
      priority: { priority: 'high' },
      duplex: { duplex: 'half', method: 'POST', body: 'x' },
      window: { window: null },
    };
    const READ = [
      'method',
      'url',
      'referrer',
      'referrerPolicy',
      'mode',
      'credentials',
      'cache',
      'redirect',
      'integrity',
      'keepalive',
      'duplex',
    ];
    const facts = async (request) => [
      ...READ.map((name) => [name, request[name]]),
      [...request.headers],
      await request.text(),
    ];

    for (const [name, said] of Object.entries(MEMBERS)) {
      it(`is all that the call says, at each attempt: ${name}`, async () => {
        const sent = [];
        const transport = async (...args) => {
          sent.push(await facts(new Request(...args)));
          return new Response('', { status: sent.length < 2 ? 503 : 200 });
        };
        const expected = await facts(new Request('/api/echo', said));
        const methods = ['GET', 'PUT', 'POST'];
        const once = ['integrity', 'keepalive'].includes(name);
        for (const [input, init] of [
          ['/api/echo', said],
          [new Request('/api/echo', said), undefined],
        ]) {
          sent.length = 0;
          await make({ fetch: transport, retry: { ...SOON, methods } })(input, init);
          const body = input instanceof Request && said.body !== undefined;
          expect(sent).to.deep.equal(Array(once || body ? 1 : 2).fill(expected));
        }
      });
    }

    it('a Request without a body is sent again, and one with a body is not', async () => {
      const fetch = make();
      await fetch(new Request(run.path('/api/status/503'), { method: 'PUT' }));
      expect((await run.stats()).seen).to.equal(4);
      await fetch(new Request(run.path('/api/status/503'), { method: 'PUT', body: 'x' }));
      expect((await run.stats()).seen).to.equal(5);
    });
  });

  it('in a service worker, what another origin’s style sheet asks for goes out in its name', async function () {
    // WebKitGTK does not ask the worker for it.
    if (!/Chrome|Firefox/.test(navigator.userAgent)) this.skip();
    const scope = '/referrer-scope/';
    const worker = `/referrer-worker.js?host=${otherHost}`;
    const registration = await navigator.serviceWorker.register(worker, { scope, type: 'module' });
    const page = document.createElement('iframe');
    try {
      const { installing, waiting } = registration;
      const active = installing ?? waiting;
      await new Promise((resolve) => {
        if (!active) return resolve();
        active.onstatechange = () => active.state === 'activated' && resolve();
      });
      const told = new Promise((resolve) => {
        navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
        navigator.serviceWorker.startMessages();
      });
      page.src = `${scope}page`;
      document.body.append(page);
      const { asked, sent, running } = await told;
      expect(new URL(asked).host).to.equal(otherHost);
      expect(sent).to.deep.equal({ referrer: asked, says: false });
      expect(running).to.equal(0);
    } finally {
      navigator.serviceWorker.onmessage = null;
      page.remove();
      await registration.unregister();
    }
  });

  describe('a transport', () => {
    it('whose response has no body, or one that is read, holds no slot', async () => {
      const used = new Response('x'.repeat(100_000));
      await used.text();
      const length = { headers: { 'content-length': '100000' } };
      const answers = [new Response(null), new Response(null, length), used];
      const fetch = make({ fetch: async () => answers.shift(), queue: { perOrigin: 1 }, dedupe: false, cache: false });
      for (const path of ['/a', '/b', '/c']) {
        await fetch(path);
        expect(fetch.status().running).to.equal(0);
      }
    });

    for (const [name, wrap] of Object.entries({
      'with the arguments as they came':
        (made, wait) =>
        async (...args) => {
          await wait();
          return made(...args);
        },
      'with another init of the same signal': (made, wait) => async (input, init) => {
        await wait();
        return made(input.url, { ...init });
      },
      'with a request of its own, which says more': (made, wait) => async (input, init) => {
        await wait();
        const request = new Request(input, init);
        request.headers.set('authorization', 'token');
        return made(request);
      },
      'with a clone': (made, wait) => async (input) => {
        await wait();
        return made(input.clone());
      },
      'with the address alone': (made, wait) => async (input) => {
        await wait();
        return (await made(input.url)).clone();
      },
      'with a signal that follows the one it got':
        (made, wait) =>
        async (input, { signal }) => {
          await wait();
          const follower = new AbortController();
          signal.addEventListener('abort', () => follower.abort(signal.reason));
          return made(input.url, { signal: follower.signal });
        },
    })) {
      it(`in the place of fetch that waits, and then calls us ${name}, is passed through`, async () => {
        const made = make({ queue: { perOrigin: 1 } });
        let waits = 0;
        globalThis.fetch = wrap(made, async () => {
          waits += 1;
        });
        try {
          const calls = Array.from({ length: 8 }, (_, n) => made(run.path('/api/data/1', { n })));
          expect((await Promise.all(calls)).map(({ status }) => status)).to.deep.equal(Array(8).fill(200));
        } finally {
          globalThis.fetch = native;
        }
        expect([waits, (await run.stats()).seen]).to.deep.equal([8, 8]);
        expect(made.status()).to.include({ completed: 8, running: 0, queued: 0 });
      });
    }

    it('that was put in the place of fetch later, and leads to what was there, changes nothing', async () => {
      const made = make();
      const path = run.path('/api/data/1', { cacheControl: 'max-age=0', delay: 20 });
      globalThis.fetch = async (...args) => {
        await turn();
        return native(...args);
      };
      try {
        for (let round = 1; round <= 3; round++) {
          const calls = [1, 2, 3].map(() => made(path));
          await turn();
          // By the second round it is known that it does not wait for us.
          if (round > 1) calls.push(made(path));
          await Promise.all(calls.map(async (call) => (await call).text()));
          expect((await run.stats()).seen).to.equal(round);
        }
      } finally {
        globalThis.fetch = native;
      }
    });

    it('whose response throws when it is looked at holds no slot, and its caller gets it', async () => {
      const { onerror } = globalThis;
      const { reportError } = globalThis;
      globalThis.reportError = () => {};
      try {
        for (const property of ['type', 'bodyUsed', 'headers', 'status', 'ok', 'redirected', 'url']) {
          for (const retry of [{ limit: 0 }, { ...SOON, limit: 1 }, { shouldRetry: () => false }, false]) {
            const odd = new Response(null, { status: 503 });
            Object.defineProperty(odd, property, {
              get() {
                throw new Error('odd');
              },
            });
            const made = make({ fetch: async () => odd, retry });
            expect(await made('/a'), property).to.equal(odd);
            expect(made.status(), property).to.include({ running: 0, queued: 0 });
          }
        }
      } finally {
        Object.assign(globalThis, { onerror, reportError });
      }
    });

    it('whose response is asked for its body before it is read holds no slot after that', async () => {
      const made = make({
        queue: { perOrigin: 1 },
        cache: false,
        fetch: async () => new Response('x'.repeat(100_000)),
      });
      for (let n = 0; n < 3; n++) {
        const response = await made(run.path('/a', { n }));
        expect(response.body).not.to.equal(null);
        expect((await response.text()).length).to.equal(100_000);
        expect(made.status().running).to.equal(0);
      }
      const locked = await made(run.path('/b'));
      const reader = locked.body.getReader();
      expect((await rejection(locked.text())).name).to.equal('TypeError');
      expect(made.status().running).to.equal(1);
      await reader.cancel();
    });

    it('that is another instance does not wait for the slots that its calls hold', async () => {
      const inner = make({ queue: { perOrigin: 1 } });
      const outer = make({ queue: { perOrigin: 1 }, fetch: inner });
      const calls = Array.from({ length: 4 }, (_, n) => outer(run.path('/api/data/1', { n })));
      expect((await Promise.all(calls)).map(({ status }) => status)).to.deep.equal(Array(4).fill(200));
      expect(outer.status()).to.include({ completed: 4, running: 0 });
    });
  });
});
