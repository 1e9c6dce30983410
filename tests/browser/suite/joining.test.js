import { expect } from 'chai';
import { createFetch, init } from '/dist/index.js';
import { otherHost, Run, rejection, turn } from './support/server.js';

describe('equal calls under way', () => {
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
    fetch = make();
  });
  afterEach(() => Promise.all(open.splice(0).map((made) => made.close())));

  const SHARED = { cacheControl: 'max-age=0', delay: 50 };
  const get = (orders, init) => fetch(run.path('/api/data/1', orders), init);
  const many = (count, orders, init) => Promise.all(Array.from({ length: count }, () => get(orders, init)));
  const texts = (responses) => Promise.all(responses.map((response) => response.text()));

  it('tell of each, whatever comes of their request', async () => {
    const told = [];
    fetch.events.addEventListener('settled', ({ detail: { joined = false, ok, error } }) =>
      told.push([joined, ok, error]),
    );
    const controller = new AbortController();
    const orders = { ...SHARED, delay: 60_000 };
    const calls = [1, 2, 3].map(() => rejection(get(orders, { signal: controller.signal })));
    controller.abort(new Error('enough'));
    await Promise.all(calls);
    expect(told).to.have.deep.members([
      [false, false, 'Error: enough'],
      [true, false, 'Error: enough'],
      [true, false, 'Error: enough'],
    ]);
  });

  it('are one request, and each has a response of its own', async () => {
    const told = [];
    fetch.events.addEventListener('settled', ({ detail }) => told.push(detail));
    const responses = await many(50, SHARED);
    expect(new Set(responses).size).to.equal(50);
    expect(new Set(await texts(responses)).size).to.equal(1);
    for (const { url, type, status } of responses) {
      expect({ url, type, status }).to.deep.equal({ url: run.url('/api/data/1', SHARED), type: 'basic', status: 200 });
    }
    expect((await run.stats()).seen).to.equal(1);
    expect(fetch.status()).to.include({ deduplicated: 49, running: 0, completed: 1 });
    expect(told.map(({ joined = false, ok }) => [joined, ok])).to.have.deep.members([
      [false, true],
      ...Array(49).fill([true, true]),
    ]);
  });

  it('go on by themselves when the answer may not be shared, unless they are to be', async () => {
    const orders = { delay: 20 };
    await texts(await many(20, orders));
    expect((await run.stats()).seen).to.equal(20);
    // The next ones know.
    const calls = many(6, orders);
    expect(fetch.status().running).to.equal(6);
    await texts(await calls);
    await texts(await many(20, { ...orders, n: 2 }, { lane: { dedupe: true } }));
    expect((await run.stats()).seen).to.equal(27);
    expect(fetch.status().deduplicated).to.equal(19);
  });

  it('are sent each on its own where that is wanted', async () => {
    await texts(await many(5, SHARED, { lane: { dedupe: false } }));
    fetch = make({ dedupe: false });
    await texts(await many(5, SHARED));
    expect((await run.stats()).seen).to.equal(10);
  });

  it('are only those that agree in all that matters', async () => {
    await texts(
      await Promise.all([
        get(SHARED),
        get(SHARED, { method: 'HEAD' }),
        get(SHARED, { headers: { 'x-a': '1' } }),
        get(SHARED, { headers: { 'x-a': '2' } }),
        get(SHARED, { credentials: 'omit' }),
        get(SHARED, { cache: 'no-cache' }),
        get(SHARED, { mode: 'same-origin' }),
        get(SHARED, { lane: { timeout: 5000 } }),
        get(SHARED, { lane: { batch: false } }),
        get(SHARED, { referrer: '/another' }),
        get(SHARED, { referrerPolicy: 'no-referrer' }),
        get({ ...SHARED, n: 2 }),
        get(SHARED),
        get(SHARED, { lane: { priority: 'low' } }),
        get(SHARED, { lane: { priority: 'high' } }),
      ]),
    );
    expect((await run.stats()).seen).to.equal(12);
    expect(fetch.status().deduplicated).to.equal(3);
  });

  it('get nothing that was asked for before its address was written to, kept or not', async () => {
    const orders = { delay: 100, cacheControl: 'max-age=60' };
    for (const options of [{}, { cache: false }]) {
      fetch = make(options);
      const lane = { cache: false };
      const url = run.path('/api/echo', { ...orders, n: JSON.stringify(options) });
      const before = await run.stats();
      const early = [fetch(url, { lane }), fetch(url, { lane })];
      await run.until(({ seen }) => seen > before.seen);
      await fetch(url, { method: 'POST', body: 'x' });
      const late = [fetch(url, { lane }), fetch(url, { lane })];
      await texts(await Promise.all([...early, ...late]));
      expect((await run.stats()).seen).to.equal(before.seen + 3);
    }
  });

  it('get nothing that was asked for before this page wrote to their origin, whatever it wrote to', async () => {
    for (const ending of ['a response', 'an error', 'an abort']) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        let user = 'alice';
        let end;
        const answers = [];
        fetch = make({
          retry: false,
          fetch: ({ method, url }, { signal }) => {
            const body = user;
            return new Promise((resolve, reject) => {
              if (method === 'GET') {
                answers.push(() => resolve(new Response(body, { headers: { 'cache-control': 'max-age=60' } })));
                return;
              }
              if (url.includes('login')) user = 'bob';
              end = () => (ending === 'a response' ? resolve(new Response('')) : reject(new TypeError('lost')));
              signal.addEventListener('abort', () => reject(signal.reason));
            });
          },
        });
        const me = run.path('/me', { n: `${ending} ${method}` });
        const ask = async () => (await fetch(me)).text();
        const controller = new AbortController();
        const before = [ask(), ask()];
        while (answers.length < 1) await turn();
        const login = fetch('/login', { method, signal: controller.signal });
        const meanwhile = [ask(), ask()];
        while (answers.length < 2 || !end) await turn();
        // It may have counted, whether that is known or not.
        if (ending === 'an abort') controller.abort();
        else end();
        await login.catch(() => {});
        const after = [ask(), ask()];
        while (answers.length < 3) await turn();
        // Nor is it kept, in whatever order they come.
        answers[0]();
        expect(await Promise.all(before), method).to.deep.equal(['alice', 'alice']);
        answers[2]();
        expect(await Promise.all(after), method).to.deep.equal(['bob', 'bob']);
        while (fetch.cache.stats().memory.entries < 1) await turn();
        answers[1]();
        expect(await Promise.all(meanwhile), method).to.deep.equal(['bob', 'bob']);
        await turn();
        expect(await ask(), method).to.equal('bob');
        expect(answers, method).to.have.length(3);
      }
    }
  });

  it('are joined all the same while this page writes to another origin, or only reads', async () => {
    const answers = [];
    fetch = make({
      fetch: ({ url }) =>
        new Promise((resolve) => {
          const answer = () => resolve(new Response('', { headers: { 'cache-control': 'max-age=60' } }));
          if (url.includes('/me')) answers.push(answer);
          else answer();
        }),
    });
    const early = fetch('/me');
    await fetch(`http://${otherHost}/login`, { method: 'POST' });
    await fetch('/other', { method: 'HEAD' });
    const late = fetch('/me');
    while (answers.length < 1) await turn();
    answers[0]();
    await Promise.all([early, late]);
    expect([answers.length, fetch.status().deduplicated]).to.deep.equal([1, 1]);
    while (fetch.cache.stats().memory.entries < 1) await turn();
  });

  it('fail together', async () => {
    fetch = make({ retry: false });
    let sent = 0;
    fetch.events.addEventListener('started', () => {
      sent += 1;
    });
    const calls = Array.from({ length: 5 }, () => rejection(get({ ...SHARED, drop: 1 })));
    for (const error of await Promise.all(calls)) expect(error.name).to.equal('TypeError');
    expect(sent).to.equal(1);
  });

  it('are stopped by no one of them, but by all', async () => {
    const controllers = Array.from({ length: 4 }, () => new AbortController());
    const orders = { ...SHARED, delay: 300 };
    const calls = controllers.map(({ signal }) => get(orders, { signal }));
    const gone = [0, 1].map((n) => rejection(calls[n]));
    await run.until(({ seen }) => seen >= 1);
    for (const n of [0, 1]) controllers[n].abort(`reason ${n}`);
    expect(await Promise.all(gone)).to.deep.equal(['reason 0', 'reason 1']);
    await texts(await Promise.all(calls.slice(2)));
    expect(await run.stats()).to.include({ seen: 1, aborted: 0 });
    const all = controllers.map((_, n) => new AbortController(n));
    const others = all.map(({ signal }) => rejection(get({ ...SHARED, delay: 60_000 }, { signal })));
    await run.until(({ seen }) => seen >= 2);
    for (const controller of all) controller.abort('enough');
    expect(await Promise.all(others)).to.deep.equal(['enough', 'enough', 'enough', 'enough']);
    await run.until(({ aborted }) => aborted === 1);
    expect(fetch.status().running).to.equal(0);
  });

  it('have bodies that one abort breaks off for one alone', async () => {
    const controller = new AbortController();
    const orders = { ...SHARED, size: 200_000, slow: 300 };
    const [first, second] = await Promise.all([get(orders, { signal: controller.signal }), get(orders)]);
    const broken = rejection(first.text());
    controller.abort(new Error('mine'));
    expect(await broken).to.be.instanceOf(Error);
    expect(await second.text()).to.have.length(200_000);
    expect(await run.stats()).to.include({ seen: 1, aborted: 0 });
  });

  it('are over together when the time for an attempt is', async () => {
    const options = { lane: { timeout: { attempt: 50 }, retry: false } };
    const calls = Array.from({ length: 5 }, () => rejection(get({ delay: 60_000 }, options)));
    for (const { name } of await Promise.all(calls)) expect(name).to.equal('TimeoutError');
    expect((await run.stats()).seen).to.equal(1);
  });

  it('break off with the reason of their caller, however they are read', async () => {
    const orders = { cacheControl: 'max-age=0', size: 300_000, slow: 60_000 };
    const reason = new RangeError('left');
    const [controller, stays] = [new AbortController(), new AbortController()];
    const ways = ['text', 'json', 'arrayBuffer', 'blob'];
    const calls = ways.map(() => get(orders, { signal: controller.signal }));
    const other = get(orders, { signal: stays.signal });
    const responses = await Promise.all(calls);
    const reads = responses.map((response, index) =>
      rejection((index === 3 ? response.clone() : response)[ways[index]]()),
    );
    controller.abort(reason);
    expect(await Promise.all(reads)).to.deep.equal(ways.map(() => reason));
    stays.abort();
    await other;
  });

  it('go as soon as the most urgent of them may', async () => {
    fetch = make({ queue: { perOrigin: 1 } });
    const started = [];
    fetch.events.addEventListener('started', ({ detail }) => started.push(new URL(detail.url).searchParams.get('n')));
    const first = get({ n: 'first', delay: 30 });
    const low = get({ ...SHARED, n: 'shared' }, { lane: { priority: 'low' } });
    const normal = get({ n: 'normal' });
    const critical = get({ ...SHARED, n: 'shared' }, { lane: { priority: 'critical' } });
    await texts(await Promise.all([first, low, normal, critical]));
    expect(started).to.deep.equal(['first', 'shared', 'normal']);
  });

  it('have each its own time', async () => {
    const lane = { timeout: 200 };
    const first = rejection(get({ ...SHARED, delay: 300, n: 1 }, { lane }));
    while (fetch.status().oldestWait === 0 && fetch.status().running === 0) await turn();
    const start = performance.now();
    while (performance.now() - start < 120) await turn();
    const second = get({ ...SHARED, delay: 300, n: 1 }, { lane });
    expect((await first).name).to.equal('TimeoutError');
    expect((await rejection(second)).name).to.equal('TimeoutError');
    expect(performance.now() - start).to.be.at.least(199);
  });
});
