/** What holds for one call, of all that was said of it. */
import { priorityAlone } from './levels.js';
import { consult } from './load.js';
import { defined } from './snapshot.js';
import type { LaneInit, SixlaneOptions } from './types.js';

/** The call goes before its route, the route before `init.priority` and the options. Undefined where nothing was said. */
export function laneOf(
  { timeout, retry }: SixlaneOptions,
  route: LaneInit | undefined,
  init: RequestInit | undefined,
  emergency: boolean,
): LaneInit | undefined {
  const said = init?.lane;
  const hint = init?.priority;
  const natural = hint === 'high' || hint === 'low' ? { priority: hint } : undefined;
  const silent = timeout === undefined && retry === undefined && !natural && !emergency;
  if (silent && !route && said === undefined) return undefined;
  // What is no object cannot be spread without losing what it is: the module says what is wrong with it.
  if (said !== undefined && (typeof said !== 'object' || said === null)) return said;
  const own: LaneInit = defined(said ?? {});
  const lane: LaneInit = { ...(timeout === undefined ? {} : { timeout }), ...natural, ...route, ...own };
  const merged = [route?.retry, own.retry].reduce(refine, retry);
  if (merged !== undefined) lane.retry = merged;
  const rule = own.cache;
  if (route?.cache && typeof rule === 'object' && rule !== null) lane.cache = { ...route.cache, ...defined(rule) };
  return emergency ? { ...lane, emergency } : lane;
}

/**
 * What the core reads of it: see `Lane` in the shell. A priority, if that is all, it need not be asked about.
 *
 * @throws RangeError or TypeError for what is wrong in it
 */
export function wordsOf(lane: LaneInit | undefined): ArrayLike<number> | undefined {
  if (lane === undefined) return undefined;
  const priority = priorityAlone(lane);
  return priority === undefined ? consult(({ readLane }) => readLane(lane), undefined) : [priority, ...SILENCE];
}

/** Of all else it says nothing. */
const SILENCE = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];

/** Each option of `retry` by itself. */
function refine(base: LaneInit['retry'], own: LaneInit['retry']): LaneInit['retry'] {
  if (own === undefined || base === undefined || base === false) return own ?? base;
  if (own === false || typeof own === 'string') return own;
  const all = [base, own].map((options) => (typeof options === 'number' ? { limit: options } : options));
  // What is no object is kept as it is: the module says what is wrong with it.
  if (all.some((options) => typeof options !== 'object' || options === null)) return own;
  return Object.assign({}, ...all.map((options) => defined(options as object)));
}
