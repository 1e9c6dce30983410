/** The view of the scenes that compare: a column for each side, all of them over time, and what blocked the page. */
import { createBlocking } from './blocking.js';
import { createChart } from './chart.js';
import { createPanel } from './panel.js';
import { LEVELS } from './record.js';
import { seenByServer, startRun, warmUp } from './run.js';
import { nativeFetch, openFetch, sixlane, TITLES } from './sides.js';
import { SLICE, SLICE_MS, turn } from './slices.js';
import { createFrameCount, createWatch, DRAWING } from './watch.js';

/** Frames from one drawing of the chart to the next: its lines move slowly. */
const CHART_EVERY = 8;
/** Milliseconds between drawings where motion is not wanted. */
const CALM = 250;

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** What waits by level, if this fetch can tell. */
function waitingIn(fetch) {
  const byPriority = fetch.status?.().byPriority;
  return byPriority && LEVELS.map((level) => byPriority[level].queued);
}

/** See scenes/index.js for what a view is. */
export function createComparison({ say }) {
  const byId = (id) => document.getElementById(id);
  const root = byId('comparison');
  const watch = createWatch();
  const template = byId('panel');
  const panels = Object.entries(TITLES).map(([side, title]) => [side, createPanel(template, { title, kind: side })]);
  byId('panels').append(...panels.map(([, { root }]) => root));
  const chart = createChart(byId('chart'));
  const blocking = createBlocking({ body: byId('causes'), note: byId('blocking-note'), watch });
  let scene;

  root.querySelector('[data-slice]').textContent = String(SLICE);
  root.querySelector('[data-slice-ms]').textContent = String(SLICE_MS);

  /** The sides of the scene that is shown, with their columns. */
  function sidesOf({ sides = ['native', 'sixlane'] }) {
    return panels
      .filter(([side]) => sides.includes(side))
      .map(([side, panel]) => ({ side, title: TITLES[side], panel }));
  }

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

  async function runSide(one, values, records, signal) {
    const { side, title, panel } = one;
    watch.phase(scene.together ? 'Answers' : `${title}’s answers`);
    const { fetch, ready, close } = openFetch(side, scene);
    // The first calls would go out one by one while its parts are loaded, as many as the machine is slow.
    await ready;
    const frames = createFrameCount();
    const run = startRun({ side, scene, values, fetch, ask: nativeFetch, during: watch.during });
    records[side] = run.record;
    signal.addEventListener('abort', () => run.cancel());
    if (signal.aborted) run.cancel();
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
    run.record.seen ??= stats;
    await run.weighed(stats?.seen ?? 0);
    panel.drawEnd({ peak: stats?.peak, frames: frames.result() });
  }

  async function runInTurn(sides, values, records, signal) {
    for (const one of sides) {
      if (!signal.aborted) {
        say(`${one.title} is running …`);
        one.panel.reset('starting');
        await warmUp(nativeFetch);
      }
      if (signal.aborted) one.panel.reset('not run');
      else await runSide(one, values, records, signal);
    }
  }

  async function runTogether(sides, values, records, signal) {
    say('All are running …');
    await warmUp(nativeFetch);
    if (signal.aborted) {
      for (const { panel } of sides) panel.reset('not run');
      return;
    }
    await Promise.all(sides.map((one) => runSide(one, values, records, signal)));
  }

  async function conclude(records, signal) {
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
    if (signal.aborted) {
      say('Cancelled.', 'What was answered before it stays below.');
    } else if (sixlane.status().mode === 'native') {
      say('There is nothing to compare: sixlane’s run was native fetch, too.', '');
    } else {
      const { headline, detail } = scene.verdict(records);
      say(headline, detail);
    }
  }

  function howItRuns() {
    if (scene.how) return scene.how;
    if (scene.together) return 'The same calls in all columns, at the same time and to the same server.';
    return 'Native fetch runs first, then sixlane: the same calls, so that the two can be compared.';
  }

  return {
    root,
    action: 'Run',
    buttons: [],

    show(next) {
      scene = next;
      byId('chart-title').textContent = scene.chart.title;
      const shown = sidesOf(scene);
      for (const [, panel] of panels) {
        panel.root.hidden = !shown.some((one) => one.panel === panel);
        panel.setScene(scene);
      }
      byId('panels').dataset.count = String(shown.length);
      for (const name of root.querySelectorAll('.legend [data-kind]')) {
        name.hidden = !shown.some(({ side }) => side === name.dataset.kind);
      }
      for (const text of root.querySelectorAll('[data-use]')) text.hidden = text.dataset.use !== (scene.use ?? 'lanes');
      chart.clear();
    },

    ask: (values) => say(scene.question(values), howItRuns()),

    async run(values, signal) {
      const sides = sidesOf(scene);
      const records = {};
      let end;
      say(undefined, howItRuns());
      watch.reset();
      chart.clear();
      for (const { panel } of sides) panel.reset('up next');
      try {
        end = scene.begin?.({ values, fetch: nativeFetch, records });
        await (scene.together ? runTogether : runInTurn)(sides, values, records, signal);
        await conclude(records, signal);
      } finally {
        await end?.().catch(() => {});
      }
    },

    notice() {
      const { mode, reason } = sixlane.status();
      if (mode !== 'native') return '';
      return `sixlane’s module cannot run here, so it hands every call to native fetch, and its column shows nothing of its own. The reason: ${reason}`;
    },
  };
}
