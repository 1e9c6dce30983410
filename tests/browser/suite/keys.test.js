// Two things that differ never have one key, whatever they are called.

import { expect } from 'chai';
import { createFetch, init } from '/dist/index.js';
import { random } from './support/random.js';
import { turn } from './support/server.js';

const SEEDS = [1, 2, 3, 4];
const MAX_AGE = { 'cache-control': 'max-age=60' };

describe('keys', () => {
  const open = [];
  const make = (options) => {
    const made = createFetch(options);
    open.push(made);
    return made;
  };
  before(() => init());
  afterEach(() => Promise.all(open.splice(0).map((made) => made.close())));

  /** Draws from a seed: numbers, one of several, texts of pieces that mean something in keys. */
  const draws = (seed) => {
    const next = random(seed);
    const below = (count) => Math.floor(next() * count);
    const one = (all) => all[below(all.length)];
    const text = (pieces, most) => Array.from({ length: 1 + below(most) }, () => one(pieces)).join('');
    return { below, one, text };
  };

  it('of rules are no addresses, and no other keys', async () => {
    const pieces = ['user', '1', '\n', ' ', '"', '\\', '\\n', 'sc', '~', '>', '\0', '\ud800', '\udc00', 'ü', '#', ':'];
    for (const seed of SEEDS) {
      const { below, one, text } = draws(seed);
      let sent = 0;
      const fetch = make({ fetch: async () => new Response(`${++sent}`, { headers: MAX_AGE }) });
      const urls = ['/a', '/b', '/a?"', '/user%0A1', '/user%201'].map((path) => new URL(path, location.href).href);
      const named = () => one([text(pieces, 4), one(urls), `${one(urls)}\nsc`, JSON.stringify(one(urls))]);
      const known = new Map();
      for (let round = 0; round < 300; round++) {
        const url = one(urls);
        const key = below(3) > 0 ? named() : undefined;
        const before = sent;
        const response = await fetch(
          url,
          below(2) ? { lane: { cache: { key } } } : { lane: { cache: key ? { key } : {} } },
        );
        const body = await response.text();
        // An empty key is a key.
        const name = key === undefined ? `address ${url}` : `key ${key}`;
        expect(body, `seed ${seed}, round ${round}: ${JSON.stringify(name)}`).to.equal(
          known.get(name) ?? `${before + 1}`,
        );
        known.set(name, body);
        while (fetch.cache.stats().memory.entries < known.size) await turn();
      }
      // Each is forgotten by its own name, and by no other's.
      const names = [...known.keys()].filter((name) => name.startsWith('key '));
      for (const name of names.slice(0, 20)) {
        const entries = fetch.cache.stats().memory.entries;
        const key = name.slice(4);
        await fetch.cache.delete(key);
        // An address is a name of what lies under it, too.
        const both = known.has(`address ${key}`) || known.has(`address ${new URL(key, location.href).href}`);
        const gone = entries - fetch.cache.stats().memory.entries;
        if (!both) expect(gone, `seed ${seed}: ${JSON.stringify(key)}`).to.equal(1);
        else break;
      }
    }
  });

  it('of answers tell apart all that they depend on', async () => {
    const values = [undefined, '', 'a', 'b', 'a, b', 'x-a', 'authorization', '\\n', '"', ' a'.trim(), '0'];
    for (const seed of SEEDS) {
      const { one } = draws(seed);
      for (const type of ['basic', 'cors']) {
        let sent = 0;
        const told = (request) =>
          JSON.stringify([
            ...['authorization', 'x-a', 'x-b'].map((name) => request.headers.get(name)),
            request.credentials,
          ]);
        const fetch = make({
          fetch: async (request) => {
            sent += 1;
            // Another origin hides what its answers vary on.
            const headers = type === 'cors' ? MAX_AGE : { ...MAX_AGE, vary: 'X-A, x-b' };
            return Object.defineProperty(new Response(told(request), { headers }), 'type', { value: type });
          },
        });
        const known = new Set();
        for (let round = 0; round < 300; round++) {
          const fields = ['authorization', 'x-a', 'x-b'].map((name) => [name, one(values)]);
          const headers = fields.filter(([, value]) => value !== undefined);
          const init = {
            headers,
            credentials: one(['omit', 'same-origin', 'include']),
            mode: one(type === 'cors' ? ['cors'] : ['cors', 'same-origin']),
          };
          const expected = told(new Request('/varied', init));
          const before = sent;
          expect(await (await fetch('/varied', init)).text(), `seed ${seed}, round ${round}`).to.equal(expected);
          expect(sent - before, `seed ${seed}, round ${round}`).to.equal(known.has(expected) ? 0 : 1);
          known.add(expected);
          while (fetch.cache.stats().memory.entries < known.size) await turn();
        }
      }
    }
  });

  it('of calls under way join what is equal in all that matters, and nothing else', async () => {
    const texts = ['a', 'b', 'a\nb', 'a b', 'a,b', '"', ',', '[', 'null', 'sha256-a', '\n', 'GET'];
    for (const seed of SEEDS) {
      const { one, text } = draws(seed);
      const waiting = [];
      const fetch = make({
        fetch: () => new Promise((resolve) => waiting.push(resolve)),
        queue: { concurrency: 1000, perOrigin: 1000 },
      });
      const parts = [
        () => ({ headers: one([[], [['x-a', one(['', 'a', 'x-b', 'a,b', 'a, b'])]], [['x-a,b'.slice(0, 3), 'b']]]) }),
        () => ({ integrity: text(texts, 2) }),
        () => ({ credentials: one(['omit', 'include']) }),
        () => ({ redirect: one(['manual', 'error', 'follow']) }),
        () => ({ lane: { key: text(texts, 2) } }),
        () => ({ lane: { cache: { key: text(texts, 2) } } }),
        () => ({ lane: { cache: { tags: [text(texts, 2), text(texts, 1)] } } }),
        () => ({ lane: { timeout: one([60_000, 70_000]) } }),
        () => ({ lane: { cache: { ttl: one([0, 60_000, Number.POSITIVE_INFINITY]) } } }),
      ];
      const meaning = ({ headers = [], ...init }) =>
        JSON.stringify({ ...init, headers }, (_, value) => (value === Number.POSITIVE_INFINITY ? 'for ever' : value));
      const calls = Array.from({ length: 400 }, () => {
        const init = {
          method: 'GET',
          credentials: 'same-origin',
          redirect: 'follow',
          integrity: '',
          lane: {},
          ...one(parts)(),
        };
        return { name: meaning(init), response: fetch('/joined', init) };
      });
      const names = new Set(calls.map(({ name }) => name));
      while (waiting.length < names.size) await turn();
      expect(waiting.length, `seed ${seed}`).to.equal(names.size);
      for (const [index, resolve] of waiting.entries())
        resolve(new Response(`${index}`, { headers: { 'cache-control': 'max-age=0' } }));
      const found = new Map();
      for (const { name, response } of calls) {
        const body = await (await response).text();
        expect(found.get(body) ?? name, `seed ${seed}`).to.equal(name);
        found.set(body, name);
      }
    }
  });

  it('of batches stand for one address each', async () => {
    const pieces = ['a', 'z', '%', '%25', '%2F', '%2f', '/', '%zz', '%41', '%C3%BC', 'ü', '%C3', '+', ':', '%3A', '"'];
    for (const seed of SEEDS) {
      const { text } = draws(seed);
      const shared = new Map();
      const fetch = make({
        cache: false,
        batch: [{ match: /\/u\/(?<id>[^?]+)/, endpoint: '/batch' }],
        fetch: async (request) => {
          if (request.method === 'GET') return new Response(request.url);
          const { keys } = await request.json();
          return Response.json(Object.fromEntries(keys.map((key) => [key, { batch: sent++, key }])));
        },
      });
      let sent = 0;
      // A slash is one, whether it is a part of a name or not; what is not encoded as it should be is nothing but itself.
      const meaning = (path) => {
        try {
          return `name ${decodeURIComponent(path.replace(/%2f/gi, '%00'))}`;
        } catch {
          return `path ${path}`;
        }
      };
      const paths = [
        ...new Set(Array.from({ length: 300 }, () => new URL(`/u/${text(pieces, 3)}`, location.href).pathname)),
      ];
      const answers = await Promise.all(paths.map(async (path) => (await fetch(path)).text()));
      for (const [index, answer] of answers.entries()) {
        const name = meaning(paths[index]);
        const where = `seed ${seed}: ${paths[index]} and ${shared.get(answer)}`;
        expect(shared.get(answer) ?? name, where).to.equal(name);
        shared.set(answer, name);
      }
      expect(sent).to.be.greaterThan(50);
    }
    const fetch = make({
      batch: [{ match: '/u/:id', endpoint: '/batch' }],
      fetch: async (request) =>
        request.method === 'GET' ? new Response('alone') : Response.json({ '%zz': 'together' }),
    });
    const both = await Promise.all(['/u/%25zz', '/u/%zz'].map(async (path) => (await fetch(path)).text()));
    expect(both).to.deep.equal(['"together"', 'alone']);
  });

  it('ask nothing of what a call says that would throw, or lie', async () => {
    const said = [
      { tags: Object.assign(['a'], { toJSON: () => ['b'] }) },
      { tags: Object.assign(['b'], { toJSON: () => ['b'] }) },
      {
        tags: Object.assign(['c'], {
          toJSON() {
            throw new Error('mine');
          },
        }),
      },
    ];
    const waiting = [];
    const fetch = make({ fetch: () => new Promise((resolve) => waiting.push(resolve)) });
    const calls = said.map((cache) => fetch('/told', { lane: { cache } }));
    while (waiting.length < 3) await turn();
    for (const resolve of waiting) resolve(new Response('', { headers: { 'cache-control': 'max-age=0' } }));
    expect((await Promise.all(calls)).map(({ status }) => status)).to.deep.equal([200, 200, 200]);
  });
});
