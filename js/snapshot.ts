/** Options deeper inside each other than any are: it may well be a circle. */
const MAX_DEPTH = 8;

/**
 * Options as they are now: their caller may change the object later, and a getter may change its mind. What is no plain
 * object or array (a pattern, a signal, a function) stays what it is.
 */
export function snapshot<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null || depth === MAX_DEPTH) return value;
  if (Array.isArray(value)) return Array.from(value, (part) => snapshot(part, depth + 1)) as T;
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, snapshot(part, depth + 1)])) as T;
}

/** The same without what is undefined. */
export function defined<T extends object>(object: T): T {
  return Object.fromEntries(
    Object.entries(object).flatMap(([name, value]) => (value === undefined ? [] : [[name, snapshot(value)]])),
  ) as T;
}

/** Of this realm or another one, which has an `Object.prototype` of its own. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
