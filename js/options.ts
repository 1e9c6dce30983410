/**
 * The shape of all options: names, kinds, and what may stand inside what. Whether a number is in its range, and what holds
 * where nothing is said, the core knows (`src/option.rs`).
 */
import { judge, oneOf, outOfRange, rangeOf, Said, wrongType } from './border.js';
import { Option } from './codes.js';
import { LEVEL_NAMES, priorityValue } from './levels.js';

/** Reads one value, which is not undefined, and throws where it is of a wrong kind. */
export type Reader = (value: unknown, path: string, said: Said) => void;

export type Shape = Readonly<Record<string, Reader>>;

export const number =
  (option: Option, expected?: string): Reader =>
  (value, path, said) => {
    if (typeof value !== 'number') throw wrongType(path, expected ?? rangeOf(option), value);
    // For the core it would be nothing said.
    if (Number.isNaN(value)) throw outOfRange(path, rangeOf(option), value);
    said.set(option, path, value);
  };

export const is =
  (test: (value: unknown) => boolean, expected: string): Reader =>
  (value, path) => {
    if (!test(value)) throw wrongType(path, expected, value);
  };

export const text = is((value) => typeof value === 'string', 'a string');
export const callback = is((value) => typeof value === 'function', 'a function');
export const anything: Reader = () => {};

const flag =
  (option?: Option): Reader =>
  (value, path, said) => {
    if (typeof value !== 'boolean') throw wrongType(path, 'true or false', value);
    if (option !== undefined) said.set(option, path, Number(value));
  };

/** One of these words, as its place among them. */
export const choice =
  (option: Option, ...names: readonly string[]): Reader =>
  (value, path, said) => {
    const place = names.indexOf(value as string);
    if (place < 0) throw unlike(path, oneOf(names), value);
    said.set(option, path, place);
  };

/** Where it is this, that is all there is to it. */
export const unless =
  (exception: unknown, read: Reader, ...numbers: readonly [Option, number][]): Reader =>
  (value, path, said) => {
    if (value !== exception) read(value, path, said);
    else for (const [option, number] of numbers) said.set(option, path, number);
  };

/** @param required what must be there */
export const object =
  (shape: Shape, expected = 'an object', required: readonly string[] = []): Reader =>
  (value, path, said) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrongType(path || 'options', expected, value);
    }
    const inside = (name: string): string => (path ? `${path}.${name}` : name);
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(shape, name)) throw unknown(inside(name), Object.keys(shape), name);
    }
    for (const name in shape) {
      const part = (value as Record<string, unknown>)[name];
      if (part !== undefined || required.includes(name)) shape[name]?.(part, inside(name), said);
    }
  };

export const list =
  (one: (part: unknown, path: string, said: Said, place: number) => void): Reader =>
  (value, path, said) => {
    if (!Array.isArray(value)) throw wrongType(path, 'an array', value);
    value.forEach((part, place) => {
      one(part, path, said, place);
    });
  };

/** Each has options of its own. */
export const each = (shape: Reader): Reader =>
  list((part, path, _, place) => {
    const own = new Said();
    shape(part, `${path}[${place}]`, own);
    judge(own);
  });

const texts =
  (take?: (said: Said, text: string) => void): Reader =>
  (value, path, said) => {
    list(() => {})(value, path, said);
    for (const part of value as unknown[]) {
      if (typeof part !== 'string') throw wrongType(path, 'an array of strings', value);
      take?.(said, part);
    }
  };

// ── the options

const aging = object(
  { demoteAfter: number(Option.DemoteAfter), oldestEvery: number(Option.OldestEvery) },
  'an object or false',
);

const QUEUE: Shape = {
  concurrency: number(Option.Concurrency),
  highWater: number(Option.HighWater),
  strategy: choice(Option.Strategy, 'reject', 'drop-lowest'),
  aging: unless(
    false,
    aging,
    [Option.DemoteAfter, Number.POSITIVE_INFINITY],
    [Option.OldestEvery, Number.POSITIVE_INFINITY],
  ),
};

const jitter = choice(Option.Spread, 'full', 'equal', 'decorrelated');
const share = number(Option.Jitter);
const methods = texts((said, method) => said.methods.push(method));
const statuses = list((status, path, said) => {
  if (typeof status !== 'number' || Number.isNaN(status)) throw outOfRange(path, rangeOf(Option.StatusCode), status);
  said.statuses.push(status);
});
const budget = object(
  { share: number(Option.BudgetShare), minPerSecond: number(Option.BudgetFloor) },
  'an object or false',
);

