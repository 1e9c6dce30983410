/** What is given up at each level, as callers say it: the numbers of the core, and what only a page can do. */
import { oneOf, outOfRange, Said } from './border.js';
import { Option } from './codes.js';
import { LEVEL_NAMES } from './levels.js';
import { anything, callback, each, is, list, match, number, object, type Reader, type Shape, text } from './options.js';
import { isResponse, textOf } from './platform.js';
import { isPlain, isRead, type RequestLike, realOf } from './requests.js';
import { compileMatch } from './routes.js';
import { TRIGGERS } from './samples.js';
import type { DegradationAction, DegradationOptions, DegradationRule, Trigger } from './types.js';
import type { Steps } from './watching.js';

const LEVELS = 5;

/** What the core's own three rules are called. */
const NAMES = ['light', 'medium', 'heavy'];

/** Numbers of a rule for the core: see `NUMBERS` in src/degrade/relief.rs. */
const NONE = [0, 0, 0, 1, 1, 0, 1];
const SHED = 1;
const SHED_STALE = 2;
const CONCURRENCY = 3;
const TIME_LIMITS = 4;
const STALE = 5;
const BATCHES = 6;

const SHEDDABLE = ['normal', 'low', 'background'];

const word =
  (names: readonly string[]): Reader =>
  (value, path) => {
    if (!names.includes(value as string)) throw outOfRange(path, oneOf(names), value);
  };

const factor = number(Option.Times);

/** What each action says; all of it must be there but for `where`. */
const ACTIONS: Readonly<Record<DegradationAction['do'], Shape>> = {
  shed: { priority: word(SHEDDABLE), where: word(['stale']) },
  'limit-concurrency': { to: number(Option.To) },
  'extend-timeouts': { factor },
  'serve-stale': { for: number(Option.StaleFor) },
  'widen-batches': { factor },
  'static-response': { match, response: callback },
  call: { enter: callback, leave: callback },
};

const isObject = is((value) => typeof value === 'object' && value !== null, 'an object');

const action: Reader = (value, path, said) => {
  isObject(value, path, said);
  const name = (value as DegradationAction).do;
  word(Object.keys(ACTIONS))(name, `${path}.do`, said);
  const shape = ACTIONS[name];
  const required = Object.keys(shape).filter((option) => option !== 'where');
  object({ do: anything, ...shape }, 'an object', required)(value, path, said);
};

const triggers = list((value, path, said) => word(TRIGGERS)(value, path, said));
const rule = object({ level: number(Option.RuleLevel), name: text, triggers, actions: each(action) }, 'an object', [
  'level',
  'name',
  'triggers',
  'actions',
]);

/** An answer in place of the network's. */
interface Static {
  readonly test: (request: Request) => boolean;
  readonly response: () => Response;
}

/** Rules as the core takes them, and what is done at their levels here. */
export class Degrading implements Steps {
  /** By level. */
  readonly names: readonly (string | undefined)[];
  /** For the core; empty for its own rules. */
  readonly #numbers: readonly number[];
  /** By level. */
  readonly #rules: readonly (DegradationRule | undefined)[];
  /** Answers that are given in place of the network's, at the level that the page is at. */
  #statics: readonly Static[] = [];
  readonly #tests = new Map<DegradationAction, Static>();

  /**
   * @param path what its owner calls the rules
   * @throws TypeError or RangeError for what is wrong in them
   */
  constructor(options: DegradationOptions | boolean | undefined, path: string) {
    const rules = typeof options === 'object' ? options.rules : undefined;
    if (rules) each(rule)(rules, path, new Said());
    const levels = Array.from({ length: LEVELS + 1 }, (_, level) => {
      const [first, second] = (rules ?? []).filter((one) => one.level === level);
      if (second) throw new TypeError(`\`${path}\` has two rules of level ${level}`);
      return first;
    });
    this.#rules = levels;
    for (const [n, { actions }] of (rules ?? []).entries()) {
      for (const [m, action] of actions.entries()) {
        if (action.do !== 'static-response') continue;
        try {
          this.#tests.set(action, { test: compileMatch(action.match), response: action.response });
        } catch (error) {
          throw new TypeError(`\`${path}[${n}].actions[${m}].match\` cannot be used: ${textOf(error)}`);
        }
      }
    }
    this.names = rules ? levels.map((one) => one?.name) : [undefined, ...NAMES];
    this.#numbers = rules ? levels.slice(1).flatMap(numbersOf) : [];
  }

  /** Tells the core of the rules, where they are not its own. */
  tell(said: Said, path: string): void {
    said.rules = this.#numbers;
    if (this.#numbers.length > 0) said.set(Option.Rules, path, this.#numbers.length);
  }

  reacts(trigger: Trigger): boolean {
    // The core's own rules have all of them.
    const rules = this.#rules.filter((one) => one !== undefined);
    return rules.length === 0 || rules.some(({ triggers }) => triggers.includes(trigger));
  }

  move(from: number, to: number): void {
    const between = (low: number, high: number): DegradationAction[] =>
      this.#rules.slice(low + 1, high + 1).flatMap((one) => one?.actions ?? []);
    for (const action of between(from, to)) if (action.do === 'call') attempt(action.enter);
    for (const action of between(to, from).reverse()) if (action.do === 'call') attempt(action.leave);
    this.#statics = between(0, to).flatMap((action) =>
      action.do === 'static-response' ? (this.#tests.get(action) ?? []) : [],
    );
  }

  /** The answer that a call gets without a request, at this level. What would change something is sent in any case. */
  answer(request: RequestLike): Response | undefined {
    if (this.#statics.length === 0 || !isRead(request)) return undefined;
    try {
      const asked = isPlain(request) ? (request as unknown as Request) : realOf(request);
      const found = this.#statics.find(({ test }) => test(asked));
      const response: unknown = found?.response();
      if (found && !isResponse(response)) throw new TypeError('a static response must be a Response');
      return response as Response | undefined;
    } catch (error) {
      // A function of the page's own; the call goes its way.
      globalThis.reportError?.(error);
      return undefined;
    }
  }
}

function numbersOf(rule: DegradationRule | undefined): number[] {
  const numbers = [...NONE];
  numbers[0] = (rule?.triggers ?? []).reduce((bits, trigger: Trigger) => bits | (1 << TRIGGERS.indexOf(trigger)), 0);
  const more = (place: number, value: number): void => {
    numbers[place] = Math.max(numbers[place] as number, value);
  };
  for (const action of rule?.actions ?? []) {
    if (action.do === 'shed') {
      more(action.where === 'stale' ? SHED_STALE : SHED, LEVEL_NAMES.indexOf(action.priority) + 1);
    } else if (action.do === 'limit-concurrency') {
      numbers[CONCURRENCY] = Math.min(numbers[CONCURRENCY] as number, action.to);
    } else if (action.do === 'extend-timeouts') more(TIME_LIMITS, action.factor);
    else if (action.do === 'serve-stale') more(STALE, action.for);
    else if (action.do === 'widen-batches') more(BATCHES, action.factor);
  }
  return numbers;
}

/** What a page does at a level stops nothing else. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    globalThis.reportError?.(error);
  }
}
