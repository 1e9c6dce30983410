/** The view of a server under pressure: the same load twice, with degradation and without, while the visitor drags. */
import { createFetch } from 'sixlane';
import { createCanvas } from './canvas.js';
import { lookInto } from './inside.js';
import { LEVELS } from './record.js';
import { nativeFetch } from './sides.js';
import { colour, onTheme } from './theme.js';
import { duration, number } from './words.js';

/** What is shown goes back so far, and what is summed up. */
const SHOWN = 60_000;
const SUMMED = 10_000;
const DRAW = 250;

/** The dots: from here up to there, each tenfold as high as the one before. */
const FASTEST = 1;
const SLOWEST = 30_000;

/** Of twenty calls so many are of each level. */
const MIX = LEVELS.flatMap((level, n) => Array.from({ length: [2, 2, 4, 4, 8][n] }, () => level));

/** What is asked for again and again, and may be a second old; the rest is asked for once. */
const WIDGETS = { critical: 4, high: 4, normal: 8 };

/** Quicker than the defaults, so that nobody has to wait for long. */
const WATCHED = { interval: 1_000, pending: 2_000, minimum: 5 };
const RECOVER = 6_000;

const SIDES = {
  plain: { title: 'sixlane without', options: { monitor: WATCHED, retry: false } },
  careful: {
    title: 'sixlane with degradation',
    options: { monitor: WATCHED, retry: false, degradation: { recoverAfter: RECOVER } },
  },
};

/** What has not been sent by then comes too late. */
const WAIT = 4_000;

const OUTCOMES = ['answered', 'stale', 'shed', 'late', 'failed'];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** On a loopback address the other name of it: connections of its own. */
function otherOrigin() {
  const { protocol, hostname, host, origin } = location;
  const other = { '127.0.0.1': 'localhost', localhost: '127.0.0.1' }[hostname];
  return other ? `${protocol}//${host.replace(hostname, other)}` : origin;
}

/** Makes the calls of one side, and keeps what came of the last ones. */
function createSide(kind, base) {
  const fetch = createFetch(SIDES[kind].options);
  const calls = [];
  return {
    fetch,
    calls,
    async call(level, n, signal) {
      const widgets = WIDGETS[level];
      const path = widgets ? `${(n % widgets) + 1}?cache=1&etag=1&level=${level}` : `${(n % 9_999) + 1}?level=${level}`;
      const lane = { priority: level, timeout: { wait: WAIT } };
      const start = performance.now();
      let outcome = 'answered';
      try {
        const response = await fetch(`${base}/api/data/${path}`, { lane, signal });
        await response.arrayBuffer();
        if (!response.ok) outcome = 'failed';
        else if (response.headers.has('age')) outcome = 'stale';
      } catch (error) {
        if (signal.aborted) return;
        outcome = error.code === 'shed' ? 'shed' : error.name === 'TimeoutError' ? 'late' : 'failed';
      }
      const at = performance.now();
      calls.push({ at, level, outcome, ms: at - start });
      while (calls.length > 0 && calls[0].at < at - SHOWN) calls.shift();
    },
  };
}

function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** One column. */
function createColumn(kind) {
  const root = document.getElementById('pressure-column').content.firstElementChild.cloneNode(true);
  root.dataset.kind = kind === 'careful' ? 'sixlane' : 'native';
  const parts = Object.fromEntries([...root.querySelectorAll('[data-show]')].map((node) => [node.dataset.show, node]));
  write(parts.title, SIDES[kind].title);
  const rows = LEVELS.map((level) => {
    const row = parts.levels.insertRow();
    row.dataset.level = level;
    row.append(Object.assign(document.createElement('th'), { scope: 'row', textContent: level }));
    return OUTCOMES.map(() => row.insertCell());
  });
  let calls = [];
  const { context, size } = createCanvas(root.querySelector('canvas'), () => drawDots());
  onTheme(() => drawDots());

  function drawDots() {
    const { width, height } = size;
    const now = performance.now();
    context.clearRect(0, 0, width, height);
    context.font = '11px system-ui, sans-serif';
    const y = (ms) => {
      const share = Math.log(Math.max(FASTEST, ms) / FASTEST) / Math.log(SLOWEST / FASTEST);
      return height - 6 - (height - 12) * Math.min(1, share);
    };
    for (const ms of [10, 100, 1_000, 10_000]) {
      context.fillStyle = colour('line');
      context.fillRect(0, Math.round(y(ms)), width, 1);
      context.fillStyle = colour('quiet');
      context.fillText(duration(ms), 0, y(ms) - 3);
    }
    for (const { at, level, outcome, ms } of calls) {
      if (level !== 'critical' && level !== 'background') continue;
      const x = width * (1 - (now - at) / SHOWN);
      context.fillStyle = colour(outcome === 'failed' || outcome === 'late' ? 'bad' : `level-${level}`);
      const radius = level === 'critical' ? 2.5 : 1.5;
      context.beginPath();
      // What was turned away took no time: it stands at the bottom.
      context.arc(x, outcome === 'shed' ? height - 3 : y(ms), radius, 0, 2 * Math.PI);
      context.fill();
    }
  }

  return {
    root,
    draw(all) {
      calls = all;
      const from = performance.now() - SUMMED;
      // Those that were made in that time: of what was called before, some are answered late.
      const recent = calls.filter(({ at, ms }) => at - ms >= from);
      const critical = recent.filter(
        ({ level, outcome }) => level === 'critical' && (outcome === 'answered' || outcome === 'stale'),
      );
      const p95 = quantile(
        critical.map(({ ms }) => ms),
        0.95,
      );
      write(parts.hero, p95 === undefined ? '–' : duration(p95));
      for (const [n, level] of LEVELS.entries()) {
        for (const [m, outcome] of OUTCOMES.entries()) {
          const count = recent.filter((call) => call.level === level && call.outcome === outcome).length;
          write(rows[n][m], number(count));
        }
      }
      drawDots();
      return p95;
    },
  };
}

