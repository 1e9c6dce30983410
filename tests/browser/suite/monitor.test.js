import { expect } from 'chai';
import { createDegradation, createFetch, createMonitor, init } from '/dist/index.js';
import { Run, rejection, turn } from './support/server.js';

/** A sample every tenth of a second, and an alert by the first that is too high; of the machine that it runs on, none. */
const QUICK = { interval: 100, pending: 0, minimum: 1, thresholds: { mainThread: 1, memory: 1 } };

const LEVELS = ['critical', 'high', 'normal', 'low', 'background'];

/** Resolves once this holds; the test's own time limit ends it otherwise. */
async function until(met) {
  while (!met()) await turn();
}

/** The next event of a type for which this holds. */
function heard(events, type, met = () => true) {
  return new Promise((resolve) => {
    const hear = ({ detail }) => {
      if (!met(detail)) return;
      events.removeEventListener(type, hear);
      resolve(detail);
    };
    events.addEventListener(type, hear);
  });
}

describe('monitor', () => {
  const open = [];
  let status;
  const answer = async () => new Response('four', { status, headers: { 'content-length': '4' } });
  const make = (options) => {
    const made = createFetch({ fetch: answer, retry: false, cache: false, monitor: QUICK, ...options });
    open.push(made);
    return made;
  };

  before(() => init());
  beforeEach(() => {
    status = 200;
  });
  afterEach(() => Promise.all(open.splice(0).map((made) => made.close())));

  const asked = (fetch, count, init) =>
    Promise.all(Array.from({ length: count }, (_, n) => fetch(`https://a.test/${n}`, init).catch(() => {})));

  describe('report', () => {
    it('has counts, times and bytes by level and in all', async () => {
      const fetch = make();
      await asked(fetch, 7);
      await asked(fetch, 3, { lane: { priority: 'critical' } });
      await until(() => fetch.monitor.report().summary.requests === 10);
      const { samples, summary, trend, alerts } = fetch.monitor.report();
      expect(Object.keys(summary.byPriority)).to.deep.equal(LEVELS);
      expect(LEVELS.map((level) => summary.byPriority[level].requests)).to.deep.equal([3, 0, 7, 0, 0]);
      expect(summary).to.include({ errorRate: 0, bytes: 40, queued: 0, running: 0, cacheHitRate: null });
      for (const times of [summary.responseTime, summary.queueTime]) {
        expect(times.count).to.equal(10);
        expect(times.p50).to.be.at.most(times.p95);
        expect(times.p95).to.be.at.most(times.p99);
        expect(times.p99).to.be.at.most(times.max);
      }
      expect(summary.byPriority.low.responseTime).to.deep.equal({
        count: 0,
        p50: null,
        p95: null,
        p99: null,
        max: null,
      });
      expect(samples.reduce((sum, { requests }) => sum + requests, 0)).to.equal(10);
      expect(samples.reduce((sum, { span }) => sum + span, 0)).to.be.closeTo(summary.span, 1e-6);
      expect(trend).to.deep.equal({ responseTime: null, errorRate: null, queued: null });
      expect(alerts).to.deep.equal([]);
    });

    it('is there before the module is, with nothing in it', () => {
      const { samples, summary, trend, alerts } = make().monitor.report();
      expect([samples, alerts]).to.deep.equal([[], []]);
      expect(summary).to.include({ requests: 0, errorRate: null, mainThread: null, memory: null, cpuPressure: null });
      expect(summary.responseTime).to.deep.equal({ count: 0, p50: null, p95: null, p99: null, max: null });
      expect(trend.queued).to.equal(null);
    });

    it('counts as failed what a server could not do, and neither what callers gave up nor what was turned away', async () => {
      const fetch = make({ breaker: { consecutive: 2 } });
      status = 404;
      await asked(fetch, 2);
      status = 500;
      await asked(fetch, 2);
      // The breaker is open by now.
      await asked(fetch, 5);
      const controller = new AbortController();
      const hangs = make({
        fetch: (_, { signal }) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      });
      const gone = asked(hangs, 3, { signal: controller.signal });
      await turn();
      controller.abort();
      await gone;
      await until(() => fetch.monitor.report().summary.requests === 4);
      expect(fetch.monitor.report().summary.errorRate).to.equal(0.5);
      await until(() => hangs.monitor.report().samples.length > 1);
      expect(hangs.monitor.report().summary).to.include({ requests: 0, errorRate: null });
    });

    it('has what the cache answered', async () => {
      const fetch = make({ cache: { ttl: 60_000 } });
      await fetch('https://a.test/one');
      await until(() => fetch.status().running === 0);
      await turn();
      for (let n = 0; n < 3; n++) await fetch('https://a.test/one');
      await until(() => fetch.monitor.report().summary.cacheHitRate !== null);
      await until(() => fetch.monitor.report().summary.cacheHitRate === 0.75);
    });

    it('never has a number that the browser does not tell', async () => {
      const fetch = make();
      await until(() => fetch.monitor.report().samples.length > 1);
      const { mainThread, memory, cpuPressure } = fetch.monitor.report().samples.at(-1);
      const types = PerformanceObserver.supportedEntryTypes;
      const tells = types.includes('longtask') || types.includes('event');
      expect(mainThread === null).to.equal(!tells);
      if (tells) expect(mainThread).to.be.within(0, 1);
      expect(memory === null).to.equal(performance.memory === undefined);
      if (memory !== null) expect(memory).to.be.within(0, 1);
      expect(cpuPressure).to.be.oneOf([null, 'nominal', 'fair', 'serious', 'critical']);
    });

    it('tells of a main thread that is busy', async function () {
      if (!PerformanceObserver.supportedEntryTypes.includes('longtask')) this.skip();
      const fetch = make();
      await until(() => fetch.monitor.report().samples.length > 0);
      const end = performance.now() + 300;
      setTimeout(() => {
        while (performance.now() < end);
      });
      await until(() => fetch.monitor.report().samples.some(({ mainThread }) => mainThread > 0.5));
    });

    it('refuses a range that is none', () => {
      const { monitor } = make();
      expect(() => monitor.report(0)).to.throw(RangeError, '`range` must be a number of milliseconds above 0, got 0');
      expect(() => monitor.report('x')).to.throw(RangeError, 'got "x"');
    });

    it('is empty where nothing is to be watched', async () => {
      const fetch = make({ monitor: false });
      await fetch.ready;
      await asked(fetch, 3);
      expect(fetch.monitor.report().samples).to.deep.equal([]);
    });
  });

  describe('alerts', () => {
    it('are told when a value is too high, and when it is right again', async () => {
      const fetch = make();
      await fetch.ready;
      const told = [];
      const stop = fetch.monitor.onAlert((alert) => told.push(alert));
      status = 503;
      const raised = heard(fetch.events, 'alert', ({ trigger }) => trigger === 'error-rate');
      await asked(fetch, 10);
      const { at, ...rest } = await raised;
      expect(at).to.be.within(1, performance.now());
      expect(rest).to.deep.equal({
        trigger: 'error-rate',
        level: 'critical',
        value: 1,
        threshold: 0.05,
        resolved: false,
        message: 'error-rate is 100 %, above 5 %',
      });
      status = 200;
      const resolved = heard(fetch.events, 'alert', ({ trigger, resolved }) => trigger === 'error-rate' && resolved);
      await asked(fetch, 10);
      expect(await resolved).to.include({ level: 'info', value: 0, message: 'error-rate is 0 % again' });
      const errors = (alerts) =>
        alerts.filter(({ trigger }) => trigger === 'error-rate').map((alert) => alert.resolved);
      expect(errors(told)).to.deep.equal([false, true]);
      expect(errors(fetch.monitor.report().alerts)).to.deep.equal([false, true]);
      stop();
      status = 503;
      const again = heard(fetch.events, 'alert', ({ trigger, resolved }) => trigger === 'error-rate' && !resolved);
      await asked(fetch, 10);
      await again;
      expect(errors(told)).to.deep.equal([false, true]);
    });

    it('say nothing of few requests', async () => {
      const fetch = make({ monitor: { ...QUICK, minimum: 100 } });
      await fetch.ready;
      status = 500;
      await asked(fetch, 20);
      await until(() => fetch.monitor.report().summary.requests === 20);
      expect(fetch.monitor.report().alerts).to.deep.equal([]);
    });
  });

  describe('options', () => {
    for (const [options, message] of [
      [{ monitor: { interval: 99 } }, '`monitor.interval` must be a finite number of milliseconds from 100 up, got 99'],
      [
        { monitor: { thresholds: { errorRate: 2 } } },
        '`monitor.thresholds.errorRate` must be a number from 0 to 1, got 2',
      ],
      [
        { monitor: { thresholds: { cpuPressure: 'bad' } } },
        '`monitor.thresholds.cpuPressure` must be one of "fair" "serious" "critical", got "bad"',
      ],
      [{ monitor: { intervals: 5 } }, 'unknown option `monitor.intervals`; did you mean `interval`?'],
      [{ monitor: true }, '`monitor` must be an object or false, got true'],
      [
        { degradation: { recoverAfter: 0 } },
        '`degradation.recoverAfter` must be a number of milliseconds above 0, got 0',
      ],
      [{ degradation: { share: { most: 1.5 } } }, '`degradation.share.most` must be a number from 0 to 1, got 1.5'],
      [
        { degradation: { rules: [{ level: 6, name: 'x', triggers: [], actions: [] }] } },
        '`degradation.rules[0].level` must be a whole number from 1 to 5, got 6',
      ],
      [
        { degradation: { rules: [{ level: 1, triggers: [], actions: [] }] } },
        '`degradation.rules[0].name` must be a string, got undefined',
      ],
      [
        { degradation: { rules: [{ level: 1, name: 'x', triggers: ['memry'], actions: [] }] } },
        '`degradation.rules[0].triggers` must be one of "response-time"',
      ],
      [
        { degradation: { rules: [{ level: 1, name: 'x', triggers: [], actions: [{ do: 'shedd' }] }] } },
        '`degradation.rules[0].actions[0].do` must be one of "shed"',
      ],
      [
        {
          degradation: { rules: [{ level: 1, name: 'x', triggers: [], actions: [{ do: 'shed', priority: 'high' }] }] },
        },
        '`degradation.rules[0].actions[0].priority` must be one of "normal" "low" "background", got "high"',
      ],
      [
        {
          degradation: {
            rules: [{ level: 1, name: 'x', triggers: [], actions: [{ do: 'limit-concurrency', to: 0 }] }],
          },
        },
        '`degradation.rules[0].actions[0].to` must be a number above 0, at most 1, got 0',
      ],
      [
        { degradation: { rules: [1, 1].map((level) => ({ level, name: 'x', triggers: [], actions: [] })) } },
        '`degradation.rules` has two rules of level 1',
      ],
      [{ timeout: { wait: 0 } }, '`timeout.wait` must be a number of milliseconds above 0, or Infinity, got 0'],
    ]) {
      it(`refuse ${JSON.stringify(options)}`, async () => {
        let error;
        try {
          const made = make(options);
          error = await rejection(made.ready);
        } catch (thrown) {
          error = thrown;
        }
        expect(error.message).to.contain(message);
      });
    }
  });

  describe('timeout.wait', () => {
    it('ends what waits and has lost its moment, and nothing that is under way', async () => {
      const run = new Run();
      const fetch = make({ fetch: undefined, queue: { perOrigin: 1 } });
      await fetch.ready;
      const first = fetch(run.path('/api/data/1', { delay: 400 }), { lane: { timeout: { wait: 100 } } });
      const second = await rejection(fetch(run.path('/api/data/2'), { lane: { timeout: { wait: 100 } } }));
      expect(second.name).to.equal('TimeoutError');
      expect((await first).status).to.equal(200);
      expect((await run.stats()).seen).to.equal(1);
    });
  });

  describe('events', () => {
    it('tell of the end of a body', async () => {
      const fetch = make();
      await fetch.ready;
      const ended = heard(fetch.events, 'body');
      await (await fetch('https://a.test/1')).text();
      const detail = await ended;
      expect(detail).to.include({ url: 'https://a.test/1', method: 'GET', bytes: 4, priority: 'normal' });
    });
  });
});

