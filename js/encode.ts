import { isPlain } from './snapshot.js';

const marks = new WeakMap<object, number>();
let lastMark = 0;

function markOf(value: object): number {
  const mark = marks.get(value) ?? ++lastMark;
  marks.set(value, mark);
  return mark;
}

/**
 * A text that two values have in common only where they are alike: plain objects and arrays by what is in them, functions and
 * all other objects by identity. Unlike JSON it tells `Infinity` and `undefined` from `null`, and asks no `toJSON`.
 *
 * @throws RangeError for a circle, or what a getter of the page throws
 */
export function encode(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `#${markOf(value)}`;
  // Two symbols may have one description.
  if (typeof value === 'symbol') throw new TypeError('a symbol has no text');
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? `${value}n` : String(value);
  if (Array.isArray(value)) return `[${Array.from(value, encode).join()}]`;
  if (!isPlain(value)) return `#${markOf(value)}`;
  const parts = Object.entries(value).filter(([, part]) => part !== undefined);
  return `{${parts.map(([name, part]) => `${JSON.stringify(name)}:${encode(part)}`).join()}}`;
}
