import { expect } from 'chai';
import { asked, destroy, freshName } from './support/database.js';
import { Run, rejection, turn } from './support/server.js';

let copies = 0;

const open = [];

/** A copy of the package of its own, whose module is not loaded yet. Its instances are closed after the test. */
async function freshCopy() {
  const copy = await import(`/dist/index.js?copy=${++copies}`);
  const createFetch = (options) => {
    const made = copy.createFetch(options);
    open.push(made);
    return made;
  };
  return { ...copy, createFetch };
}

afterEach(() => Promise.all(open.splice(0).map((made) => made.close())));

function moduleBytes() {
  return fetch('/dist/sixlane.wasm').then((response) => response.arrayBuffer());
}

/** A response with the module, whose body comes when `give` is called. */
async function slowModule() {
  // Had before it is wanted: later, all connections may be in use.
  const bytes = new Uint8Array(await moduleBytes());
  let give;
  const body = new ReadableStream({
    start(controller) {
      give = () => {
        controller.enqueue(bytes);
        controller.close();
      };
    },
  });
  return { wasm: new Response(body, { headers: { 'content-type': 'application/wasm' } }), give };
}

/** The order in which requests are sent: that in which they arrive is the network's. */
function sentOrder(fetch) {
  const sent = [];
  fetch.events.addEventListener('started', ({ detail }) => sent.push(new URL(detail.url).searchParams.get('n')));
  return sent;
}

/** Collects what is logged as a warning while `during` runs. */
async function warnings(during) {
  const { warn } = console;
  const seen = [];
  console.warn = (message) => seen.push(message);
  try {
    await during();
  } finally {
    console.warn = warn;
  }
  return seen;
}

