import { createCanvas } from './canvas.js';
import { createCells } from './cells.js';
import { createLanes } from './lanes.js';
import { LANES, LEVELS } from './record.js';
import { onTheme } from './theme.js';
import { duration, number } from './words.js';

const COUNT = '0';

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * The five bars: while it runs how much of each level waits, then how long an answer of it took. Scaled, not sized:
 * nothing is laid out again.
 */
function createLevels(body, label) {
  const rows = LEVELS.map((level) => {
    const row = body.insertRow();
    row.style.setProperty('--level', `var(--level-${level})`);
    const head = document.createElement('th');
    head.scope = 'row';
    head.textContent = level;
    row.append(head);
    const cells = Array.from({ length: 4 }, () => row.insertCell());
    const bar = document.createElement('i');
    cells[0].className = 'level-bar';
    cells[0].append(bar);
    return { bar, waits: cells[1], answered: cells[2], median: cells[3], share: -1 };
  });

  return function draw(record, waiting) {
    const over = record?.over ?? false;
    const medians = record?.medians ?? [];
    const most = over ? Math.max(1, record.scaleMedian, ...medians) : Math.max(1, ...(record?.madeBy ?? []));
    write(label, over ? 'Median time' : 'Waiting now');
    for (const [level, row] of rows.entries()) {
      const size = over ? medians[level] : (waiting?.[level] ?? 0);
      const share = Math.min(1, size / most);
      if (share !== row.share) row.bar.style.transform = `scaleX(${share})`;
      row.share = share;
      write(row.waits, record ? number(waiting[level]) : COUNT);
      write(row.answered, record ? number(record.answeredBy[level]) : COUNT);
      write(row.median, medians[level] > 0 ? duration(medians[level]) : '–');
    }
  };
}

/** What has no row of its own. */
function remark({ lost, firstError, cancelled }) {
  const failure = lost > 0 ? `The browser said: “${firstError}”. ` : '';
  return cancelled > 0 ? `${failure}Cancelled: ${number(cancelled)}.` : failure;
}

/**
 * One column of the comparison.
 *
 * @param kind the side; of sixlane alone more can be seen than its answers
 */
export function createPanel(template, { title, kind }) {
  const root = template.content.firstElementChild.cloneNode(true);
  const parts = Object.fromEntries([...root.querySelectorAll('[data-show]')].map((part) => [part.dataset.show, part]));
  const bar = root.querySelector('[role=progressbar]');
  const [good, bad] = bar.children;
  const isSixlane = kind === 'sixlane' || kind === 'batched';
  const surface = createCanvas(root.querySelector('canvas'), () => redraw());
  const lanes = createLanes(surface, isSixlane ? LANES : 1);
  const cells = createCells(
    surface,
    { native: 'neutral', naive: 'naive', sixlane: 'accent', batched: 'batched' }[kind],
  );
  let shown;
  const drawLevels = createLevels(root.querySelector('tbody'), parts.bars);
  let scene;
  let figures = [];
  root.dataset.kind = kind;
  root.setAttribute('aria-label', title);
  bar.setAttribute('aria-label', `Progress of ${title}`);
  write(parts.title, title);

  function redraw(record = shown, now = performance.now()) {
    shown = record;
    (scene?.cells ? cells : lanes).draw(record, now);
  }
  onTheme(() => redraw());

  /** What is said of the strip and the levels: of sixlane more can be seen, and of cells there is nothing to say. */
  function showParts() {
    const means = scene.cells ? 'cells' : isSixlane ? 'sixlane' : 'native';
    for (const node of root.querySelectorAll('[data-for]')) node.hidden = node.dataset.for !== means;
    root.querySelector('.levels').hidden = scene.cells === true;
    root.toggleAttribute('data-cells', scene.cells === true);
  }

  function figure(label) {
    const row = document.createElement('div');
    const [dt, dd] = ['dt', 'dd'].map((name) => row.appendChild(document.createElement(name)));
    dt.textContent = label;
    parts.figures.append(row);
    return { row, dd };
  }

  function underWay(record) {
    if (scene.cells) return `${number(record.answered)} of ${number(record.planned)}`;
    if (record.over) return `all of it: ${duration(Math.max(record.totalMs, record.scaleMs))}`;
    if (isSixlane) return `${record.lanesTaken()} of 6 slots taken`;
    return `${number(record.made - record.ended)} in the browser`;
  }

  function drawBar({ answered, refused, lost, planned }) {
    good.style.transform = `scaleX(${(answered + refused + lost) / planned})`;
    bad.style.transform = `scaleX(${(refused + lost) / planned})`;
    bar.setAttribute('aria-valuenow', String(Math.floor((100 * (answered + refused + lost)) / planned)));
  }

  return {
    root,

    setScene(next) {
      scene = next;
      showParts();
      parts.figures.replaceChildren();
      figures = scene.figures.map((description) => ({ ...description, ...figure(description.label) }));
      parts.total = figure('Total time').dd;
      parts.peak = figure('Most at once at the server').dd;
      parts.rate = figure('Frames per second').dd;
      parts.longest = figure('Longest frame').dd;
      this.reset('not run yet');
    },

    reset(state) {
      root.dataset.state = 'idle';
      root.dataset.tone = 'quiet';
      drawBar({ answered: 0, refused: 0, lost: 0, planned: 1 });
      write(parts.state, state);
      write(parts.hero, '–');
      write(parts.caption, scene.heroCaption ?? 'until the critical answer');
      for (const part of [parts.total, parts.peak, parts.rate, parts.longest]) write(part, '–');
      for (const { dd, row } of figures) {
        write(dd, '–');
        delete row.dataset.bad;
      }
      write(parts.remark, '');
      write(parts.now, scene.cells ? '' : isSixlane ? '0 of 6 slots taken' : '0 in the browser');
      shown = undefined;
      redraw();
      drawLevels(undefined);
    },

    /** `waiting`: what waits now by level, if the fetch can tell; otherwise what is not answered yet is shown. */
    draw(record, now, waiting = record.pendingBy) {
      const { over } = record;
      root.dataset.state = over ? 'over' : 'running';
      const hero = scene.hero(record, now);
      root.dataset.tone = hero.tone;
      write(parts.hero, hero.text);
      write(parts.caption, hero.caption);
      write(parts.state, over ? (record.cancelled > 0 ? 'cancelled' : 'done') : 'running');
      drawBar(record);
      for (const { text, bad, dd, row } of figures) {
        write(dd, text(record, now));
        row.toggleAttribute('data-bad', bad?.(record) ?? false);
      }
      write(parts.total, duration(over ? record.totalMs : now - record.startedAt));
      write(parts.remark, remark(record));
      write(parts.now, underWay(record));
      redraw(record, now);
      drawLevels(record, waiting);
    },

    /** What is known only afterwards. */
    drawEnd({ peak, frames }) {
      write(parts.peak, peak === undefined ? 'unknown' : number(peak));
      const { rate, longest } = frames;
      write(parts.rate, Number.isNaN(rate) ? '–' : String(Math.round(rate)));
      write(parts.longest, Number.isNaN(rate) ? '–' : duration(longest));
      root.dataset.rate = String(rate);
    },
  };
}
