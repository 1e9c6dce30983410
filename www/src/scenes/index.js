/**
 * The scenes, in the order in which they are offered. A scene is a file that exports
 *
 * - `id`, `title`; `question(values)`: the big line before a run; `lookAt`: one sentence
 * - `controls`: what the visitor chooses (see ../controls.js); their values come back as `values`
 * - `total(values)`: how many requests a run makes
 * - `run({ values, record, inTurns, send, pause })`: makes them (see ../run.js), and resolves when all have settled
 * - `hero(record, now)`: the big figure of a column: `{ text, caption, tone }`, tone "quiet", "good" or "bad";
 *   `heroCaption`: its caption before a run, when it is not about a critical answer
 * - `figures`: the rows below it: `{ label, text(record, now), bad(record)? }`
 * - `chart`: `{ title, value(record) }`, and `marks(record)`: `[{ at, text }]`, at in ms from the start
 * - `verdict(native, sixlane)`: `{ headline, detail }`
 */
import burst from './burst.js';
import emergency from './emergency.js';

export const SCENES = [burst, emergency];

export const sceneOf = (id) => SCENES.find((scene) => scene.id === id) ?? SCENES[0];
