import { expect } from 'chai';
import { createBatcher, createFetch, init, isSixlaneError } from '/dist/index.js';
import { random } from './support/random.js';
import { otherHost, Run, rejection, turn } from './support/server.js';

/** The next turn, for all who wait for it. */
let coming;
const nextTurn = () => {
  coming ??= turn().then(() => {
    coming = undefined;
  });
  return coming;
};

const NEVER = 600_000;
const ids = (count, first = 1) => Array.from({ length: count }, (_, index) => first + index);
const MATCH = /\/api\/data\/(?<id>[^/?]+)/;

/** What is reported while `work` runs. */
const reported = async (work) => {
  const messages = [];
  const listen = (event) => {
    event.preventDefault();
    messages.push(event.error.message);
  };
  const { onerror } = window;
  window.onerror = null;
  window.addEventListener('error', listen);
  try {
    await work();
  } finally {
    window.removeEventListener('error', listen);
    window.onerror = onerror;
  }
  return messages;
};

describe('batches', () => {
  let run;
  let fetch;
  let sent;
  const open = [];

  /** Keeps what is sent, and sends it. */
  const recording = async (request, init) => {
    const body = request.method === 'POST' ? await request.clone().text() : '';
    sent.push({
      method: request.method,
      url: new URL(request.url),
      keys: body ? JSON.parse(body).keys : undefined,
      request,
    });
    return globalThis.fetch(request, init);
  };
  /** Answers batches with what `answer` makes of their keys, and single requests with their own addresses. */
  const answering = (answer) => async (request) => {
    const { keys } = request.method === 'POST' ? await request.clone().json() : {};
    sent.push({ method: request.method, url: new URL(request.url), keys, request });
    return keys ? answer(keys, request) : new Response(new URL(request.url).pathname);
  };
  const make = (rule, options) => {
    const made = createFetch({
      fetch: recording,
      batch: [{ match: MATCH, endpoint: '/api/batch', ...rule }],
      ...options,
    });
    open.push(made);
    return made;
  };

  before(() => init());
  beforeEach(() => {
    run = new Run();
    sent = [];
    fetch = make();
  });
  afterEach(() => Promise.all(open.splice(0).map((made) => made.close())));

  const path = (id, orders) => run.path(`/api/data/${id}`, orders);
  const get = (id, orders, init) => fetch(path(id, orders), init);
  const json = async (id, orders, init) => (await get(id, orders, init)).json();
  const methods = () => sent.map(({ method }) => method);
  const sizes = () => sent.map(({ keys }) => keys?.length ?? 1);

  describe('of calls', () => {
    it('make 20 requests of 1,000 calls of one turn, and each gets its own answer', async () => {
      const responses = await Promise.all(ids(1000).map((id) => get(id)));
      const bodies = await Promise.all(responses.map((response) => response.json()));
      expect(bodies.map(({ id }) => id)).to.deep.equal(ids(1000));
      expect((await run.stats()).seen).to.equal(20);
      expect(sizes()).to.deep.equal(ids(20).map(() => 50));
      expect(fetch.status()).to.include({ batched: 1000, completed: 20, failed: 0, running: 0, queued: 0 });
      responses.forEach((response, index) => {
        const { url, type, redirected, status, ok } = response;
        const expected = {
          url: run.url(`/api/data/${index + 1}`),
          type: 'basic',
          redirected: false,
          status: 200,
          ok: true,
        };
        expect({ url, type, redirected, status, ok }).to.deep.equal(expected);
      });
    });

    it('fail for exactly those that are aborted, missing or failing', async () => {
      const kinds = ['aborted', 'missing', 'failing'];
      const kindOf = (id) => kinds[id % 20] ?? 'fine';
      const failing = ids(1000).filter((id) => kindOf(id) === 'failing');
      const stop = { early: new AbortController(), late: new AbortController() };
      const reason = new Error('not wanted');
      const transport = (...args) => {
        // Some of them are on the wire by now, and some still wait for it.
        stop.late.abort(reason);
        return recording(...args);
      };
      fetch = make({}, { fetch: transport });
      const calls = ids(1000).map(async (id) => {
        const kind = kindOf(id);
        const { signal } = stop[id % 40 === 0 ? 'early' : 'late'];
        const key = kind === 'missing' ? `none-${id}` : id;
        try {
          const response = await get(key, { failKeys: failing.join() }, kind === 'aborted' ? { signal } : undefined);
          const { id: found } = await response.json();
          return response.ok && found === id ? 'fine' : { 404: 'missing', 500: 'failing' }[response.status];
        } catch (error) {
          return error === reason ? 'aborted' : error;
        }
      });
      stop.early.abort(reason);
      expect(await Promise.all(calls)).to.deep.equal(ids(1000).map(kindOf));
      expect(methods().every((method) => method === 'POST')).to.equal(true);
      expect(fetch.status()).to.include({ batched: 950, running: 0, queued: 0 });
    });

    it('give what calls by themselves would get', async () => {
      const headers = ({ headers }) => [headers.get('content-type'), headers.get('cache-control')];
      for (const id of [7, 'none']) {
        const [single, part] = await Promise.all([get(id, {}, { lane: { batch: false } }), get(id)]);
        expect(part.status).to.equal(single.status);
        expect(headers(part)).to.deep.equal(headers(single));
        const copy = part.clone();
        expect(copy.url).to.equal(single.url);
        expect(await copy.json()).to.deep.equal(await single.json());
      }
    });

    it('hold what is alike in all but the key', async () => {
      const credentials = 'include';
      const other = (id) => fetch(run.url(`/api/data/${id}`, {}, otherHost));
      const calls = [
        ...[1, 2].map((id) => get(id)),
        ...[3, 4].map((id) => get(id, { n: 1 })),
        ...[5, 6].map((id) => get(id, {}, { headers: { 'x-test': 1, accept: 'application/hal+json' } })),
        ...[7, 8].map((id) => get(id, {}, { credentials })),
        ...[9, 10].map(other),
        ...[11, 12].map((id) => get(id, {}, { lane: { key: 'own' } })),
        ...[13, 14].map((id) => get(id, {}, { lane: { priority: 'low' } })),
      ];
      const bodies = await Promise.all(calls.map(async (call) => (await call).json()));
      expect(bodies.map(({ id }) => id)).to.deep.equal(ids(14));
      const groups = sent.map(({ keys }) => keys.join()).toSorted();
      // Priorities are the batch's affair.
      expect(groups).to.deep.equal(['1,2,13,14', '11,12', '3,4', '5,6', '7,8', '9,10']);
      const { request, url } = sent.find(({ keys }) => keys[0] === '5');
      expect(request.headers.get('x-test')).to.equal('1');
      expect(request.headers.get('accept')).to.equal('application/x-ndjson, application/hal+json');
      expect(sent[0].request.headers.get('accept')).to.equal('application/x-ndjson, application/json');
      expect(request.headers.get('content-type')).to.equal('application/json');
      expect(url.pathname + url.search).to.equal(run.path('/api/batch'));
      expect(sent.find(({ keys }) => keys[0] === '7').request.credentials).to.equal(credentials);
      expect(sent.find(({ keys }) => keys[0] === '9').url.host).to.equal(otherHost);
    });

    it('leave out what cannot be a part of one', async () => {
      const inits = [
        { lane: { batch: false } },
        { lane: { emergency: true } },
        { method: 'HEAD' },
        { method: 'DELETE' },
        { headers: { range: 'bytes=0-9' } },
        { headers: { 'if-none-match': '"1"' } },
        { redirect: 'error' },
        { keepalive: true },
        { cache: 'force-cache' },
      ];
      await Promise.all(inits.map((init, index) => get(index + 1, {}, init)));
      expect(methods()).to.deep.equal(inits.map(({ method = 'GET' }) => method));
      expect(fetch.status().batched).to.equal(0);
    });

    it('leave alone what no rule is for', async () => {
      await fetch(run.path('/api/users/1'));
      expect(methods()).to.deep.equal(['GET']);
    });

    it('are for a pathname, too', async function () {
      if (!globalThis.URLPattern) this.skip();
      fetch = make({ match: '/api/data/:id' });
      expect(await Promise.all([1, 2].map(async (id) => (await json(id)).id))).to.deep.equal([1, 2]);
      expect(sizes()).to.deep.equal([2]);
    });

    it('ask once for equal keys', async () => {
      const calls = [1, 2, 1, 1].flatMap((id) => [get(id), get(id, {}, { lane: { dedupe: false } })]);
      const responses = await Promise.all(calls);
      expect(new Set(responses).size).to.equal(8);
      const bodies = await Promise.all(responses.map((response) => response.json()));
      expect(bodies.map(({ id }) => id)).to.deep.equal([1, 1, 2, 2, 1, 1, 1, 1]);
      expect(sent.map(({ keys }) => keys)).to.deep.equal([['1', '2']]);
      expect(fetch.status()).to.include({ batched: 8, deduplicated: 6 });
    });

    it('ask again for who comes after they are sent, unless the answer may be shared', async () => {
      for (const [orders, asked] of [
        [{ delay: 100 }, 2],
        [{ delay: 100, cacheControl: 'max-age=0' }, 1],
      ]) {
        const own = { ...orders, n: asked };
        const before = [json(1, own), json(1, own)];
        await run.until(({ inFlight }) => inFlight === 1);
        const all = await Promise.all([...before, json(1, own), json(1, own)]);
        expect(all.map(({ id }) => id)).to.deep.equal([1, 1, 1, 1]);
        expect(sent.filter(({ url }) => url.searchParams.get('n') === `${asked}`)).to.have.length(asked);
      }
      expect(fetch.status().deduplicated).to.equal(1 + 1 + 3);
    });

    it('go by themselves past what the browser has kept, after a purge', async () => {
      fetch = make({ endpoint: '/api/none' });
      await fetch.cache.purge();
      await json(1);
      expect(sent.map(({ method, request }) => [method, request.cache])).to.deep.equal([
        ['POST', 'no-store'],
        ['GET', 'reload'],
      ]);
    });

    it('leave fragments out of it', async () => {
      fetch = make({ match: /\/api\/data\/(?<id>.+)\?/ });
      const [one, other] = await Promise.all(['#top', '#end'].map((end) => fetch(path(7) + end)));
      expect([(await one.json()).id, (await other.json()).id]).to.deep.equal([7, 7]);
      fetch = make({ match: /\/api\/data\/(?<id>[^/?]+)/ });
      expect((await (await fetch('/api/data/8#top')).json()).id).to.equal(8);
      expect(sent.map(({ keys }) => keys)).to.deep.equal([['7'], ['8']]);
    });

    it('give those a limit for an attempt whose line is late, as a call by itself has', async () => {
      const late = { late: '1:60000', run: 'x' };
      for (const retry of [false, 1]) {
        sent = [];
        const lane = { timeout: { attempt: 100 }, retry };
        const [slow, quick] = [1, 2].map((id) => get(id, late, { lane }));
        expect((await (await quick).json()).id).to.equal(2);
        const outcome = await slow.then(
          ({ status }) => status,
          ({ name }) => name,
        );
        expect(outcome).to.equal(retry === false ? 'TimeoutError' : 200);
        // Nobody waits for the rest of that batch.
        while (fetch.status().running > 0) await turn();
        expect(methods()).to.deep.equal(retry === false ? ['POST'] : ['POST', 'GET']);
      }
    });

    it('take keys as they were before they became a part of an address', async () => {
      fetch = make(
        {},
        { fetch: answering((keys) => Response.json(Object.fromEntries(keys.map((key) => [key, key])))) },
      );
      const keys = ['a b', 'é', 'x&y', '"', '%'];
      const answers = await Promise.all(keys.map((key) => json(encodeURIComponent(key))));
      expect(answers).to.deep.equal(keys);
      expect(sent[0].keys).to.deep.equal(keys);
    });

    it('take keys of a query as a form writes them, and leave them out of what is common', async () => {
      fetch = make(
        { match: /\/search\?.*q=(?<q>[^&]+)/ },
        { fetch: answering((keys) => Response.json(Object.fromEntries(keys.map((key) => [key, key])))) },
      );
      const keys = ['a b', 'a+b', 'é'];
      const path = (q) => `/search?${new URLSearchParams({ first: 1, q, last: 2 })}`;
      expect(await Promise.all(keys.map(async (key) => (await fetch(path(key))).json()))).to.deep.equal(keys);
      expect(sent.map(({ keys, url }) => [keys, url.search])).to.deep.equal([[keys, '?first=1&last=2']]);
    });

    it('are sent when they are full, in number or in bytes', async () => {
      fetch = make({ maxSize: 3, maxWait: NEVER });
      await Promise.all(ids(6).map((id) => json(id)));
      expect(sizes()).to.deep.equal([3, 3]);
      sent = [];
      const maxBytes = '{"keys":["10","11"]}'.length;
      fetch = make({ maxBytes });
      const all = [10, 11, 12, 13, 14];
      expect(await Promise.all(all.map(async (id) => (await json(id)).id))).to.deep.equal(all);
      expect(sizes()).to.deep.equal([2, 2, 1]);
      sent = [];
      // No batch has room for this one.
      expect((await get('x'.repeat(50))).status).to.equal(404);
      expect(methods()).to.deep.equal(['GET']);
    });

    it('are sent at once for a critical call, at the priority of the most urgent', async () => {
      fetch = make({ maxWait: NEVER });
      const started = [];
      fetch.events.addEventListener('started', ({ detail }) => started.push(detail.priority));
      const calls = [json(1), json(2, {}, { lane: { priority: 'critical' } })];
      // They wait for nobody who comes later.
      expect((await Promise.all(calls)).map(({ id }) => id)).to.deep.equal([1, 2]);
      // A key that waits already becomes urgent, too.
      const joined = [json(3), json(4), json(4, {}, { lane: { priority: 'critical' } })];
      expect((await Promise.all(joined)).map(({ id }) => id)).to.deep.equal([3, 4, 4]);
      expect(sent.map(({ keys }) => keys)).to.deep.equal([
        ['1', '2'],
        ['3', '4'],
      ]);
      expect(started).to.deep.equal(['critical', 'critical']);
      fetch = make();
      fetch.events.addEventListener('started', ({ detail }) => started.push(detail.priority));
      await Promise.all(['low', 'high', 'background'].map((priority, id) => json(id + 1, {}, { lane: { priority } })));
      expect(started[2]).to.equal('high');
    });

    it('go on without who is aborted, and end when nobody is left', async () => {
      const controllers = [new AbortController(), new AbortController()];
      const calls = controllers.map(({ signal }, index) => get(index + 1, { delay: NEVER }, { signal }));
      const errors = calls.map(rejection);
      await run.until(({ inFlight }) => inFlight === 1);
      const [first, second] = controllers;
      first.abort('first');
      expect(await errors[0]).to.equal('first');
      expect((await run.stats()).aborted).to.equal(0);
      second.abort('second');
      expect(await errors[1]).to.equal('second');
      await run.until(({ aborted }) => aborted === 1);
      expect(fetch.status()).to.include({ running: 0, queued: 0, cancelled: 1 });
    });

    it('send nothing for who is gone before', async () => {
      fetch = make({ maxSize: 3, maxWait: NEVER });
      const controller = new AbortController();
      const gone = rejection(get(1, {}, { signal: controller.signal }));
      controller.abort('gone');
      expect(await gone).to.equal('gone');
      await Promise.all([2, 3, 4].map((id) => json(id)));
      expect(sent.map(({ keys }) => keys)).to.deep.equal([['2', '3', '4']]);
    });

    it('let each have a time limit of its own, waiting included', async () => {
      fetch = make({ maxWait: NEVER, maxSize: 3 });
      const limited = (id, timeout) => rejection(get(id, { late: '1:60000' }, { lane: { timeout } }));
      expect((await limited(9, 1)).name).to.equal('TimeoutError');
      expect(sent).to.deep.equal([]);
      const late = limited(1, 100);
      const others = [2, 3].map((id) => json(id, { late: '1:60000' }));
      expect((await Promise.all(others)).map(({ id }) => id)).to.deep.equal([2, 3]);
      expect((await late).name).to.equal('TimeoutError');
      await run.until(({ aborted }) => aborted === 1);
    });

    it('answer each when its line comes', async () => {
      const order = [];
      const one = async (id) => order.push((await json(id, { late: '1:200' })).id);
      await Promise.all(ids(50).map(one));
      expect(order).to.have.length(50);
      expect(order.at(-1)).to.equal(1);
      expect(sizes()).to.deep.equal([50]);
    });

    it('are tried again as a GET is, whatever their method', async () => {
      const orders = { failShare: 0.5 };
      await json(1, orders);
      expect(await json(2, orders)).to.include({ id: 2 });
      expect(methods()).to.deep.equal(['POST', 'POST', 'POST']);
      expect(fetch.status()).to.include({ retries: 1, batched: 2 });
      sent = [];
      const responses = await Promise.all([3, 4].map((id) => get(id, { failShare: 1 }, { lane: { retry: false } })));
      expect(sizes()).to.deep.equal([2]);
      for (const [index, response] of responses.entries()) {
        expect(response.status).to.equal(503);
        expect(response.url).to.equal(run.url(`/api/data/${index + 3}`, { failShare: 1 }));
        expect(await response.json()).to.have.property('error');
      }
    });

    for (const retry of [1, false]) {
      it(`give up their slot for an emergency, and nobody notices, with retry ${retry}`, async () => {
        fetch = make({}, { queue: { perOrigin: 1 }, retry });
        const call = json(1, { delay: 300 });
        await run.until(({ inFlight }) => inFlight === 1);
        await fetch.emergency(run.path('/api/data/2'));
        expect(await call).to.include({ id: 1 });
        expect(fetch.status().preempted).to.equal(1);
      });
    }

    it('reject with what the network rejects with', async () => {
      const errors = await Promise.all([1, 2].map((id) => rejection(get(id, { drop: 1 }, { lane: { retry: false } }))));
      for (const error of errors) expect(error).to.be.instanceOf(TypeError);
      expect(sizes()).to.deep.equal([2]);
    });

    it('are settled with all else that waits', async () => {
      fetch = make({ maxWait: NEVER });
      const cleared = [1, 2].map((id) => rejection(get(id)));
      expect(fetch.clear()).to.equal(2);
      for (const error of await Promise.all(cleared)) expect(error.code).to.equal('queue-cleared');
      const closed = rejection(get(3));
      await fetch.close();
      const error = await closed;
      expect(isSixlaneError(error) && error.code).to.equal('closed');
      expect(sent).to.deep.equal([]);
    });

    it('leave no listener behind when they are cleared', async () => {
      const { addEventListener, removeEventListener } = document;
      let listeners = 0;
      document.addEventListener = (...call) => {
        listeners += 1;
        return addEventListener.apply(document, call);
      };
      document.removeEventListener = (...call) => {
        listeners -= 1;
        return removeEventListener.apply(document, call);
      };
      try {
        fetch = make({ maxWait: NEVER });
        const call = rejection(get(1));
        expect(listeners).to.equal(1);
        await fetch.close();
        await call;
        expect(listeners).to.equal(0);
      } finally {
        delete document.addEventListener;
        delete document.removeEventListener;
      }
    });

    it('wait for nobody when the page is left', async () => {
      fetch = make({ maxWait: NEVER });
      const calls = [json(1), json(2)];
      globalThis.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
      await Promise.all(calls);
      calls.push(json(3));
      globalThis.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      calls.push(json(4), json(5, {}, { lane: { priority: 'critical' } }));
      expect((await Promise.all(calls)).map(({ id }) => id)).to.deep.equal(ids(5));
      expect(sizes()).to.deep.equal([2, 1, 2]);
    });

    it('count each caller who is turned away, sent or not', async () => {
      fetch = make({ maxWait: NEVER, maxSize: 3 });
      fetch.pause();
      // Two for one key, whose request is one; then a batch that is being gathered.
      const calls = [1, 1, 2, 3, 4, 4].map((id) => rejection(get(id)));
      expect(fetch.status().queued).to.equal(1);
      expect(fetch.clear()).to.equal(6);
      for (const error of await Promise.all(calls)) expect(error.code).to.equal('queue-cleared');
    });

    it('wait for nobody beyond their turn while the page is hidden', async () => {
      fetch = make({ maxWait: NEVER });
      let hidden = false;
      Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true });
      const turnTo = (value) => {
        hidden = value;
        document.dispatchEvent(new Event('visibilitychange'));
      };
      try {
        const calls = [json(1), json(2)];
        await turn();
        expect(sent).to.deep.equal([]);
        turnTo(true);
        await Promise.all(calls);
        await Promise.all([3, 4, 5].map((id) => json(id)));
        expect(sizes()).to.deep.equal([2, 3]);
        turnTo(false);
        const last = json(6);
        await turn();
        expect(sizes()).to.deep.equal([2, 3]);
        turnTo(true);
        await last;
      } finally {
        delete document.hidden;
      }
    });

    it('halve by what was sent, and are not held up by thousands that leave', async () => {
      fetch = make({
        maxSize: Number.POSITIVE_INFINITY,
        maxBytes: Number.POSITIVE_INFINITY,
        endpoint: '/api/status/413',
      });
      const controller = new AbortController();
      const gone = ids(5000).map((id) => rejection(get(id, {}, { signal: controller.signal })));
      const stays = json(9999);
      controller.abort('gone');
      expect(new Set(await Promise.all(gone))).to.deep.equal(new Set(['gone']));
      expect(await stays).to.include({ id: 9999 });
      expect(methods()).to.deep.equal(['POST', 'GET']);
    });

    it('tell of each call, and of the batch as of any request', async () => {
      const told = [];
      fetch.events.addEventListener('settled', ({ detail }) => told.push(detail));
      await Promise.all([1, 2].map((id) => json(id)));
      expect(told.map(({ method, batched, status }) => [method, batched, status])).to.deep.equal([
        ['POST', undefined, 200],
        ['GET', true, 200],
        ['GET', true, 200],
      ]);
      expect(told[1].url).to.equal(run.url('/api/data/1'));
      const controller = new AbortController();
      const gone = rejection(get(3, {}, { signal: controller.signal }));
      controller.abort('gone');
      await gone;
      expect(told.slice(3).map(({ url, ok, error }) => [url, ok, error])).to.deep.equal([
        [run.url('/api/data/3'), false, 'gone'],
      ]);
    });
  });

  describe('and the cache', () => {
    const kept = async (entries) => {
      while (fetch.cache.stats().memory.entries !== entries) await turn();
    };

    it('ask for nothing that is fresh, and keep each answer by its own headers', async () => {
      const orders = { cache: 60 };
      await Promise.all(ids(10).map((id) => json(id, orders)));
      await kept(10);
      const bodies = await Promise.all(ids(10, 6).map((id) => json(id, orders)));
      expect(bodies.map(({ id }) => id)).to.deep.equal(ids(10, 6));
      expect(sent.map(({ keys }) => keys)).to.deep.equal([ids(10).map(String), ids(5, 11).map(String)]);
      await kept(15);
      expect(fetch.cache.stats().hits.memory).to.equal(5);
      expect(await fetch.cache.delete(run.url('/api/data/7', orders))).to.equal(true);
      expect((await get(8, orders, { lane: { batch: false } })).headers.has('age')).to.equal(true);
      expect(sent).to.have.length(2);
    });

    it('keep nothing that is not to be kept', async () => {
      await Promise.all(ids(3).map((id) => json(id)));
      await Promise.all(ids(3).map((id) => json(id)));
      expect(sizes()).to.deep.equal([3, 3]);
      const answers = [
        (keys) => Response.json(keys, { headers: { 'cache-control': 'no-store' } }),
        (keys) => Response.json(Object.fromEntries(keys.map((key) => [key, key]))),
      ];
      for (const [index, answer] of answers.entries()) {
        sent = [];
        fetch = make({}, { fetch: answering(answer), cache: { ttl: 1000 } });
        await json(1);
        if (index === 1) await kept(1);
        await json(1);
        expect(sizes()).to.deep.equal(index === 0 ? [1, 1] : [1]);
      }
    });

    it('keep nothing of what was said of a batch as a whole', async () => {
      let answer = () => new Response('no', { status: 410, headers: { 'cache-control': 'max-age=60' } });
      const routes = [{ match: /data\/2/, cache: { ttl: 60_000 } }];
      fetch = make({}, { routes, fetch: answering((keys) => answer(keys)) });
      const statuses = async () => (await Promise.all([1, 2].map((id) => get(id)))).map(({ status }) => status);
      expect(await statuses()).to.deep.equal([410, 410]);
      answer = (keys) => Response.json(keys);
      expect(await statuses()).to.deep.equal([200, 200]);
    });

    it('ask again for what is stale, without a condition', async () => {
      const orders = { cacheControl: 'no-cache', etag: 1 };
      await json(1, orders);
      await kept(1);
      await json(1, orders);
      expect(methods()).to.deep.equal(['POST', 'POST']);
      expect((await run.stats()).statuses).to.deep.equal({ 200: 2 });
    });
  });

  describe('where the end point does not take them', () => {
    const wanted = ids(6);
    const all = async () => (await Promise.all(wanted.map((id) => json(id)))).map(({ id }) => id);

    for (const [endpoint, status] of [
      ['/api/none', 404],
      ['/api/data/1', 405],
      ['/api/status/501', 501],
    ]) {
      it(`go one by one from the first ${status}`, async () => {
        fetch = make({ endpoint });
        expect(await all()).to.deep.equal(wanted);
        expect(await all()).to.deep.equal(wanted);
        expect(methods()).to.deep.equal(['POST', ...ids(12).map(() => 'GET')]);
        expect((await run.stats()).statuses).to.deep.equal({ 200: 12, [status]: 1 });
      });
    }

    it('are halved until they are small enough, and stay so', async () => {
      fetch = make({ endpoint: '/api/batch?maxKeys=2' });
      expect(await all()).to.deep.equal(wanted);
      expect(sizes().toSorted()).to.deep.equal([1, 1, 2, 2, 3, 3, 6]);
      sent = [];
      expect(await all()).to.deep.equal(wanted);
      expect(Math.max(...sizes())).to.be.at.most(2);
      expect(methods()).to.not.include('GET');
    });

    it('go one by one when even one key is too many', async () => {
      fetch = make({ endpoint: '/api/status/413' });
      expect(await all()).to.deep.equal(wanted);
      expect(methods().filter((method) => method === 'GET')).to.have.length(6);
      sent = [];
      expect(await all()).to.deep.equal(wanted);
      expect(methods()).to.deep.equal(wanted.map(() => 'GET'));
    });

    for (const [what, answer] of Object.entries({
      'is no JSON': () => new Response('<p>hello'),
      'is no object': () => Response.json(7),
      'is an array of another length': () => Response.json([1]),
      'is a line without a key': () =>
        new Response('{"body":1}\n', { headers: { 'content-type': 'application/x-ndjson' } }),
      'has a status that is none': (keys) =>
        new Response(keys.map((key) => `${JSON.stringify({ key, status: 42 })}\n`).join(''), {
          headers: { 'content-type': 'application/x-ndjson' },
        }),
    })) {
      it(`go one by one when what comes ${what}, from the third time at once`, async () => {
        fetch = make({}, { fetch: answering(answer) });
        for (let time = 0; time < 4; time += 1) {
          const texts = await Promise.all([1, 2].map(async (id) => (await get(id)).text()));
          expect(texts).to.deep.equal(['/api/data/1', '/api/data/2']);
        }
        expect(methods().filter((method) => method === 'POST')).to.have.length(3);
        expect(methods().filter((method) => method === 'GET')).to.have.length(8);
      });
    }

    it('go one by one while an end point elsewhere cannot be had, which is asked again after a while', async () => {
      const { now } = performance;
      let [down, later] = [true, 0];
      const network = async (request) => {
        if (request.method === 'POST' && down) {
          sent.push({ method: 'POST' });
          throw new TypeError('no answer');
        }
        return answering((keys) => Response.json(keys))(request);
      };
      const ask = async () => {
        sent = [];
        await Promise.all([1, 2].map(async (id) => (await get(id)).text()));
        return methods();
      };
      Object.defineProperty(performance, 'now', { value: () => now.call(performance) + later, configurable: true });
      try {
        fetch = make({ endpoint: `http://${otherHost}/api/batch` }, { fetch: network });
        for (let time = 0; time < 3; time++) expect(await ask()).to.deep.equal(['POST', 'GET', 'GET']);
        expect(await ask()).to.deep.equal(['GET', 'GET']);
        later = 31_000;
        expect(await ask()).to.deep.equal(['POST', 'GET', 'GET']);
        down = false;
        later += 31_000;
        expect(await ask()).to.deep.equal(['GET', 'GET']);
        later += 31_000;
        expect(await ask()).to.deep.equal(['POST']);
      } finally {
        delete performance.now;
      }
    });

    it('are done with an answer soon after the last line is there, whatever follows', async () => {
      for (const goesOn of [false, true]) {
        let ended = false;
        const answer = (keys) => {
          const body = new ReadableStream({
            start(controller) {
              for (const key of keys) controller.enqueue(new TextEncoder().encode(`{"key":"${key}","body":1}\n`));
            },
            async pull(controller) {
              if (!goesOn) return new Promise(() => {});
              await turn();
              controller.enqueue(new TextEncoder().encode('\n'));
            },
            cancel: () => {
              ended = true;
            },
          });
          return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
        };
        fetch = make({}, { fetch: answering(answer) });
        expect(await Promise.all([1, 2].map((id) => json(id)))).to.deep.equal([1, 1]);
        expect(fetch.status().running).to.equal(1);
        while (fetch.status().running > 0) await turn();
        expect(ended).to.equal(true);
      }
    });

    it('are read from lines that come in any pieces', async () => {
      const bodies = ['plain', 'zwölf', '\u2028 🎉', 'x'.repeat(5_000)];
      const answer = (keys) => {
        const text = keys.map(
          (key, index) => `${JSON.stringify({ key, body: bodies[index] })}${index % 2 ? '\r' : ''}\n`,
        );
        // The last line may have no end of its own.
        const bytes = new TextEncoder().encode(text.join('').trimEnd());
        const body = new ReadableStream({
          start(controller) {
            for (let start = 0; start < bytes.length; start += 3) controller.enqueue(bytes.slice(start, start + 3));
            controller.close();
          },
        });
        return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
      };
      fetch = make({}, { fetch: answering(answer) });
      expect(await Promise.all(ids(4).map((id) => json(id)))).to.deep.equal(bodies);
      expect(methods()).to.deep.equal(['POST']);
    });

    it('are not sent any more when they wait for a slot and the end point is known to take none', async () => {
      fetch = make({ endpoint: '/api/status/404', maxSize: 10 });
      const calls = ids(200).map(async (id) => (await json(id)).id);
      expect(await Promise.all(calls)).to.deep.equal(ids(200));
      const posts = methods().filter((method) => method === 'POST').length;
      // Those that were on their way with the first that was refused.
      expect(posts).to.be.at.most(11);
      expect(fetch.status()).to.include({ running: 0, queued: 0, batched: 0 });
    });

    it('are made smaller while they wait for a slot, or are gathered, by what is known', async () => {
      fetch = make({ endpoint: '/api/batch?maxKeys=10', maxSize: 40 });
      const calls = ids(400).map(async (id) => (await json(id)).id);
      expect(await Promise.all(calls)).to.deep.equal(ids(400));
      expect(methods()).to.not.include('GET');
      const refused = sizes().filter((size) => size > 10);
      // The first six, and what was sent for them before the next size was known.
      expect(refused.length).to.be.at.most(6 + 12);
      expect(sizes().filter((size) => size <= 10).length).to.be.at.least(40);
    });

    it('turn away as they are told, also when the end point has never answered and the reason looks like a network’s', async () => {
      fetch = make({ endpoint: `http://${otherHost}/api/batch` });
      for (let time = 0; time < 3; time++) {
        fetch.pause();
        const calls = [1, 2].map((id) => rejection(get(id)));
        fetch.flush?.();
        while (fetch.status().queued === 0) await turn();
        const reason = new TypeError('route changed');
        expect(fetch.clear(reason)).to.equal(2);
        expect(await Promise.all(calls)).to.deep.equal([reason, reason]);
        fetch.resume();
      }
      expect(sent).to.deep.equal([]);
      expect((await json(1)).id).to.equal(1);
      expect(methods()).to.deep.equal(['POST']);
    });

    it('go one by one for what is left when it breaks off', async () => {
      const answer = () => {
        const body = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('{"key":"1","body":"one"}\n{"key":'));
          },
          pull: (controller) => controller.error(new TypeError('lost')),
        });
        return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
      };
      fetch = make({}, { fetch: answering(answer) });
      // However often: what is unreadable is something else.
      for (let i = 0; i < 4; i++) {
        sent = [];
        const texts = await Promise.all([1, 2].map(async (id) => (await get(id)).text()));
        expect(texts).to.deep.equal(['"one"', '/api/data/2']);
        expect(methods()).to.deep.equal(['POST', 'GET']);
      }
    });
  });

  describe('in another shape', () => {
    it('are what the rule makes of them', async () => {
      const encode = (keys) => ({ method: 'PUT', body: keys.join(), headers: { 'content-type': 'text/plain' } });
      const decode = ({ body, method }, keys) =>
        new Map(keys.map((key) => [key, { status: 203, headers: { 'x-method': method }, body: { key, body } }]));
      const key = ({ url }) => new URL(url).searchParams.get('of');
      fetch = make({ endpoint: '/api/echo', match: /\/api\/thing/, key, encode, decode }, { fetch: undefined });
      const responses = await Promise.all(['a', 'b'].map((of) => fetch(run.path('/api/thing', { of }))));
      expect(responses.map(({ status }) => status)).to.deep.equal([203, 203]);
      expect(responses[0].headers.get('x-method')).to.equal('PUT');
      expect(await responses[1].json()).to.deep.equal({ key: 'b', body: 'a,b' });
    });

    it('find answers by key or by place, and what is null or absent is a 404', async () => {
      for (const answer of [
        () => Response.json({ 1: { a: 1 }, 2: null }),
        () => Response.json([{ a: 1 }, null, null]),
      ]) {
        fetch = make({}, { fetch: answering(answer) });
        const responses = await Promise.all(ids(3).map((id) => get(id)));
        expect(responses.map(({ status }) => status)).to.deep.equal([200, 404, 404]);
        expect(responses[0].headers.get('content-type')).to.equal('application/json');
        expect(await responses[0].json()).to.deep.equal({ a: 1 });
        expect(await responses[1].text()).to.equal('');
      }
    });

    it('have bodies of any kind', async () => {
      const texts = { 'text/plain': 'as it is', 'application/json': '"quoted"', '': '{"a":1}' };
      const items = Object.entries(texts).map(([type, text]) => {
        const body = type === 'text/plain' ? text : JSON.parse(text);
        return { key: type || 'none', headers: type ? { 'content-type': type } : {}, body };
      });
      const decode = () =>
        new Map([...items.map(({ key, ...item }) => [key, item]), ['b', { body: new Blob(['blob']) }]]);
      fetch = make({ decode }, { fetch: answering(() => Response.json({})) });
      const keys = [...items.map(({ key }) => key), 'b'];
      const answers = await Promise.all(keys.map(async (key) => (await get(encodeURIComponent(key))).text()));
      expect(answers).to.deep.equal(['as it is', '"quoted"', '{"a":1}', 'blob']);
    });

    it('are decoded by what was asked for, whoever has left since', async () => {
      const decode = (body, keys) => new Map(keys.map((key, index) => [key, { body: body[index] }]));
      for (const rule of [{}, { decode }]) {
        sent = [];
        const controller = new AbortController();
        const answer = (keys) => {
          controller.abort();
          return Response.json(keys);
        };
        fetch = make(rule, { fetch: answering(answer) });
        const left = rejection(get(1, {}, { signal: controller.signal }));
        expect(await Promise.all([json(2), json(3)])).to.deep.equal(['2', '3']);
        await left;
        expect(methods()).to.deep.equal(['POST']);
      }
    });

    it('go on together when one item of them is wrong, which goes by itself', async () => {
      const item = (key) => ({ key, status: key === '2' ? 42 : null, headers: null, body: key });
      const lines = (keys) =>
        new Response(keys.map((key) => `${JSON.stringify(item(key))}\n`).join(''), {
          headers: { 'content-type': 'application/x-ndjson' },
        });
      const decode = (body) => new Map(body.map((key) => [key, item(key)]));
      for (const [rule, answer] of [
        [{}, lines],
        [{ decode: (body) => decode(body) }, (keys) => Response.json(keys)],
      ]) {
        fetch = make(rule, { fetch: answering(answer) });
        await reported(async () => {
          for (let time = 0; time < 4; time++) {
            sent = [];
            const texts = await Promise.all([1, 2, 3].map(async (id) => (await get(id)).text()));
            expect(texts).to.deep.equal(['"1"', '/api/data/2', '"3"']);
            expect(methods()).to.deep.equal(['POST', 'GET']);
          }
        });
      }
    });

    it('count what is in a form, and take the content type of their bodies', async () => {
      const types = [];
      const network = async (request) => {
        types.push(request.headers.get('content-type')?.split(';')[0]);
        return request.method === 'POST' ? Response.json({}) : new Response('');
      };
      const form = (keys) => {
        const body = new FormData();
        for (const key of keys) body.append('key', key);
        return { body };
      };
      const ask = (...keys) =>
        Promise.all(keys.map((key) => get(key, {}, { headers: { 'content-type': 'application/x-own' } })));
      // "key" and a key: 4 bytes each.
      fetch = make({ maxBytes: 40, encode: form }, { fetch: network });
      await ask(...ids(9), 0, 'a');
      fetch = make({ encode: (keys) => ({ body: new URLSearchParams({ keys }) }) }, { fetch: network });
      await ask(1);
      fetch = make({}, { fetch: network });
      await ask(1);
      expect(types).to.deep.equal([
        ...['multipart/form-data', 'multipart/form-data'],
        ...['application/x-www-form-urlencoded', 'application/json'],
      ]);
    });

    it('go one by one when the rule does what it must not, which is reported', async () => {
      const rules = [
        [{ key: () => 7 }, '`key` must return a string or undefined, got number', 'GET,GET'],
        [
          { encode: async () => ({}) },
          '`encode` must return what `fetch` takes as `init`, and no promise of it',
          'GET,GET',
        ],
        [
          { decode: () => new Map([[1, { body: 1 }]]) },
          '`decode` must return a Map by the keys that it was given, which are strings',
          'POST,GET,GET',
        ],
        [
          { decode: (_, keys) => new Map(keys.map((key) => [key, { body: new Response('x').body }])) },
          'the `body` of an item must not be a stream',
          'POST,GET,GET',
        ],
      ];
      for (const [rule, message, expected] of rules) {
        sent = [];
        fetch = make(rule);
        const messages = await reported(async () => {
          expect(await Promise.all([1, 2].map(async (id) => (await json(id)).id))).to.deep.equal([1, 2]);
        });
        expect(new Set(messages)).to.deep.equal(new Set([message]));
        expect(methods().join()).to.equal(expected);
      }
    });

    it('go one by one when the rule throws, which is reported', async () => {
      const fail = () => {
        throw new RangeError('not today');
      };
      const streaming = () => ({ body: new Response('x').body });
      const messages = await reported(async () => {
        for (const rule of [{ key: fail }, { encode: fail }, { decode: fail }, { encode: streaming }]) {
          fetch = make(rule);
          expect(await Promise.all([1, 2].map(async (id) => (await json(id)).id))).to.deep.equal([1, 2]);
        }
      });
      const stream = '`encode` must not return a stream, which can be sent but once';
      expect(messages).to.deep.equal([...ids(4).map(() => 'not today'), stream]);
      expect(methods()).to.deep.equal(['GET', 'GET', 'GET', 'GET', 'POST', 'GET', 'GET', 'GET', 'GET']);
    });
  });

  it('settle each call once, by its own key, within their bounds, whatever happens', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const next = random(seed);
      const below = (limit) => Math.floor(next() * limit);
      const maxSize = 1 + below(6);
      const maxBytes = 20 + below(40);
      const problems = [];
      const transport = async (request) => {
        const turns = below(4);
        // It decides before anybody else draws.
        const fate = next();
        const body = request.method === 'POST' ? await request.text() : '';
        for (let i = 0; i < turns; i += 1) await nextTurn();
        if (request.signal.aborted) throw request.signal.reason;
        if (!body) return Response.json(new URL(request.url).pathname.split('/').at(-1));
        const { keys } = JSON.parse(body);
        if (keys.length > maxSize || body.length > maxBytes) problems.push(`${keys.length} keys, ${body.length} bytes`);
        if (new Set(keys).size !== keys.length) problems.push(`twice: ${keys}`);
        if (fate < 0.1) throw new TypeError('lost');
        if (fate < 0.2) return new Response('', { status: [413, 404, 500, 200][below(4)] });
        return fate < 0.6
          ? Response.json(keys)
          : new Response(
              keys
                .toReversed()
                .map((key) => `${JSON.stringify({ key, body: key })}\n`)
                .join(''),
              {
                headers: { 'content-type': 'application/x-ndjson' },
              },
            );
      };
      const instance = make({ maxSize, maxBytes, maxWait: below(3) }, { fetch: transport, cache: false, retry: false });
      const settled = [];
      const calls = [];
      for (let n = 0; n < 120; n += 1) {
        const key = `${below(30)}`.repeat(1 + below(8));
        const controller = new AbortController();
        const lane = { priority: ['background', 'low', 'normal', 'high', 'critical'][below(20) ? below(4) : 4] };
        const call = instance(`/api/data/${key}`, { signal: controller.signal, lane });
        calls.push(
          call.then(
            async (response) => {
              settled.push(n);
              if (!response.ok) return;
              const body = await response.json().catch((error) => (controller.signal.aborted ? key : error));
              if (body !== key) problems.push(`${key} got ${body}`);
            },
            (error) => {
              settled.push(n);
              if (error !== 'gone' && error.message !== 'lost') problems.push(String(error));
            },
          ),
        );
        if (below(5) === 0) (below(2) ? nextTurn() : Promise.resolve()).then(() => controller.abort('gone'));
        if (below(6) === 0) await nextTurn();
      }
      await Promise.all(calls);
      expect(problems, `seed ${seed}`).to.deep.equal([]);
      expect(
        settled.toSorted((a, b) => a - b),
        `seed ${seed}`,
      ).to.deep.equal(ids(120, 0));
      await nextTurn();
      expect(instance.status(), `seed ${seed}`).to.include({ queued: 0, running: 0 });
    }
  });
});

