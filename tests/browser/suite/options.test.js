import { expect } from 'chai';
import {
  createBatcher,
  createCache,
  createCircuitBreaker,
  createFetch,
  createQueue,
  createRateLimiter,
  createRetry,
  init,
} from '/dist/index.js';
import { rejection } from './support/server.js';

const TIME = 'a number of milliseconds above 0, or Infinity';
const WHOLE = 'a whole number from 1 up, or Infinity';
const LEVEL = 'a finite number or one of "background" "low" "normal" "high" "critical"';

// Each wrong value of each option, with the error it brings: the kind, then the message.
const COMMON = [
  ['concurrency', 0, RangeError, WHOLE],
  ['concurrency', 1.5, RangeError, WHOLE],
  ['concurrency', Number.NaN, RangeError, WHOLE],
  ['concurrency', -1, RangeError, WHOLE],
  ['concurrency', '6', TypeError, WHOLE],
  ['concurrency', null, TypeError, WHOLE],
  ['highWater', -1, RangeError, 'a whole number from 0 up, or Infinity'],
  ['highWater', 0.5, RangeError, 'a whole number from 0 up, or Infinity'],
  ['highWater', true, TypeError, 'a whole number from 0 up, or Infinity'],
  ['strategy', 'drop', RangeError, 'one of "reject" "drop-lowest"'],
  ['strategy', 1, TypeError, 'one of "reject" "drop-lowest"'],
  ['aging', true, TypeError, 'an object or false'],
  ['aging', 5, TypeError, 'an object or false'],
  ['aging.demoteAfter', -1, RangeError, 'a number of milliseconds from 0 up, or Infinity'],
  ['aging.demoteAfter', Number.NaN, RangeError, 'a number of milliseconds from 0 up, or Infinity'],
  ['aging.demoteAfter', '5', TypeError, 'a number of milliseconds from 0 up, or Infinity'],
  ['aging.oldestEvery', 0, RangeError, WHOLE],
  ['aging.oldestEvery', [8], TypeError, WHOLE],
];
const SHARE = 'a number from 0 to 1';
const SPAN = 'a number of milliseconds above 0';
const PAUSE = 'a finite number of milliseconds from 0 up';
const LIMIT = 'a whole number from 0 up, or Infinity';
const RETRY = [
  ['limit', -1, RangeError, LIMIT],
  ['limit', 1.5, RangeError, LIMIT],
  ['limit', '3', TypeError, LIMIT],
  ['baseDelay', -1, RangeError, PAUSE],
  ['baseDelay', Number.POSITIVE_INFINITY, RangeError, PAUSE],
  ['maxDelay', Number.NaN, RangeError, PAUSE],
  ['maxDelay', '1s', TypeError, PAUSE],
  ['factor', 0.5, RangeError, 'a finite number from 1 up'],
  ['jitter', 'some', RangeError, 'one of "full" "equal" "decorrelated"'],
  ['jitter', true, TypeError, 'one of "full" "equal" "decorrelated"'],
  ['jitter', 1.5, RangeError, SHARE],
  ['jitter', -0.1, RangeError, SHARE],
  ['methods', 'GET', TypeError, 'an array'],
  ['methods', ['GET', 1], TypeError, 'an array of strings'],
  ['statusCodes', 503, TypeError, 'an array'],
  ['network', 'none', RangeError, 'one of "same-origin" "all"'],
  ['network', true, TypeError, 'one of "same-origin" "all"'],
  ['maxRetryAfter', -1, RangeError, 'a number of milliseconds from 0 up, or Infinity'],
  ['budget', 5, TypeError, 'an object or false'],
  ['budget.share', 1.1, RangeError, SHARE],
  ['budget.minPerSecond', -1, RangeError, 'a finite number from 0 up'],
  ['shouldRetry', true, TypeError, 'a function'],
];
const BREAKER = [
  ['failureRate', 0, RangeError, 'a number above 0, at most 1'],
  ['failureRate', 1.1, RangeError, 'a number above 0, at most 1'],
  ['window', 0, RangeError, SPAN],
  ['minimum', 0, RangeError, WHOLE],
  ['consecutive', 0.5, RangeError, WHOLE],
  ['consecutive', '5', TypeError, WHOLE],
  ['openFor', -1, RangeError, SPAN],
  ['maxOpenFor', Number.NaN, RangeError, SPAN],
  ['probes', 0, RangeError, WHOLE],
  ['successes', {}, TypeError, WHOLE],
];
const RATE = [
  ['algorithm', 'leaky', RangeError, 'one of "token-bucket" "sliding-window"'],
  ['capacity', 0, RangeError, WHOLE],
  ['capacity', '9', TypeError, 'a number'],
  ['refillRate', 0, RangeError, 'a number above 0 that gives a token at most every nanosecond'],
  ['refillInterval', -1, RangeError, SPAN],
];
const AGE = 'a number of milliseconds from 0 up, or Infinity';
const BYTES = 'a whole number of bytes from 1 up, or Infinity';
const KEEPING = [
  ['ttl', -1, RangeError, AGE],
  ['ttl', 'https', TypeError, AGE],
  ['staleWhileRevalidate', Number.NaN, RangeError, AGE],
  ['staleIfError', '5', TypeError, AGE],
  ['tiers', 'memory', TypeError, 'an array'],
];
const DEDUPE = [
  ['dedupe', 'always', RangeError, '"storable", true or false'],
  ['dedupe', 1, TypeError, '"storable", true or false'],
];
const CACHE = [
  ...KEEPING,
  ['memory', 5, TypeError, 'an object'],
  ['memory.maxBytes', 0, RangeError, BYTES],
  ['memory.maxBytes', 1.5, RangeError, BYTES],
  ['memory.maxBytes', '1MB', TypeError, BYTES],
  ['partition', 7, TypeError, 'a string'],
  ['localStorage', 5, TypeError, 'an object'],
  ['localStorage.maxBytes', 0, RangeError, BYTES],
  ['localStorage.maxEntryBytes', '1', TypeError, BYTES],
  ['indexedDB', 'sixlane', TypeError, 'an object'],
  ['indexedDB.maxBytes', -1, RangeError, BYTES],
  ['indexedDB.database', 7, TypeError, 'a string'],
  ['persistPrivate', 'yes', TypeError, 'true or false'],
];
const CACHE_RULE = [
  ...KEEPING,
  ['tags', 'user', TypeError, 'an array'],
  ['tags', [1], TypeError, 'an array of strings'],
  ['key', 7, TypeError, 'a string'],
];
const BATCHER = [
  ['maxSize', 0, RangeError, WHOLE],
  ['maxSize', 2.5, RangeError, WHOLE],
  ['maxSize', '50', TypeError, WHOLE],
  ['maxWait', -1, RangeError, PAUSE],
  ['maxWait', Number.POSITIVE_INFINITY, RangeError, PAUSE],
  ['maxWait', '10', TypeError, PAUSE],
];
const BATCH = [
  ...BATCHER,
  ['maxBytes', 0, RangeError, WHOLE],
  ['maxBytes', '64k', TypeError, WHOLE],
  ['endpoint', undefined, TypeError, 'a string or a URL'],
  ['endpoint', 7, TypeError, 'a string or a URL'],
  ['match', 7, TypeError, 'a pathname pattern, a RegExp, a URLPattern or a function'],
  ['key', 'id', TypeError, 'a function'],
  ['encode', {}, TypeError, 'a function'],
  ['decode', true, TypeError, 'a function'],
];
const PER_ORIGIN = '"auto" or a whole number from 1 to 1000';
const FETCH = [
  ...COMMON.map(([path, ...rest]) => [`queue.${path}`, ...rest]),
  ['queue', 6, TypeError, 'an object'],
  ['queue', [], TypeError, 'an object'],
  ['queue.perOrigin', 0, RangeError, PER_ORIGIN],
  ['queue.perOrigin', 1001, RangeError, PER_ORIGIN],
  ['queue.perOrigin', Number.POSITIVE_INFINITY, RangeError, PER_ORIGIN],
  ['queue.perOrigin', 'six', TypeError, PER_ORIGIN],
  ['timeout', 0, RangeError, TIME],
  ['timeout', '1s', TypeError, TIME],
  ['timeout.total', -5, RangeError, TIME],
  ['timeout.attempt', {}, TypeError, TIME],
  ...RETRY.map(([path, ...rest]) => [`retry.${path}`, ...rest]),
  ['retry', -1, RangeError, LIMIT],
  ['retry', true, TypeError, 'an object, a number or false'],
  ['retry', null, TypeError, 'an object, a number or false'],
  ...BREAKER.map(([path, ...rest]) => [`breaker.${path}`, ...rest]),
  ['breaker', 5, TypeError, 'an object, true or false'],
  ...RATE.map(([path, ...rest]) => [`rateLimit.${path}`, ...rest]),
  ['rateLimit', true, TypeError, 'an object or false'],
  ...CACHE.map(([path, ...rest]) => [`cache.${path}`, ...rest]),
  ['cache', true, TypeError, 'an object or false'],
  ['cache', 'memory', TypeError, 'an object or false'],
  ...DEDUPE,
  ['seed', 'x', TypeError, 'a number'],
  ['fetch', 'fetch', TypeError, 'a function'],
  ['routes', {}, TypeError, 'an array'],
  ['batch', {}, TypeError, 'an array'],
];
const LANE = [
  ['priority', 'urgent', RangeError, LEVEL],
  ['priority', Number.NaN, RangeError, `a finite number or a level's name`],
  ['priority', Number.POSITIVE_INFINITY, RangeError, `a finite number or a level's name`],
  ['priority', true, TypeError, `a finite number or a level's name`],
  ['emergency', 1, TypeError, 'true or false'],
  ['key', 7, TypeError, 'a string'],
  ['timeout', 0, RangeError, TIME],
];
const CALL = [
  ...LANE,
  ['timeout.total', 0, RangeError, TIME],
  ['timeout.attempt', Number.NaN, RangeError, TIME],
  ...RETRY.map(([path, ...rest]) => [`retry.${path}`, ...rest]),
  ['retry', -1, RangeError, LIMIT],
  ['retry', 'often', TypeError, 'an object, a number or false'],
  ...CACHE_RULE.map(([path, ...rest]) => [`cache.${path}`, ...rest]),
  ['cache', true, TypeError, 'an object or false'],
  ...DEDUPE,
  ['batch', 'no', TypeError, 'true or false'],
  ['slot', 'none', RangeError, 'one of "body" "headers"'],
  ['slot', true, TypeError, 'one of "body" "headers"'],
];
const ADD = [
  ...LANE,
  ['id', 5, TypeError, 'a string'],
  ['signal', {}, TypeError, 'an AbortSignal'],
  ['timeout', {}, TypeError, TIME],
];

