/** What holds for one call, of all that was said of it. */
import { judge, putOptions, putText, Said } from './border.js';
import { Option } from './codes.js';
import { priorityAlone } from './levels.js';
import { consult, loaded } from './load.js';
import { read } from './options.js';
import { defined, isPlain } from './snapshot.js';
import type { LaneInit, SixlaneOptions } from './types.js';

type Hint = 'high' | 'low' | undefined;

/** A lane as the page passed it, a snapshot of it, and the terms read from it. */
interface Known {
  readonly copy: object;
  readonly route: LaneInit | undefined;
  readonly merged: LaneInit;
}

/**
 * The lanes of the calls of one instance. A call goes before its route, the route before `init.priority` and the options.
 * What was merged once is remembered, so that equal calls have the same object.
 */
export class Lanes {
  readonly #options: SixlaneOptions;
  /** Of calls that say nothing themselves: by `init.priority`, then by route. */
  readonly #silent = new Map<Hint, Map<LaneInit | undefined, LaneInit | undefined>>();
  readonly #known = new WeakMap<object, Known>();

  constructor(options: SixlaneOptions) {
    this.#options = options;
  }

  /** Undefined where nothing was said. */
  of(route: LaneInit | undefined, init: RequestInit | undefined, emergency: boolean): LaneInit | undefined {
    const said = init?.lane;
    const hint = init?.priority === 'high' || init?.priority === 'low' ? init.priority : undefined;
    // What is no object cannot be spread without losing what it is: `termsOf` says what is wrong with it.
    if (said !== undefined && (typeof said !== 'object' || said === null)) return said;
    if (emergency) return { ...this.#merge(route, hint, said), emergency };
    if (said === undefined) return this.#ofRoute(route, hint);
    if (hint) return this.#merge(route, hint, said);
    const known = this.#known.get(said);
    // Its owner may have changed it since.
    if (known?.route === route && isAsIn(known?.copy, said)) return known?.merged;
    const copy = defined(said);
    const merged = this.#merge(route, hint, copy);
    this.#known.set(said, { copy, route, merged: merged as LaneInit });
    return merged;
  }

  #ofRoute(route: LaneInit | undefined, hint: Hint): LaneInit | undefined {
    const routes = this.#silent.get(hint) ?? new Map();
    if (!routes.has(route)) routes.set(route, this.#merge(route, hint, undefined));
    this.#silent.set(hint, routes);
    return routes.get(route);
  }

  #merge(route: LaneInit | undefined, hint: Hint, said: LaneInit | undefined): LaneInit | undefined {
    const { timeout, retry } = this.#options;
    const silent = timeout === undefined && retry === undefined && !hint;
    if (silent && !route && said === undefined) return undefined;
    const own: LaneInit = defined(said ?? {});
    const base: LaneInit = { ...(timeout !== undefined && { timeout }), ...(hint && { priority: hint }) };
    const lane: LaneInit = { ...base, ...route, ...own };
    const merged = [route?.retry, own.retry].reduce(refine, retry);
    if (merged !== undefined) lane.retry = merged;
    const rule = own.cache;
    if (route?.cache && typeof rule === 'object' && rule !== null) lane.cache = { ...route.cache, ...defined(rule) };
    return lane;
  }
}

/** By the lane's snapshot, which is never changed. */
const terms = new WeakMap<LaneInit, Said>();

/**
 * What a lane says, as numbers for the core. Undefined where it says nothing, or the module is not there to judge it.
 *
 * @throws RangeError or TypeError for what is wrong in it
 */
export function termsOf(lane: LaneInit | undefined): Said | undefined {
  if (lane === undefined || !loaded()) return undefined;
  const known = terms.get(lane);
  if (known) return known;
  const priority = priorityAlone(lane);
  const said = priority === undefined ? read('lane', lane, 'lane') : new Said();
  if (priority === undefined) judge(said);
  else said.set(Option.Priority, 'lane.priority', priority);
  terms.set(lane, said);
  return said;
}

/** Whether a request may ever be sent again, so that its body must be kept. Not where the module does not run. */
export function mayRepeat(said: Said | undefined, method: string, idempotent: boolean): boolean {
  return consult((core) => {
    putOptions(core, said);
    const text = [method, ...(said?.methods ?? [])].join('\n');
    return core.may_repeat(putText(core, text), Number(idempotent)) === 1;
  }, false);
}

/** Whether rules let a request with this method be sent again after all, where it was made for that. */
export function permitsMethod(said: Said | undefined, method: string, headers: Headers): boolean {
  // Those who list none were asked as the call was made.
  if (said === undefined || Number.isNaN(said.words[Option.Methods])) return true;
  return mayRepeat(said, method, headers.has('idempotency-key'));
}

/** Whether options are still what they were when this copy was made. */
function isAsIn(copy: object | undefined, now: object): boolean {
  if (!copy) return false;
  let count = 0;
  for (const [name, value] of Object.entries(now)) {
    if (value === undefined) continue;
    count += 1;
    const before = (copy as Record<string, unknown>)[name];
    if (value === before) continue;
    if (typeof value !== 'object' || value === null || typeof before !== 'object' || before === null) return false;
    if (!(Array.isArray(value) || isPlain(value)) || !isAsIn(before, value)) return false;
  }
  return count === Object.keys(copy).length;
}

/** Each option of `retry` by itself. */
function refine(base: LaneInit['retry'], own: LaneInit['retry']): LaneInit['retry'] {
  if (own === undefined || base === undefined || base === false) return own ?? base;
  if (own === false || typeof own === 'string') return own;
  const all = [base, own].map((options) => (typeof options === 'number' ? { limit: options } : options));
  // What is no object is kept as it is: `termsOf` says what is wrong with it.
  if (all.some((options) => typeof options !== 'object' || options === null)) return own;
  return Object.assign({}, ...all.map((options) => defined(options as object)));
}