const RETRY: Shape = {
  limit: number(Option.Limit),
  baseDelay: number(Option.BaseDelay),
  maxDelay: number(Option.MaxDelay),
  factor: number(Option.Factor),
  maxRetryAfter: number(Option.MaxRetryAfter),
  jitter: unless(false, (...args) => (typeof args[0] === 'number' ? share : jitter)(...args), [Option.Jitter, 0]),
  methods: (value, path, said) => {
    methods(value, path, said);
    said.set(Option.Methods, path, said.methods.length);
  },
  statusCodes: (value, path, said) => {
    statuses(value, path, said);
    said.set(Option.StatusCodes, path, said.statuses.length);
    said.set(Option.StatusCode, path, Number.NaN);
  },
  network: unless(false, choice(Option.Network, 'same-origin', 'all'), [Option.Network, 2]),
  budget: unless(false, budget, [Option.NoBudget, 1]),
  shouldRetry: callback,
};

const rules = object(RETRY, 'an object, a number or false');
const limit = number(Option.Limit);
const retry = unless(false, (...args) => (typeof args[0] === 'number' ? limit : rules)(...args));

const BREAKER: Shape = {
  failureRate: number(Option.FailureRate),
  window: number(Option.Window),
  minimum: number(Option.Minimum),
  consecutive: number(Option.Consecutive),
  openFor: number(Option.OpenFor),
  maxOpenFor: number(Option.MaxOpenFor),
  probes: number(Option.Probes),
  successes: number(Option.Successes),
};

const A_NUMBER = 'a number';
const algorithm = choice(Option.Algorithm, 'token-bucket', 'sliding-window');
const BUCKET: Shape = {
  algorithm,
  capacity: number(Option.Capacity, A_NUMBER),
  refillRate: number(Option.RefillRate, A_NUMBER),
  refillInterval: number(Option.RefillInterval, A_NUMBER),
};
const WINDOW: Shape = {
  algorithm,
  limit: number(Option.WindowLimit, A_NUMBER),
  window: number(Option.WindowSpan, A_NUMBER),
};
const NAMES: Shape = Object.fromEntries(Object.keys({ ...BUCKET, ...WINDOW }).map((name) => [name, anything]));

const rateLimit =
  (expected?: string): Reader =>
  (value, path, said) => {
    object({ ...NAMES, algorithm }, expected)(value, path, said);
    const sliding = said.get(Option.Algorithm, 0) === 1;
    said.set(Option.Algorithm, path, Number(sliding));
    // What belongs to the other kind is as unknown as what belongs to none.
    object(sliding ? WINDOW : BUCKET, expected, sliding ? ['limit', 'window'] : [])(value, path, said);
  };

/** As bits, in this order. */
const TIERS = ['memory', 'localStorage', 'indexedDB'] as const;

export function tiersOf(sum: number): readonly (typeof TIERS)[number][] {
  return TIERS.filter((_, place) => sum & (1 << place));
}

const tiers: Reader = (value, path, said) => {
  let sum = 0;
  list((name) => {
    const place = TIERS.indexOf(name as (typeof TIERS)[number]);
    if (place < 0) throw outOfRange(path, 'an array of "memory", "localStorage" and "indexedDB"', name);
    sum |= 1 << place;
  })(value, path, said);
  said.set(Option.Tiers, path, sum);
};

const KEEPING: Shape = {
  tiers,
  ttl: unless('http', number(Option.Ttl)),
  staleWhileRevalidate: number(Option.StaleWhileRevalidate),
  staleIfError: number(Option.StaleIfError),
};

const CACHE: Shape = {
  ...KEEPING,
  memory: object({ maxBytes: number(Option.MemoryBytes) }),
  localStorage: object({ maxBytes: number(Option.LocalBytes), maxEntryBytes: number(Option.LocalEntryBytes) }),
  indexedDB: object({ maxBytes: number(Option.IndexedDbBytes), database: text }),
  partition: text,
  persistPrivate: flag(Option.PersistPrivate),
};

const CACHE_RULE: Shape = { ...KEEPING, tags: texts(), key: text };

const dedupe: Reader = (value, path) => {
  if (typeof value !== 'boolean' && value !== 'storable') throw unlike(path, '"storable", true or false', value);
};

const total = number(Option.Total);
const limits = object({ total, attempt: number(Option.Attempt), wait: number(Option.Wait) });
const timeout: Reader = (...args) => (typeof args[0] === 'object' && args[0] !== null ? limits : total)(...args);