const MISSPELT = [
  ['queue', { concurency: 1 }, 'queue.concurency', 'concurrency'],
  ['aging', { queue: { aging: { demoteafter: 1 } } }, 'queue.aging.demoteafter', 'demoteAfter'],
];

/** Those that stand by themselves. */
const POLICIES = [
  ['createRetry', createRetry, RETRY, { limits: 1 }, 'unknown option `limits`; did you mean `limit`?'],
  [
    'createCircuitBreaker',
    createCircuitBreaker,
    BREAKER,
    { open: 1 },
    'unknown option `open`; did you mean `openFor`?',
  ],
  ['createRateLimiter', createRateLimiter, RATE, { limt: 1 }, 'unknown option `limt`; did you mean `limit`?'],
  [
    'createBatcher',
    (options) => createBatcher(async () => [], options),
    [...BATCHER, ['keyOf', 'id', TypeError, 'a function']],
    { maxsize: 1 },
    'unknown option `maxsize`; did you mean `maxSize`?',
  ],
  ['createCache', createCache, CACHE, { partion: '' }, 'unknown option `partion`; did you mean `partition`?'],
];

function nested(path, value) {
  return path.split('.').reduceRight((inner, name) => ({ [name]: inner }), value);
}

function shown(value) {
  if (typeof value === 'string') return `"${value}"`;
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function check(error, path, value, Kind, range) {
  expect(error, path).to.be.instanceOf(Kind);
  expect(error.name).to.equal(Kind.name);
  expect(error.message).to.equal(`\`${path}\` must be ${range}, got ${shown(value)}`);
}

function thrown(run) {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('wrong options', () => {
  before(() => init());

  for (const [path, value, Kind, range] of COMMON) {
    it(`createQueue refuses ${path} = ${shown(value)}`, () => {
      check(
        thrown(() => createQueue(nested(path, value))),
        path,
        value,
        Kind,
        range,
      );
    });
  }

  it('createQueue refuses perKey out of range and options that are none', () => {
    check(
      thrown(() => createQueue({ perKey: 0 })),
      'perKey',
      0,
      RangeError,
      WHOLE,
    );
    check(
      thrown(() => createQueue('fast')),
      'options',
      'fast',
      TypeError,
      'an object',
    );
    expect(thrown(() => createQueue({ perOrigin: 6 })).message).to.equal(
      'unknown option `perOrigin`; did you mean `perKey`?',
    );
  });

  for (const [path, value, Kind, range] of FETCH) {
    it(`createFetch refuses ${path} = ${shown(value)}`, () => {
      check(
        thrown(() => createFetch(nested(path, value))),
        path,
        value,
        Kind,
        range,
      );
    });
  }

  for (const [name, create, wrong, misspelt, message] of POLICIES) {
    for (const [path, value, Kind, range] of wrong) {
      it(`${name} refuses ${path} = ${shown(value)}`, () => {
        const error = thrown(() => create(nested(path, value)));
        check(error, path, value, Kind, range);
      });
    }

    it(`${name} refuses what is no object, and a word that it does not know`, () => {
      for (const value of [5, false, 'fast', null]) {
        const error = thrown(() => create(value));
        check(error, 'options', value, TypeError, 'an object');
      }
      expect(thrown(() => create(misspelt)).message).to.equal(message);
    });
  }

  it('a status is refused by its value, and what belongs to the other kind of rate limit by its name', () => {
    const status = thrown(() => createRetry({ statusCodes: [503, 99] }));
    check(status, 'statusCodes', 99, RangeError, 'a whole number from 100 to 599');
    expect(
      thrown(() => createRateLimiter({ algorithm: 'sliding-window', limit: 1, window: 1, capacity: 1 })).name,
    ).to.equal('TypeError');
    expect(thrown(() => createRateLimiter({ limit: 5 })).message).to.contain('unknown option `limit`');
    const missing = thrown(() => createRateLimiter({ algorithm: 'sliding-window', window: 5 }));
    check(missing, 'limit', undefined, TypeError, 'a number');
  });

  it('createFetch refuses what a route says, by its place', () => {
    const refused = (route) => thrown(() => createFetch({ routes: [{ match: '/a' }, route] }));
    check(refused({ match: '/b', slot: 'x' }), 'routes[1].slot', 'x', RangeError, 'one of "body" "headers"');
    check(
      refused({}),
      'routes[1].match',
      undefined,
      TypeError,
      'a pathname pattern, a RegExp, a URLPattern or a function',
    );
    check(refused({ match: '/b', method: 1 }), 'routes[1].method', 1, TypeError, 'a string or an array of strings');
    check(refused(null), 'routes[1]', null, TypeError, 'an object');
    expect(refused({ match: '/b', prority: 1 }).message).to.equal(
      'unknown option `routes[1].prority`; did you mean `priority`?',
    );
    expect(refused({ match: '/(' })).to.be.instanceOf(TypeError);
  });

  for (const [name, value, Kind, range] of BATCH) {
    it(`createFetch refuses ${name} = ${shown(value)} of a batch rule, by its place`, () => {
      const rule = { match: /(?<id>1)/, endpoint: '/b' };
      const error = thrown(() => createFetch({ batch: [rule, { ...rule, [name]: value }] }));
      check(error, `batch[1].${name}`, value, Kind, range);
    });
  }

  it('createFetch refuses a batch rule that names no key, or no address', () => {
    const refused = (rule) => thrown(() => createFetch({ batch: [{ match: /(?<id>1)/, endpoint: '/b', ...rule }] }));
    for (const match of [/(1)/, () => true, ...(globalThis.URLPattern ? ['/a/*', '/a/(.*)'] : [])]) {
      const error = refused({ match });
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.equal(
        '`batch[0].match` must have a named group, which is the key, as in "/api/users/:id"; or say `key`',
      );
      if (typeof match !== 'string') createFetch({ batch: [{ match, endpoint: '/b', key: () => '1' }] }).close();
    }
    const error = refused({ endpoint: 'http://' });
    expect(error).to.be.instanceOf(TypeError);
    expect(error.message).to.equal('`batch[0].endpoint` must be a URL or a path, got "http://"');
    expect(refused({ maxsize: 1 }).message).to.equal('unknown option `batch[0].maxsize`; did you mean `maxSize`?');
  });

  for (const [, options, path, nearest] of MISSPELT) {
    it(`createFetch refuses ${path} and names the nearest`, () => {
      const error = thrown(() => createFetch(path.startsWith('queue.aging') ? options : { queue: options }));
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.equal(`unknown option \`${path}\`; did you mean \`${nearest}\`?`);
    });
  }

  for (const [path, value, Kind, range] of CALL) {
    it(`a call refuses lane.${path} = ${shown(value)}, and nothing is sent`, async () => {
      let sent = 0;
      const fetch = createFetch({ fetch: () => Promise.resolve(new Response(`${++sent}`)) });
      check(await rejection(fetch('/api/data/1', { lane: nested(path, value) })), `lane.${path}`, value, Kind, range);
      expect(sent).to.equal(0);
      expect(await (await fetch('/api/data/1')).text()).to.equal('1');
      await fetch.close();
    });
  }

  it('a call refuses a misspelt word, and a lane that is none', async () => {
    const fetch = createFetch();
    const misspelt = await rejection(fetch('/api/data/1', { lane: { Priority: 'high' } }));
    expect(misspelt).to.be.instanceOf(TypeError);
    expect(misspelt.message).to.equal('unknown option `lane.Priority`; did you mean `priority`?');
    check(await rejection(fetch('/api/data/1', { lane: 'high' })), 'lane', 'high', TypeError, 'an object');
    check(await rejection(fetch('/api/data/1', { lane: null })), 'lane', null, TypeError, 'an object');
    await fetch.close();
  });

  for (const [path, value, Kind, range] of ADD) {
    it(`add() refuses ${path} = ${shown(value)}, and the task does not run`, async () => {
      const queue = createQueue();
      const error = await rejection(queue.add(() => expect.fail('ran'), nested(path, value)));
      check(error, path, value, Kind, range);
      expect(await queue.add(() => 'fine')).to.equal('fine');
    });
  }

  it('add() refuses what is no task, a misspelt word, and an id that is taken', async () => {
    const queue = createQueue({ concurrency: 1 });
    expect((await rejection(queue.add('task'))).message).to.equal('`task` must be a function, got string');
    expect((await rejection(queue.add(() => {}, { prio: 1 }))).message).to.equal(
      'unknown option `prio`; did you mean `priority`?',
    );
    queue.pause();
    queue.add(() => {}, { id: 'a' });
    expect((await rejection(queue.add(() => {}, { id: 'a' }))).message).to.equal(
      '`id` must be no waiting task\'s, got "a"',
    );
    expect(() => queue.setPriority('a', 'urgent')).to.throw(RangeError, '`priority` must be');
  });

  it('options are read from any object: without a prototype, or of another frame', async () => {
    const frame = document.createElement('iframe');
    document.body.append(frame);
    for (const options of [Object.create(null), new frame.contentWindow.Object()]) {
      expect(createQueue(Object.assign(options, { concurrency: 3 })).concurrency).to.equal(3);
      options.concurrency = 0;
      expect(() => createQueue(options)).to.throw(RangeError, 'concurrency');
    }
    frame.remove();
  });

  it('onSizeLessThan() refuses what no size is below', async () => {
    const queue = createQueue();
    expect(await rejection(queue.onSizeLessThan(0))).to.be.instanceOf(RangeError);
    expect(await rejection(queue.onSizeLessThan(Number.NaN))).to.be.instanceOf(RangeError);
    expect(await rejection(queue.onSizeLessThan('1'))).to.be.instanceOf(TypeError);
  });

  it('an option that is undefined is an option left out', () => {
    const names = ['concurrency', 'perKey', 'highWater', 'strategy', 'aging'];
    createQueue(Object.fromEntries(names.map((name) => [name, undefined])));
  });
});
