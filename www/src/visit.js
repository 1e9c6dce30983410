/** The view of the second visit: who answered each request, how long it took, and what is kept where. */
import { BOUNDS, createDashboard, FILL } from './dashboard.js';
import { bytes, duration, number, pace } from './words.js';

/** Who may have answered, in the order of the legend. */
const SOURCES = {
  network: 'Network',
  http: 'Browser’s HTTP cache',
  memory: 'Memory',
  localStorage: 'localStorage',
  indexedDB: 'IndexedDB',
  stale: 'Stale',
  failed: 'Failed',
};

/** What is kept is written behind the answers: so long the figures are looked at again. */
const FOLLOW = 3000;
const LOOK = 100;
/** Figures that stay the same for so many looks are the last. */
const STEADY = 4;

/** More squares than this are smaller. */
const MANY = 60;

/** Where the first visit's time outlives the page. */
const KEY = 'sixlane-visit';

/** Its time, and of what. */
let remembered;

/** Storage may be forbidden; the time then lasts as long as the page. */
function remember(first) {
  remembered = first;
  try {
    if (first) sessionStorage.setItem(KEY, JSON.stringify(first));
    else sessionStorage.removeItem(KEY);
  } catch {}
}

function recall(of) {
  try {
    remembered ??= JSON.parse(sessionStorage.getItem(KEY)) ?? undefined;
  } catch {}
  return remembered?.of === of ? remembered.ms : undefined;
}

