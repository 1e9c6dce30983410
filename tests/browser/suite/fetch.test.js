import { expect } from 'chai';
import { createFetch, init, SixlaneError } from '/dist/index.js';
import { otherHost, Run, rejection, turn } from './support/server.js';

describe('createFetch', () => {
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

  const get = (n, lane, orders) => fetch(run.path('/api/data/1', { n, ...orders }), lane && { lane });

  describe('slots', () => {
    it('never has more than six requests at an origin', async () => {
      const responses = await Promise.all(Array.from({ length: 100 }, (_, n) => get(n, undefined, { delay: 5 })));
      await Promise.all(responses.map((response) => response.json()));
      const { seen, peak } = await run.stats();
      expect({ seen, peak }).to.deep.equal({ seen: 100, peak: 6 });
    });

    it('counts each origin for itself, and a key as its caller says', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const other = new Run();
      const both = [
        get(1, undefined, { delay: 50 }),
        get(2),
        fetch(other.url('/api/data/1', { delay: 50 }, otherHost)),
      ];
      expect(
        fetch.status().origins.map(({ key, running, queued, limit, utilization }) => ({
          key,
          running,
          queued,
          limit,
          utilization,
        })),
      ).to.deep.equal([
        { key: location.origin, running: 1, queued: 1, limit: 1, utilization: 1 },
        { key: `http://${otherHost}`, running: 1, queued: 0, limit: 1, utilization: 1 },
      ]);
      both.push(get(3, { key: 'mine' }));
      expect(fetch.status().running).to.equal(3);
      await Promise.all(both);
    });

    it('keeps the slot until the body is read to its end', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const size = 300_000;
      const first = await get(1, undefined, { size, slow: 200 });
      const second = get(2);
      await turn();
      expect(fetch.status()).to.include({ running: 1, queued: 1 });
      expect((await first.arrayBuffer()).byteLength).to.equal(size);
      await second;
    });

    it('gives the slot back with the headers when asked to', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      await get(1, { slot: 'headers' }, { slow: 1000 });
      expect(fetch.status().running).to.equal(0);
    });

    for (const [name, use] of Object.entries({
      'text()': (response) => response.text(),
      'blob()': (response) => response.blob(),
      'a reader': async (response) => {
        const reader = response.body.getReader();
        while (!(await reader.read()).done);
      },
      'a reader after another one': async (response) => {
        const first = response.body.getReader();
        await first.read();
        first.releaseLock();
        const reader = response.body.getReader();
        while (!(await reader.read()).done);
      },
      'cancel()': (response) => response.body.cancel(),
      pipeTo: (response) => response.body.pipeTo(new WritableStream()),
      pipeThrough: async (response) => {
        const reader = response.body.pipeThrough(new TransformStream()).getReader();
        while (!(await reader.read()).done);
      },
      'a clone': async (response) => {
        const copy = response.clone();
        await Promise.all([copy.text(), response.text()]);
      },
      'a new Response': (response) => new Response(response.body).text(),
      'tee()': (response) => Promise.all(response.body.tee().map((branch) => new Response(branch).text())),
      'a reader after one that was released in the same turn': async (response) => {
        response.body.getReader().releaseLock();
        const reader = response.body.getReader();
        while (!(await reader.read()).done);
      },
      'an iterator': async (response) => {
        const reader = response.body.values?.() ?? response.body.getReader();
        while (!(await (reader.next?.() ?? reader.read())).done);
      },
    })) {
      it(`sees the end of a body through ${name}`, async () => {
        fetch = make({ queue: { perOrigin: 1 } });
        const first = await get(1, undefined, { slow: 40, size: 200_000 });
        const second = get(2);
        await turn();
        expect(fetch.status()).to.include({ running: 1, queued: 1 });
        await use(first);
        expect((await second).status).to.equal(200);
      });
    }

    for (const [name, use] of Object.entries({
      'a lock that changes hands in one turn': async ({ body }) => {
        const reader = body.getReader();
        await reader.read();
        reader.releaseLock();
        body.getReader().read();
      },
      'a pipe that leaves the rest to others': async ({ body }) => {
        const closed = new WritableStream({ write: () => Promise.reject('full') });
        await rejection(body.pipeTo(closed, { preventCancel: true }));
      },
      'an iterator that leaves the rest to others': async ({ body }) => {
        if (!body.values) return;
        for await (const chunk of body.values({ preventCancel: true })) if (chunk) break;
      },
      'a clone that is cancelled': async (response) => {
        const copy = response.clone();
        // It waits for the other one to be cancelled, too.
        copy.body.cancel().catch(() => {});
        response.body.getReader().read();
      },
      'another request to the same address that ends sooner': async ({ body, url }) => {
        const reader = body.getReader();
        await reader.read();
        expect((await fetch(url, { method: 'HEAD' })).status).to.equal(200);
        reader.read();
      },
    })) {
      it(`does not take for the end of a body: ${name}`, async () => {
        const controller = new AbortController();
        const path = run.path('/api/data/1', { slow: 10_000, size: 1_000_000 });
        await use(await fetch(path, { signal: controller.signal }));
        // Entries of resource timing come when the browser finds time: by now those of a later request are there.
        await (await fetch(run.path('/api/data/1', { size: 100_000 }))).text();
        expect(fetch.status().running).to.equal(1);
        controller.abort();
        expect(fetch.status().running).to.equal(0);
      });
    }

    it('keeps six slots for six bodies that are read slowly; the seventh starts when one has ended', async () => {
      const started = [];
      fetch.events.addEventListener('started', ({ detail }) => started.push(new URL(detail.url).searchParams.get('n')));
      const bodies = await Promise.all(
        [1, 2, 3, 4, 5, 6].map(async (n) => {
          const { body } = await get(n, undefined, { size: 1_000_000, slow: 10_000 });
          return body.getReader();
        }),
      );
      const seventh = get(7);
      for (const reader of bodies) reader.read();
      expect(fetch.status()).to.include({ running: 6, queued: 1 });
      expect(started).to.have.length(6);
      await bodies[3].cancel();
      expect((await seventh).status).to.equal(200);
      expect(started).to.have.length(7);
      await Promise.all(bodies.map((reader) => reader.cancel()));
    });

    it('is not blocked for ever by a body that nobody reads, and tells of it', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const lent = [];
      fetch.events.addEventListener('lent', ({ detail }) => lent.push(detail.why));
      // Slow, because Firefox and WebKit take bodies off the connection that nobody reads.
      const unread = await get(1, undefined, { size: 8 * 2 ** 20, slow: 60_000 });
      expect((await get(2)).status).to.equal(200);
      expect(lent).to.deep.equal(['unread']);
      await unread.body.cancel();
    });

    it('counts endless bodies, two of an origin at most, and tells of those above', async () => {
      const lent = [];
      fetch.events.addEventListener('lent', ({ detail }) => lent.push(detail.why));
      const streams = await Promise.all([1, 2, 3].map((n) => fetch(run.path('/api/events', { n }))));
      expect(fetch.status().running).to.equal(2);
      expect(lent).to.deep.equal(['streams']);
      await Promise.all(streams.map((response) => response.body.cancel()));
      await turn();
      expect(fetch.status().running).to.equal(0);
    });
  });

  describe('order', () => {
    const levels = ['background', 'low', 'normal', 'high', 'critical'];

    it('sends the more urgent first, equals in order of arrival', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const first = get('first', undefined, { delay: 30 });
      const rest = [...levels, ...levels].map((priority, n) => get(`${priority}${n}`, { priority }));
      await Promise.all([first, ...rest]);
      expect(await run.order('n')).to.deep.equal([
        'first',
        'critical4',
        'critical9',
        'high3',
        'high8',
        'normal2',
        'normal7',
        // The eighth start is the turn of whoever has waited longest.
        'low1',
        'background0',
        'low6',
        'background5',
      ]);
    });

    it('takes a raw number, and the hint that native fetch knows', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const calls = [get('first', undefined, { delay: 30 }), get('50', { priority: 50 }), get('normal')];
      calls.push(fetch(run.path('/api/data/1', { n: 'hint' }), { priority: 'high' }));
      await Promise.all(calls);
      expect(await run.order('n')).to.deep.equal(['first', 'hint', 'normal', '50']);
    });

    it('sends a critical call behind a thousand as soon as a slot is free, an emergency at once', async () => {
      const sent = [];
      fetch.events.addEventListener('started', ({ detail }) => sent.push(new URL(detail.url).searchParams.get('n')));
      const calls = Array.from({ length: 1000 }, (_, n) => get(n, { priority: 'background' }));
      calls.push(get('critical', { priority: 'critical' }));
      expect(sent.length, 'six are on the wire').to.equal(6);
      await Promise.race(calls);
      expect(sent[6]).to.equal('critical');
      const before = sent.length;
      calls.push(get('emergency', { emergency: true }));
      expect(sent[before]).to.equal('emergency');
      const { length } = await Promise.all(calls.map(async (call) => (await call).text()));
      expect(length).to.equal(1002);
      expect((await run.stats()).peak).to.be.at.most(6);
    });

    it('lets an emergency take the slot of one that can be sent again, whose caller notices nothing', async () => {
      fetch = make({ queue: { perOrigin: 2 } });
      const preempted = [];
      fetch.events.addEventListener('preempted', ({ detail }) => preempted.push(detail.url));
      const slow = [1, 2].map((n) => get(n, { priority: 'background' }, { delay: 400 }));
      await run.until(({ seen }) => seen === 2);
      const emergency = await fetch.emergency(run.path('/api/data/2', { n: 'emergency' }));
      expect(emergency.status).to.equal(200);
      expect(preempted).to.have.length(1);
      const answers = await Promise.all(slow);
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 200]);
      expect(fetch.status()).to.include({ preempted: 1, completed: 3 });
      expect((await run.order('n')).slice(2)).to.deep.equal(['emergency', '2']);
    });

    it('never takes a slot from a request that must not be sent twice', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const post = fetch(run.path('/api/echo', { delay: 50 }), {
        method: 'POST',
        body: 'x',
        lane: { priority: 'background' },
      });
      const emergency = fetch.emergency(run.path('/api/data/1'));
      expect(fetch.status()).to.include({ running: 1, queued: 1 });
      await Promise.all([post, emergency]);
      expect(fetch.status().preempted).to.equal(0);
    });
  });

  describe('what waits', () => {
    /** One that takes its time, and behind it one of each of these levels. */
    const behind = async (...levels) => {
      fetch = createFetch({ queue: { perOrigin: 1 }, retry: false, cache: false });
      await fetch.ready;
      const first = fetch(run.path('/api/data/9', { delay: 150 }));
      const calls = levels.map((priority, n) => fetch(run.path(`/api/data/${n + 1}`), { lane: { priority } }));
      return { first, calls };
    };
    const paths = () => fetch.waiting().map(({ url }) => new URL(url).pathname.at(-1));

    it('is listed in the order in which it would start, as plain data', async () => {
      const ids = [];
      const { first, calls } = await behind('background', 'critical', 'normal');
      fetch.events.addEventListener('started', ({ detail }) => ids.push(detail.id));
      expect(paths()).to.deep.equal(['2', '3', '1']);
      const waiting = fetch.waiting();
      const [{ since, id, ...rest }] = waiting;
      expect(rest).to.deep.equal({
        url: new URL(run.path('/api/data/2'), location.href).href,
        method: 'GET',
        key: location.origin,
        priority: 'critical',
      });
      expect(since).to.be.within(performance.now() - 10_000, performance.now());
      expect(id).to.be.a('number');
      await Promise.all([first, ...calls].map(async (call) => (await call).text()));
      expect(ids).to.deep.equal(waiting.map(({ id }) => id));
      expect(fetch.waiting()).to.deep.equal([]);
    });

    it('can be cancelled, one by one, and nothing else can', async () => {
      const { first, calls } = await behind('normal', 'normal', 'normal');
      const [one, two] = fetch.waiting();
      const reason = new Error('on purpose');
      expect(fetch.cancel(one.id)).to.equal(true);
      expect(fetch.cancel(two.id, reason)).to.equal(true);
      expect(fetch.cancel(one.id)).to.equal(false);
      expect(fetch.cancel(-5)).to.equal(false);
      expect((await rejection(calls[0])).name).to.equal('AbortError');
      expect(await rejection(calls[1])).to.equal(reason);
      expect(paths()).to.deep.equal(['3']);
      await (await first).text();
      await (await calls[2]).text();
      expect(fetch.status()).to.include({ cancelled: 2, completed: 2, failed: 0 });
      expect((await run.stats()).seen).to.equal(2);
    });

    it('can be made more urgent, and less', async () => {
      const { first, calls } = await behind('normal', 'normal', 'normal');
      const [one, , three] = fetch.waiting();
      expect(fetch.setPriority(three.id, 'critical')).to.equal(true);
      expect(fetch.setPriority(one.id, 1)).to.equal(true);
      expect(fetch.setPriority(-5, 'low')).to.equal(false);
      expect(() => fetch.setPriority(one.id, 'urgent')).to.throw(RangeError, '`priority` must be a finite number or');
      expect(fetch.waiting().map(({ priority }) => priority)).to.deep.equal(['critical', 'normal', 'background']);
      expect(paths()).to.deep.equal(['3', '2', '1']);
      await Promise.all([first, ...calls].map(async (call) => (await call).text()));
    });
  });

  describe('the end of a call', () => {
    it('rejects with the reason of its signal, untouched, while it waits', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const first = get(1, undefined, { delay: 50 });
      const controller = new AbortController();
      const waiting = fetch(run.path('/api/data/1', { n: 2 }), { signal: controller.signal });
      controller.abort('enough');
      expect(await rejection(waiting)).to.equal('enough');
      expect(fetch.status()).to.include({ queued: 0, cancelled: 1 });
      await first;
      expect((await run.stats()).seen).to.equal(1);
    });

    it('rejects with it while it is on the wire, and the server sees the abort', async () => {
      const controller = new AbortController();
      const running = fetch(run.path('/api/data/1', { delay: 60_000 }), { signal: controller.signal });
      await run.until(({ inFlight }) => inFlight === 1);
      const reason = new Error('mine');
      controller.abort(reason);
      expect(await rejection(running)).to.equal(reason);
      expect(fetch.status()).to.include({ running: 0, cancelled: 1 });
      await run.until(({ aborted }) => aborted === 1);
    });

    it('sends none of the calls that one signal aborts together', async () => {
      let handed = 0;
      fetch = make({
        fetch: (...args) => {
          handed += 1;
          return globalThis.fetch(...args);
        },
      });
      const controller = new AbortController();
      const calls = Array.from({ length: 50 }, (_, n) =>
        rejection(fetch(run.path('/api/data/1', { n, delay: 60_000 }), { signal: controller.signal })),
      );
      controller.abort('all');
      expect(new Set(await Promise.all(calls))).to.deep.equal(new Set(['all']));
      expect(handed).to.equal(6);
      expect(fetch.status()).to.include({ cancelled: 50, queued: 0, running: 0 });
    });

    it('breaks off a body that is aborted, as native fetch does', async () => {
      const controller = new AbortController();
      const response = await fetch(run.path('/api/data/1', { slow: 60_000, size: 100_000 }), {
        signal: controller.signal,
      });
      const text = response.text();
      controller.abort();
      expect((await rejection(text)).name).to.equal('AbortError');
      await turn();
      expect(fetch.status().running).to.equal(0);
    });

    it('rejects as native fetch does where no argument is given', async () => {
      for (const call of [() => fetch(), () => fetch.emergency()]) {
        expect(await rejection(call())).to.be.instanceOf(TypeError);
      }
    });

    it('times out waiting and on the wire with the name that native has', async () => {
      fetch = make({ queue: { perOrigin: 1 }, timeout: 60 });
      const calls = [get(1, undefined, { delay: 60_000 }), get(2, { timeout: 30 })];
      for (const call of calls) {
        const error = await rejection(call);
        expect(error).to.be.instanceOf(DOMException);
        expect(error.name).to.equal('TimeoutError');
      }
      const { seen } = await run.until(({ inFlight }) => inFlight === 0);
      expect(seen, 'the waiting one was never sent').to.be.at.most(1);
    });

    it('limits an attempt without counting the wait', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const first = get(1, undefined, { delay: 120 });
      const second = get(2, { timeout: { attempt: 100 } });
      await Promise.all([first, second]);
      expect((await rejection(get(3, { timeout: { attempt: 20 } }, { delay: 60_000 }))).name).to.equal('TimeoutError');
    });

    it('clear() rejects what waits and leaves what runs', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const running = get(1, undefined, { delay: 30 });
      const waiting = [2, 3].map((n) => rejection(get(n)));
      expect(fetch.clear()).to.equal(2);
      for (const error of await Promise.all(waiting)) {
        expect(error).to.be.instanceOf(SixlaneError);
        expect(error).to.include({ code: 'queue-cleared', retryAfter: null });
      }
      const more = rejection(get(4));
      expect(fetch.clear('why not')).to.equal(1);
      expect(await more).to.equal('why not');
      expect((await running).status).to.equal(200);
    });

    it('close() settles everything at once, and so is every later call', async () => {
      fetch = make({ queue: { perOrigin: 1 } });
      const calls = [1, 2].map((n) => rejection(get(n, undefined, { delay: 60_000 })));
      await run.until(({ seen }) => seen === 1);
      await fetch.close();
      const errors = [...(await Promise.all(calls)), await rejection(get(3))];
      expect(errors.map(({ code }) => code)).to.deep.equal(['closed', 'closed', 'closed']);
      await run.until(({ aborted }) => aborted === 1);
    });

    it('close() leaves what was counted', async () => {
      await (await get(1)).text();
      await rejection(get(2, { timeout: 1 }, { delay: 60_000 }));
      const { completed, failed } = fetch.status();
      expect({ completed, failed }).to.deep.equal({ completed: 1, failed: 1 });
      await fetch.close();
      expect(fetch.status()).to.include({ completed, failed, running: 0, queued: 0 });
    });

    it('close() breaks off bodies that hold no slot, too', async () => {
      const response = await get(1, { slot: 'headers' }, { slow: 60_000, size: 100_000 });
      await fetch.close();
      // WebKit has an AbortError of its own for every body that is broken off.
      const { code, name } = await rejection(response.text());
      expect(code === 'closed' || name === 'AbortError').to.equal(true);
    });

    it('turns away above highWater: the newcomer, or the least urgent youngest', async () => {
      fetch = make({ queue: { perOrigin: 1, highWater: 1 } });
      const calls = [get(1, undefined, { delay: 20 }), get(2)];
      expect(await rejection(get(3, { priority: 'critical' }))).to.include({ code: 'queue-full' });
      await Promise.all(calls);
      fetch = make({ queue: { perOrigin: 1, highWater: 1, strategy: 'drop-lowest' } });
      const first = get(4, undefined, { delay: 20 });
      const dropped = rejection(get(5, { priority: 'low' }));
      const critical = get(6, { priority: 'critical' });
      expect(await dropped).to.include({ code: 'queue-full' });
      await Promise.all([first, critical]);
    });
  });

  describe('several instances on a page', () => {
    it('share the slots of an origin, also of two copies of the package, and the more urgent call goes first', async () => {
      const copy = await import('/dist/index.js?copy=shared');
      await copy.init();
      const others = [make(), copy.createFetch()];
      open.push(others[1]);
      const sent = [];
      for (const instance of [fetch, ...others]) {
        instance.events.addEventListener('started', ({ detail }) =>
          sent.push(new URL(detail.url).searchParams.get('n')),
        );
      }
      const calls = Array.from({ length: 50 }, (_, n) => get(n, { priority: 'low' }, { delay: 5 }));
      // The clock of Firefox and WebKit goes by milliseconds: in one of them, nobody knows who came first.
      for (const now = performance.now(); performance.now() === now; );
      const call = (instance, n, priority) =>
        instance(run.path('/api/data/1', { n, delay: 5 }), { lane: { priority } });
      calls.push(
        call(others[0], 'low', 'low'),
        call(others[1], 'critical', 'critical'),
        call(others[0], 'high', 'high'),
      );
      expect(sent).to.have.length(6);
      expect([fetch, ...others].map((instance) => instance.status().running)).to.deep.equal([6, 0, 0]);
      await Promise.all(calls);
      expect(sent.slice(6, 8)).to.deep.equal(['critical', 'high']);
      expect(sent.indexOf('low'), 'in order of arrival among equals').to.be.greaterThan(40);
      expect((await run.stats()).peak).to.be.at.most(6);
      expect(sent).to.have.length(53);
    });

    it('give way to an emergency of another one, the least urgent first', async () => {
      const others = [make(), make()];
      const ended = [];
      const hold = (instance, n, priority) =>
        instance(run.path('/api/data/1', { n, delay: 60_000 }), { lane: { priority } }).catch((error) =>
          ended.push(error.code),
        );
      const held = [1, 2, 3].flatMap((n) => [hold(fetch, n, 'low'), hold(others[0], n, 'background')]);
      const running = () => [fetch, ...others].map((instance) => instance.status().running);
      expect(running()).to.deep.equal([3, 3, 0]);
      const sent = [];
      // The server may hear of the one that gave way after it hears of the one that came.
      others[1].events.addEventListener('started', () => sent.push(running()));
      expect((await others[1].emergency(run.path('/api/data/1'))).status).to.equal(200);
      expect([fetch, ...others].map((instance) => instance.status().preempted)).to.deep.equal([0, 1, 0]);
      expect(ended).to.deep.equal([]);
      expect(sent).to.deep.equal([[3, 2, 1]]);
      await Promise.all([fetch, others[0]].map((instance) => instance.close()));
      await Promise.all(held);
    });

    it('leave their share when they close', async () => {
      const other = make();
      const held = Array.from({ length: 6 }, (_, n) => rejection(other(run.path('/api/data/1', { n, delay: 60_000 }))));
      const call = get('after');
      expect(fetch.status()).to.include({ running: 0, queued: 1 });
      await other.close();
      expect((await call).status).to.equal(200);
      await Promise.all(held);
    });

    it('keep limits of their own below that', async () => {
      const narrow = make({ queue: { perOrigin: 1 } });
      const wide = Array.from({ length: 20 }, (_, n) => get(n, undefined, { delay: 5 }));
      const calls = [1, 2, 3].map((n) => narrow(run.path('/api/data/1', { n: `narrow${n}`, delay: 5 })));
      let most = 0;
      narrow.events.addEventListener('started', () => {
        most = Math.max(most, narrow.status().running);
      });
      await Promise.all([...wide, ...calls]);
      expect(most).to.equal(1);
      const { seen, peak } = await run.stats();
      expect(seen).to.equal(23);
      expect(peak).to.be.at.most(6);
    });
  });

  describe('the transport', () => {
    it('may throw, or answer with something odd: that call fails, and the others go on', async () => {
      const odd = [
        () => {
          throw new Error('thrown');
        },
        () => Promise.reject('rejected'),
        () => new Response('no promise'),
        () => ({ mock: true }),
        () => undefined,
      ];
      fetch = make({ dedupe: false, queue: { perOrigin: 1 }, fetch: () => odd.shift()() });
      const calls = [1, 2, 3, 4, 5].map(() => fetch('/api/data/1'));
      expect((await rejection(calls[0])).message).to.equal('thrown');
      expect(await rejection(calls[1])).to.equal('rejected');
      expect(await (await calls[2]).text()).to.equal('no promise');
      expect(await calls[3]).to.deep.equal({ mock: true });
      expect(await calls[4]).to.equal(undefined);
      expect(fetch.status()).to.include({ running: 0, completed: 3, failed: 2 });
    });
  });

  describe('the transport', () => {
    it('gets an address as such, where nothing but a lane is said', async () => {
      const { fetch: native, Request } = globalThis;
      const inputs = [];
      globalThis.fetch = (...args) => {
        inputs.push(args[0]);
        return native(...args);
      };
      try {
        fetch = make();
        const path = run.path('/api/data/1');
        const address = new URL(path, location.href);
        await Promise.all([fetch(path), fetch(address, { lane: { priority: 'high' }, cache: undefined })]);
        await fetch(path, { lane: { priority: 'low', cache: false, dedupe: false } });
        expect(inputs.map((input) => (input instanceof Request ? 'Request' : input))).to.deep.equal([
          address.href,
          'Request',
          address.href,
        ]);
      } finally {
        globalThis.fetch = native;
      }
    });

    it('may answer with a response that is frozen, or with the same one twice', async () => {
      const big = { headers: { 'content-length': '1000000' } };
      const same = new Response('same', big);
      const answers = [Object.freeze(new Response('frozen', big)), same, same];
      fetch = make({ dedupe: false, queue: { perOrigin: 2 }, fetch: async () => answers.shift() });
      expect(await (await fetch('/api/data/1')).text()).to.equal('frozen');
      const twice = await Promise.all([fetch('/api/data/1'), fetch('/api/data/1')]);
      expect(twice).to.deep.equal([same, same]);
      expect(await same.text()).to.equal('same');
      expect(fetch.status()).to.include({ running: 0, completed: 3 });
    });

    for (const [name, replacement] of Object.entries({
      itself: (instance) => instance,
      'a function around it': (instance) => (input, init) => instance(input, init),
    })) {
      it(`is the native one where somebody put in its place ${name}`, async () => {
        const native = globalThis.fetch;
        fetch = make({ queue: { perOrigin: 1 } });
        globalThis.fetch = replacement(fetch);
        try {
          const responses = await Promise.all([1, 2, 3].map((n) => globalThis.fetch(run.path('/api/data/1', { n }))));
          expect(responses.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
        } finally {
          globalThis.fetch = native;
        }
        expect(fetch.status()).to.include({ completed: 3, running: 0 });
      });
    }
  });

  it('settles every call where whoever hears of one makes two', async () => {
    const answers = [];
    fetch = make({ queue: { perOrigin: 1 }, fetch: () => new Promise((resolve) => answers.push(resolve)) });
    const settled = [];
    const call = (n) => {
      const made = fetch(`/api/data/1?n=${n}`, { lane: { dedupe: false, cache: false } });
      made.then(
        () => settled.push(n),
        () => settled.push(n),
      );
      return made;
    };
    const calls = Array.from({ length: 100 }, (_, n) => call(n));
    let more = 100;
    fetch.events.addEventListener('settled', () => {
      if (more < 300) calls.push(call(more++), call(more++));
    });
    expect(fetch.clear()).to.equal(99);
    while (settled.length < 300) {
      answers.shift()?.(new Response());
      await new Promise((resolve) => setTimeout(resolve));
    }
    await Promise.allSettled(calls);
    expect(settled.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 300 }, (_, n) => n));
    expect(fetch.status()).to.include({ queued: 0, running: 0 });
  });

  describe('pause', () => {
    it('sends nothing until resume, keepalive requests apart', async () => {
      fetch.pause();
      const waiting = get(1);
      const beacon = await fetch(run.path('/api/analytics'), { method: 'POST', body: '{}', keepalive: true });
      expect(beacon.ok).to.equal(true);
      expect((await run.stats()).seen).to.equal(1);
      fetch.resume();
      expect((await waiting).status).to.equal(200);
    });
  });

  describe('routes', () => {
    it('say for many what a call site would say, which has the last word', async () => {
      fetch = make({
        queue: { perOrigin: 1 },
        routes: [
          { match: '/api/users/:id', method: 'get', priority: 'critical' },
          { match: /\/api\/recommendations/g, priority: 'background' },
          { match: ({ url }) => url.includes('profile'), priority: 'high' },
          { match: new URLPattern({ pathname: '/api/data/*' }), priority: 'low' },
        ],
      });
      const paths = ['recommendations', 'data/7', 'user/profile', 'users/1'];
      const calls = ['data/1', ...paths].map((path) => fetch(run.path(`/api/${path}`, { n: path, delay: 20 })));
      calls.push(fetch(run.path('/api/data/2', { n: 'said' }), { lane: { priority: 'high' } }));
      await Promise.all(calls);
      expect(await run.order('n')).to.deep.equal([
        'data/1',
        'users/1',
        'user/profile',
        'said',
        'data/7',
        'recommendations',
      ]);
    });
  });

  it('learns what an origin speaks, where the browser lets it be seen, with no room in the timing buffer, too', async () => {
    const other = `http://${otherHost}`;
    const protocolOf = (key) => fetch.status().origins.find((one) => one.key === key)?.protocol;
    await (await get(1)).text();
    expect(protocolOf(location.origin), 'of the page itself').to.equal('http/1.1');
    // Another copy has not seen what this one has.
    const copy = await import(`/dist/index.js?copy=protocol`);
    await copy.init();
    performance.setResourceTimingBufferSize(0);
    performance.clearResourceTimings();
    fetch = copy.createFetch();
    open.push(fetch);
    try {
      const ask = async (orders) => (await fetch(run.url('/api/data/1', orders, otherHost))).text();
      for (let n = 0; n < 20; n += 1) await ask({ n });
      expect(protocolOf(other), 'without Timing-Allow-Origin').to.equal(null);
      for (let n = 0; protocolOf(other) === null; n += 1) await ask({ n, tao: 1 });
      expect(protocolOf(other)).to.equal('http/1.1');
      expect(fetch.status().origins.find((one) => one.key === other).limit).to.equal(6);
    } finally {
      performance.setResourceTimingBufferSize(250);
    }
  });

  it('takes nothing from a default by a route that leaves a word undefined', async () => {
    fetch = make({ timeout: 20, routes: [{ match: '/api/*', timeout: undefined }] });
    expect((await rejection(get(1, undefined, { delay: 60_000 }))).name).to.equal('TimeoutError');
  });

  describe('status and events', () => {
    it('tell the truth while it runs and after', async () => {
      fetch = make({ queue: { perOrigin: 2 } });
      const seen = [];
      for (const type of ['queued', 'started', 'settled']) {
        fetch.events.addEventListener(type, ({ detail }) =>
          seen.push(`${type} ${new URL(detail.url).searchParams.get('n')}`),
        );
      }
      const calls = [get(1, undefined, { delay: 20 }), get(2, undefined, { delay: 800 }), get(3, { priority: 'high' })];
      const { queued, running, mode, reason, byPriority } = fetch.status();
      expect({ queued, running, mode, reason }).to.deep.equal({ queued: 1, running: 2, mode: 'wasm', reason: null });
      expect(byPriority.normal).to.deep.equal({ queued: 0, running: 2 });
      expect(byPriority.high).to.deep.equal({ queued: 1, running: 0 });
      await Promise.all(calls);
      expect(fetch.status()).to.include({
        queued: 0,
        running: 0,
        completed: 3,
        failed: 0,
        cancelled: 0,
        oldestWait: 0,
      });
      expect(seen).to.deep.equal([
        'started 1',
        'started 2',
        'queued 3',
        'settled 1',
        'started 3',
        'settled 3',
        'settled 2',
      ]);
    });
  });
});
