import { duration, number } from './words.js';

const CAPTIONS = {
  waiting: 'and no critical answer yet',
  answered: 'until the critical answer',
  lost: 'the critical request failed',
  cancelled: 'the critical request was cancelled',
};

/** The big figure: it runs until the critical answer is there, and then stands. */
function headline({ critical, criticalMs, criticalAt }) {
  if (critical === 'answered') return duration(criticalMs);
  return critical === 'waiting' ? duration(performance.now() - criticalAt) : critical;
}

/** What has no row of its own. */
function remark({ failed, firstError, cancelled }) {
  const failure = failed > 0 ? `The first failure: “${firstError}”.` : '';
  return cancelled > 0 ? `${failure} Cancelled: ${number(cancelled)}.` : failure;
}

/**
 * One column of the comparison.
 *
 * @param queue says what is under way, if the fetch can tell
 */
export function createPanel(template, { title, kind, queue }) {
  const root = template.content.firstElementChild.cloneNode(true);
  const parts = Object.fromEntries([...root.querySelectorAll('[data-show]')].map((part) => [part.dataset.show, part]));
  const bar = root.querySelector('[role=progressbar]');
  const [good, bad] = bar.children;
  const shown = {};
  root.dataset.kind = kind;
  bar.setAttribute('aria-label', `Progress of ${title}`);

  /** Writes what has changed, and only that. */
  function show(texts) {
    for (const [name, text] of Object.entries(texts)) {
      if (shown[name] !== text) parts[name].textContent = shown[name] = text;
    }
  }

  function mark(state) {
    root.dataset.state = state;
  }

  function drawBar({ finished, failed, total }) {
    const percent = (count) => `${((100 * count) / total).toFixed(1)}%`;
    good.style.inlineSize = percent(finished);
    bad.style.inlineSize = percent(failed);
    bar.setAttribute('aria-valuenow', String(Math.floor((100 * (finished + failed)) / total)));
  }

  function underWay({ total, finished, failed, cancelled }) {
    if (!queue) return number(total - finished - failed - cancelled);
    const { running, queued } = queue();
    return `${number(running)} / ${number(queued)}`;
  }

  show({ title, underWayLabel: queue ? 'Under way / waiting now' : 'Under way or waiting now' });
  mark('idle');

  return {
    root,

    reset(state) {
      mark('idle');
      drawBar({ finished: 0, failed: 0, total: 1 });
      show({
        state,
        critical: '–',
        caption: CAPTIONS.answered,
        calls: '–',
        finished: '–',
        failed: '–',
        total: '–',
        underWay: '–',
        peak: '–',
        remark: '',
      });
      delete root.dataset.critical;
      delete root.dataset.failed;
    },

    draw(progress) {
      const { critical, callsMs, finished, failed, cancelled, startedAt, totalMs, over } = progress;
      mark(over ? 'over' : 'running');
      root.dataset.critical = critical;
      root.toggleAttribute('data-failed', failed > 0);
      drawBar(progress);
      const end = cancelled > 0 ? 'cancelled' : 'done';
      show({
        state: over ? end : 'running',
        critical: headline(progress),
        caption: CAPTIONS[critical],
        calls: duration(callsMs),
        finished: number(finished),
        failed: number(failed),
        total: duration(over ? totalMs : performance.now() - startedAt),
        underWay: underWay(progress),
        remark: remark(progress),
      });
    },

    /** What the server saw, once it can be asked. */
    drawPeak(peak) {
      show({ peak: peak === undefined ? 'unknown' : number(peak) });
    },
  };
}
