/** One burst of requests, made with whatever `fetch` it is given. It knows of no page. */

/** How far a burst has come. Plain figures, changed in place: whoever shows them looks when it suits. */
function createProgress(count) {
  return {
    /** All of them: the background ones and the critical one. */
    total: count + 1,
    finished: 0,
    failed: 0,
    cancelled: 0,
    /** What the first failure said. */
    firstError: '',
    critical: 'waiting',
    /** From the call of the critical request to the end of its body. */
    criticalMs: 0,
    startedAt: 0,
    criticalAt: 0,
    /** How long the turn was in which all the calls were made. */
    callsMs: 0,
    /** From the first call until the last one settled. */
    totalMs: 0,
    over: false,
  };
}

/**
 * Makes `count` background requests and, in the same turn, one critical request behind them.
 *
 * The calls are the same for every `fetch`: native fetch knows no `lane` and ignores it.
 *
 * @returns `progress`, and `done`, which resolves with it when everything has settled and never rejects
 */
export function startBurst({ fetch, count, delay, hints, tag, signal }) {
  const progress = createProgress(count);
  const query = new URLSearchParams({ run: tag, delay: String(delay) });
  const init = (priority, hint) => ({ signal, lane: { priority }, ...(hints && { priority: hint }) });

  async function ask(path, options) {
    try {
      const response = await fetch(`${path}?${query}`, options);
      // To the end: only then is the connection free for the next one.
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`status ${response.status}`);
      progress.finished += 1;
      return 'answered';
    } catch (error) {
      if (signal.aborted) {
        progress.cancelled += 1;
        return 'cancelled';
      }
      progress.failed += 1;
      progress.firstError ||= String(error.message ?? error);
      return 'lost';
    }
  }

  async function askCritical() {
    progress.criticalAt = performance.now();
    const outcome = await ask('/api/user/profile', init('critical', 'high'));
    progress.criticalMs = performance.now() - progress.criticalAt;
    progress.critical = outcome;
  }

  progress.startedAt = performance.now();
  const answers = [];
  for (let id = 1; id <= count; id += 1) answers.push(ask(`/api/data/${id}`, init('background', 'low')));
  answers.push(askCritical());
  progress.callsMs = performance.now() - progress.startedAt;

  const done = Promise.all(answers).then(() => {
    progress.totalMs = performance.now() - progress.startedAt;
    progress.over = true;
    return progress;
  });
  return { progress, done };
}
