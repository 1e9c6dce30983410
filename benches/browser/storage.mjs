// What the IndexedDB tier costs: 1,000 entries of 2 KiB, one call for each, written until the last of them is stored and
// read into a page that has nothing, beside what people use for that. All calls of a round in one turn, and then one after the
// other. In turns. At the end, how long the first answer takes with 100,000 entries in the database.
import { interval, median } from './support/statistics.mjs';

const ENTRIES = 1000;
const SAMPLES = 11;
const MANY = 100_000;

export async function run({ launch, server }) {
  const browser = await launch('chromium');
  try {
    const blank = new URL('/blank.html', server.url).href;
    await browser.open(blank);
    const samples = await browser.evaluate(measure, ENTRIES, SAMPLES);
    console.log(`Chromium ${browser.version}: microseconds an entry, median of ${SAMPLES} rounds of ${ENTRIES}`);
    for (const what of ['write, one turn', 'read, one turn', 'write, in a row', 'read, in a row']) {
      const best = samples.map((sample) => Math.min(...OTHERS.map((name) => sample[`${name} ${what}`])));
      for (const name of ['sixlane', ...OTHERS]) {
        const times = samples.map((sample) => sample[`${name} ${what}`]);
        const ratios = times.map((time, index) => best[index] / time);
        const [low, high] = interval(ratios);
        const cost = ((median(times) * 1000) / ENTRIES).toFixed(1).padStart(7);
        const ratio = `${median(ratios).toFixed(1)} times as fast as the best other (${low.toFixed(1)} to ${high.toFixed(1)})`;
        console.log(`${what.padEnd(16)} ${name.padEnd(12)} ${cost}${name === 'sixlane' ? `  ${ratio}` : ''}`);
      }
    }
    await browser.evaluate(fill, MANY);
    const starts = [];
    for (let i = 0; i < SAMPLES; i++) {
      await browser.open(blank);
      starts.push(await browser.evaluate(start, MANY));
    }
    const of = (key) => median(starts.map((sample) => sample[key]));
    console.log(
      `with ${MANY} entries stored, from createCache() to the first answer: ${of('answer').toFixed(1)} ms ` +
        `(slowest ${Math.max(...starts.map(({ answer }) => answer)).toFixed(1)}), ${of('requests')} requests to IndexedDB`,
    );
  } finally {
    await browser.close();
  }
}

const OTHERS = ['idb-keyval', 'localforage', 'dexie'];

/** Runs in the page. Milliseconds of each. */
async function measure(entries, samples) {
  const script = document.createElement('script');
  script.src = '/node_modules/localforage/dist/localforage.min.js';
  document.body.append(script);
  const loaded = new Promise((resolve) => {
    script.onload = resolve;
  });
  const { createCache, init } = await import('/dist/index.js');
  const keyval = await import('/node_modules/idb-keyval/dist/index.js');
  const { Dexie } = await import('/node_modules/dexie/dist/dexie.mjs');
  await Promise.all([loaded, init()]);
  const value = new Uint8Array(2048).fill(120).buffer;
  const keys = Array.from({ length: entries }, (_, index) => `https://example.org/api/data/${index}`);

  const { port1, port2 } = new MessageChannel();
  const turn = () =>
    new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
  let databases = 0;
  const libraries = {
    sixlane: () => {
      const options = { tiers: ['memory', 'indexedDB'], indexedDB: { database: `bench ${databases++}` } };
      let cache = createCache(options);
      return {
        set: (key) => cache.set(key, value),
        stored: async () => {
          while (cache.stats().indexedDB.entries < entries) await turn();
        },
        renew: async () => {
          await cache.close();
          cache = createCache(options);
          await cache.get('nothing');
        },
        get: (key) => cache.get(key),
        end: () => cache.close(),
      };
    },
    'idb-keyval': () => {
      const store = keyval.createStore(`bench ${databases++}`, 'store');
      return { set: (key) => keyval.set(key, value, store), get: (key) => keyval.get(key, store) };
    },
    localforage: () => {
      const store = globalThis.localforage.createInstance({ name: `bench ${databases++}`, driver: 'asyncStorage' });
      return { set: (key) => store.setItem(key, value), get: (key) => store.getItem(key) };
    },
    dexie: () => {
      const store = new Dexie(`bench ${databases++}`);
      store.version(1).stores({ entries: '' });
      return {
        set: (key) => store.entries.put(value, key),
        get: (key) => store.entries.get(key),
        end: () => store.close(),
      };
    },
  };
  const time = async (work) => {
    const begun = performance.now();
    await work();
    return performance.now() - begun;
  };
  const inOneTurn = (call) => Promise.all(keys.map(call));
  const inARow = async (call) => {
    for (const key of keys) await call(key);
  };
  const round = async (name) => {
    const times = {};
    for (const [how, all] of [
      ['one turn', inOneTurn],
      ['in a row', inARow],
    ]) {
      const library = libraries[name]();
      await library.get('nothing');
      times[`${name} write, ${how}`] = await time(async () => {
        await all(library.set);
        await library.stored?.();
      });
      await library.renew?.();
      times[`${name} read, ${how}`] = await time(() => all(library.get));
      if ((await library.get(keys.at(-1))).byteLength !== 2048) throw new Error(`${name} has lost something`);
      await library.end?.();
    }
    return times;
  };
  const names = Object.keys(libraries);
  for (const name of names) await round(name);
  const results = [];
  for (let i = 0; i < samples; i++) {
    const sample = {};
    for (let k = 0; k < names.length; k++) Object.assign(sample, await round(names[(i + k) % names.length]));
    results.push(sample);
  }
  return results;
}

/** Runs in the page. */
async function fill(many) {
  const { createCache, init } = await import('/dist/index.js');
  await init();
  const cache = createCache({ tiers: ['indexedDB'], indexedDB: { database: 'many', maxBytes: 1e9 } });
  const value = new Uint8Array(512).buffer;
  for (let index = 0; index < many; index += 5000) {
    for (let k = index; k < index + 5000; k++) cache.set(`https://example.org/api/data/${k}`, value, { ttl: 1e9 });
    while (cache.stats().indexedDB.entries < index + 5000) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await cache.close();
}

/** Runs in a page that has just been opened. */
async function start(many) {
  const { createCache, init } = await import('/dist/index.js');
  await init();
  let requests = 0;
  for (const source of [IDBObjectStore, IDBIndex]) {
    for (const name of ['get', 'getKey', 'getAll', 'getAllKeys', 'openCursor', 'openKeyCursor', 'count']) {
      const native = source.prototype[name];
      source.prototype[name] = function (...call) {
        requests += 1;
        return native.apply(this, call);
      };
    }
  }
  const begun = performance.now();
  const cache = createCache({ tiers: ['memory', 'indexedDB'], indexedDB: { database: 'many', maxBytes: 1e9 } });
  const found = await cache.get(`https://example.org/api/data/${Math.floor(Math.random() * many)}`);
  const answer = performance.now() - begun;
  if (found?.byteLength !== 512) throw new Error('not found');
  return { answer, requests };
}