describe('degradation', () => {
  const open = [];
  const sent = [];
  let status;
  const answer = async (request) => {
    sent.push(new URL(request.url).pathname);
    // Of a known length: it is not read, and holds no slot.
    return new Response('an answer', { status, headers: { 'content-length': '9' } });
  };
  const make = (options) => {
    const made = createFetch({ fetch: answer, retry: false, cache: false, monitor: QUICK, ...options });
    open.push(made);
    return made;
  };
  const rules = (actions, level = 1) => [{ level, name: 'trouble', triggers: ['queued'], actions }];
  const at = (priority) => ({ lane: { priority } });

  before(() => init());
  beforeEach(() => {
    status = 200;
    sent.length = 0;
  });
  afterEach(() => Promise.all(open.splice(0).map((made) => made.close())));

  it('is at level 0, and stays there, where it is not asked for', async () => {
    const fetch = make();
    await fetch.ready;
    fetch.degradation.trigger('queued', 3);
    expect(fetch.degradation.level).to.equal(0);
    expect(fetch.degradation.status()).to.include({ level: 0, rule: null, healthy: true });
  });

  it('goes by the three default rules, each of which takes in those below', async () => {
    const fetch = make({ degradation: true });
    await fetch.ready;
    const heard = [];
    fetch.events.addEventListener('degradation', ({ detail }) => heard.push(detail));
    fetch.degradation.trigger('queued');
    fetch.degradation.trigger('memory');
    fetch.degradation.trigger('response-time');
    fetch.degradation.trigger('error-rate');
    fetch.degradation.reset();
    expect(heard).to.deep.equal([
      { level: 1, from: 0, rule: 'light' },
      { level: 2, from: 1, rule: 'medium' },
      { level: 3, from: 2, rule: 'heavy' },
      { level: 0, from: 3, rule: null },
    ]);
  });

  it('sheds a level and those below with "shed" and when to ask again, but for one in twenty', async () => {
    const fetch = make({ degradation: { rules: rules([{ do: 'shed', priority: 'low' }]), recoverAfter: 7_000 } });
    await fetch.ready;
    fetch.degradation.trigger('queued');
    const error = await rejection(fetch('https://a.test/background', at('background')));
    expect(error).to.include({ name: 'SixlaneError', code: 'shed', retryAfter: 7_000 });
    for (let n = 0; n < 18; n++) await rejection(fetch(`https://a.test/${n}`, at('low')));
    await rejection(fetch('https://a.test/18', at('low')));
    expect((await fetch('https://a.test/probe', at('low'))).status).to.equal(200);
    for (const priority of ['normal', 'high', 'critical']) await fetch(`https://a.test/${priority}`, at(priority));
    expect(sent).to.deep.equal(['/probe', '/normal', '/high', '/critical']);
    expect(fetch.status()).to.include({ shed: 20, failed: 0, completed: 4 });
    await until(() => fetch.monitor.report().summary.requests === 4);
  });

  it('gives what the cache has in place of what is shed, however old, and where nothing forbids that', async () => {
    const fetch = make({
      cache: {},
      degradation: { rules: rules([{ do: 'shed', priority: 'normal', where: 'stale' }]) },
    });
    await fetch.ready;
    const forms = { kept: 'max-age=0', strict: 'max-age=0, must-revalidate' };
    const kept = make({
      cache: {},
      degradation: { rules: rules([{ do: 'shed', priority: 'normal', where: 'stale' }]) },
      fetch: async (request) => {
        const name = new URL(request.url).pathname.slice(1);
        sent.push(name);
        return new Response(`${name} ${sent.length}`, {
          headers: { 'cache-control': forms[name] ?? 'no-store', etag: '"1"' },
        });
      },
    });
    await kept.ready;
    for (const name of ['kept', 'strict', 'none']) await (await kept(`https://a.test/${name}`)).text();
    await until(() => kept.cache.stats().memory.entries === 2);
    kept.degradation.trigger('queued');
    expect(await (await kept('https://a.test/kept')).text()).to.equal('kept 1');
    for (const name of ['strict', 'none']) await (await kept(`https://a.test/${name}`)).text();
    expect(sent).to.deep.equal(['kept', 'strict', 'none', 'strict', 'none']);
    expect(kept.cache.stats().stale).to.equal(1);
  });

  it('serves stale for a time', async () => {
    const fetch = make({
      cache: {},
      degradation: { rules: rules([{ do: 'serve-stale', for: 60_000 }]) },
      fetch: async () => {
        sent.push('');
        return new Response(`${sent.length}`, { headers: { 'cache-control': 'max-age=0', etag: '"1"' } });
      },
    });
    await fetch.ready;
    const text = async () => (await fetch('https://a.test/')).text();
    expect(await text()).to.equal('1');
    await until(() => fetch.cache.stats().memory.entries === 1);
    expect(await text()).to.equal('2');
    fetch.degradation.trigger('queued');
    await until(() => fetch.status().running === 0);
    expect(await text()).to.equal('2');
  });

  it('uses a share of the slots, and all of them again', async () => {
    const hold = [];
    const fetch = make({
      degradation: { rules: rules([{ do: 'limit-concurrency', to: 0.5 }]) },
      fetch: () => new Promise((resolve) => hold.push(() => resolve(new Response(null)))),
    });
    await fetch.ready;
    fetch.degradation.trigger('queued');
    const calls = Array.from({ length: 20 }, (_, n) => fetch(`https://a.test/${n}`));
    expect(fetch.status()).to.include({ running: 3, queued: 17 });
    fetch.degradation.reset();
    // They come one by one.
    expect(fetch.status().origins[0].limit).to.equal(3);
    for (let n = 0; n < 20; n++) {
      await until(() => hold.length > n);
      hold[n]();
    }
    await Promise.all(calls);
    expect(fetch.status().origins[0].limit).to.equal(6);
  });

  it('extends time limits', async () => {
    const run = new Run();
    const fetch = make({ fetch: undefined, degradation: { rules: rules([{ do: 'extend-timeouts', factor: 100 }]) } });
    await fetch.ready;
    const limited = (n) =>
      fetch(run.path(`/api/data/${n}`, { delay: 300 }), { lane: { timeout: { attempt: 100, total: 150 } } });
    expect((await rejection(limited(1))).name).to.equal('TimeoutError');
    fetch.degradation.trigger('queued');
    expect((await limited(2)).status).to.equal(200);
  });

  it('widens batches', async () => {
    const sizes = [];
    const fetch = make({
      batch: [{ match: '/users/:id', endpoint: '/batch', maxSize: 2, maxWait: 10_000 }],
      degradation: { rules: rules([{ do: 'widen-batches', factor: 2 }]) },
      fetch: async (request) => {
        const { keys } = await request.json();
        sizes.push(keys.length);
        return Response.json(Object.fromEntries(keys.map((key) => [key, key])));
      },
    });
    await fetch.ready;
    const ask = (from, count) => Promise.all(Array.from({ length: count }, (_, n) => fetch(`/users/${from + n}`)));
    await ask(0, 2);
    fetch.degradation.trigger('queued');
    await ask(10, 4);
    fetch.degradation.reset();
    await ask(20, 2);
    expect(sizes).to.deep.equal([2, 4, 2]);
  });

  it('gives static responses, and calls what a rule says, undone in reverse order; what throws stops nothing', async () => {
    const called = [];
    const call = (name) => ({ do: 'call', enter: () => called.push(`+${name}`), leave: () => called.push(`-${name}`) });
    const throws = {
      do: 'call',
      enter: () => {
        throw new Error('on purpose');
      },
      leave: () => {},
    };
    const reported = [];
    const report = globalThis.reportError;
    globalThis.reportError = (error) => reported.push(error.message);
    try {
      const fetch = make({
        degradation: {
          rules: [
            { level: 1, name: 'one', triggers: ['queued'], actions: [throws, call('a'), call('b')] },
            {
              level: 3,
              name: 'three',
              triggers: ['memory'],
              actions: [
                call('c'),
                { do: 'static-response', match: '/heavy/*', response: () => new Response('static') },
              ],
            },
          ],
        },
      });
      await fetch.ready;
      fetch.degradation.trigger('memory');
      expect(fetch.degradation.status()).to.include({ level: 3, rule: 'three', healthy: false });
      expect(await (await fetch('https://a.test/heavy/1')).text()).to.equal('static');
      await fetch('https://a.test/light');
      fetch.degradation.reset();
      await fetch('https://a.test/heavy/2');
      expect(sent).to.deep.equal(['/light', '/heavy/2']);
    } finally {
      globalThis.reportError = report;
    }
    expect(called).to.deep.equal(['+a', '+b', '+c', '-c', '-b', '-a']);
    expect(reported).to.deep.equal(['on purpose']);
  });

  it('sends what would change something, and emergencies, whatever is static; what is no response is reported', async () => {
    const reported = [];
    const report = globalThis.reportError;
    globalThis.reportError = (error) => reported.push(error.message);
    try {
      const action = (match, response) => ({ do: 'static-response', match, response });
      const fetch = make({
        degradation: { rules: rules([action(/good/, () => new Response('static')), action(/bad/, () => 'text')]) },
      });
      await fetch.ready;
      fetch.degradation.trigger('queued');
      expect(await (await fetch('https://a.test/good')).text()).to.equal('static');
      await fetch('https://a.test/good/post', { method: 'POST', body: 'x' });
      await fetch.emergency('https://a.test/good/emergency');
      await fetch('https://a.test/bad');
    } finally {
      globalThis.reportError = report;
    }
    expect(sent).to.deep.equal(['/good/post', '/good/emergency', '/bad']);
    expect(reported).to.deep.equal(['a static response must be a Response']);
  });

  it('refuses a pattern that is none when it is made, and not when the level is entered', async () => {
    const action = { do: 'static-response', match: '/:', response: () => new Response() };
    let error;
    try {
      error = await rejection(make({ degradation: { rules: rules([action]) } }).ready);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).to.be.an.instanceOf(TypeError);
    expect(error.message).to.contain('`degradation.rules[0].actions[0].match` cannot be used');
  });

  it('leaves its level when it is closed', async () => {
    const called = [];
    const call = { do: 'call', enter: () => called.push('+'), leave: () => called.push('-') };
    const fetch = make({ degradation: { rules: rules([call]) } });
    await fetch.ready;
    fetch.degradation.trigger('queued');
    await fetch.close();
    expect(called).to.deep.equal(['+', '-']);
    expect(fetch.degradation.level).to.equal(0);
  });

  it('asks again behind a critical answer that is stale, also where background is shed', async () => {
    const fetch = make({
      cache: {},
      degradation: true,
      fetch: async () => {
        sent.push('');
        return new Response(`${sent.length}`, { headers: { 'cache-control': 'max-age=0', etag: '"1"' } });
      },
    });
    await fetch.ready;
    const text = async () => (await fetch('https://a.test/', at('critical'))).text();
    expect(await text()).to.equal('1');
    await until(() => fetch.cache.stats().memory.entries === 1);
    fetch.degradation.trigger('queued');
    expect(await text()).to.equal('1');
    await until(() => sent.length === 2);
    expect(fetch.status().shed).to.equal(0);
  });

  it('sheds the share of an origin that does not accept what it gets, and nothing that is important', async () => {
    const fetch = make({ degradation: { rules: [] } });
    await fetch.ready;
    status = 503;
    for (let n = 0; n < 30; n++) await fetch(`https://a.test/${n}`, at('background')).catch(() => {});
    expect(fetch.degradation.status().shares['https://a.test']).to.be.above(0.8);
    const error = await rejection(fetch('https://a.test/again', at('background')));
    expect(error.code).to.equal('shed');
    expect(error.retryAfter).to.equal(3_000);
    for (const priority of ['high', 'critical']) await fetch('https://a.test/again', at(priority));
    await fetch('https://b.test/', at('background'));
    fetch.degradation.reset();
    expect(fetch.degradation.status().shares['https://a.test']).to.equal(0);
    await fetch('https://a.test/again', at('background'));
  });

  it('sheds nothing of a rush to an origin that is well', async () => {
    // That many wait is another matter.
    const fetch = make({
      degradation: true,
      monitor: { thresholds: { ...QUICK.thresholds, queued: Number.POSITIVE_INFINITY } },
    });
    await fetch.ready;
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => fetch(`https://a.test/${n}`, at('background'))));
    expect(fetch.status()).to.include({ shed: 0, completed: 1_000 });
  });

  it('is one guard at a time: what an open breaker turns away, the share does not', async () => {
    const fetch = make({ breaker: { consecutive: 3 }, degradation: { rules: [] } });
    await fetch.ready;
    status = 500;
    for (let n = 0; n < 3; n++) await fetch(`https://a.test/${n}`, at('background'));
    const codes = [];
    for (let n = 0; n < 20; n++) codes.push((await rejection(fetch(`https://a.test/${n}`, at('background')))).code);
    expect(new Set(codes)).to.deep.equal(new Set(['circuit-open']));
    expect(fetch.degradation.status().shares['https://a.test']).to.equal(0);
    expect(fetch.degradation.level).to.equal(0);
  });

  it('comes to a level by an alert, and back by itself', async () => {
    const fetch = make({ degradation: { recoverAfter: 300 } });
    await fetch.ready;
    const levels = [];
    fetch.events.addEventListener('degradation', ({ detail }) => levels.push(detail.level));
    status = 503;
    const came = heard(fetch.events, 'degradation');
    for (let n = 0; n < 20; n++) await fetch(`https://a.test/${n}`, at('critical'));
    await came;
    expect(fetch.degradation.status()).to.include({ level: 3, rule: 'heavy', healthy: false });
    status = 200;
    for (let n = 0; n < 100; n++) await fetch(`https://a.test/${n}`, at('critical'));
    await until(() => fetch.degradation.level === 0);
    expect(levels).to.deep.equal([3, 2, 1, 0]);
  });

  it('names what is no trigger and no level', () => {
    const { degradation } = make({ degradation: true });
    expect(() => degradation.trigger('memry')).to.throw(RangeError, '`trigger` must be one of "response-time"');
    expect(() => degradation.trigger('memory', 6)).to.throw(
      RangeError,
      '`level` must be a whole number from 1 to 5, got 6',
    );
  });
});

