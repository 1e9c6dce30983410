import { createFetch } from 'sixlane';
import { addressOf, query, write } from './address.js';
import { createBlocking } from './blocking.js';
import { createChart } from './chart.js';
import { createControls } from './controls.js';
import { createPanel } from './panel.js';
import { LEVELS } from './record.js';
import { seenByServer, startRun, warmUp } from './run.js';
import { SCENES, sceneOf } from './scenes/index.js';
import { SLICE, SLICE_MS, turn } from './slices.js';
import { createTheme } from './theme.js';
import { createFrameCount, createWatch, DRAWING } from './watch.js';

/** Frames from one drawing of the chart to the next: its lines move slowly. */
const CHART_EVERY = 8;
/** Milliseconds between drawings where motion is not wanted. */
const CALM = 250;

const byId = (id) => document.getElementById(id);
const form = byId('controls');
const runButton = byId('run');
const cancelButton = byId('cancel');
const verdict = byId('verdict');
const detail = byId('detail');
const notice = byId('notice');
const still = matchMedia('(prefers-reduced-motion: reduce)');

const nativeFetch = globalThis.fetch.bind(globalThis);
const sixlane = createFetch();
const watch = createWatch();

function waiting() {
  const { byPriority } = sixlane.status();
  return LEVELS.map((level) => byPriority[level].queued);
}

const template = byId('panel');
const sides = [
  {
    side: 'native',
    title: 'Native fetch',
    fetch: nativeFetch,
    panel: createPanel(template, { title: 'Native fetch', kind: 'native' }),
  },
  {
    side: 'sixlane',
    title: 'sixlane',
    fetch: sixlane,
    events: sixlane.events,
    panel: createPanel(template, { title: 'sixlane', kind: 'sixlane', waiting }),
  },
];
byId('panels').append(...sides.map(({ panel }) => panel.root));
const chart = createChart(byId('chart'));
const blocking = createBlocking({ body: byId('causes'), note: byId('blocking-note'), watch });

let scene;
let controls;
/** What runs now, with `cancel()`. */
let running;
/** Where the keyboard was when it began. */
let cameFrom;

/** Draws once a frame until the run is over; a hidden page has no frames, so the end is drawn by whoever waits. */
function animate({ side, panel }, records, frames) {
  const record = records[side];
  let count = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  function frame(now) {
    if (record.over) return;
    frames.tick(now);
    if (!still.matches || now - drawnAt >= CALM) {
      drawnAt = now;
      watch.during(DRAWING, () => {
        const time = performance.now();
        record.sample(time);
        panel.draw(record, time);
        if (count % CHART_EVERY === 0 || still.matches) chart.draw(records, scene);
      });
      count += 1;
    }
    requestAnimationFrame(frame);
  }
  requestAnimationFrame(frame);
}

async function runSide(one, values, records, job) {
  const { side, title, fetch, events, panel } = one;
  verdict.textContent = `${title} is running …`;
  panel.reset('starting');
  await warmUp(nativeFetch);
  if (job.cancelled) return panel.reset('not run');
  watch.phase(`${title}’s answers`);
  const frames = createFrameCount();
  const run = startRun({ side, scene, values, fetch, events, during: watch.during });
  records[side] = run.record;
  job.run = run;
  animate(one, records, frames);
  await run.done;
  // A turn of its own: the last answer should not pay for it.
  await turn();
  watch.during(DRAWING, () => panel.draw(run.record, performance.now()));
  await turn();
  watch.during(DRAWING, () => chart.draw(records, scene));
  watch.phase('Other');
  // Also when this cannot be had, the run stands.
  const stats = await seenByServer(nativeFetch, run.tag).catch(() => undefined);
  panel.drawEnd({ peak: stats?.peak, frames: frames.result() });
}