describe('starting', () => {
  let run;
  beforeEach(() => {
    run = new Run();
  });

  it('what waits for the module is joined and batched when it comes', async () => {
    const { createFetch } = await freshCopy();
    const { wasm, give } = await slowModule();
    const batch = [{ match: /\/api\/data\/(?<id>\d+)/, endpoint: '/api/batch' }];
    const fetch = createFetch({ wasm, batch });
    const wanted = Array.from({ length: 30 }, (_, index) => index + 1);
    const ask = async (path) => (await fetch(run.path(path, { delay: 50 }))).json();
    const items = Promise.all(wanted.map((id) => ask(`/api/data/${id}`)));
    const users = Promise.all(wanted.map(() => ask('/api/users/1')));
    expect(fetch.status()).to.include({ running: 6, queued: 54 });
    give();
    expect((await items).map(({ id }) => id)).to.deep.equal(wanted);
    expect((await users).map(({ id }) => id)).to.deep.equal(wanted.map(() => 1));
    expect(fetch.status()).to.include({ batched: 24, running: 0, queued: 0 });
    const { order } = await run.stats();
    expect(order.filter((line) => line.startsWith('/api/batch'))).to.have.length(1);
  });

  describe('with something in storage', () => {
    const database = freshName();
    const cache = { tiers: ['memory', 'localStorage', 'indexedDB'], indexedDB: { database } };
    const past = (input, init) => globalThis.fetch(input, { referrer: input.referrer, ...init, cache: 'no-store' });
    const path = () => run.path('/api/echo', { cacheControl: 'max-age=60' });
    const ask = async (fetch, init) => (await fetch(path(), init)).text();
    /** An earlier visit. */
    const visit = async () => {
      const { createFetch } = await freshCopy();
      const fetch = createFetch({ cache, fetch: past });
      await fetch.ready;
      await ask(fetch);
      await fetch.close();
      return run.stats();
    };
    after(() => destroy(database));

    it('forgets what was written to before the module was there', async () => {
      const { seen } = await visit();
      const { createFetch } = await freshCopy();
      const { wasm, give } = await slowModule();
      const fetch = createFetch({ cache, fetch: past, wasm });
      await ask(fetch, { method: 'POST', body: 'x' });
      give();
      await fetch.ready;
      await ask(fetch);
      expect((await run.stats()).seen).to.equal(seen + 2);
    });

    it('forgets it, too, when the module comes too late to schedule', async () => {
      const { seen } = await visit();
      const { createFetch } = await freshCopy();
      const { wasm, give } = await slowModule();
      const { setTimeout } = globalThis;
      globalThis.setTimeout = (work, ms, ...more) => setTimeout(work, ms === 10_000 ? 0 : ms, ...more);
      let fetch;
      await warnings(async () => {
        fetch = createFetch({ cache, fetch: past, wasm });
        globalThis.setTimeout = setTimeout;
        await fetch.ready;
      });
      expect(fetch.status().mode).to.equal('native');
      await ask(fetch, { method: 'POST', body: 'x' });
      give();
      // Answered by native fetch; what is kept opens when the module is there.
      while (fetch.cache.stats().indexedDB.entries + fetch.cache.stats().localStorage.entries === 0) {
        await fetch.cache.set('there', 1);
        await turn();
      }
      await fetch.close();
      const next = (await freshCopy()).createFetch({ cache, fetch: past });
      await next.ready;
      await ask(next);
      expect((await run.stats()).seen).to.equal(seen + 2);
    });

    it('empties it on a purge, also where the module cannot run', async () => {
      await visit();
      const { createFetch } = await freshCopy();
      await warnings(async () => {
        const fetch = createFetch({ cache, fetch: past, wasm: new Uint8Array(4) });
        await fetch.ready;
        expect(fetch.status().mode).to.equal('native');
        expect(Object.keys(localStorage).some((name) => name.startsWith('sixlane:1:'))).to.equal(true);
        await fetch.cache.purge();
      });
      expect(Object.keys(localStorage).filter((name) => name.startsWith('sixlane:1:'))).to.deep.equal([]);
      const raw = await asked(indexedDB.open(database));
      expect([...raw.objectStoreNames]).to.deep.equal([]);
      raw.close();
    });
  });

  it('importing touches no global', async () => {
    const before = Reflect.ownKeys(globalThis);
    await freshCopy();
    expect(Reflect.ownKeys(globalThis)).to.deep.equal(before);
  });

  it('sends up to six calls before the module runs and the others in order of priority after', async () => {
    const { createFetch } = await freshCopy();
    const { wasm, give } = await slowModule();
    const fetch = createFetch({ wasm });
    const sent = sentOrder(fetch);
    const calls = Array.from({ length: 6 }, (_, n) => fetch(run.path('/api/data/1', { n, delay: 1500 })));
    const late = ['low', 'critical'].map((priority) =>
      fetch(run.path('/api/data/1', { n: priority }), { lane: { priority } }),
    );
    expect(fetch.status()).to.include({ mode: 'starting', running: 6, queued: 2 });
    await run.until(({ seen }) => seen >= 6);
    give();
    await fetch.ready;
    expect(fetch.status()).to.include({ mode: 'wasm', running: 6, queued: 2 });
    await Promise.all([...calls, ...late]);
    expect(sent.slice(6)).to.deep.equal(['critical', 'low']);
    expect((await run.stats()).peak).to.equal(6);
    expect(fetch.status()).to.include({ completed: 8, running: 0 });
  });

  it('goes on while the module is long in coming, the more urgent first', async () => {
    const { createFetch } = await freshCopy();
    const fetch = createFetch({ wasm: (await slowModule()).wasm });
    const sent = sentOrder(fetch);
    const calls = Array.from({ length: 6 }, (_, n) => fetch(run.path('/api/data/1', { n, delay: 20 * (n + 1) })));
    for (const priority of ['low', 'critical']) {
      calls.push(fetch(run.path('/api/data/1', { n: priority }), { lane: { priority } }));
    }
    const responses = await Promise.all(calls.map(async (call) => (await call).text()));
    expect(responses).to.have.length(8);
    expect(sent.slice(6)).to.deep.equal(['critical', 'low']);
    expect((await run.stats()).peak).to.equal(6);
  });

  it('sends what failed before the module ran once more, and not twice', async () => {
    const { createFetch } = await freshCopy();
    const { wasm, give } = await slowModule();
    let sent = 0;
    const answered = [];
    const transport = () => {
      const response = Promise.resolve(new Response(null, { status: sent++ < 2 ? 503 : 200 }));
      answered.push(response);
      return response;
    };
    const fetch = createFetch({ wasm, fetch: transport, retry: { baseDelay: 1 } });
    const calls = [fetch('/one'), fetch('/two')];
    await Promise.all(answered);
    // It has heard of both by now.
    await new Promise((resolve) => setTimeout(resolve));
    expect(sent).to.equal(2);
    give();
    expect((await Promise.all(calls)).map(({ status }) => status)).to.deep.equal([200, 200]);
    expect(fetch.status()).to.include({ completed: 2, retries: 2, running: 0, queued: 0 });
    expect(sent).to.equal(4);
  });

  it('retries what fails before the module runs, once it does', async () => {
    const { createFetch } = await freshCopy();
    const { wasm, give } = await slowModule();
    const fetch = createFetch({ wasm, retry: { baseDelay: 1, limit: 2 } });
    const failing = fetch(run.path('/api/status/503'));
    const lost = rejection(fetch(run.path('/api/data/1', { drop: 1 })));
    // Of these nobody has to be asked.
    expect((await fetch(run.path('/api/status/404'))).status).to.equal(404);
    expect((await fetch(run.path('/api/status/503'), { lane: { retry: false } })).status).to.equal(503);
    await run.until(({ statuses, dropped }) => statuses['503'] >= 2 && dropped >= 1);
    expect(fetch.status().mode).to.equal('starting');
    give();
    expect((await failing).status).to.equal(503);
    expect((await lost).name).to.equal('TypeError');
    expect(fetch.status()).to.include({ mode: 'wasm', retries: 4, running: 0 });
    expect((await run.stats()).statuses['503']).to.equal(4);
  });

  it('forgets all where more was written than it can judge later, and rejects nothing that nobody awaits', async () => {
    const thrown = [];
    const note = (event) => thrown.push(`${event.reason}`);
    globalThis.addEventListener('unhandledrejection', note);
    const storage = Object.getOwnPropertyDescriptor(globalThis, 'localStorage');
    try {
      const { createFetch } = await freshCopy();
      const { wasm, give } = await slowModule();
      const cache = { tiers: ['memory', 'localStorage'], partition: freshName() };
      const fetch = createFetch({ wasm, cache, fetch: async () => new Response() });
      for (let n = 0; n <= 1_000; n++) await fetch('/anything', { method: 'POST' });
      const get = () => {
        throw new DOMException('on order', 'SecurityError');
      };
      Object.defineProperty(globalThis, 'localStorage', { get, configurable: true });
      give();
      await fetch.ready;
      // Behind the one that nobody asked for.
      expect(await rejection(fetch.cache.purge())).to.include({ name: 'PurgeError' });
      await turn();
      expect(thrown).to.deep.equal([]);
    } finally {
      Object.defineProperty(globalThis, 'localStorage', storage);
      globalThis.removeEventListener('unhandledrejection', note);
    }
  });

  it('gives the caller what failed before, where the module cannot run', async () => {
    const { createFetch } = await freshCopy();
    const fetch = createFetch({ wasm: new Uint8Array([1, 2, 3]) });
    await warnings(async () => {
      expect((await fetch(run.path('/api/status/503'))).status).to.equal(503);
      expect(fetch.status().mode).to.equal('native');
    });
    expect((await run.stats()).seen).to.equal(1);
  });

  it('keeps to six for all instances that start, and to their own limits', async () => {
    const { createFetch } = await freshCopy();
    const { wasm, give } = await slowModule();
    const instances = [createFetch({ wasm }), createFetch(), createFetch({ queue: { perOrigin: 1 } })];
    const calls = instances.map((fetch, n) =>
      Array.from({ length: 10 - n }, (_, m) => fetch(run.path('/api/data/1', { n: `${n}-${m}`, delay: 20 }))),
    );
    const running = () => instances.map((fetch) => fetch.status().running);
    expect(running()).to.deep.equal([6, 0, 0]);
    await Promise.all(calls[0].slice(0, 6));
    give();
    await Promise.all(instances.map(({ ready }) => ready));
    expect(running()[2]).to.be.at.most(1);
    await Promise.all(calls.flat());
    const { seen, peak } = await run.stats();
    expect(seen).to.equal(27);
    expect(peak).to.be.at.most(6);
  });

  it('keeps time limits, and hears of reading, before the module is there', async () => {
    const { createFetch } = await freshCopy();
    const { wasm, give } = await slowModule();
    const fetch = createFetch({ wasm, timeout: 4000 });
    const waits = (timeout) => rejection(fetch(run.path('/api/data/1', { delay: 60_000 }), { lane: { timeout } }));
    // Firefox has the headers with the first piece of the body.
    const response = await fetch(run.path('/api/data/1', { slow: 25_000, size: 1_000_000 }));
    const reader = response.body.getReader();
    reader.read();
    // By then the limit of the other one would be over, too, whose headers are there.
    expect((await waits(4000)).name).to.equal('TimeoutError');
    give();
    await fetch.ready;
    expect(fetch.status()).to.include({ mode: 'wasm', running: 1 });
    const lent = [];
    fetch.events.addEventListener('lent', ({ detail }) => lent.push(detail));
    // The time of an unread body would be up after 10 s.
    await waits(10_500);
    expect(lent).to.deep.equal([]);
    await reader.cancel();
  });

  it('drops what has waited too long, and nothing that was sent, before the module is there', async () => {
    const { createFetch } = await freshCopy();
    const { wasm, give } = await slowModule();
    const fetch = createFetch({ wasm });
    const lane = { timeout: { wait: 50 } };
    const held = Array.from({ length: 6 }, (_, n) =>
      rejection(fetch(run.path('/api/data/1', { n, delay: 60_000 }), { lane })),
    );
    const late = await rejection(fetch(run.path('/api/data/1', { n: 6 }), { lane }));
    expect([late.name, fetch.status().running, fetch.status().queued]).to.deep.equal(['TimeoutError', 6, 0]);
    give();
    await fetch.ready;
    await fetch.close();
    await Promise.all(held);
    expect((await run.stats()).seen).to.equal(6);
  });

  it('rejects every call and `ready` for wrong options that only the module can judge', async () => {
    const { createFetch } = await freshCopy();
    const fetch = createFetch({ queue: { concurency: 1 } });
    const call = rejection(fetch(run.path('/api/data/1', { delay: 60_000 })));
    const message = 'unknown option `queue.concurency`; did you mean `concurrency`?';
    expect((await rejection(fetch.ready)).message).to.equal(message);
    expect((await call).message).to.equal(message);
    expect((await rejection(fetch('/api/data/1'))).message).to.equal(message);
  });

  it('rejects a call whose lane is wrong, although it was on the wire already', async () => {
    const { createFetch } = await freshCopy();
    const fetch = createFetch();
    const call = rejection(fetch(run.path('/api/data/1', { delay: 60_000 }), { lane: { priority: 'urgent' } }));
    const fine = fetch(run.path('/api/data/1'));
    await fetch.ready;
    expect(await call).to.be.instanceOf(RangeError);
    expect((await fine).status).to.equal(200);
  });

  it('needs init() before createQueue(), and says so', async () => {
    const { createQueue, init } = await freshCopy();
    expect(() => createQueue()).to.throw('await init() before createQueue()');
    await init();
    expect(await createQueue().add(() => 1)).to.equal(1);
  });

  it('takes the module as address, response, bytes or module', async () => {
    const bytes = await moduleBytes();
    for (const source of [
      '/dist/sixlane.wasm',
      new URL('/dist/sixlane.wasm', location),
      new Response(bytes),
      bytes,
      await WebAssembly.compile(bytes),
    ]) {
      const { init, createQueue } = await freshCopy();
      await init(source);
      expect(await createQueue().add(() => 1)).to.equal(1);
    }
  });
});

