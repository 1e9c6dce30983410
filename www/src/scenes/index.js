/**
 * The scenes, in the order in which they are offered. A scene is a file that exports
 *
 * - `id`, `title`; `question(values)`: the big line before a run; `lookAt`: one sentence
 * - `controls`: what the visitor chooses (see ../controls.js); their values come back as `values`
 * - `sides`: who makes its calls (see ../sides.js), if not native fetch and sixlane; `together`: at the same time, not one
 *   after the other; `options`: of a sixlane of its own
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
 */
import burst from './burst.js';
import emergency from './emergency.js';
import outage from './outage.js';

export const SCENES = [burst, emergency, outage];

export const sceneOf = (id) => SCENES.find((scene) => scene.id === id) ?? SCENES[0];
