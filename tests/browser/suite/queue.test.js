import { expect } from 'chai';
import { createQueue, init, isSixlaneError } from '/dist/index.js';
import { rejection, turn } from './support/server.js';

/** A task that ends when told to. */
function task() {
  const made = Promise.withResolvers ? Promise.withResolvers() : deferred();
  const run = (context) => {
    run.context = context;
    return made.promise;
  };
  return Object.assign(run, made);
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

describe('createQueue', () => {
  before(() => init());

  it('runs no more than `concurrency` at once, the more urgent first', async () => {
    const queue = createQueue({ concurrency: 2, aging: false });
    let running = 0;
    let most = 0;
    const order = [];
    const work = (name) => async () => {
      most = Math.max(most, ++running);
      order.push(name);
      await turn();
      running -= 1;
    };
    const priorities = ['low', 'low', 'background', 'normal', 70, 'critical', 'normal'];
    await Promise.all(priorities.map((priority, n) => queue.add(work(`${priority}${n}`), { priority })));
    expect(most).to.equal(2);
    expect(order).to.deep.equal(['low0', 'low1', 'critical5', '704', 'normal3', 'normal6', 'background2']);
  });

  it('resolves with what the task returns and rejects with what it throws', async () => {
    const queue = createQueue();
    expect(await queue.add(() => 1)).to.equal(1);
    expect(await queue.add(async () => 2)).to.equal(2);
    const error = new Error('mine');
    expect(
      await rejection(
        queue.add(() => {
          throw error;
        }),
      ),
    ).to.equal(error);
    expect(await rejection(queue.add(() => Promise.reject(error)))).to.equal(error);
    expect(await queue.addAll([() => 1, () => 2])).to.deep.equal([1, 2]);
    const never = () => expect.fail('it was run');
    expect((await rejection(queue.addAll([never, never], { id: 'a' }))).message).to.equal('`id` names one task, got 2');
    expect(queue.status()).to.include({ completed: 4, failed: 2, queued: 0, running: 0 });
  });

  it('limits each key for itself', () => {
    const queue = createQueue({ concurrency: 10, perKey: 1 });
    for (const key of ['a', 'a', 'b', 'b', 'c']) queue.add(task(), { key });
    expect([queue.pending, queue.size]).to.deep.equal([3, 2]);
  });

  it('changes the priority of what waits, by id', async () => {
    const queue = createQueue({ concurrency: 1 });
    const first = task();
    const order = [];
    queue.add(first);
    const late = queue.add(() => order.push('late'), { id: 'late', priority: 'low' });
    const soon = queue.add(() => order.push('soon'));
    queue.setPriority('late', 'critical');
    first.resolve();
    await Promise.all([late, soon]);
    expect(order).to.deep.equal(['late', 'soon']);
    expect(() => queue.setPriority('late', 1)).to.throw(ReferenceError, '`id` must be a waiting task\'s, got "late"');
  });

  it('pauses and starts', async () => {
    const queue = createQueue();
    queue.pause();
    const added = queue.add(() => 'done');
    expect([queue.isPaused, queue.size, queue.pending]).to.deep.equal([true, 1, 0]);
    expect(queue.start()).to.equal(queue);
    expect(queue.isPaused).to.equal(false);
    expect(await added).to.equal('done');
  });

  it('clear() rejects what waits, which p-queue leaves hanging', async () => {
    const queue = createQueue({ concurrency: 1 });
    const running = task();
    const done = queue.add(running);
    const waiting = [1, 2].map(() => rejection(queue.add(task())));
    expect(queue.clear()).to.equal(2);
    for (const error of await Promise.all(waiting)) {
      expect(isSixlaneError(error)).to.equal(true);
      expect(error.code).to.equal('queue-cleared');
    }
    running.resolve('still');
    expect(await done).to.equal('still');
    expect(queue.status()).to.include({ completed: 1, cancelled: 2 });
  });

  it('aborts what waits and what runs, with the reason of the signal', async () => {
    const queue = createQueue({ concurrency: 1 });
    const controllers = [new AbortController(), new AbortController()];
    const running = task();
    const errors = controllers.map(({ signal }, n) => rejection(queue.add(n ? task() : running, { signal })));
    controllers[1].abort('waiting');
    controllers[0].abort('running');
    expect(await Promise.all(errors)).to.deep.equal(['running', 'waiting']);
    expect(running.context.signal.aborted).to.equal(true);
    expect(running.context.signal.reason).to.equal('running');
    expect([queue.size, queue.pending]).to.deep.equal([0, 0]);
    expect(await rejection(queue.add(task(), { signal: AbortSignal.abort('before') }))).to.equal('before');
  });

  it('runs none of the tasks that one signal aborts together', async () => {
    const queue = createQueue({ concurrency: 1 });
    const controller = new AbortController();
    let ran = 0;
    const work = () => {
      ran += 1;
      return new Promise(() => {});
    };
    const calls = Array.from({ length: 10 }, () => rejection(queue.add(work, { signal: controller.signal })));
    controller.abort('all');
    expect(new Set(await Promise.all(calls))).to.deep.equal(new Set(['all']));
    expect(ran).to.equal(1);
  });

  it('times out, waiting and running', async () => {
    const queue = createQueue({ concurrency: 1 });
    const running = task();
    const errors = [running, task()].map((work) => rejection(queue.add(work, { timeout: 10 })));
    for (const error of await Promise.all(errors)) expect(error.name).to.equal('TimeoutError');
    expect(running.context.signal.reason.name).to.equal('TimeoutError');
    await queue.onIdle();
    expect(queue.status()).to.include({ failed: 2, running: 0 });
  });

  it('lets an emergency go before everything that waits', async () => {
    const queue = createQueue({ concurrency: 1 });
    const first = task();
    const order = [];
    queue.add(first);
    const calls = [queue.add(() => order.push('critical'), { priority: 'critical' })];
    calls.push(queue.add(() => order.push('emergency'), { emergency: true }));
    first.resolve();
    await Promise.all(calls);
    expect(order).to.deep.equal(['emergency', 'critical']);
  });

  it('tells when it is empty, idle, and short enough', async () => {
    const queue = createQueue({ concurrency: 1 });
    const tasks = [task(), task(), task()];
    const seen = [];
    tasks.map((work) => queue.add(work));
    const waits = [
      queue.onSizeLessThan(2).then(() => seen.push(`short at ${queue.size}`)),
      queue.onEmpty().then(() => seen.push('empty')),
      queue.onIdle().then(() => seen.push('idle')),
    ];
    for (const work of tasks) {
      await turn();
      seen.push('next');
      work.resolve();
    }
    await Promise.all(waits);
    expect(seen).to.deep.equal(['next', 'short at 1', 'next', 'empty', 'next', 'idle']);
    await Promise.all([queue.onEmpty(), queue.onIdle(), queue.onSizeLessThan(1)]);
  });

  it('takes another concurrency at any time', () => {
    const queue = createQueue({ concurrency: 1 });
    for (let n = 0; n < 3; n++) queue.add(task());
    expect([queue.concurrency, queue.pending]).to.deep.equal([1, 1]);
    queue.concurrency = 2;
    expect([queue.concurrency, queue.pending]).to.deep.equal([2, 2]);
    queue.concurrency = Number.POSITIVE_INFINITY;
    expect([queue.concurrency, queue.pending]).to.deep.equal([Number.POSITIVE_INFINITY, 3]);
    expect(() => {
      queue.concurrency = 0;
    }).to.throw(RangeError, '`concurrency` must be');
    expect(createQueue().concurrency).to.equal(64);
  });

  describe('in one turn, in which the core hears of many at once', () => {
    const count = 2_500;

    it('counts each at once', () => {
      const queue = createQueue({ concurrency: 2 });
      for (let n = 1; n <= 5; n++) {
        queue.add(task());
        expect([queue.pending, queue.size]).to.deep.equal([Math.min(n, 2), Math.max(0, n - 2)]);
      }
      for (let n = 0; n < count; n++) queue.add(task());
      expect(queue.status()).to.include({ queued: count + 3, running: 2 });
    });

    it('runs all of them, in order', async () => {
      const queue = createQueue({ concurrency: 3, aging: false });
      const order = [];
      const levels = ['low', 'high', 'normal'];
      const tasks = Array.from({ length: count }, (_, n) =>
        queue.add(() => order.push(n), { priority: levels[n % 3] }),
      );
      await Promise.all(tasks);
      const rank = (n) => (n < 3 ? -1 : [2, 0, 1][n % 3]);
      const expected = Array.from({ length: count }, (_, n) => n).sort((a, b) => rank(a) - rank(b) || a - b);
      expect(order.findIndex((n, place) => n !== expected[place])).to.equal(-1);
      expect(queue.status()).to.include({ completed: count, queued: 0, running: 0 });
    });

    it('aborts and clears those that it has not heard of', async () => {
      const queue = createQueue({ concurrency: 1 });
      const first = task();
      queue.add(first);
      const controller = new AbortController();
      const ran = [];
      const doomed = [1, 2, 3].map((n) => queue.add(() => ran.push(n), { signal: controller.signal }));
      controller.abort();
      const cleared = queue.add(() => ran.push('cleared'));
      expect(queue.clear()).to.equal(1);
      const last = queue.add(() => ran.push('last'));
      first.resolve();
      const errors = await Promise.all([...doomed, cleared].map(rejection));
      expect(errors.map(({ name }) => name)).to.deep.equal(['AbortError', 'AbortError', 'AbortError', 'SixlaneError']);
      await last;
      expect(ran).to.deep.equal(['last']);
      expect(queue.status()).to.include({ completed: 2, cancelled: 4, queued: 0, running: 0 });
    });

    it('starts at once what has room beside a key that has none', () => {
      const queue = createQueue({ concurrency: 4, perKey: 1 });
      let started = 0;
      for (const key of ['a', 'a', 'a', 'b']) queue.add(() => new Promise(() => started++), { key });
      expect(started).to.equal(2);
      queue.concurrency = 1;
      queue.add(task(), { key: 'c' });
      queue.concurrency = 4;
      queue.add(() => new Promise(() => started++), { key: 'd' });
      expect([started, queue.pending]).to.deep.equal([3, 4]);
    });
  });

  it('keeps its slot where a task aborts the one that is about to be handed over', async () => {
    const queue = createQueue({ concurrency: 1 });
    const controller = new AbortController();
    const first = task();
    const added = queue.add(first);
    queue.add(() => {
      controller.abort();
      return queue.size;
    });
    const last = added.then(() => queue.add(task(), { key: 'other', signal: controller.signal }));
    first.resolve();
    expect((await rejection(last)).name).to.equal('AbortError');
    expect(await queue.add(() => 'on')).to.equal('on');
    expect(queue.status()).to.include({ queued: 0, running: 0 });
  });

  it('has room for another task once one has ended, in the same turn, too', async () => {
    const queue = createQueue({ concurrency: 1, highWater: 1 });
    const controller = new AbortController();
    const first = task();
    queue.add(first);
    const waiting = rejection(queue.add(task(), { signal: controller.signal }));
    controller.abort();
    const next = queue.add(() => 'next');
    first.resolve();
    expect(await next).to.equal('next');
    expect((await waiting).name).to.equal('AbortError');
  });

  it('takes tasks that add tasks, without growing the stack', async () => {
    const queue = createQueue({ concurrency: 1 });
    let left = 20_000;
    const again = () => {
      if (--left > 0) queue.add(again);
    };
    queue.add(again);
    await queue.onIdle();
    expect(left).to.equal(0);
    const many = Array.from({ length: 20_000 }, (_, n) => queue.add(() => n));
    expect((await Promise.all(many)).at(-1)).to.equal(19_999);
  });

  it('is not harmed by a task that settles after its end', async () => {
    const queue = createQueue({ concurrency: 1 });
    const late = task();
    const controller = new AbortController();
    const aborted = rejection(queue.add(late, { signal: controller.signal }));
    controller.abort();
    await aborted;
    const next = task();
    queue.add(next);
    late.resolve();
    await turn();
    expect(queue.pending).to.equal(1);
  });
});
