import { line, putText } from './border.js';
import { PAUSE_FIELDS } from './codes.js';
import { consult } from './load.js';

/** Those without which the others say nothing. */
const TELLING = PAUSE_FIELDS.filter((name) => !/date|reset/.test(name));

/** The pause that a response asks for, in milliseconds; NaN for none. What its headers mean, the core knows. */
export function pauseAsked({ status, headers }: Response): number {
  if (!TELLING.some((name) => headers.has(name))) return Number.NaN;
  const text = PAUSE_FIELDS.map((name) => line(headers.get(name))).join('\n');
  return consult((core) => core.pause_asked(putText(core, text), status, Date.now()), Number.NaN);
}
