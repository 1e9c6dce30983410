import { addressOf, query, write } from './address.js';
import { createComparison } from './comparison.js';
import { createControls } from './controls.js';
import { lookInto } from './inside.js';
import { SCENES, sceneOf } from './scenes/index.js';
import { sixlane } from './sides.js';
import { createTheme } from './theme.js';

const byId = (id) => document.getElementById(id);
const form = byId('controls');
const runButton = byId('run');
const cancelButton = byId('cancel');
const notice = byId('notice');

let scene;
let controls;
/** What runs now, with `cancel()`. */
let running;
/** Where the keyboard was when it began. */
let cameFrom;

/** What views may ask of the page. */
const page = {
  /** The big line and the one below it; what is undefined stays. */
  say(headline, detail) {
    if (headline !== undefined) byId('verdict').textContent = headline;
    if (detail !== undefined) byId('detail').textContent = detail;
  },
  /** Does something that takes its time, unless something else is being done. */
  start,
  showNotice,
};

const comparison = createComparison(page);
/** The one that is shown. */
let view = comparison;
const views = new Map();

/** A scene's own view is made when it is first shown. */
function viewOf({ view: create }) {
  if (!create) return comparison;
  if (!views.has(create)) views.set(create, create(page));
  return views.get(create);
}

function start(work) {
  if (running) return;
  const controller = new AbortController();
  const job = { cancel: () => controller.abort() };
  setRunning(job);
  job.done = runJob(work, controller.signal);
}

async function runJob(work, signal) {
  try {
    await work(signal);
  } catch (error) {
    page.say('The run could not be made.', String(error.message ?? error));
  } finally {
    setRunning(undefined);
    showNotice();
  }
}

const run = () => start((signal) => view.run(controls.values(), signal));

function setRunning(job) {
  // What is disabled under the keyboard loses its place: it waits at "Cancel", and comes back afterwards.
  const { activeElement } = document;
  if (job) cameFrom = form.contains(activeElement) ? activeElement : undefined;
  const back = activeElement === cancelButton ? (cameFrom ?? runButton) : undefined;
  running = job;
  document.documentElement.toggleAttribute('data-running', job !== undefined);
  for (const part of [byId('settings'), runButton, ...view.buttons]) part.disabled = job !== undefined;
  cancelButton.disabled = job === undefined;
  if (job) {
    if (cameFrom) cancelButton.focus();
  } else {
    back?.focus();
  }
}

/** What is said again is not announced again. */
function showNotice() {
  const text = view.notice();
  notice.hidden = text === '';
  if (notice.textContent !== text) notice.textContent = text;
}

async function showScene() {
  // What runs belongs to the scene that is left.
  running?.cancel();
  await running?.done;
  for (const part of [view.root, ...view.buttons]) part.remove();
  scene = sceneOf(query().get('scene'));
  view = viewOf(scene);
  byId('look-at').after(view.root);
  cancelButton.before(...view.buttons);
  runButton.textContent = view.action;
  controls = createControls(byId('settings'), scene.controls);
  controls.take(query());
  document.title = `sixlane: ${scene.title}`;
  byId('look-at').textContent = scene.lookAt;
  for (const link of byId('scenes').children) {
    if (link.dataset.scene === scene.id) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  lookInto(view.instances?.() ?? { sixlane }, scene.inside);
  view.show(scene);
  view.ask(controls.values());
  showNotice();
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
  run();
});

form.addEventListener('change', () => {
  if (form.checkValidity()) write(scene, controls.texts());
  view.ask(controls.values());
});

cancelButton.addEventListener('click', () => running?.cancel());
addEventListener('popstate', showScene);

createTheme(document.querySelectorAll('input[name=theme]'));
showScene().then(() => {
  // Pressed before there is anything to run, it would only load the page again.
  runButton.disabled = false;
  // Also by the browser's own button: a page that was reloaded asks for its data again.
  if (view.afterReload && performance.getEntriesByType('navigation')[0]?.type === 'reload') run();
});
sixlane.ready.then(showNotice);
