/**
 * The strips of a column. For sixlane six lanes, one for each slot: a piece is a request, its colour the level. What
 * native fetch has on which connection no page can see, so there it is one strip with the answers as they come.
 */
import { createCanvas } from './canvas.js';
import { LANES, LEVELS, OUTCOME } from './record.js';
import { colour, onTheme } from './theme.js';

/** How much of the past is shown while it runs. */
const WINDOW = 2000;
const GAP = 4;
/** A critical request is never narrower than this: it is what one looks for. */
const MARK = 3;

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

export function createLanes(canvas, kind) {
  let shown;
  const { context, size } = createCanvas(canvas, () => draw(shown));
  const rows = kind === 'sixlane' ? LANES : 1;
  const rowTop = (row) => (row * (size.height + GAP)) / rows;
  const rowHeight = () => (size.height + GAP) / rows - GAP;

  function ground() {
    context.clearRect(0, 0, size.width, size.height);
    context.fillStyle = colour('sunken');
    for (let row = 0; row < rows; row += 1) context.fillRect(0, rowTop(row), size.width, rowHeight());
  }

  /** One pass over what is in view; critical ones come last, on top. */
  function drawSpans(record, now) {
    const { from, span } = view(record, now);
    const scale = size.width / span;
    const { lane, index, from: starts, to: ends } = record.arrays();
    // The longest request under way may have begun long before the view: look back as far as one view.
    const first = firstFrom(record.spanCount, (n) => starts[n], from - 5 * WINDOW);
    const reached = new Float64Array(LANES).fill(-1);
    const top = [];
    const height = rowHeight();
    for (const level of [4, 3, 2, 1]) {
      context.fillStyle = colour(`level-${LEVELS[level]}`);
      reached.fill(-1);
      for (let n = first; n < record.spanCount; n += 1) {
        const at = record.level[index[n]];
        if (at === 0 && level === 4) top.push(n);
        if (at !== level) continue;
        const left = Math.max(0, (starts[n] - from) * scale);
        const right = Math.min(size.width, (Math.min(ends[n], now) - from) * scale);
        // Narrower than a pixel: one of them is enough.
        if (right < 0 || right <= reached[lane[n]]) continue;
        const width = right - left;
        context.fillRect(left, rowTop(lane[n]), width > 3 ? width - 1 : Math.max(width, 1), height);
        reached[lane[n]] = width > 3 ? right : Math.floor(left) + 1;
      }
    }
    context.fillStyle = colour('level-critical');
    for (const n of top) {
      const left = (starts[n] - from) * scale;
      const right = (Math.min(ends[n], now) - from) * scale;
      if (right >= 0) context.fillRect(left, rowTop(lane[n]), Math.max(MARK, right - left), height);
    }
  }

  function drawAnswers(record, now) {
    const { from, span } = view(record, now);
    const scale = size.width / span;
    const first = firstFrom(record.ended, (n) => record.endedAt[record.ends[n]], from);
    const height = rowHeight();
    const top = [];
    for (const level of [4, 3, 2, 1]) {
      context.fillStyle = colour(`level-${LEVELS[level]}`);
      let reached = -1;
      for (let n = first; n < record.ended; n += 1) {
        const request = record.ends[n];
        const how = record.outcome[request];
        const bad = how === OUTCOME.refused || how === OUTCOME.lost;
        if (level === 4 && (bad || record.level[request] === 0)) top.push(request);
        if (bad || how === OUTCOME.cancelled || record.level[request] !== level) continue;
        const left = Math.floor((record.endedAt[request] - from) * scale);
        if (left <= reached) continue;
        context.fillRect(left, 0, 1.5, height);
        reached = left;
      }
    }
    let reached = -1;
    for (const request of top) {
      const bad = record.outcome[request] !== OUTCOME.answered;
      const left = Math.min(size.width - MARK, Math.floor((record.endedAt[request] - from) * scale));
      if (bad && left <= reached) continue;
      context.fillStyle = colour(bad ? 'bad' : 'level-critical');
      if (bad) context.fillRect(left, height * 0.75, 1.5, height * 0.25);
      else context.fillRect(left, 0, MARK, height);
      if (bad) reached = left;
    }
  }

  function draw(record, now = performance.now()) {
    shown = record;
    if (size.width === 0) return;
    ground();
    if (!record) return;
    if (rows === 1) drawAnswers(record, now);
    else drawSpans(record, now);
  }

  onTheme(() => draw(shown));
  return { draw };
}
