/**
 * The scenes, in the order in which they are offered. A scene is a file that exports
 *
 * - `id`, `title`; `question(values)`: the big line before a run; `lookAt`: what to look at
 * - `controls`: what the visitor chooses (see ../controls.js); their values come back as `values`
 *
 * Most compare, and say for the view of ../comparison.js
 *
 * - `sides`: who makes its calls (see ../sides.js), if not native fetch and sixlane; `together`: at the same time, not one
 *   after the other; `options`: by side, of a sixlane of its own; `how`: how they run, in words
 * - `cells`: a column shows a cell for each call, and no lanes and levels; `use`: which of the page's texts on how to use it
 *   is shown, if not "lanes"
 * - `total(values)`: how many requests a run makes
 * - `begin({ values, fetch, records })`: once for all sides, when they begin; returns how to end it
 * - `run({ values, record, inTurns, send, pause, observe })`: makes the requests of one side (see ../run.js), and resolves
 *   when all have settled
 * - `hero(record, now)`: the big figure of a column: `{ text, caption, tone }`, tone "quiet", "good" or "bad";
 *   `heroCaption`: its caption before a run, when it is not about a critical answer
 * - `figures`: the rows below it: `{ label, text(record, now), bad(record)? }`
 * - `chart`: `{ title, value(record) }`, and `marks(record)`: `[{ at, text, alone }]`, at in ms from the start; `alone`: without
 *   the side's name
 * - `verdict(records)`: by side; `{ headline, detail }`
 *
 * Others bring a view of their own: `view(page)` makes it, see ../main.js for what `page` can do. `inside`: the panel is open
 * there without being asked. A view has
 *
 * - `root`: what it shows; `show(scene)`: before it is shown
 * - `action`: the word on the button that runs it; `buttons`: more of them; `afterReload`: it also runs when the page was
 *   reloaded
 * - `ask(values)`: says the question, now and whenever the visitor chooses something else
 * - `run(values, signal)`: resolves when it is over, soon after the signal aborts
 * - `notice()`: what the visitor must be told, or ""
 * - `instances()`: of sixlane, by name, for the panel, where it makes its own
 */
import burst from './burst.js';
import emergency from './emergency.js';
import grid from './grid.js';
import outage from './outage.js';
import pressure from './pressure.js';
import visit from './visit.js';

export const SCENES = [burst, emergency, outage, pressure, grid, visit];

export const sceneOf = (id) => SCENES.find((scene) => scene.id === id) ?? SCENES[0];