/** Two figures in one sentence need one unit, and each keeps it. */
const milliseconds = (ms) => `${number(Math.round(ms))}\u00a0ms`;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function element(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

/** A row with a bar, scaled, not sized: nothing is laid out again. */
function createRow(body, label, cellCount) {
  const row = body.insertRow();
  row.append(element('th', { scope: 'row', textContent: label }));
  const bar = element('i', {});
  row.insertCell().append(bar);
  row.cells[1].className = 'share';
  const cells = Array.from({ length: cellCount }, () => row.insertCell());
  return {
    row,
    draw(share, ...texts) {
      bar.style.transform = `scaleX(${Math.min(1, share)})`;
      for (const [n, text] of texts.entries()) write(cells[n], text);
    },
  };
}

function createFigure(list, label) {
  const dd = element('dd', {});
  list.append(element('div', {}, element('dt', { textContent: label }), dd));
  return dd;
}

export function createVisit(page) {
  const dashboard = createDashboard();
  const root = document.getElementById('visit').content.firstElementChild.cloneNode(true);
  const parts = Object.fromEntries([...root.querySelectorAll('[data-show]')].map((part) => [part.dataset.show, part]));
  const card = root.querySelector('.visit');
  const times = { first: createRow(parts.times, 'First visit', 1), now: createRow(parts.times, 'This time', 1) };
  const tiers = Object.keys(BOUNDS).map((tier) => [tier, createRow(parts.tiers, SOURCES[tier], 3)]);
  for (const [tier, { row }] of tiers) row.dataset.source = tier;
  const figures = {
    spared: createFigure(parts.figures, 'Without the network'),
    rate: createFigure(parts.figures, 'Hit rate in this page'),
    evicted: createFigure(parts.figures, 'Evicted in this page'),
  };
  const legend = Object.entries(SOURCES).map(([source, title]) => {
    const count = element('b', {});
    const item = element('li', {}, element('span', { textContent: title }), count);
    item.dataset.source = source;
    parts.legend.append(item);
    return { source, item, count };
  });

  let scene;
  let values;
  /** Who answered, by request; undefined who has not. */
  let sources = [];
  let squares = [];
  let drawing = false;
  /** Something has been asked of the storage: only then is known what it has. */
  let touched = false;
  let lookUntil = 0;
  let looking;

  const name = () => `${values.count} ${values.delay}`;
  const countOf = (source) => sources.filter((one) => one === source).length;
  const answered = () => sources.filter((one) => one && one !== 'failed').length;

  function drawSources() {
    for (const [index, square] of squares.entries()) {
      const source = sources[index];
      if (square.dataset.source === (source ?? '')) continue;
      square.dataset.source = source ?? '';
      square.title = `Request ${index + 1}: ${source ? SOURCES[source] : 'not answered'}`;
    }
    for (const { source, item, count } of legend) {
      write(count, number(countOf(source)));
      if (source === 'failed') item.hidden = countOf(source) === 0;
    }
    write(parts.answered, `${number(answered())} of ${number(squares.length)}`);
    const known = legend.filter(({ source }) => countOf(source) > 0);
    const summary = known.map(({ source }) => `${SOURCES[source]} ${countOf(source)}`).join(', ');
    parts.cells.setAttribute('aria-label', `${squares.length} requests. ${summary || 'None is answered yet.'}`);
  }

  /** Many answers come at once: they are drawn once a frame, and cost the others little. */
  function drawSoon() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      drawSources();
    });
  }

  /** `first` and `now` in ms, undefined what is not known; `isFirst`: this is the first visit. */
  function drawTimes(state, { first, now, isFirst = false }) {
    const most = Math.max(first ?? 0, now ?? 0, 1);
    const shown = isFirst ? undefined : now;
    const text = (ms) => (ms === undefined ? '–' : duration(ms));
    card.dataset.tone = now !== undefined && countOf('network') === 0 ? 'good' : 'quiet';
    write(parts.state, state);
    write(parts.hero, text(now));
    write(parts.caption, isFirst ? 'until the last answer, on the first visit' : 'until the last answer');
    times.first.draw((first ?? 0) / most, text(first));
    times.now.draw((shown ?? 0) / most, text(shown));
    const spared = `${number(answered() - countOf('network'))} of ${number(squares.length)}`;
    write(figures.spared, now === undefined ? '–' : spared);
  }

  function drawKept() {
    const stats = dashboard.stats();
    for (const [tier, { row, draw }] of tiers) {
      const off = tier in stats.disabled;
      const { entries, bytes: size } = stats[tier];
      const bound = BOUNDS[tier];
      row.toggleAttribute('data-off', off);
      Object.assign(row.dataset, { entries, bytes: size });
      const texts = off ? ['–', 'off'] : touched ? [number(entries), bytes(size)] : ['–', '–'];
      draw(off || !touched ? 0 : size / bound, ...texts, bytes(bound));
    }
    const { hitRate, evictions } = stats;
    write(figures.rate, touched ? `${Math.round(100 * hitRate)}\u00a0%` : '–');
    write(figures.evicted, touched ? number(evictions) : '–');
    page.showNotice();
    return JSON.stringify(stats);
  }

  /** Draws what is kept for a while from now on. */
  function follow() {
    touched = true;
    lookUntil = performance.now() + FOLLOW;
    drawKept();
    looking ??= setInterval(() => {
      if (root.isConnected) drawKept();
      if (root.isConnected && performance.now() < lookUntil) return;
      clearInterval(looking);
      looking = undefined;
    }, LOOK);
  }

  /** Resolves when what is kept has stayed the same for a moment. */
  async function steady() {
    let last;
    let same = 0;
    for (const limit = performance.now() + FOLLOW; same < STEADY && performance.now() < limit; ) {
      await pause(LOOK);
      const now = drawKept();
      same = now === last ? same + 1 : 0;
      last = now;
    }
  }

  function clear() {
    sources = [];
    squares = Array.from({ length: values.count }, () => element('i', {}));
    parts.cells.replaceChildren(...squares);
    parts.cells.toggleAttribute('data-many', squares.length > MANY);
    drawSources();
    drawTimes('not loaded yet', { first: recall(name()) });
  }

  /** What a first visit is good for. */
  function keeping() {
    const { localStorage, indexedDB } = dashboard.stats().disabled;
    if (dashboard.status().mode === 'native') return 'Nothing is kept here.';
    if (localStorage && indexedDB) return 'Nothing outlives the page here: memory alone keeps them.';
    return 'Now they are being kept. Reload the page: it asks for all of them again.';
  }

  /** How it went, in two lines. */
  function verdict(first, ms) {
    const all = number(squares.length);
    const [network, failed] = [countOf('network'), countOf('failed')];
    if (failed > 0) {
      return [
        `Of ${all} requests ${number(failed)} failed.`,
        'Is the server still there? What is kept is answered all the same.',
      ];
    }
    if (first === undefined) {
      if (network === squares.length) {
        return [`The first visit: ${all} answers in ${duration(ms)}.`, `All came from the network. ${keeping()}`];
      }
      const kept = 'Something was kept from before, so there is no first visit to compare with. Purge, then load.';
      return [`${all} answers in ${duration(ms)}.`, kept];
    }
    const share = network === 0 ? 'None' : network === squares.length ? 'All' : number(network);
    return [
      `${milliseconds(ms)} now, ${milliseconds(first)} on the first visit.`,
      `${pace(first, ms)}${share} of the ${all} answers came from the network.`,
    ];
  }

  async function purge() {
    const error = await dashboard.purge().catch((error) => error);
    remember(undefined);
    clear();
    write(parts.filled, '');
    follow();
    await steady();
    if (error) page.say('Purged, as far as this page may touch storage.', `${error.message}.`);
    else {
      page.say(
        'Purged: nothing is kept any more.',
        'In no tier, and in no other tab. Load again: that is a first visit.',
      );
    }
  }

  async function fill(signal) {
    const before = dashboard.stats().evictions;
    page.say('Writing more than IndexedDB may keep …', `Values of 256 KiB, ${bytes(FILL)} in all.`);
    touched = true;
    await dashboard.fill(signal, (written) => {
      drawKept();
      write(parts.filled, `${bytes(written)} written to fill it`);
    });
    follow();
    await steady();
    const { indexedDB, evictions, disabled } = dashboard.stats();
    if (disabled.indexedDB || indexedDB.bytes === 0) {
      write(parts.filled, 'nothing could be written');
      page.say('Nothing was written: IndexedDB is off.', 'Every call is answered all the same.');
    } else if (signal.aborted) {
      page.say('Cancelled.', 'What was written before it is kept.');
    } else {
      page.say(
        `${bytes(FILL)} written, ${bytes(indexedDB.bytes)} kept, ${number(evictions - before)} entries evicted.`,
        `The bound of ${bytes(BOUNDS.indexedDB)} holds. Load, or reload the page: every call is answered all the same.`,
      );
    }
  }

  const button = (id, textContent, onclick) => element('button', { id, type: 'button', textContent, onclick });

  return {
    root,
    action: 'Load',
    afterReload: true,
    buttons: [
      button('fill', 'Fill the quota', () => page.start(fill)),
      button('purge', 'Purge', () => page.start(purge)),
      button('reload', 'Reload the page', () => location.reload()),
    ],

    show(next) {
      scene = next;
      drawKept();
      dashboard.ready.then(() => root.isConnected && drawKept());
    },

    ask(chosen) {
      values = chosen;
      clear();
      page.say(
        scene.question(values),
        'The first visit asks the network. sixlane keeps what the answers say may be kept.',
      );
    },

    async run(chosen, signal) {
      values = chosen;
      clear();
      const first = recall(name());
      drawTimes('loading', { first });
      page.say('Loading …');
      const ms = await dashboard.load(values, signal, (index, source) => {
        sources[index] = source;
        drawSoon();
      });
      drawSources();
      follow();
      if (signal.aborted) {
        drawTimes('cancelled', { first });
        page.say('Cancelled.', 'What was answered before it stays below.');
        return;
      }
      const isFirst = first === undefined && countOf('network') === squares.length;
      if (isFirst) remember({ of: name(), ms });
      drawTimes('done', { first: isFirst ? ms : first, now: ms, isFirst });
      page.say(...verdict(first, ms));
    },

    instances: () => ({ sixlane: dashboard.fetch }),

    notice() {
      const { mode, reason } = dashboard.status();
      if (mode === 'native') {
        return `sixlane’s module cannot run here, so it hands every call to native fetch and keeps nothing. The reason: ${reason}`;
      }
      const off = Object.entries(dashboard.stats().disabled).map(([tier, why]) => `${SOURCES[tier]} (${why})`);
      return off.length === 0 ? '' : `Switched off: ${off.join(', ')}. Every call is answered without.`;
    },
  };
}
