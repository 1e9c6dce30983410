import { createRecord, LEVELS, OUTCOME } from './record.js';
import { SLICE, SLICE_MS, turn } from './slices.js';

/** So that neither side pays for opening the connections. */
const WARM_UP = 6;

/** How long after the last answer the browser tells of it, at the latest. */
const LATE = 500;

/** The longest wait for the server to be done with what was cancelled. */
const DRAIN_LIMIT = 5000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function warmUp(fetch) {
  const requests = Array.from({ length: WARM_UP }, () => fetch('/api/user/profile?run=warm-up'));
  for (const response of await Promise.all(requests)) await response.arrayBuffer();
}

/** What the server saw of a run, asked when it has none of it any more; undefined when it cannot be asked. */
export async function seenByServer(fetch, tag) {
  const limit = performance.now() + DRAIN_LIMIT;
  for (;;) {
    const stats = await statsOf(fetch, tag);
    if (!stats || stats.inFlight === 0 || performance.now() > limit) return stats;
    await pause(50);
  }
}

async function statsOf(fetch, tag) {
  const response = await fetch(`/control/stats?run=${encodeURIComponent(tag)}`);
  return response.ok ? response.json() : undefined;
}

/** Puts what sixlane says about its slots into a record. Returns the end of it. */
function follow(events, record, tag) {
  const mine = `run=${tag}&`;
  const on = {
    started: (index) => record.enter(index, performance.now()),
    settled: (index) => record.answering(index),
    // Its slot is for others while it waits for the next attempt.
    retry: (index) => record.leave(index, performance.now()),
    preempted(index) {
      record.preempted += 1;
      record.leave(index, performance.now());
    },
  };
  const listeners = Object.entries(on).map(([type, note]) => {
    const listener = ({ detail: { url } }) => {
      const [, index] = (url.includes(mine) && /&n=(\d+)$/.exec(url)) || [];
      if (index) note(Number(index));
    };
    events.addEventListener(type, listener);
    return () => events.removeEventListener(type, listener);
  });
  return () => {
    for (const stop of listeners) stop();
  };
}

/** Counts the bytes of its answers, headers and all, where the browser tells. */
function weigh(record, tag) {
  let told = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { name, transferSize = 0 } of list.getEntries()) {
      if (!name.includes(tag)) continue;
      told += 1;
      record.received += transferSize;
    }
  });
  observer.observe({ type: 'resource' });
  /** To the end of so many requests: of the last ones the browser tells a moment later. */
  return async (requests) => {
    for (const limit = performance.now() + LATE; told < requests && performance.now() < limit; ) await pause(20);
    observer.disconnect();
  };
}

/** One side's run of a scene: `record` at once, `done` when all has settled, `cancel()` at any time. */
export function startRun({ side, scene, values, fetch, ask, during }) {
  const record = createRecord({ side, planned: scene.total(values), value: scene.chart.value });
  const tag = `${side}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
  const slices = [];
  let cancelled = false;
  let stop;
  const stopped = new Promise((resolve) => {
    stop = resolve;
  });

  /** `alike`: its address does not say which call it is. */
  async function send(path, { level, query, emergency, alike = false, ...init }, signal) {
    const index = record.call(level, performance.now());
    const url = `${path}?${new URLSearchParams({ run: tag, ...query, ...(!alike && { n: index }) })}`;
    const end = (how, error) => record.end(index, how, performance.now(), error);
    try {
      // Native fetch knows no `lane` and ignores it: the calls are the same.
      const response = await fetch(url, { ...init, signal, lane: { priority: LEVELS[level], emergency } });
      // To the end: only then is the connection free for the next one.
      await response.arrayBuffer();
      end(response.ok ? OUTCOME.answered : OUTCOME.refused, `status ${response.status}`);
    } catch (error) {
      end(signal.aborted ? OUTCOME.cancelled : OUTCOME.lost, signal.aborted ? '' : String(error.message ?? error));
    }
  }

  /** Calls `call(index, signal)` `count` times, in slices of one task each; resolves when all have settled. */
  async function inTurns(count, call) {
    const answers = [];
    while (answers.length < count) {
      await turn();
      if (cancelled) break;
      const slice = new AbortController();
      slices.push(slice);
      during(`Making the ${side} calls`, () => {
        const last = Math.min(count, answers.length + SLICE);
        const limit = performance.now() + SLICE_MS;
        do answers.push(call(answers.length, slice.signal));
        while (answers.length < last && performance.now() < limit);
      });
    }
    await Promise.all(answers);
  }

  /** A pause that a cancel ends. */
  const rest = (ms) => Promise.race([pause(ms), stopped]);

  /** Tells what the server has seen of this run, each `every` ms until it is stopped, and then once more. */
  function observe(every, tell) {
    let on = true;
    let last = performance.now();
    const look = async () => {
      const stats = await statsOf(ask, tag).catch(() => undefined);
      const now = performance.now();
      if (stats) tell(stats, now - last);
      last = now;
    };
    const watching = (async () => {
      for (; on && !cancelled; await rest(every)) await look();
    })();
    return {
      async stop() {
        on = false;
        await watching;
        await look();
      },
    };
  }

  async function run() {
    const unfollow = fetch.events ? follow(fetch.events, record, tag) : () => {};
    record.startedAt = performance.now();
    try {
      await scene.run({ values, record, inTurns, send, pause: rest, observe });
    } finally {
      record.finish(performance.now());
      unfollow();
    }
    return record;
  }

  const weighed = weigh(record, tag);
  return {
    tag,
    record,
    done: run(),
    weighed,
    /** In slices, too, the last calls first: what is cancelled must not be started by what was cancelled before. */
    async cancel() {
      cancelled = true;
      stop();
      while (slices.length > 0) {
        await turn();
        during(`Cancelling the ${side} calls`, () => slices.pop().abort());
      }
    },
  };
}