/** @param page see ./main.js */
export function createPressure(page) {
  const root = document.getElementById('pressure').content.firstElementChild.cloneNode(true);
  const parts = Object.fromEntries([...root.querySelectorAll('[data-show]')].map((node) => [node.dataset.show, node]));
  const columns = { plain: createColumn('plain'), careful: createColumn('careful') };
  parts.columns.append(columns.plain.root, columns.careful.root);
  const dials = [...root.querySelectorAll('input[type=range]')];
  const steps = [...parts.ladder.children];
  let sides;
  let ordering = Promise.resolve();

  /** What the dials say. */
  const orders = () =>
    Object.fromEntries(dials.map(({ name, valueAsNumber, dataset }) => [name, valueAsNumber * Number(dataset.unit)]));

  function showDials() {
    for (const dial of dials)
      write(dial.nextElementSibling, dial.name === 'delay' ? duration(dial.valueAsNumber) : `${dial.value} %`);
  }

  /** One after the other: the last one holds. */
  function order(method, body) {
    ordering = ordering
      .then(() => nativeFetch('/control', { method, body: body && JSON.stringify(body) }))
      .catch(() => {});
    return ordering;
  }

  for (const dial of dials) {
    dial.addEventListener('input', () => {
      showDials();
      if (sides) order('PUT', orders());
    });
  }

  function drawLevel() {
    const { level, since, healthy } = sides.careful.fetch.degradation.status();
    for (const [n, step] of steps.entries()) {
      step.toggleAttribute('data-held', n > 0 && n <= level);
      if (n === level) step.setAttribute('aria-current', 'step');
      else step.removeAttribute('aria-current');
    }
    const held =
      level === 0
        ? 'nothing is given up'
        : `for ${Math.round((performance.now() - since) / 1_000)} s, ${healthy ? 'getting better' : 'in trouble'}`;
    write(parts.level, held);
    return level;
  }

  function verdict(level, plain, careful) {
    if (plain === undefined || careful === undefined) return ['Running …', 'Now drag the delay.'];
    const name = ['normal', 'light', 'medium', 'heavy'][level];
    return [
      `Critical answers: ${duration(careful)} with degradation, ${duration(plain)} without.`,
      level === 0
        ? 'Nothing is given up now. Drag the delay or the failing share.'
        : `The page is at level ${level}, ${name}.`,
    ];
  }

  showDials();
  return {
    root,
    action: 'Run',
    buttons: [],
    show() {},

    ask() {
      page.say(
        'A server becomes slow, or fails. What does a page give up?',
        'Two pages’ worth of the same calls, one with degradation. It runs until you cancel it.',
      );
    },

    async run({ rate }, signal) {
      const made = { plain: createSide('plain', otherOrigin()), careful: createSide('careful', location.origin) };
      sides = made;
      lookInto({ 'without degradation': made.plain.fetch, 'with degradation': made.careful.fetch });
      await Promise.all(Object.values(made).map(({ fetch }) => fetch.ready));
      await order('PUT', orders());
      page.say('Running …', 'Now drag the delay.');
      const begun = performance.now();
      let [n, drawn, said] = [0, 0, 0];
      try {
        while (!signal.aborted) {
          const now = performance.now();
          for (; n < ((now - begun) * rate) / 1_000; n += 1) {
            const level = MIX[(n * 7) % MIX.length];
            for (const side of Object.values(made)) side.call(level, n, signal);
          }
          if (now - drawn >= DRAW) {
            drawn = now;
            const [plain, careful] = [columns.plain.draw(made.plain.calls), columns.careful.draw(made.careful.calls)];
            const level = drawLevel();
            // A figure that changes four times a second nobody can read.
            if (now - said >= 1_000) {
              said = now;
              page.say(...verdict(level, plain, careful));
            }
          }
          await pause(10);
        }
      } finally {
        await order('DELETE');
        sides = undefined;
        await Promise.all(Object.values(made).map(({ fetch }) => fetch.close()));
      }
      page.say(undefined, 'Cancelled. What was measured before it stays below.');
    },

    notice() {
      const { mode, reason } = sides?.careful.fetch.status() ?? {};
      if (mode !== 'native') return '';
      return `sixlane’s module cannot run here, so it hands every call to native fetch and gives nothing up. The reason: ${reason}`;
    },
  };
}
