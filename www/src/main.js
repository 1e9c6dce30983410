import { addressOf, query, write } from './address.js';
import { createBlocking } from './blocking.js';
import { createChart } from './chart.js';
import { createControls } from './controls.js';
import { createPanel } from './panel.js';
import { LEVELS } from './record.js';
import { seenByServer, startRun, warmUp } from './run.js';
import { SCENES, sceneOf } from './scenes/index.js';
import { nativeFetch, openFetch, sixlane, TITLES } from './sides.js';
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

const watch = createWatch();

const template = byId('panel');
const panels = Object.entries(TITLES).map(([side, title]) => [side, createPanel(template, { title, kind: side })]);
byId('panels').append(...panels.map(([, { root }]) => root));

/** The sides of the scene that is shown, with their columns. */
const sidesOf = ({ sides = ['native', 'sixlane'] }) =>
  panels.filter(([side]) => sides.includes(side)).map(([side, panel]) => ({ side, title: TITLES[side], panel }));

/** What waits by level, if this fetch can tell. */
function waitingIn(fetch) {
  const byPriority = fetch.status?.().byPriority;
  return byPriority && LEVELS.map((level) => byPriority[level].queued);
}

const chart = createChart(byId('chart'));
const blocking = createBlocking({ body: byId('causes'), note: byId('blocking-note'), watch });

let scene;
let controls;
/** What runs now, with `cancel()`. */
let running;
/** Where the keyboard was when it began. */
let cameFrom;

/** Draws once a frame until the run is over; a hidden page has no frames, so the end is drawn by whoever waits. */
function animate({ side, panel }, fetch, records, frames) {
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
        panel.draw(record, time, waitingIn(fetch));
        if (count % CHART_EVERY === 0 || still.matches) chart.draw(records, scene);
      });
      count += 1;
    }
    requestAnimationFrame(frame);
  }
  requestAnimationFrame(frame);
}

async function runSide(one, values, records, job) {
  const { side, title, panel } = one;
  watch.phase(scene.together ? 'Answers' : `${title}’s answers`);
  const frames = createFrameCount();
  const { fetch, close } = openFetch(side, scene);
  const run = startRun({ side, scene, values, fetch, ask: nativeFetch, during: watch.during });
  records[side] = run.record;
  job.runs.push(run);
  animate(one, fetch, records, frames);
  await run.done;
  close();
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

async function runInTurn(sides, values, records, job) {
  for (const one of sides) {
    if (!job.cancelled) {
      verdict.textContent = `${one.title} is running …`;
      one.panel.reset('starting');
      await warmUp(nativeFetch);
    }
    if (job.cancelled) one.panel.reset('not run');
    else await runSide(one, values, records, job);
  }
}

async function runTogether(sides, values, records, job) {
  verdict.textContent = 'All are running …';
  await warmUp(nativeFetch);
  if (job.cancelled) {
    for (const { panel } of sides) panel.reset('not run');
    return;
  }
  await Promise.all(sides.map((one) => runSide(one, values, records, job)));
}

async function conclude(records, job) {
  const ended = Object.values(records);
  const scaleMs = Math.max(0, ...ended.map(({ totalMs }) => totalMs));
  const scaleMedian = Math.max(0, ...ended.flatMap(({ medians }) => medians));
  for (const { side, panel } of sidesOf(scene)) {
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
    verdict.textContent = 'There is nothing to compare: sixlane’s run was native fetch, too.';
    detail.textContent = '';
  } else {
    const said = scene.verdict(records);
    verdict.textContent = said.headline;
    detail.textContent = said.detail;
  }
}

function start() {
  const job = {
    cancelled: false,
    runs: [],
    cancel() {
      job.cancelled = true;
      for (const run of job.runs) run.cancel();
    },
  };
  job.done = runAll(job);
}

async function runAll(job) {
  const values = controls.values();
  const sides = sidesOf(scene);
  const records = {};
  let end;
  setRunning(job);
  detail.textContent = howItRuns();
  watch.reset();
  chart.clear();
  for (const { panel } of sides) panel.reset('up next');
  try {
    end = scene.begin?.({ values, fetch: nativeFetch, records });
    await (scene.together ? runTogether : runInTurn)(sides, values, records, job);
    await conclude(records, job);
  } catch (error) {
    verdict.textContent = 'The run could not be made.';
    detail.textContent = String(error.message ?? error);
  } finally {
    await end?.().catch(() => {});
    setRunning(undefined);
    showMode();
  }
}

function howItRuns() {
  if (scene.together) return 'The same calls in all columns, at the same time and to the same server.';
  return 'Native fetch runs first, then sixlane: the same calls, so that the two can be compared.';
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
    notice.textContent = `sixlane’s module cannot run here, so it hands every call to native fetch, and its column shows nothing of its own. The reason: ${reason}`;
  }
}

function showQuestion() {
  verdict.textContent = scene.question(controls.values());
  detail.textContent = howItRuns();
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
  const shown = sidesOf(scene);
  for (const [, panel] of panels) {
    panel.root.hidden = !shown.some((one) => one.panel === panel);
    panel.setScene(scene);
  }
  byId('panels').dataset.count = String(shown.length);
  document.querySelector('.legend [data-kind=naive]').hidden = shown.length < 3;
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