async function conclude(records, job) {
  const { native, sixlane: ours } = records;
  const ended = Object.values(records);
  const scaleMs = Math.max(0, ...ended.map(({ totalMs }) => totalMs));
  const scaleMedian = Math.max(0, ...ended.flatMap(({ medians }) => medians));
  for (const { side, panel } of sides) {
    if (!records[side]) continue;
    Object.assign(records[side], { scaleMs, scaleMedian });
    watch.during(DRAWING, () => panel.draw(records[side], performance.now()));
    await turn();
  }
  blocking.draw();
  if (job.cancelled) {
    verdict.textContent = 'Cancelled.';
    detail.textContent = 'What was answered before it stays below.';
  } else if (sixlane.status().mode === 'native') {
    verdict.textContent = 'There is nothing to compare: both runs were native fetch.';
    detail.textContent = '';
  } else {
    const said = scene.verdict(native, ours);
    verdict.textContent = said.headline;
    detail.textContent = said.detail;
  }
}

function start() {
  const job = {
    cancelled: false,
    cancel() {
      job.cancelled = true;
      job.run?.cancel();
    },
  };
  job.done = runBoth(job);
}

async function runBoth(job) {
  const values = controls.values();
  const records = {};
  setRunning(job);
  detail.textContent = 'The same calls both ways, one after the other so that they do not disturb each other.';
  watch.reset();
  chart.clear();
  for (const { panel } of sides) panel.reset('up next');
  try {
    for (const one of sides) {
      if (job.cancelled) one.panel.reset('not run');
      else await runSide(one, values, records, job);
    }
    await conclude(records, job);
  } catch (error) {
    verdict.textContent = 'The run could not be made.';
    detail.textContent = String(error.message ?? error);
  } finally {
    setRunning(undefined);
    showMode();
  }
}

function setRunning(job) {
  // What is disabled under the keyboard loses its place: it waits at "Cancel", and comes back afterwards.
  const { activeElement } = document;
  if (job) cameFrom = form.contains(activeElement) ? activeElement : undefined;
  const back = activeElement === cancelButton ? (cameFrom ?? runButton) : undefined;
  running = job;
  document.documentElement.toggleAttribute('data-running', job !== undefined);
  byId('settings').disabled = runButton.disabled = job !== undefined;
  cancelButton.disabled = job === undefined;
  if (job) {
    if (cameFrom) cancelButton.focus();
  } else {
    back?.focus();
  }
}

function showMode() {
  const { mode, reason } = sixlane.status();
  notice.hidden = mode !== 'native';
  if (mode === 'native') {
    notice.textContent = `sixlane’s module cannot run here, so it hands every call to native fetch, and both columns show the same thing. The reason: ${reason}`;
  }
}

function showQuestion() {
  verdict.textContent = scene.question(controls.values());
  detail.textContent = 'Native fetch runs first, then sixlane: the same calls, so that the two can be compared.';
}

async function showScene() {
  // What runs belongs to the scene that is left.
  running?.cancel();
  await running?.done;
  scene = sceneOf(query().get('scene'));
  controls = createControls(byId('settings'), scene.controls);
  controls.take(query());
  document.title = `sixlane: ${scene.title}`;
  byId('look-at').textContent = scene.lookAt;
  byId('chart-title').textContent = scene.chart.title;
  for (const link of byId('scenes').children) {
    if (link.dataset.scene === scene.id) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  for (const { panel } of sides) panel.setScene(scene);
  chart.clear();
  showQuestion();
}

byId('scenes').append(
  ...SCENES.map(({ id, title }) => {
    const link = Object.assign(document.createElement('a'), { href: addressOf({ id }).href, textContent: title });
    link.dataset.scene = id;
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      history.pushState(null, '', link.href);
      showScene();
    });
    return link;
  }),
);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (running) return;
  write(scene, controls.texts());
  start();
});

form.addEventListener('change', () => {
  if (form.checkValidity()) write(scene, controls.texts());
  showQuestion();
});

cancelButton.addEventListener('click', () => running?.cancel());
addEventListener('popstate', showScene);

document.querySelector('[data-slice]').textContent = String(SLICE);
document.querySelector('[data-slice-ms]').textContent = String(SLICE_MS);
createTheme(document.querySelectorAll('input[name=theme]'));
showScene();
sixlane.ready.then(showMode);