const aNumber = number(Option.Priority);
const priority: Reader = (value, path, said) => {
  const known = priorityValue(value);
  if (known !== undefined) said.set(Option.Priority, path, known);
  else if (typeof value !== 'string') aNumber(value, path, said);
  else throw outOfRange(path, `a finite number or ${oneOf(LEVEL_NAMES)}`, value);
};

const LANE: Shape = {
  priority,
  emergency: flag(Option.Emergency),
  key: text,
  timeout,
  retry,
  cache: unless(false, object(CACHE_RULE, 'an object or false')),
  dedupe,
  batch: flag(),
  slot: choice(Option.Slot, 'body', 'headers'),
};

export const match = is(
  (value) => typeof value === 'string' || typeof value === 'function' || (typeof value === 'object' && value !== null),
  'a pathname pattern, a RegExp, a URLPattern or a function',
);

const method = is(
  (value) => typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string')),
  'a string or an array of strings',
);
const route = object({ match, method, ...LANE }, 'an object', ['match']);

const WINDOWS: Shape = { maxSize: number(Option.MaxSize), maxWait: number(Option.MaxWait) };

const endpoint = is(
  (value) => typeof value === 'string' || (typeof value === 'object' && value !== null),
  'a string or a URL',
);
const maxBytes = number(Option.MaxBytes);
const BATCH: Shape = { match, endpoint, ...WINDOWS, maxBytes, key: callback, encode: callback, decode: callback };
const batch = object(BATCH, 'an object', ['match', 'endpoint']);

const seed = number(Option.Seed, A_NUMBER);

const FETCH: Shape = {
  queue: object({ perOrigin: unless('auto', number(Option.PerOrigin)), ...QUEUE }),
  timeout,
  retry,
  breaker: unless(
    true,
    unless(false, (value, path, said) => {
      object(BREAKER, 'an object, true or false')(value, path, said);
      said.set(Option.Breaker, path, 1);
    }),
    [Option.Breaker, 1],
  ),
  rateLimit: unless(false, rateLimit('an object or false')),
  cache: unless(false, object(CACHE, 'an object or false')),
  batch: each(batch),
  dedupe,
  routes: each(route),
  wasm: anything,
  fetch: callback,
  seed,
  // What stands in these is read where they are used, by the file that is loaded for them: `js/watched.ts`.
  monitor: unless(false, is(Boolean, 'an object or false'), [Option.Monitor, 0]),
  degradation: unless(false, is(Boolean, 'an object, true or false')),
  trace: flag(),
};

/** Of each function of the package, what it takes. */
const SHAPES = {
  fetch: object(FETCH),
  queue: object({ perKey: number(Option.PerKey), ...QUEUE }),
  add: object({
    id: text,
    key: text,
    priority,
    signal: is((value) => typeof value === 'object' && value !== null && 'aborted' in value, 'an AbortSignal'),
    timeout: total,
    emergency: flag(Option.Emergency),
  }),
  lane: object(LANE),
  retry: object({ ...RETRY, seed }),
  breaker: object(BREAKER),
  rateLimit: rateLimit(),
  batcher: object({ ...WINDOWS, keyOf: callback }),
  batch,
  cache: object(CACHE),
  rule: object(CACHE_RULE),
  weight: object({ weight: number(Option.Weight) }),
};

/**
 * Reads options. Their numbers are still to be judged.
 *
 * @throws TypeError or RangeError that names the option, for what is of a wrong kind or unknown
 */
export function read(shape: keyof typeof SHAPES, options: unknown, path = ''): Said {
  const said = new Said();
  if (options !== undefined) SHAPES[shape](options, path, said);
  return said;
}

function unlike(path: string, expected: string, value: unknown): Error {
  return (typeof value === 'string' ? outOfRange : wrongType)(path, expected, value);
}

function unknown(path: string, known: readonly string[], name: string): TypeError {
  const nearest = known.toSorted((a, b) => distance(a, name) - distance(b, name))[0];
  return new TypeError(`unknown option \`${path}\`; did you mean \`${nearest}\`?`);
}

/**
 * Letters to insert, remove or change to make one word of the other, whatever their case; letters that both begin with
 * count for them, so that an abbreviation is near to its word.
 */
function distance(word: string, other: string): number {
  const [a, b] = [word.toLowerCase(), other.toLowerCase().slice(0, 64)];
  let prefix = 0;
  while (prefix < a.length && a[prefix] === b[prefix]) prefix += 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] as number) + Number(a[i] !== b[j]);
      next.push(Math.min(change, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return (row[b.length] as number) - prefix;
}
