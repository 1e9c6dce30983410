import { createFetch } from 'sixlane';
import { startBurst } from './burst.js';
import { createPanel } from './panel.js';
import { createSettings } from './settings.js';
import { compare, number } from './words.js';

/** So that neither run pays for opening the connections. */
const WARM_UP = 6;

/** The longest wait for the server to be done with what was cancelled. */
const DRAIN_LIMIT = 5000;

const byId = (id) => document.getElementById(id);
const form = byId('controls');
const runButton = byId('run');
const cancelButton = byId('cancel');
const verdict = byId('verdict');
const notice = byId('notice');

const nativeFetch = globalThis.fetch.bind(globalThis);
const sixlane = createFetch();

const settings = createSettings({ count: byId('count'), delay: byId('delay'), hints: byId('hints') });
const template = byId('panel');
const lanes = [
  {
    name: 'native',
    title: 'Native fetch',
    fetch: nativeFetch,
    panel: createPanel(template, { title: 'Native fetch', kind: 'native' }),
  },
  {
    name: 'sixlane',
    title: 'sixlane',
    fetch: sixlane,
    panel: createPanel(template, { title: 'sixlane', kind: 'sixlane', queue: () => sixlane.status() }),
  },
];
byId('panels').append(...lanes.map(({ panel }) => panel.root));

/** The controller of the run, while there is one. */
let running;
/** Where the keyboard was when it began. */
let cameFrom;

/** Draws once a frame until the burst is over; a hidden page has no frames, so the end is drawn by whoever waits. */
function animate(panel, progress) {
  if (progress.over) return;
  panel.draw(progress);
  requestAnimationFrame(() => animate(panel, progress));
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function warmUp(signal) {
  const requests = Array.from({ length: WARM_UP }, () => nativeFetch('/api/user/profile?run=warm-up', { signal }));
  for (const response of await Promise.all(requests)) await response.arrayBuffer();
}

/** The most requests that the server had at once, asked when it has none any more. */
async function peakOf(tag) {
  const limit = performance.now() + DRAIN_LIMIT;
  for (;;) {
    const response = await nativeFetch(`/control/stats?run=${encodeURIComponent(tag)}`);
    const { peak, inFlight } = await response.json();
    if (inFlight === 0 || performance.now() > limit) return peak;
    await pause(50);
  }
}

async function runLane({ name, title, fetch, panel }, values, signal) {
  verdict.textContent = `${title} is running …`;
  panel.reset('starting');
  await warmUp(signal);
  const tag = `${name}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
  const { progress, done } = startBurst({ ...values, fetch, tag, signal });
  requestAnimationFrame(() => animate(panel, progress));
  await done;
  panel.draw(progress);
  // Also when this cannot be had, the run stands.
  panel.drawPeak(await peakOf(tag).catch(() => undefined));
  return progress;
}

async function run(signal) {
  const values = settings.values();
  for (const { panel } of lanes) panel.reset('up next');
  const results = [];
  for (const lane of lanes) {
    results.push(await runLane(lane, values, signal));
    signal.throwIfAborted();
  }
  if (sixlane.status().mode === 'native') {
    verdict.textContent = 'There is nothing to compare: both runs were native fetch.';
    return;
  }
  const [critical, losses] = compare(...results);
  const strong = document.createElement('strong');
  strong.textContent = critical;
  verdict.replaceChildren(strong, ` ${losses}`);
}

function setRunning(controller) {
  // What is disabled under the keyboard loses its place: it waits at "Cancel", and comes back afterwards.
  const { activeElement } = document;
  if (controller) cameFrom = form.contains(activeElement) ? activeElement : undefined;
  const back = activeElement === cancelButton ? (cameFrom ?? runButton) : undefined;
  running = controller;
  byId('settings').disabled = runButton.disabled = controller !== undefined;
  cancelButton.disabled = controller === undefined;
  if (controller) {
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

function showCount() {
  byId('lead-count').textContent = number(settings.values().count);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (running) return;
  const controller = new AbortController();
  settings.write();
  setRunning(controller);
  try {
    await run(controller.signal);
  } catch (error) {
    const why = controller.signal.aborted ? 'Cancelled.' : `The run could not be made: ${error.message}.`;
    verdict.textContent = why;
    for (const { panel } of lanes) if (panel.root.dataset.state === 'idle') panel.reset('not run');
  } finally {
    setRunning(undefined);
    showMode();
  }
});

form.addEventListener('change', () => {
  if (byId('delay').checkValidity()) settings.write();
  showCount();
});

cancelButton.addEventListener('click', () => running?.abort());

settings.read();
showCount();
sixlane.ready.then(showMode);
