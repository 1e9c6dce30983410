import { expect } from 'chai';
import { createCircuitBreaker, createRateLimiter, createRetry, init, isSixlaneError } from '/dist/index.js';
import { Run, rejection, turn } from './support/server.js';

const SOON = { baseDelay: 1, jitter: false };

/** Fails so many times, then returns how often it ran. */
function flaky(failures, error = new Error('not yet')) {
  const task = (context) => {
    task.contexts.push(context);
    if (task.contexts.length <= failures) throw error;
    return task.contexts.length;
  };
  task.contexts = [];
  return task;
}

describe('createRetry', () => {
  before(() => init());

  it('runs a task until it succeeds', async () => {
    const task = flaky(2);
    expect(await createRetry(SOON).execute(task)).to.equal(3);
    expect(task.contexts.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
    expect(task.contexts[0].signal.aborted).to.equal(false);
  });

  it('rejects with the last error', async () => {
    const error = new Error('never');
    const task = flaky(9, error);
    expect(await rejection(createRetry({ ...SOON, limit: 2 }).execute(task))).to.equal(error);
    expect(task.contexts).to.have.length(3);
  });

  it('takes a failing status for a failure, and gives the last response', async () => {
    const run = new Run();
    const response = await createRetry({ ...SOON, limit: 2 }).execute(() => fetch(run.path('/api/status/503')));
    expect(response.status).to.equal(503);
    await response.text();
    expect((await run.stats()).seen).to.equal(3);
    const refusal = new Run();
    await createRetry(SOON).execute(() => fetch(refusal.path('/api/status/404')));
    expect((await refusal.stats()).seen).to.equal(1);
  });

  it('waits as long as a server asks for, and not at all when that is too long', async () => {
    const run = new Run();
    const orders = { failShare: 0.5, failStatus: 429, retryAfter: 1 };
    await (await fetch(run.path('/api/data/1', orders))).text();
    const start = performance.now();
    const retry = createRetry({ ...SOON, limit: 1 });
    const response = await retry.execute(() => fetch(run.path('/api/data/1', orders)));
    expect(response.status).to.equal(200);
    // What nobody reads keeps its connection, in WebKit for good.
    await response.text();
    expect(performance.now() - start).to.be.at.least(999);
    const long = new Run();
    const impatient = createRetry({ ...SOON, maxRetryAfter: 500 });
    await (await impatient.execute(() => fetch(long.path('/api/data/1', { ...orders, failShare: 1 })))).text();
    expect((await long.stats()).seen).to.equal(1);
  });

  it('waits as long as usual at least, whatever a server asks for', async () => {
    const retry = createRetry({ baseDelay: 40, jitter: false, limit: 1 });
    const start = performance.now();
    await retry.execute(() => new Response('', { status: 503, headers: { 'retry-after': '0' } }));
    expect(performance.now() - start).to.be.at.least(39);
    let attempts = 0;
    const patient = createRetry(SOON);
    await patient.execute(() => {
      attempts += 1;
      return new Response('', { status: 503, headers: { 'retry-after': '9'.repeat(30) } });
    });
    expect(attempts).to.equal(1);
  });

  it('waits as long as a circuit breaker inside it says', async () => {
    const breaker = createCircuitBreaker({ consecutive: 1, openFor: 60, successes: 1 });
    const task = flaky(1);
    const start = performance.now();
    expect(
      await createRetry({ ...SOON, limit: 2 }).execute((context) => breaker.execute(() => task(context))),
    ).to.equal(2);
    expect(task.contexts.map(({ attempt }) => attempt)).to.deep.equal([1, 3]);
    expect(performance.now() - start).to.be.at.least(59);
    const impatient = createRetry({ ...SOON, maxRetryAfter: 1000 });
    const closed = createCircuitBreaker({ consecutive: 1 });
    await rejection(closed.execute(flaky(1)));
    expect((await rejection(impatient.execute(() => closed.execute(() => 1)))).code).to.equal('circuit-open');
  });

  it('does not retry an abort', async () => {
    const task = flaky(9, new DOMException('stop', 'AbortError'));
    expect((await rejection(createRetry(SOON).execute(task))).name).to.equal('AbortError');
    expect(task.contexts).to.have.length(1);
  });

  it('rejects with the reason of its signal: before, in an attempt, and between two', async () => {
    const retry = createRetry({ baseDelay: 10_000, jitter: false });
    const task = flaky(9);
    expect(await rejection(retry.execute(task, { signal: AbortSignal.abort('before') }))).to.equal('before');
    expect(task.contexts).to.have.length(0);
    const during = new AbortController();
    const call = rejection(retry.execute(() => new Promise(() => {}), { signal: during.signal }));
    during.abort('during');
    expect(await call).to.equal('during');
    const between = new AbortController();
    const waiting = rejection(retry.execute(task, { signal: between.signal }));
    await turn();
    between.abort('between');
    expect(await waiting).to.equal('between');
    expect(task.contexts).to.have.length(1);
    expect(task.contexts[0].signal).to.equal(between.signal);
  });

  it('asks shouldRetry, which may only say no', async () => {
    const asked = [];
    const error = new Error('mine');
    const shouldRetry = async (context) => {
      asked.push(context);
      return context.attempt < 2;
    };
    await rejection(createRetry({ ...SOON, shouldRetry }).execute(flaky(9, error)));
    expect(asked).to.deep.equal([
      { error, attempt: 1 },
      { error, attempt: 2 },
    ]);
    const none = [];
    await rejection(createRetry({ limit: 0, shouldRetry: () => none.push(1) }).execute(flaky(9)));
    expect(none).to.have.length(0);
  });

  it('has one budget for all its tasks', async () => {
    const retry = createRetry({ ...SOON, budget: { share: 0, minPerSecond: 0.2 } });
    const tasks = Array.from({ length: 5 }, () => flaky(9));
    await Promise.all(tasks.map((task) => rejection(retry.execute(task))));
    expect(tasks.reduce((sum, { contexts }) => sum + contexts.length, 0)).to.equal(5 + 2);
  });

  it('repeats itself with the same seed', async () => {
    const { setTimeout } = globalThis;
    const delays = async (seed) => {
      const set = [];
      let now = performance.now();
      globalThis.setTimeout = (callback, millis) => {
        set.push(millis);
        now += millis;
        return setTimeout(callback, 0);
      };
      performance.now = () => now;
      try {
        await rejection(createRetry({ seed }).execute(flaky(9)));
      } finally {
        globalThis.setTimeout = setTimeout;
        delete performance.now;
      }
      return set;
    };
    const first = await delays(7);
    expect(first).to.have.length(3);
    expect(await delays(7)).to.deep.equal(first);
    expect(await delays(8)).not.to.deep.equal(first);
  });

  it('refuses what is no task', async () => {
    expect((await rejection(createRetry().execute(5))).message).to.equal('`task` must be a function, got number');
  });
});

describe('createCircuitBreaker', () => {
  before(() => init());

  const fail = () => Promise.reject(new Error('down'));
  const events = (breaker) => {
    const heard = [];
    breaker.events.addEventListener('breaker', ({ detail }) => heard.push(detail));
    return heard;
  };

  it('opens after failures in a row and turns calls away without making them', async () => {
    const breaker = createCircuitBreaker({ consecutive: 2 });
    const heard = events(breaker);
    await rejection(breaker.execute(fail));
    expect(breaker.state).to.equal('closed');
    await rejection(breaker.execute(fail));
    expect(breaker.state).to.equal('open');
    let ran = false;
    const error = await rejection(
      breaker.execute(() => {
        ran = true;
      }),
    );
    expect([isSixlaneError(error), error.code, ran]).to.deep.equal([true, 'circuit-open', false]);
    expect(error.retryAfter).to.be.within(1, 10_000);
    const { retryAfter, ...status } = breaker.status();
    expect(status).to.deep.equal({ state: 'open', failures: 2, successes: 0 });
    expect(retryAfter).to.be.within(1, 10_000);
    expect(heard.map(({ state }) => state)).to.deep.equal(['open']);
  });

  it('opens by the share of failures', async () => {
    const breaker = createCircuitBreaker({ consecutive: Number.POSITIVE_INFINITY, minimum: 4, failureRate: 0.5 });
    for (const task of [fail, () => 1, fail]) await breaker.execute(task).catch(() => {});
    expect(breaker.state).to.equal('closed');
    await rejection(breaker.execute(fail));
    expect(breaker.state).to.equal('open');
  });

  it('lets probes through when its time is over, and closes with their success', async () => {
    const breaker = createCircuitBreaker({ consecutive: 1, openFor: 20, successes: 2 });
    const heard = events(breaker);
    await rejection(breaker.execute(fail));
    while (breaker.state === 'open') await turn();
    expect(breaker.state).to.equal('half-open');
    let finish;
    const probe = breaker.execute(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    expect((await rejection(breaker.execute(() => 1))).code).to.equal('circuit-open');
    finish(1);
    await probe;
    expect(breaker.state).to.equal('half-open');
    await breaker.execute(() => 2);
    expect(heard.map(({ state }) => state)).to.deep.equal(['open', 'half-open', 'closed']);
  });

  it('does not count an abort nor a refusal, but an answer of a server in trouble', async () => {
    const breaker = createCircuitBreaker({ consecutive: 1 });
    await rejection(breaker.execute(() => Promise.reject(new DOMException('stop', 'AbortError'))));
    await breaker.execute(() => fetch('/api/status/404'));
    expect(breaker.status()).to.deep.equal({ state: 'closed', failures: 0, successes: 0, retryAfter: null });
    expect((await breaker.execute(() => fetch('/api/status/500'))).status).to.equal(500);
    expect(breaker.state).to.equal('open');
  });

  it('can be isolated by hand, until it is reset', async () => {
    const breaker = createCircuitBreaker();
    const heard = events(breaker);
    breaker.isolate();
    const error = await rejection(breaker.execute(() => 1));
    expect([error.code, error.retryAfter]).to.deep.equal(['circuit-open', null]);
    expect(breaker.state).to.equal('isolated');
    breaker.reset();
    expect(await breaker.execute(() => 1)).to.equal(1);
    expect(heard.map(({ state }) => state)).to.deep.equal(['isolated', 'closed']);
  });

  it('settles as the task does, also one that throws at once', async () => {
    const breaker = createCircuitBreaker();
    const error = new Error('at once');
    expect(
      await rejection(
        breaker.execute(() => {
          throw error;
        }),
      ),
    ).to.equal(error);
    expect(breaker.status().failures).to.equal(1);
    expect((await rejection(breaker.execute('no'))).message).to.equal('`task` must be a function, got string');
    expect(breaker.status().failures).to.equal(1);
  });
});

describe('createRateLimiter', () => {
  before(() => init());

  it('gives what there is, and says what is left and when there will be more', () => {
    const limiter = createRateLimiter({ capacity: 2, refillRate: 1, refillInterval: 60_000 });
    expect(limiter.allow()).to.deep.equal({ allowed: true, remaining: 1, retryAfter: 0 });
    expect(limiter.allow()).to.deep.equal({ allowed: true, remaining: 0, retryAfter: 0 });
    const refused = limiter.allow();
    expect(refused).to.include({ allowed: false, remaining: 0 });
    expect(refused.retryAfter).to.be.within(59_000, 60_000);
    expect(limiter.allow('another')).to.include({ allowed: true });
  });

  it('promises a time that is neither too short nor too long', () => {
    const limiter = createRateLimiter({ algorithm: 'sliding-window', limit: 1, window: 50 });
    const taken = performance.now();
    limiter.allow();
    const asked = performance.now();
    const { retryAfter } = limiter.allow();
    // To the millisecond, from the moment at which it was asked.
    expect(asked + retryAfter).to.be.at.least(taken + 50 - 1);
    expect(retryAfter).to.be.at.most(50);
    let verdict;
    do verdict = limiter.allow();
    while (!verdict.allowed);
    expect(performance.now() - taken).to.be.at.least(49);
  });

  it('lets those who wait go in the order in which they came, however much they want', async () => {
    const limiter = createRateLimiter({ algorithm: 'sliding-window', limit: 3, window: 60 });
    const order = [];
    const go = (name, weight) => limiter.acquire('k', { weight }).then(() => order.push(name));
    const all = [go('a', 3), go('b', 3), go('c', 1), go('d', 2)];
    // Nobody goes before them.
    const { allowed, retryAfter } = limiter.allow('k');
    expect(allowed).to.equal(false);
    expect(retryAfter).to.be.within(150, 180);
    await Promise.all(all);
    expect(order).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('forgets who aborts, and the next one goes in its place', async () => {
    const limiter = createRateLimiter({ algorithm: 'sliding-window', limit: 2, window: 60 });
    limiter.allow('k', 1);
    const controller = new AbortController();
    const first = rejection(limiter.acquire('k', { weight: 2, signal: controller.signal }));
    const second = limiter.acquire('k', { weight: 1 });
    controller.abort('enough');
    expect(await first).to.equal('enough');
    await second;
    expect(limiter.allow('k')).to.include({ allowed: false });
    expect(await rejection(limiter.acquire('k', { signal: AbortSignal.abort('before') }))).to.equal('before');
  });

  it('sets no timer while nobody waits', async () => {
    const { setTimeout } = globalThis;
    let set = 0;
    globalThis.setTimeout = (...args) => {
      set += 1;
      return setTimeout(...args);
    };
    try {
      const limiter = createRateLimiter({ capacity: 1, refillRate: 1, refillInterval: 10 });
      await limiter.acquire();
      limiter.allow();
      expect(set).to.equal(0);
      await Promise.all([limiter.acquire(), limiter.acquire()]);
      expect(set).to.be.at.least(2);
      set = 0;
      await turn();
      expect(set).to.equal(0);
    } finally {
      globalThis.setTimeout = setTimeout;
    }
  });

  it('remembers no key of which nothing is used, and all the others', () => {
    const limiter = createRateLimiter({ algorithm: 'sliding-window', limit: 1, window: 3_600_000 });
    for (let n = 0; n < 3000; n++) expect(limiter.allow(`user ${n}`).allowed).to.equal(true);
    for (let n = 0; n < 3000; n++) expect(limiter.allow(`user ${n}`).allowed).to.equal(false);
    const short = createRateLimiter({ algorithm: 'sliding-window', limit: 1, window: 0.001 });
    for (let n = 0; n < 10_000; n++) expect(short.allow(`user ${n}`).allowed).to.equal(true);
  });

  it('refuses a weight that can never be there, and what is no weight or key', async () => {
    const limiter = createRateLimiter({ capacity: 5 });
    const errors = [
      [() => limiter.allow('k', 6), RangeError, '`weight` must be no more than the limit lets through at once, got 6'],
      [() => limiter.allow('k', 0), RangeError, '`weight` must be a whole number from 1 up, got 0'],
      [() => limiter.allow('k', 1.5), RangeError, '`weight` must be a whole number from 1 up, got 1.5'],
      [() => limiter.allow('k', '1'), TypeError, '`weight` must be a whole number from 1 up, got "1"'],
      [() => limiter.allow(7), TypeError, '`key` must be a string, got number'],
    ];
    for (const [act, kind, message] of errors) expect(act).to.throw(kind, message);
    expect((await rejection(limiter.acquire('k', { weight: 6 }))).name).to.equal('RangeError');
    expect(limiter.allow('k', 5)).to.deep.equal({ allowed: true, remaining: 0, retryAfter: 0 });
  });
});