describe('by themselves', () => {
  before(() => init());

  it('a monitor counts what it is told of', async () => {
    const monitor = createMonitor({ ...QUICK, thresholds: { ...QUICK.thresholds, responseTime: 50 } });
    const alert = new Promise((resolve) => {
      monitor.onAlert((alert) => alert.trigger === 'response-time' && resolve(alert));
    });
    for (let n = 0; n < 20; n++)
      monitor.record({ duration: 100 + n, ok: n > 0, queued: 5, bytes: 10, cacheHit: n < 5, priority: 'high' });
    expect(await alert).to.include({ trigger: 'response-time', threshold: 50 });
    const { summary } = monitor.report();
    expect(summary).to.include({ requests: 20, errorRate: 0.05, bytes: 200, cacheHitRate: 0.25 });
    expect(summary.byPriority.high.requests).to.equal(20);
    expect(summary.responseTime.max).to.be.closeTo(119, 1.19);
    expect(summary.queueTime.p50).to.be.closeTo(5, 0.05);
    expect(() => monitor.record({ duration: -1, ok: true })).to.throw(
      RangeError,
      '`duration` must be a finite number from 0 up, got -1',
    );
    expect(() => monitor.record({ duration: 1 })).to.throw(TypeError, '`ok` must be true or false, got undefined');
    expect(() => monitor.record({ duration: 1, ok: true, priority: 'x' })).to.throw(RangeError, '`priority`');
    monitor.close();
  });

  it('a ladder goes by a monitor, and calls what its rules say', async () => {
    const monitor = createMonitor(QUICK);
    const called = [];
    const degradation = createDegradation({
      monitor,
      recoverAfter: 200,
      rules: [
        {
          level: 2,
          name: 'careful',
          triggers: ['error-rate'],
          actions: [{ do: 'call', enter: () => called.push('+'), leave: () => called.push('-') }],
        },
      ],
    });
    for (let n = 0; n < 20; n++) monitor.record({ duration: 1, ok: false });
    await until(() => degradation.level === 2);
    expect(degradation.status()).to.include({ level: 2, rule: 'careful', healthy: false });
    for (let n = 0; n < 20; n++) monitor.record({ duration: 1, ok: true });
    await until(() => degradation.level === 0);
    expect(called).to.deep.equal(['+', '-']);
    degradation.trigger('memory', 2);
    expect(degradation.level).to.equal(2);
    expect(() => degradation.trigger('memory')).to.throw(
      RangeError,
      '`trigger` must be one that a rule has where no level is said, got "memory"',
    );
    degradation.reset();
    expect(degradation.level).to.equal(0);
    degradation.close();
    monitor.close();
  });

  it('a ladder comes back where its monitor hears nothing any more', async () => {
    const monitor = createMonitor(QUICK);
    const rules = [{ level: 1, name: 'careful', triggers: ['error-rate'], actions: [] }];
    const degradation = createDegradation({ monitor, recoverAfter: 200, rules });
    for (let n = 0; n < 20; n++) monitor.record({ duration: 1, ok: false });
    await until(() => degradation.level === 1);
    // The alert is held: nothing says that it is right again.
    await until(() => degradation.level === 0);
    expect(monitor.report().alerts.map(({ trigger, resolved }) => [trigger, resolved])).to.deep.equal([
      ['error-rate', false],
    ]);
    degradation.close();
    monitor.close();
  });

  it('a ladder keeps its level while its alert lasts and samples say so, and begins anew when it is reset', async () => {
    const monitor = createMonitor(QUICK);
    const moved = [];
    const actions = [{ do: 'call', enter: () => moved.push(1), leave: () => moved.push(0) }];
    const rules = [{ level: 1, name: 'careful', triggers: ['error-rate'], actions }];
    const degradation = createDegradation({ monitor, recoverAfter: 300, rules });
    const failing = setInterval(() => monitor.record({ duration: 1, ok: false }), 10);
    await until(() => degradation.level === 1);
    const { length } = monitor.report().samples;
    await until(() => monitor.report().samples.length >= length + 12);
    expect(moved).to.deep.equal([1]);
    clearInterval(failing);
    degradation.reset();
    await until(() => monitor.report().samples.length >= length + 20);
    expect(moved.slice(0, 2)).to.deep.equal([1, 0]);
    expect(degradation.level).to.equal(0);
    degradation.close();
    monitor.close();
  });

  it('a monitor whose report throws is believed, and reported', async () => {
    let tell;
    const reported = [];
    const { reportError } = globalThis;
    globalThis.reportError = (error) => reported.push(error.message);
    const monitor = {
      onAlert: (callback) => {
        tell = callback;
      },
      report() {
        throw new Error('mine');
      },
    };
    const rules = [{ level: 1, name: 'one', triggers: ['queued'], actions: [] }];
    const degradation = createDegradation({ monitor, recoverAfter: 200, rules });
    try {
      tell({ trigger: 'queued', resolved: false });
      await until(() => reported.length >= 3);
      expect(degradation.level).to.equal(1);
      tell({ trigger: 'queued', resolved: true });
      await until(() => degradation.level === 0);
      expect(new Set(reported)).to.deep.equal(new Set(['mine']));
    } finally {
      globalThis.reportError = reportError;
      degradation.close();
    }
  });

  it('a ladder that is closed goes by no monitor', async () => {
    let tell;
    let heard = 0;
    const monitor = {
      onAlert(callback) {
        tell = callback;
        heard += 1;
        return () => {
          heard -= 1;
        };
      },
    };
    const called = [];
    const actions = [{ do: 'call', enter: () => called.push('+'), leave: () => called.push('-') }];
    const rules = [{ level: 1, name: 'one', triggers: ['queued'], actions }];
    const degradation = createDegradation({ monitor, rules });
    tell({ trigger: 'queued', resolved: false });
    expect([degradation.level, heard]).to.deep.equal([1, 1]);
    degradation.close();
    expect([degradation.level, heard, called]).to.deep.equal([0, 0, ['+', '-']]);
    tell({ trigger: 'queued', resolved: false });
    expect(degradation.level).to.equal(0);
  });

  it('say what is wrong with what they are given', () => {
    const monitor = createMonitor();
    expect(() => monitor.otel({})).to.throw(
      TypeError,
      '`meter` must be a Meter, with `createHistogram`, got an object',
    );
    expect(() => monitor.record(undefined)).to.throw(TypeError, '`call` must be an object, got undefined');
    expect(monitor.har()).to.have.nested.property('log.entries').that.is.empty;
    monitor.close();
  });
});