describe('failing open', () => {
  let run;
  beforeEach(() => {
    run = new Run();
  });

  it('sends natively what waits, and all that comes later, when there is no module', async () => {
    const { createFetch } = await freshCopy();
    let fetch;
    const seen = await warnings(async () => {
      fetch = createFetch({ wasm: '/dist/nothing.wasm' });
      const calls = Array.from({ length: 20 }, () => fetch(run.path('/api/data/1')));
      await fetch.ready;
      const responses = await Promise.all(calls);
      expect(responses.every(({ ok }) => ok)).to.equal(true);
      const again = createFetch({ wasm: '/dist/nothing.wasm' });
      await again.ready;
    });
    expect(seen).to.have.length(1);
    expect(seen[0]).to.include('nothing.wasm answered 404');
    expect((await run.stats()).seen).to.equal(20);
    const { mode, reason } = fetch.status();
    expect(mode).to.equal('native');
    expect(reason).to.include('nothing.wasm answered 404');
    expect((await fetch(run.path('/api/data/1'))).status).to.equal(200);
    expect(await rejection(fetch('http://[')).then(({ name }) => name)).to.equal('TypeError');
  });

  it('answers every call natively, with one warning, under a policy that forbids WebAssembly', async () => {
    const frame = document.createElement('iframe');
    const told = new Promise((resolve) => {
      addEventListener('message', ({ data }) => resolve(data), { once: true });
    });
    frame.src = '/csp.html';
    document.body.append(frame);
    const { statuses, mode, reason, warnings: seen } = await told;
    frame.remove();
    expect(statuses).to.deep.equal(Array(22).fill(200));
    expect(mode).to.equal('native');
    expect(reason).to.match(/CSP|Content Security Policy|unsafe-eval|call to WebAssembly/i);
    expect(seen).to.have.length(1);
  });

  for (const event of ['Submit', 'Answered', 'Together']) {
    it(`loses nothing and sends nothing twice when the module traps in the event ${event}`, async () => {
      const codes = await (await globalThis.fetch('/js/codes.ts')).text();
      const wanted = Number(new RegExp(`SchedulerEvent {[^}]* ${event} = (\\d+)`).exec(codes)[1]);
      const { createFetch, createQueue, init } = await freshCopy();
      const bytes = await moduleBytes();
      const { instantiate } = WebAssembly;
      let armed = false;
      // A real trap: `unreachable`, reached where the module's own function would run.
      const code = [
        0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0, 10, 5, 1, 3, 0, 0, 11,
      ];
      const { exports: trap } = (await instantiate(Uint8Array.from(code))).instance;
      WebAssembly.instantiate = async (...args) => {
        const { exports } = await instantiate.apply(WebAssembly, args);
        const event = (object, code, ...numbers) =>
          armed && (code & 255) === wanted ? trap.f() : exports.event(object, code, ...numbers);
        return { exports: { ...exports, event } };
      };
      try {
        await init(bytes);
      } finally {
        WebAssembly.instantiate = instantiate;
      }
      const fetch = createFetch();
      const other = createFetch();
      const queue = createQueue({ concurrency: 1 });
      const ran = [];
      await warnings(async () => {
        const calls = Array.from({ length: 20 }, (_, n) =>
          fetch(run.path('/api/data/1', { n, delay: n < 6 ? 500 : 0 })),
        );
        const tasks = [1, 2, 3].map((n) =>
          queue.add(async () => {
            await turn();
            ran.push(n);
          }),
        );
        await run.until(({ seen }) => seen >= 6);
        armed = true;
        calls.push(fetch(run.path('/api/data/1', { n: 20 })));
        tasks.push(queue.add(() => ran.push(4)));
        const responses = await Promise.all(calls);
        expect(responses.every(({ ok }) => ok)).to.equal(true);
        await Promise.all(tasks);
        expect(await queue.add(() => 'later')).to.equal('later');
      });
      expect((await run.order('n')).map(Number).sort((a, b) => a - b)).to.deep.equal(
        Array.from({ length: 21 }, (_, n) => n),
      );
      expect(ran.sort()).to.deep.equal([1, 2, 3, 4]);
      expect(fetch.status()).to.include({ mode: 'native', reason: 'Error: the WebAssembly module trapped' });
      expect(other.status().mode, 'of another instance').to.equal('native');
      expect((await createFetch()(run.path('/api/data/1'))).status).to.equal(200);
    });
  }
});
