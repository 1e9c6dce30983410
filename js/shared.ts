/**
 * What the files that are loaded on demand take from the first one, so that the page has one of each. The build fails where
 * they import anything else.
 */
export { isSameOrigin, originOf, withoutFragment } from './addresses.js';
export { discard } from './body.js';
export { Handle, judge, oneOf, outOfRange, put, putText, rangeOf, readText, Said, wrongType } from './border.js';
export { Looks } from './cache/answer.js';
export { mayHaveBody } from './cache/frozen.js';
export { encode } from './encode.js';
export { bit, Engine } from './engine.js';
export { isSixlaneError, refusalReason, SixlaneError } from './errors.js';
export { Events } from './events.js';
export { BREAKER_STATES } from './figures.js';
export { mayRepeat, termsOf } from './lane.js';
export { LEVEL_NAMES, LEVELS, priorityAlone, priorityValue } from './levels.js';
export { compile, need, trapped } from './load.js';
export { anything, callback, choice, each, is, list, match, number, object, read, text, unless } from './options.js';
export { pauseAsked } from './pause.js';
export { permits } from './permit.js';
export {
  isRegExp,
  isResponse,
  isStream,
  NativeHeaders,
  NativeRequest,
  NativeResponse,
  nameOf,
  tagOf,
  textOf,
} from './platform.js';
export { protocolOf } from './protocols.js';
export { isPlain, isRead, realOf } from './requests.js';
export { compileMatch, patternOf } from './routes.js';
export { PRESSURES, TRIGGERS } from './samples.js';
export { bytesOf } from './settle.js';
export { LONGEST_TIMER, withTimeout } from './timeout.js';
export { VERSION } from './version.js';
export { timeLeft } from './waits.js';
export { degradationOf, monitorOf, NOTHING, Watching } from './watching.js';
