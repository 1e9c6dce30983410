import { expect } from 'chai';
import { createFetch, init, isSixlaneError } from '/dist/index.js';
import { otherHost, Run, rejection, turn } from './support/server.js';

/** Fails where a test would otherwise wait for what never comes. */
const SOON = { baseDelay: 1, jitter: false };

/** With this share and one request before, the second and the third fail. */
const TWICE = { failShare: 0.67 };

describe('createFetch in trouble', () => {
  let run;
  let fetch;
  const open = [];
  const make = (options) => {
    const made = createFetch(options);
    open.push(made);
    return made;
  };

  before(() => init());
  beforeEach(() => {
    run = new Run();
    fetch = make({ retry: SOON });
  });
  afterEach(() => Promise.all(open.splice(0).map((made) => made.close())));

  /** All events of these types from now on, in order. */
  function listen(...types) {
    const heard = [];
    for (const type of types) fetch.events.addEventListener(type, ({ detail }) => heard.push({ type, ...detail }));
    return heard;
  }

  /** The first one, which does not fail. */
  const prime = (orders) => globalThis.fetch(run.path('/api/data/1', orders)).then((response) => response.text());

  describe('retry', () => {
    it('is made of what may be better another time, and the caller gets what it brings', async () => {
      await prime(TWICE);
      const heard = listen('started', 'retry', 'settled');
      const response = await fetch(run.path('/api/data/1', TWICE));
      expect(response.status).to.equal(200);
      expect((await response.json()).id).to.equal(1);
      expect(heard.map(({ type }) => type)).to.deep.equal([
        'started',
        'retry',
        'started',
        'retry',
        'started',
        'settled',
      ]);
      const retries = heard.filter(({ type }) => type === 'retry');
      expect(retries.map(({ attempt, delay, status }) => ({ attempt, delay, status }))).to.deep.equal([
        { attempt: 1, delay: 1, status: 503 },
        { attempt: 2, delay: 2, status: 503 },
      ]);
      expect((await run.stats()).seen).to.equal(4);
      expect(fetch.status()).to.include({ retries: 2, completed: 1, failed: 0, running: 0 });
    });

    it('ends with the last response, whole, when none was better', async () => {
      const response = await fetch(run.path('/api/status/503'), { lane: { retry: 2 } });
      expect(response.status).to.equal(503);
      expect(await response.text()).to.equal(await (await globalThis.fetch('/api/status/503')).text());
      expect((await run.stats()).seen).to.equal(3);
      expect(fetch.status()).to.include({ retries: 2, completed: 1, failed: 0 });
    });

    it('may follow at once, for many at a time', async () => {
      const init = { lane: { retry: { baseDelay: 0, budget: false } } };
      const calls = Array.from({ length: 30 }, (_, n) => fetch(run.path('/api/status/503', { n }), init));
      await Promise.all(calls.map(async (call) => (await call).text()));
      expect((await run.stats()).seen).to.equal(120);
      expect(fetch.status()).to.include({ retries: 90, completed: 30, running: 0, queued: 0 });
    });

    it('ends with the native error when there was no response at all', async () => {
      const heard = listen('started');
      const native = await rejection(globalThis.fetch(run.path('/api/data/1', { drop: 1 })));
      const error = await rejection(fetch(run.path('/api/data/1', { drop: 1 })));
      expect([error.name, error.message]).to.deep.equal([native.name, native.message]);
      // Browsers repeat some of these by themselves, which is not our doing.
      expect(heard).to.have.length(4);
      expect(fetch.status()).to.include({ retries: 3, failed: 1 });
    });

    const once = {
      'a refusal': ['/api/status/404'],
      'a status that is not in the list': ['/api/status/503', { lane: { retry: { statusCodes: [502] } } }],
      'a method that must not be sent twice': ['/api/status/503', { method: 'POST', body: 'a' }],
      'a method that is not in the list': ['/api/status/503', { lane: { retry: { methods: ['PUT'] } } }],
      'a call that says so': ['/api/status/503', { lane: { retry: false } }],
      'a request that came too early': ['/api/status/425'],
      'a limit of none': ['/api/status/503', { lane: { retry: 0 } }],
      'a request that may outlive the page': ['/api/status/503', { keepalive: true }],
      'a redirect that is not to be followed': ['/api/redirect', { redirect: 'error' }, { to: '/api/data/1' }],
      'an answer that is not the one expected': ['/api/data/1', { integrity: `sha256-${btoa('x'.repeat(32))}` }],
      'another origin that gives no answer': [`http://${otherHost}/api/data/1`, {}, { drop: 1 }],
      'a loss where none is to be retried': ['/api/data/1', { lane: { retry: { network: false } } }, { drop: 1 }],
    };
    for (const [name, [path, init, orders]] of Object.entries(once)) {
      it(`is not made of ${name}`, async () => {
        const heard = listen('started', 'retry');
        await fetch(run.path(path, orders), init).catch(() => {});
        expect(heard.map(({ type }) => type)).to.deep.equal(['started']);
      });
    }

    it('is made of another origin without an answer where that is said', async () => {
      const heard = listen('retry');
      const init = { lane: { retry: { network: 'all', limit: 1 } } };
      await rejection(fetch(run.url('/api/data/1', { drop: 1 }, otherHost), init));
      expect(heard).to.have.length(1);
    });

    const form = new FormData();
    form.append('name', 'value');
    const bodies = {
      'a string': 'text äöü',
      bytes: new Uint8Array([65, 66, 67]),
      'a buffer': new Uint8Array([65, 66, 67]).buffer,
      'a blob': new Blob(['blob'], { type: 'text/plain' }),
      parameters: new URLSearchParams({ a: '1' }),
      'a form': form,
    };
    for (const [name, body] of Object.entries(bodies)) {
      it(`sends ${name} again as it was`, async () => {
        await prime(TWICE);
        const init = { method: 'PUT', body };
        const response = await fetch(run.path('/api/echo', TWICE), init);
        expect(response.status).to.equal(200);
        expect((await run.stats()).seen).to.equal(4);
        const { body: sent, headers } = await response.json();
        const native = await (await globalThis.fetch('/api/echo', init)).json();
        // A form has a boundary of its own each time.
        const plain = (text) => text.replaceAll(/-{4,}\w+/g, 'boundary');
        expect(plain(sent)).to.equal(plain(native.body));
        expect(plain(headers['content-type'] ?? '')).to.equal(plain(native.headers['content-type'] ?? ''));
      });
    }

    it('sends a POST again that has an Idempotency-Key', async () => {
      await prime(TWICE);
      const response = await fetch(run.path('/api/echo', TWICE), {
        method: 'POST',
        body: 'order 7',
        headers: { 'Idempotency-Key': '7' },
      });
      expect((await response.json()).body).to.equal('order 7');
      expect((await run.stats()).seen).to.equal(4);
    });

    it('never sends a body again that can be read only once', async () => {
      const request = new Request(run.path('/api/status/503'), { method: 'PUT', body: 'once' });
      expect((await fetch(request)).status).to.equal(503);
      expect((await run.stats()).seen).to.equal(1);
    });

    it('gives its slot to others while it waits, and comes back before those of its level', async () => {
      fetch = make({ queue: { perOrigin: 1 }, retry: { baseDelay: 100, jitter: false } });
      await prime({ failShare: 0.5 });
      const heard = listen('started');
      const retried = fetch(run.path('/api/data/1', { failShare: 0.5, n: 'first' }));
      const others = Array.from({ length: 3 }, (_, n) => fetch(run.path('/api/data/1', { n, delay: 60 })));
      for (const other of others) await (await other).text();
      expect((await retried).status).to.equal(200);
      const order = heard.map(({ url }) => new URL(url).searchParams.get('n'));
      expect(order).to.have.length(5);
      expect(order.slice(0, 2)).to.deep.equal(['first', '0']);
      // It comes back at its old place: not behind all the others.
      expect(order.indexOf('first', 1)).to.be.below(4);
      expect((await run.stats()).peak).to.equal(1);
    });

    it('is not made when the time in all would be over before', async () => {
      const init = { lane: { timeout: 500, retry: { baseDelay: 1000, jitter: false } } };
      expect((await fetch(run.path('/api/status/503'), init)).status).to.equal(503);
      expect((await run.stats()).seen).to.equal(1);
    });

    it('is made of an attempt that takes too long; the last one rejects as native time-outs do', async () => {
      const heard = listen('retry');
      const init = { lane: { timeout: { attempt: 30 }, retry: 2 } };
      const error = await rejection(fetch(run.path('/api/data/1', { delay: 5000 }), init));
      expect(error.name).to.equal('TimeoutError');
      expect(heard.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
      expect(heard[0].error).to.contain('TimeoutError');
    });

    it('ends at once with the abort of its caller, also while it waits', async () => {
      const heard = listen('started', 'retry');
      const controller = new AbortController();
      fetch.events.addEventListener('retry', () => controller.abort('enough'));
      const init = { signal: controller.signal, lane: { retry: { baseDelay: 10_000, jitter: false } } };
      expect(await rejection(fetch(run.path('/api/status/503'), init))).to.equal('enough');
      expect(heard.map(({ type }) => type)).to.deep.equal(['started', 'retry']);
      expect(fetch.status()).to.include({ running: 0, queued: 0, cancelled: 1 });
    });

    it('waits as long with the same seed, and otherwise not', async () => {
      const delays = async (seed) => {
        fetch = make({ seed, retry: { baseDelay: 20 } });
        const heard = listen('retry');
        await fetch(run.path('/api/status/503'));
        return heard.map(({ delay }) => delay);
      };
      const first = await delays(7);
      expect(first).to.have.length(3);
      expect(await delays(7)).to.deep.equal(first);
      expect(await delays(8)).not.to.deep.equal(first);
    });

    it('has a budget', async () => {
      fetch = make({ retry: { ...SOON, budget: { share: 0, minPerSecond: 0.2 } } });
      const calls = Array.from({ length: 5 }, () => fetch(run.path('/api/status/503')));
      expect((await Promise.all(calls)).map(({ status }) => status)).to.deep.equal([503, 503, 503, 503, 503]);
      expect((await run.stats()).seen).to.equal(5 + 2);
      fetch = make({ retry: { ...SOON, budget: false } });
      run = new Run();
      await Promise.all(Array.from({ length: 5 }, () => fetch(run.path('/api/status/503'))));
      expect((await run.stats()).seen).to.equal(5 + 15);
    });

    it('is said for each option by itself, the closest to the call last', async () => {
      fetch = make({
        retry: { ...SOON, limit: 1 },
        routes: [
          { match: '/api/status/503', retry: 2 },
          { match: '/api/status/500', retry: { statusCodes: [503] } },
          { match: '/api/status/502', retry: false },
        ],
      });
      const seen = async (path, lane) => {
        run = new Run();
        await fetch(run.path(path), { lane });
        return (await run.stats()).seen;
      };
      expect(await seen('/api/status/504')).to.equal(2);
      expect(await seen('/api/status/503')).to.equal(3);
      expect(await seen('/api/status/500')).to.equal(1);
      expect(await seen('/api/status/502')).to.equal(1);
      expect(await seen('/api/status/502', { retry: 1 })).to.equal(2);
      expect(await seen('/api/status/503', { retry: { statusCodes: [500] } })).to.equal(1);
      expect(await seen('/api/status/503', { retry: { limit: undefined } })).to.equal(3);
    });

    it('goes by the options as they were at the call', async () => {
      const retry = { limit: 1, baseDelay: 0, budget: { share: 1 } };
      const path = run.path('/api/status/503');
      const call = make()(path, { lane: { retry } });
      retry.limit = -1;
      retry.budget.share = 2;
      expect((await call).status).to.equal(503);
      expect((await run.stats()).seen).to.equal(2);
      const other = fetch(run.path('/api/status/503'), { lane: { retry } });
      expect((await rejection(other)).message).to.contain('lane.retry');
    });

    describe('shouldRetry', () => {
      const answers = {
        'is asked with what failed, and may let it be': [() => true, 4],
        'may say no': [() => false, 1],
        'may take its time': [async ({ attempt }) => attempt < 2, 2],
        'says no with anything that is not true': [() => undefined, 1],
      };
      for (const [name, [shouldRetry, seen]] of Object.entries(answers)) {
        it(name, async () => {
          const asked = [];
          const spy = (context) => {
            asked.push(context);
            return shouldRetry(context);
          };
          const response = await fetch(run.path('/api/status/503'), { lane: { retry: { shouldRetry: spy } } });
          expect(response.status).to.equal(503);
          await response.text();
          expect((await run.stats()).seen).to.equal(seen);
          const [{ request, response: failed, attempt, ...more }] = asked;
          expect([request.method, failed.status, attempt, more]).to.deep.equal(['GET', 503, 1, {}]);
        });
      }

      it('says no when it throws, and what it throws is reported', async () => {
        const { reportError } = globalThis;
        const reported = [];
        globalThis.reportError = (thrown) => reported.push(thrown);
        const error = new Error('of the page');
        const throws = () => {
          throw error;
        };
        try {
          const response = await fetch(run.path('/api/status/503'), { lane: { retry: { shouldRetry: throws } } });
          expect(response.status).to.equal(503);
        } finally {
          globalThis.reportError = reportError;
        }
        expect(reported).to.deep.equal([error]);
        expect((await run.stats()).seen).to.equal(1);
      });

      it('may be overtaken by the abort of the caller', async () => {
        const controller = new AbortController();
        let answer;
        const shouldRetry = () =>
          new Promise((resolve) => {
            answer = resolve;
            controller.abort('enough');
          });
        const init = { signal: controller.signal, lane: { retry: { shouldRetry } } };
        expect(await rejection(fetch(run.path('/api/status/503'), init))).to.equal('enough');
        answer(true);
        await turn();
        expect(fetch.status()).to.include({ running: 0, queued: 0, cancelled: 1, retries: 0 });
      });
    });
  });

  describe('a pause that the server asks for', () => {
    it('holds everything for its origin back, and is over after it', async () => {
      const orders = { failShare: 0.5, failStatus: 429, retryAfter: 1 };
      await prime(orders);
      const heard = listen('paused-origin', 'retry');
      const start = performance.now();
      const limited = fetch(run.path('/api/data/1', orders));
      await new Promise((resolve) => fetch.events.addEventListener('paused-origin', resolve, { once: true }));
      const next = fetch(run.path('/api/data/2'));
      const [{ running, queued, pausedFor }] = fetch.status().origins;
      expect({ running, queued }).to.deep.equal({ running: 0, queued: 2 });
      expect(pausedFor).to.be.within(1, 1100);
      expect((await Promise.all([limited, next])).map(({ status }) => status)).to.deep.equal([200, 200]);
      expect(performance.now() - start).to.be.at.least(1000);
      expect(heard).to.have.length(2);
      const paused = heard.find(({ type }) => type === 'paused-origin');
      expect(paused.key).to.equal(location.origin);
      expect(paused.pausedFor).to.be.within(900, 1100);
      expect(heard.find(({ type }) => type === 'retry').status).to.equal(429);
      expect((await run.stats()).seen).to.equal(4);
    });

    it('is not waited for when it is too long: the caller gets the response', async () => {
      const orders = { failShare: 1, failStatus: 503, retryAfter: 3600 };
      const response = await fetch(run.path('/api/data/1', orders));
      expect([response.status, response.headers.get('retry-after')]).to.deep.equal([503, '3600']);
      expect(fetch.status().origins[0].pausedFor).to.equal(0);
      expect((await run.stats()).seen).to.equal(1);
    });

    const now = {
      'Retry-After: 0': { 'retry-after': '0' },
      'a date that is over': { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' },
      'rate limits that are over': { ratelimit: '"default";r=0;t=0' },
      'rate limits that were over long ago': { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1500000000' },
    };
    for (const [name, headers] of Object.entries(now)) {
      it(`does not shorten the usual delay, and counts, when it is ${name}`, async () => {
        const retry = { baseDelay: 5, jitter: false, limit: 2 };
        fetch = make({
          retry,
          breaker: { consecutive: 4 },
          fetch: async () => new Response('', { status: 503, headers }),
        });
        const heard = listen('retry', 'paused-origin');
        expect((await fetch('/anything')).status).to.equal(503);
        expect(heard.map(({ type, delay }) => ({ type, delay }))).to.deep.equal([
          { type: 'retry', delay: 5 },
          { type: 'retry', delay: 10 },
        ]);
        expect((await fetch('/anything', { lane: { retry: 0 } })).status).to.equal(503);
        expect((await rejection(fetch('/anything'))).code).to.equal('circuit-open');
      });
    }

    it('counts as a failure when it is too long to be waited for, however long that is', async () => {
      for (const after of ['61', '3600', '9'.repeat(30), '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT']) {
        const answer = async () => new Response('', { status: 503, headers: { 'retry-after': after } });
        fetch = make({ retry: SOON, breaker: { consecutive: 2 }, fetch: answer });
        const heard = listen('retry');
        for (let call = 0; call < 2; call += 1) {
          const response = await fetch('/anything');
          expect([response.status, await response.text()]).to.deep.equal([503, '']);
        }
        expect((await rejection(fetch('/anything'))).code).to.equal('circuit-open');
        expect(heard).to.deep.equal([]);
      }
    });

    it('is not for calls that are never retried', async () => {
      const orders = { failShare: 1, failStatus: 429, retryAfter: 5 };
      await fetch(run.path('/api/data/1', orders), { lane: { retry: false } });
      expect(fetch.status().origins[0].pausedFor).to.equal(0);
    });

    // What servers write, and the pause that it means, in seconds; 0 for none.
    const moment = (seconds) => Date.now() + seconds * 1000;
    const forms = {
      'Retry-After in seconds': [429, { 'retry-after': '30' }, 30],
      'Retry-After as a date, by the clock of the server': [
        503,
        { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT', date: 'Sun, 06 Nov 1994 08:49:17 GMT' },
        20,
      ],
      'Retry-After as a date that is over': [503, { 'retry-after': new Date(moment(-60)).toUTCString() }, 0],
      'Retry-After that is neither': [429, { 'retry-after': 'soon' }, 0],
      'Retry-After with another status': [200, { 'retry-after': '30' }, 0],
      'RateLimit with nothing left': [200, { ratelimit: '"default";r=0;t=30' }, 30],
      'RateLimit with something left': [200, { ratelimit: '"default";r=10;t=30' }, 0],
      'RateLimit of several policies': [200, { ratelimit: '"burst";r=0;t=5, "day";r=0;t=30, "x";r=5;t=55' }, 30],
      'RateLimit in the form of an older draft': [200, { ratelimit: 'limit=100, remaining=0, reset=30' }, 30],
      'RateLimit in three fields': [200, { 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }, 30],
      'X-RateLimit in seconds': [200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '30' }, 30],
      'X-RateLimit as a moment': [
        200,
        () => ({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': `${Math.floor(moment(40) / 1000)}` }),
        40,
      ],
      'X-RateLimit with something left': [200, { 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '30' }, 0],
    };
    for (const [name, [status, headers, seconds]] of Object.entries(forms)) {
      it(`is read from ${name}`, async () => {
        const said = typeof headers === 'function' ? headers() : headers;
        fetch = make({ fetch: async () => new Response('', { status, headers: said }) });
        const answer = fetch('/anything').catch(() => {});
        await turn();
        await turn();
        const { pausedFor } = fetch.status().origins[0];
        if (seconds === 0) expect(pausedFor).to.equal(0);
        // Up to a second is added, so that not all come back at once; a clock of whole seconds may take one.
        else expect(pausedFor / 1000).to.be.within(seconds - 1, seconds + 1);
        await fetch.close();
        await answer;
      });
    }
  });

  describe('open event streams', () => {
    let opened = 0;
    /** Opens one at each of these hosts, whose body never ends. Returns how to close them. */
    const stream = async (...hosts) => {
      // Firefox sends a second request for one address only when it has seen all of the first.
      const urls = hosts.map((host) => run.url('/api/events', { n: ++opened }, host));
      const responses = await Promise.all(urls.map((url) => fetch(url)));
      return () => Promise.all(responses.map(({ body }) => body.cancel()));
    };
    const limits = {
      'the only slot of a key': { perOrigin: 1 },
      'all slots of a key': { perOrigin: 2 },
      'all slots there are': { concurrency: 2 },
    };
    for (const [name, options] of Object.entries(limits)) {
      it(`do not hold ${name} for ever`, async () => {
        fetch = make({ queue: options });
        const heard = listen('lent');
        const close = await stream(location.host, otherHost);
        const more = await stream(location.host);
        expect((await fetch(run.path('/api/data/1'))).status).to.equal(200);
        expect((await fetch(run.url('/api/data/1', {}, otherHost))).status).to.equal(200);
        expect(new Set(heard.map(({ why }) => why))).to.deep.equal(new Set(['streams']));
        await close();
        await more();
      });
    }

    it('do not hold all slots that the instances on a page share', async () => {
      const close = [];
      const instances = [1, 2].map(() => make({ queue: { perOrigin: 2 } }));
      for (fetch of instances) close.push(await stream(location.host));
      for (const one of instances) expect((await one(run.path('/api/data/1'))).status).to.equal(200);
      for (const end of close) await end();
    });
  });

  describe('the circuit breaker', () => {
    it('turns calls away while an origin fails, and no other', async () => {
      fetch = make({ breaker: { consecutive: 2 }, retry: false });
      const heard = listen('breaker');
      await fetch(run.path('/api/status/500'));
      await fetch(run.path('/api/status/500'));
      const error = await rejection(fetch(run.path('/api/data/1')));
      expect(isSixlaneError(error)).to.equal(true);
      expect(error.code).to.equal('circuit-open');
      expect(error.retryAfter).to.be.within(1, 10_000);
      expect((await run.stats()).seen).to.equal(2);
      expect((await fetch(run.url('/api/data/1', {}, otherHost))).status).to.equal(200);
      expect(heard).to.have.length(1);
      expect(heard[0]).to.include({ key: location.origin, state: 'open' });
      expect(heard[0].retryAfter).to.be.within(1, 10_000);
    });

    it('lets a probe through after a while, and closes when it goes well', async () => {
      fetch = make({ breaker: { consecutive: 1, openFor: 50, successes: 1 }, retry: false });
      const heard = listen('breaker');
      await fetch(run.path('/api/status/500'));
      let response;
      while (!response) response = await fetch(run.path('/api/data/1')).catch(() => undefined);
      expect(response.status).to.equal(200);
      expect(heard.map(({ state }) => state)).to.deep.equal(['open', 'half-open', 'closed']);
      expect(fetch.status().origins[0].breaker).to.equal('closed');
    });

    it('turns away what waits when it opens', async () => {
      fetch = make({ breaker: { consecutive: 1 }, retry: false, queue: { perOrigin: 1 } });
      const failing = fetch(run.path('/api/status/500', { delay: 20 }));
      const waiting = rejection(fetch(run.path('/api/data/1')));
      expect((await failing).status).to.equal(500);
      expect((await waiting).code).to.equal('circuit-open');
      expect(fetch.status().origins[0].breaker).to.equal('open');
      expect(fetch.status().running).to.equal(0);
    });

    it('does not count refusals, nor the abort of a caller', async () => {
      fetch = make({ breaker: { consecutive: 1 }, retry: false });
      await fetch(run.path('/api/status/404'));
      const controller = new AbortController();
      const call = fetch(run.path('/api/data/1', { delay: 5000 }), { signal: controller.signal });
      await run.until(({ seen }) => seen >= 2);
      controller.abort();
      await rejection(call);
      expect((await fetch(run.path('/api/data/1'))).status).to.equal(200);
    });
  });

  describe('a rate limit', () => {
    it('makes calls wait, and never has more in any window', async () => {
      fetch = make({ rateLimit: { algorithm: 'sliding-window', limit: 2, window: 200 } });
      const started = [];
      fetch.events.addEventListener('started', () => started.push(performance.now()));
      const calls = Array.from({ length: 5 }, (_, n) => fetch(run.path('/api/data/1', { n })));
      expect(fetch.status()).to.include({ running: 2, queued: 3 });
      await Promise.all(calls);
      for (let n = 2; n < started.length; n++) expect(started[n] - started[n - 2]).to.be.at.least(199);
      expect(started).to.have.length(5);
    });

    it('holds no slot back from other origins', async () => {
      fetch = make({
        rateLimit: { capacity: 1, refillRate: 1, refillInterval: 60_000 },
        queue: { concurrency: 1 },
      });
      await (await fetch(run.path('/api/data/1'))).text();
      const waiting = rejection(fetch(run.path('/api/data/1')));
      expect((await fetch(run.url('/api/data/1', {}, otherHost))).status).to.equal(200);
      expect(fetch.clear('enough')).to.equal(1);
      expect(await waiting).to.equal('enough');
    });
  });

  describe('without a network', () => {
    let line = true;
    before(() => Object.defineProperty(navigator, 'onLine', { get: () => line, configurable: true }));
    after(() => delete navigator.onLine);
    afterEach(() => {
      line = true;
    });

    it('waits until there is one, and no attempt is used up', async () => {
      line = false;
      let lost = true;
      const through = (...args) =>
        lost ? globalThis.fetch(run.path('/api/data/1', { drop: 1 })) : globalThis.fetch(...args);
      fetch = make({ fetch: through, retry: { ...SOON, limit: 1 } });
      const heard = listen('started');
      const retried = new Promise((resolve) => fetch.events.addEventListener('retry', resolve, { once: true }));
      const call = fetch(run.path('/api/data/2'));
      await retried;
      expect(fetch.status()).to.include({ queued: 1, running: 0 });
      lost = false;
      line = true;
      dispatchEvent(new Event('online'));
      expect((await (await call).json()).id).to.equal(2);
      expect(heard).to.have.length(2);
    });

    it('never sends again by itself what must not be sent twice', async () => {
      line = false;
      const init = { method: 'POST', body: 'a' };
      expect((await rejection(fetch(run.path('/api/data/1', { drop: 1 }), init))).name).to.equal('TypeError');
      expect(fetch.status()).to.include({ queued: 0, running: 0, failed: 1 });
    });
  });
});
