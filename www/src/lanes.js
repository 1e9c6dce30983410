/**
 * The strips of a column. For sixlane six lanes, one for each slot: a piece is a request, its colour the level. What
 * native fetch has on which connection no page can see, so there it is one strip with the answers as they come.
 */
import { CRITICAL, LANES, LEVELS, OUTCOME } from './record.js';
import { colour } from './theme.js';

/** How much of the past is shown while it runs. */
const WINDOW = 2000;
const GAP = 4;
/** A critical request is never narrower than this: it is what one looks for, where there are but a few. */
const MARK = 3;
const FEW = 12;
/** The width of an answer. */
const TICK = 1.5;

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** What is in view: it moves with the time, page by page where motion is not wanted, and is all when it is over. */
function view(record, now) {
  const { startedAt, totalMs, scaleMs, over } = record;
  if (over) return { from: startedAt, span: Math.max(totalMs, scaleMs, 1) };
  if (still.matches) return { from: startedAt + WINDOW * Math.floor((now - startedAt) / WINDOW), span: WINDOW };
  return { from: Math.max(startedAt, now - WINDOW), span: WINDOW };
}

/** The first of `count` whose time, which only grows, is not before `limit`. */
function firstFrom(count, timeOf, limit) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(middle) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param rows one for each slot, or one where nobody sees the connections */
export function createLanes({ context, size }, rows) {
  const rowTop = (row) => (row * (size.height + GAP)) / rows;
  const rowHeight = () => (size.height + GAP) / rows - GAP;

  function ground() {
    context.clearRect(0, 0, size.width, size.height);
    context.fillStyle = colour('sunken');
    for (let row = 0; row < rows; row += 1) context.fillRect(0, rowTop(row), size.width, rowHeight());
  }

  function drawSpans(record, now) {
    const { from, span } = view(record, now);
    const scale = size.width / span;
    const { lane, index, from: starts, to: ends } = record.arrays();
    const height = rowHeight();
    const marked = record.madeBy[CRITICAL] <= FEW;
    const reached = new Float64Array(LANES).fill(-1);
    const marks = [];
    let painted = -1;
    // The longest request under way may have begun long before the view: look back as far as a few views.
    for (let n = firstFrom(record.spanCount, (n) => starts[n], from - 5 * WINDOW); n < record.spanCount; n += 1) {
      const level = record.level[index[n]];
      if (marked && level === CRITICAL) marks.push(n);
      const left = Math.max(0, (starts[n] - from) * scale);
      const right = Math.min(size.width, (Math.min(ends[n], now) - from) * scale);
      // Narrower than a pixel: one of them is enough.
      if (right < 0 || right <= reached[lane[n]]) continue;
      if (level !== painted) context.fillStyle = colour(`level-${LEVELS[level]}`);
      painted = level;
      const width = right - left;
      context.fillRect(left, rowTop(lane[n]), width > 3 ? width - 1 : Math.max(width, 1), height);
      reached[lane[n]] = width > 3 ? right : Math.floor(left) + 1;
    }
    context.fillStyle = colour('level-critical');
    for (const n of marks) {
      const left = (starts[n] - from) * scale;
      const right = (Math.min(ends[n], now) - from) * scale;
      if (right >= 0) context.fillRect(left, rowTop(lane[n]), Math.max(MARK, right - left - 1), height);
    }
  }

  /** A column of pixels for what came in its time, shared out by level; what failed is at the foot. */
  function drawAnswers(record, now) {
    const { from, span } = view(record, now);
    const scale = size.width / span;
    const height = rowHeight();
    const marked = record.madeBy[CRITICAL] <= FEW;
    const colours = [...LEVELS.map((level) => colour(`level-${level}`)), colour('bad')];
    const counts = new Uint32Array(colours.length);
    const marks = [];
    let column = -1;

    function paint() {
      const sum = counts.reduce((a, b) => a + b, 0);
      let top = 0;
      for (const [kind, count] of counts.entries()) {
        if (count === 0) continue;
        context.fillStyle = colours[kind];
        context.fillRect(column * TICK, top, TICK, (height * count) / sum);
        top += (height * count) / sum;
      }
      counts.fill(0);
    }

    for (let n = firstFrom(record.ended, (n) => record.endedAt[record.ends[n]], from); n < record.ended; n += 1) {
      const request = record.ends[n];
      const how = record.outcome[request];
      if (how === OUTCOME.cancelled) continue;
      const level = record.level[request];
      const at = Math.floor(((record.endedAt[request] - from) * scale) / TICK);
      if (at !== column) paint();
      column = at;
      counts[how === OUTCOME.answered ? level : LEVELS.length] += 1;
      if (marked && level === CRITICAL) marks.push(request);
    }
    paint();
    for (const request of marks) {
      const left = Math.min(size.width - MARK, (record.endedAt[request] - from) * scale);
      context.fillStyle = colour(record.outcome[request] === OUTCOME.answered ? 'level-critical' : 'bad');
      context.fillRect(left, 0, MARK, height);
    }
  }

  function draw(record, now) {
    if (size.width === 0) return;
    ground();
    if (!record) return;
    if (rows === 1) drawAnswers(record, now);
    else drawSpans(record, now);
  }

  return { draw };
}
