import { Handle } from '../border.js';
import { Kind } from '../codes.js';
import { LEVELS } from '../levels.js';
import { need } from '../load.js';
import { read } from '../options.js';
import { tagOf, textOf } from '../platform.js';
import type { Batcher, BatcherOptions, BatchLoad, LoadOptions } from '../types.js';
import { type Batch, Windows } from './windows.js';

/**
 * The batcher by itself: what is asked for in one turn is loaded together. Names follow DataLoader; nothing is kept of what
 * was loaded. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createBatcher<K, V>(load: BatchLoad<K, V>, options?: BatcherOptions<K>): Batcher<K, V> {
  if (typeof load !== 'function') throw new TypeError(`\`load\` must be a function, got ${typeof load}`);
  return new Loader(load, options);
}

interface Caller<V> {
  resolve(value: V): void;
  reject(reason: unknown): void;
}

/** A key, and who waits for it. */
interface Wanted<K, V> {
  readonly key: K;
  readonly group: string;
  readonly callers: Set<Caller<V>>;
  /** Its last caller is gone. */
  left: (reason: unknown) => void;
}

class Loader<K, V> implements Batcher<K, V> {
  readonly #load: BatchLoad<K, V>;
  readonly #keyOf: ((key: K) => string) | undefined;
  readonly #windows: Windows<Wanted<K, V>>;

  constructor(load: BatchLoad<K, V>, options: BatcherOptions<K> | undefined) {
    need('createBatcher');
    const core = new Handle('createBatcher', Kind.Batcher, read('batcher', options));
    this.#load = load;
    this.#keyOf = options?.keyOf;
    this.#windows = new Windows(core, (batch) => this.#run(batch));
  }

  load(key: K, options?: LoadOptions): Promise<V> {
    return new Promise((resolve, reject) => {
      const { group = '', signal } = options ?? {};
      if (key === undefined || key === null) throw new TypeError(`\`key\` must be a value, got ${key}`);
      if (typeof group !== 'string') throw new TypeError(`\`group\` must be a string, got ${typeof group}`);
      if (signal?.aborted) throw signal.reason;
      const id = this.#keyOf ? this.#nameOf(key) : key;
      const known = this.#windows.find(group, id);
      const left = (): void => this.#windows.remove(group, id, 0);
      const wanted = known ?? { key, group, callers: new Set(), left };
      wanted.callers.add(callerOf(wanted, resolve, reject, signal));
      if (!known) this.#windows.add(group, id, 0, LEVELS.normal, wanted);
    });
  }

  async loadMany(keys: readonly K[], options?: LoadOptions): Promise<(V | Error)[]> {
    if (!Array.isArray(keys)) throw new TypeError(`\`keys\` must be an array, got ${typeof keys}`);
    const results = keys.map((key: K) => this.load(key, options).catch((error: unknown) => asError(error)));
    const all = await Promise.all(results);
    // Who wants none of it gets no list of reasons.
    options?.signal?.throwIfAborted();
    return all;
  }

  flush(group?: string): void {
    this.#windows.flush(group);
  }

  async #run(batch: Batch<Wanted<K, V>>): Promise<void> {
    const all = [...batch.values()];
    const controller = new AbortController();
    let wanted = all.length;
    for (const one of all) {
      one.left = (reason) => {
        wanted -= 1;
        if (wanted === 0) controller.abort(reason);
      };
    }
    const { group } = all[0] as Wanted<K, V>;
    try {
      const keys = all.map(({ key }) => key);
      const find = this.#found(await this.#load(keys, { group, signal: controller.signal }), all.length);
      all.forEach(({ key, callers }, index) => {
        const value = find(key, index);
        for (const caller of callers) isError(value) ? caller.reject(value) : caller.resolve(value as V);
      });
    } catch (error) {
      for (const { callers } of all) for (const caller of callers) caller.reject(error);
    }
  }

  #nameOf(key: K): string {
    const name: unknown = this.#keyOf?.(key);
    if (typeof name !== 'string') throw new TypeError(`\`keyOf\` must return a string, got ${typeof name}`);
    return name;
  }

  /** How to find the result for a key, and its place among them. */
  #found(results: Awaited<ReturnType<BatchLoad<K, V>>>, count: number): (key: K, index: number) => V | Error {
    if (Array.isArray(results)) {
      if (results.length === count) return (_, index) => results[index];
      throw new TypeError(`\`load\` must bring one result for each of ${count} keys, got ${results.length}`);
    }
    if (typeof results !== 'object' || results === null) {
      throw new TypeError(
        `\`load\` must bring an array, a Map or an object, got ${results === null ? null : typeof results}`,
      );
    }
    const idOf = (key: K): string => (this.#keyOf ? this.#nameOf(key) : String(key));
    const missing = (key: K): Error => new Error(`\`load\` brought no result for key ${JSON.stringify(idOf(key))}`);
    if (isMap<K, V | Error>(results)) {
      return (key) => {
        const name = [key, idOf(key) as K].find((name) => results.has(name));
        return name === undefined ? missing(key) : (results.get(name) as V | Error);
      };
    }
    const record = results as Record<string, V>;
    return (key) => (Object.hasOwn(record, idOf(key)) ? (record[idOf(key)] as V) : missing(key));
  }
}

/** Not by `instanceof` alone: it may be of another frame. */
function isError(value: unknown): boolean {
  return value instanceof Error || ['Error', 'DOMException'].includes(tagOf(value));
}

function isMap<K, V>(results: object): results is ReadonlyMap<K, V> {
  return tagOf(results) === 'Map';
}

function callerOf<K, V>(
  wanted: Wanted<K, V>,
  resolve: (value: V) => void,
  reject: (reason: unknown) => void,
  signal: AbortSignal | undefined,
): Caller<V> {
  if (!signal) return { resolve, reject };
  const onAbort = (): void => {
    wanted.callers.delete(caller);
    reject(signal.reason);
    if (wanted.callers.size === 0) wanted.left(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const release = (): void => signal.removeEventListener('abort', onAbort);
  const caller: Caller<V> = {
    resolve(value) {
      release();
      resolve(value);
    },
    reject(reason) {
      release();
      reject(reason);
    },
  };
  return caller;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(textOf(error), { cause: error });
}
