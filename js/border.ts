/**
 * The border to the WebAssembly module. Numbers cross as arguments, or in a buffer of the module that both sides read and
 * write between two calls; texts cross in another one. Both may move, so each use asks where they are.
 */
import { Kind, OPTIONS, Option } from './codes.js';
import { consult, failed, loaded, need } from './load.js';
import type * as Exports from './pkg/sixlane_bg.wasm.js';

/** What the module exports. */
export type Core = typeof Exports;

let numbers = new Float64Array();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The first of the numbers that cross, for at once. */
export function words(core: Core, count: number): Float64Array {
  const place = core.words(count);
  const { buffer } = core.memory;
  if (numbers.buffer !== buffer || numbers.byteOffset !== place || numbers.length < count) {
    numbers = new Float64Array(buffer, place, count);
  }
  return numbers;
}

/** Hands numbers over. */
export function put(core: Core, ...parts: readonly ArrayLike<number>[]): void {
  const count = parts.reduce((sum, { length }) => sum + length, 0);
  const to = words(core, count);
  let place = 0;
  for (const part of parts) {
    to.set(part, place);
    place += part.length;
  }
}

/** Hands a text over. Returns its length in bytes. */
export function putText(core: Core, text: string): number {
  if (text === '') return 0;
  const room = text.length * 3;
  // In this order: to make room may move the memory.
  const place = core.text(room);
  return encoder.encodeInto(text, new Uint8Array(core.memory.buffer, place, room)).written;
}

/** A header field as a line for the module, which takes an empty one for no field. */
export function line(value: string | null): string {
  return value === null ? '' : `:${value}`;
}

/** A text that the module has written. */
export function readText(core: Core, length: number): string {
  if (length === 0) return '';
  const place = core.text(0);
  return decoder.decode(new Uint8Array(core.memory.buffer, place, length));
}

/** Options as numbers for the core, and what their owner calls them. */
export class Said {
  /** By the number of the option, NaN where nothing is said. */
  readonly words = new Float64Array(OPTIONS).fill(Number.NaN);
  readonly statuses: number[] = [];
  /** Numbers of the rules of degradation. */
  rules: readonly number[] = [];
  readonly methods: string[] = [];
  readonly #paths: string[] = [];
  #retries: boolean | undefined;

  /** Whether it says which failures are retried, or how. These options stand side by side. */
  get retries(): boolean {
    this.#retries ??= this.words.subarray(Option.Limit, Option.Methods).some((word) => !Number.isNaN(word));
    return this.#retries;
  }

  set(option: Option, path: string, value: number): void {
    this.words[option] = value;
    this.#paths[option] = path;
  }

  path(option: Option): string {
    return this.#paths[option] ?? '';
  }

  /** The number of the option, or what there is instead where nothing is said. */
  get<T>(option: Option, without: T): number | T {
    const value = this.words[option] as number;
    return Number.isNaN(value) ? without : value;
  }
}

/** What a value must be, in words. */
export function rangeOf(option: Option): string {
  return consult((core) => readText(core, core.range(option)), 'in range');
}

export function outOfRange(path: string, range: string, value: unknown): RangeError {
  return new RangeError(`\`${path}\` must be ${range}, got ${shown(value)}`);
}

/** What a word must be, in words. */
export function oneOf(names: readonly string[]): string {
  return `one of${names.map((name) => ` "${name}"`).join('')}`;
}

export function wrongType(path: string, expected: string, value: unknown): TypeError {
  return new TypeError(`\`${path}\` must be ${expected}, got ${shown(value)}`);
}

/** A value as its owner would write it. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  return `${value}`;
}

/** Hands options over, with the lists that follow them. */
export function putOptions(core: Core, said: Said | undefined): void {
  put(core, said?.words ?? NOTHING, said?.statuses ?? [], said?.rules ?? []);
}

const NOTHING = new Float64Array(OPTIONS).fill(Number.NaN);

/**
 * Opens an object in the module. Returns its number.
 *
 * @throws RangeError when an option is out of its range
 */
function open(core: Core, kind: Kind, said?: Said): number {
  putOptions(core, said);
  return judged(core, core.open(kind), said);
}

/** @throws RangeError when the result of judging options says so */
function judged(core: Core, result: number, said: Said | undefined): number {
  if (result >= 0) return result;
  const option: Option = -1 - result;
  const [value] = words(core, 1);
  throw outOfRange(said?.path(option) ?? '', rangeOf(option), value);
}

/**
 * Has the core judge options.
 *
 * @throws RangeError when one is out of its range
 */
export function judge(said: Said): void {
  consult((core) => open(core, Kind.Judged, said), 0);
}

const closing = new FinalizationRegistry((object: number) => consult((core) => core.close(object), undefined));

/** An object of the module. When its owner is gone, so is the object. */
export class Handle {
  readonly #object: number;

  /**
   * @param owner the function that needs it, for messages
   * @throws Error when the module is not loaded
   * @throws RangeError when an option is out of its range
   */
  constructor(owner: string, kind: Kind, said?: Said) {
    this.#object = open(need(owner), kind, said);
    closing.register(this, this.#object, this);
  }

  /** Tells it something. Without the module, nothing happens. */
  event(code: number, without: number, a = 0, b = 0, c = 0, d = 0): number {
    const core = loaded();
    if (!core) return without;
    // Written out, and not through `use`: this is what every call pays for.
    try {
      return core.event(this.#object, code, performance.now(), a, b, c, d);
    } catch (error) {
      failed(error);
      return without;
    }
  }

  use<R>(act: (core: Core, object: number) => R, without: R): R {
    return consult((core) => act(core, this.#object), without);
  }

  /** It is not needed any more. */
  close(): void {
    closing.unregister(this);
    this.use((core, object) => core.close(object), undefined);
  }
}