describe('createBatcher', () => {
  let loads;
  before(() => init());
  beforeEach(() => {
    loads = [];
  });
  /** Doubles what it is asked for, and keeps what it was asked. */
  const doubling = (options, shape = (results) => results) =>
    createBatcher(async (keys, { group }) => {
      loads.push(group ? [group, ...keys] : [...keys]);
      return shape(
        keys.map((key) => key * 2),
        keys,
      );
    }, options);

  it('loads together what is asked for in one turn, equal keys once', async () => {
    const batcher = doubling();
    const loaded = Promise.all([1, 2, 1].map((key) => batcher.load(key)));
    const later = Promise.resolve().then(() => batcher.load(3));
    expect(await loaded).to.deep.equal([2, 4, 2]);
    expect(await later).to.equal(6);
    expect(loads).to.deep.equal([[1, 2, 3]]);
    // Nothing is kept.
    expect(await batcher.load(1)).to.equal(2);
    expect(loads).to.have.length(2);
  });

  for (const [shape, form] of Object.entries({
    'an array': (values) => values,
    'a Map': (values, keys) => new Map(keys.map((key, index) => [key, values[index]]).reverse()),
    'an object': (values, keys) => Object.fromEntries(keys.map((key, index) => [key, values[index]])),
  })) {
    it(`finds results in ${shape}, and an Error fails its key alone`, async () => {
      const wrong = new Error('two is not for you');
      const batcher = createBatcher(async (keys) =>
        form(
          keys.map((key) => (key === 2 ? wrong : key * 2)),
          keys,
        ),
      );
      expect(await batcher.loadMany([1, 2, 3])).to.deep.equal([2, wrong, 6]);
      expect(await rejection(batcher.load(2))).to.equal(wrong);
    });
  }

  it('finds keys that are objects by `keyOf`', async () => {
    for (const shape of [
      (keys) => keys.map(({ id }) => id),
      (keys) => Object.fromEntries(keys.map(({ id }) => [id, id])),
    ]) {
      const load = async (keys) => {
        loads.push(keys.length);
        return shape(keys);
      };
      const batcher = createBatcher(load, { keyOf: ({ id }) => `${id}` });
      expect(await batcher.loadMany([{ id: 1 }, { id: 2 }, { id: 1 }])).to.deep.equal([1, 2, 1]);
    }
    expect(loads).to.deep.equal([2, 2]);
  });

  it('fails all of a batch whose results are too many, too few, or none', async () => {
    const messages = new Map([
      [[1], '`load` must bring one result for each of 2 keys, got 1'],
      [[1, 2, 3], '`load` must bring one result for each of 2 keys, got 3'],
      [undefined, '`load` must bring an array, a Map or an object, got undefined'],
      [7, '`load` must bring an array, a Map or an object, got number'],
      [null, '`load` must bring an array, a Map or an object, got null'],
    ]);
    for (const [results, message] of messages) {
      const batcher = createBatcher(async () => results);
      const errors = await Promise.all(['a', 'b'].map((key) => rejection(batcher.load(key))));
      for (const error of errors) {
        expect(error).to.be.instanceOf(TypeError);
        expect(error.message).to.equal(message);
      }
    }
    const [a, b] = await createBatcher(async () => ({ a: 1 })).loadMany(['a', 'b']);
    expect(a).to.equal(1);
    expect(b.message).to.equal('`load` brought no result for key "b"');
  });

  it('rejects with what the loader throws, at once or later', async () => {
    const reason = new Error('down');
    const loaders = [
      () => Promise.reject(reason),
      () => {
        throw reason;
      },
    ];
    for (const load of loaders) {
      const batcher = createBatcher(load);
      expect(await Promise.all([1, 2].map((key) => rejection(batcher.load(key))))).to.deep.equal([reason, reason]);
      expect(await batcher.loadMany([1, 2])).to.deep.equal([reason, reason]);
    }
  });

  it('loads at most `maxSize` at once, and groups apart', async () => {
    const batcher = doubling({ maxSize: 2 });
    const results = [1, 2, 3]
      .map((key) => batcher.load(key))
      .concat([4, 5].map((key) => batcher.load(key, { group: 'b' })));
    expect(await Promise.all(results)).to.deep.equal([2, 4, 6, 8, 10]);
    expect(loads.toSorted()).to.deep.equal([[1, 2], [3], ['b', 4, 5]]);
  });

  it('loads what waits when it is told to', async () => {
    const batcher = doubling({ maxWait: NEVER });
    const [a, b] = [batcher.load(1), batcher.load(2, { group: 'b' })];
    batcher.flush('b');
    expect(await b).to.equal(4);
    expect(loads).to.deep.equal([['b', 2]]);
    batcher.flush();
    expect(await a).to.equal(2);
    batcher.flush();
    batcher.flush('nobody');
    expect(loads).to.have.length(2);
  });

  it('gives up who is aborted alone, and the loader when nobody is left', async () => {
    const signals = [];
    const batcher = createBatcher(
      (_, { signal }) =>
        new Promise((_, reject) => {
          signals.push(signal);
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
      { maxWait: NEVER },
    );
    const controllers = ids(3).map(() => new AbortController());
    const [early, first, second] = controllers.map(({ signal }, key) => rejection(batcher.load(key, { signal })));
    controllers[0].abort('early');
    expect(await early).to.equal('early');
    batcher.flush();
    controllers[1].abort('first');
    expect(await first).to.equal('first');
    expect(signals[0].aborted).to.equal(false);
    controllers[2].abort('second');
    expect(await second).to.equal('second');
    expect(signals[0].reason).to.equal('second');
    expect(await rejection(batcher.load(1, { signal: AbortSignal.abort('before') }))).to.equal('before');
    expect(await rejection(batcher.loadMany([1], { signal: AbortSignal.abort('before') }))).to.equal('before');
    batcher.flush();
    expect(signals).to.have.length(1);
  });

  it('takes null for no options, and errors of another frame for errors', async () => {
    expect(await doubling().load(1, null)).to.equal(2);
    const frame = document.createElement('iframe');
    document.body.append(frame);
    const foreign = new frame.contentWindow.Error('elsewhere');
    frame.remove();
    expect(await rejection(createBatcher(() => Promise.resolve([foreign])).load(1))).to.equal(foreign);
  });

  it('says what is wrong', async () => {
    const batcher = doubling();
    const wrong = [
      [() => createBatcher(), '`load` must be a function, got undefined'],
      [() => createBatcher({}), '`load` must be a function, got object'],
    ];
    for (const [call, message] of wrong) expect(call).to.throw(TypeError, message);
    for (const [promise, message] of [
      [batcher.load(), '`key` must be a value, got undefined'],
      [batcher.load(null), '`key` must be a value, got null'],
      [batcher.load(1, { group: 7 }), '`group` must be a string, got number'],
      [batcher.loadMany(1), '`keys` must be an array, got number'],
      [createBatcher(() => [], { keyOf: ({ id }) => id }).load({}), '`keyOf` must return a string, got undefined'],
    ]) {
      const error = await rejection(promise);
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.equal(message);
    }
  });

  it('settles each load once, by its own key, whatever happens', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const next = random(seed);
      const below = (limit) => Math.floor(next() * limit);
      const maxSize = 1 + below(8);
      const problems = [];
      const batcher = createBatcher(
        async (keys, { group }) => {
          const [turns, fate] = [below(3), next()];
          if (keys.length > maxSize) problems.push(`${keys.length} keys`);
          for (let i = 0; i < turns; i += 1) await nextTurn();
          if (fate < 0.1) throw new Error('lost');
          return keys.map((key) => (key % 7 === 0 ? new Error('seven') : group + key));
        },
        { maxSize, maxWait: below(3) },
      );
      const settled = [];
      const calls = ids(200, 0).map(async (n) => {
        for (let i = below(4); i > 0; i -= 1) await nextTurn();
        const [key, group, controller] = [below(40), 'ab'[below(2)], new AbortController()];
        if (below(5) === 0) (below(2) ? nextTurn() : Promise.resolve()).then(() => controller.abort('gone'));
        try {
          if ((await batcher.load(key, { group, signal: controller.signal })) !== group + key) problems.push(`${key}`);
        } catch (error) {
          const own = key % 7 === 0 ? 'seven' : 'none';
          if (error !== 'gone' && !['lost', own].includes(error.message)) problems.push(String(error));
        }
        settled.push(n);
      });
      await Promise.all(calls);
      expect(problems, `seed ${seed}`).to.deep.equal([]);
      expect(
        settled.toSorted((a, b) => a - b),
        `seed ${seed}`,
      ).to.deep.equal(ids(200, 0));
    }
  });
});
