import { Handle, judge, put } from './border.js';
import { Kind, RateLimitEvent } from './codes.js';
import { need } from './load.js';
import { read } from './options.js';
import { sleep } from './sleep.js';
import type { RateLimiter, RateLimitOptions, RateVerdict } from './types.js';

/** Up to so many keys are kept without looking for idle ones. */
const KEYS = 1024;

/**
 * The rate limiter by itself. Await `init()` before. No timer runs while nobody waits in `acquire`.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createRateLimiter(options?: RateLimitOptions): RateLimiter {
  return new Limiter(options);
}

/** A caller of `acquire` that waits. */
interface Waiter {
  readonly weight: number;
  readonly resolve: () => void;
}

interface Key {
  /** Its number in the module. */
  readonly limit: number;
  /** First come, first served. */
  readonly waiters: Waiter[];
  /** Ends the wait for the first of them. */
  stop: AbortController | undefined;
}

class Limiter implements RateLimiter {
  readonly #core: Handle;
  readonly #keys = new Map<string, Key>();
  /** Numbers of keys that were idle and are forgotten. */
  #free: number[] = [];
  #sweepAt = KEYS;

  constructor(options: RateLimitOptions | undefined) {
    need('createRateLimiter');
    this.#core = new Handle('createRateLimiter', Kind.RateLimits, read('rateLimit', options));
  }

  allow(name = '', weight = 1): RateVerdict {
    const key = this.#key(name);
    const { limit } = key;
    const retryAfter = key.waiters.length > 0 ? this.#behind(key, weight) : this.#take(key, weight);
    const remaining = this.#core.event(RateLimitEvent.Remaining, Number.POSITIVE_INFINITY, limit);
    return { allowed: retryAfter === 0, remaining, retryAfter };
  }

  acquire(name = '', { weight = 1, signal }: { weight?: number; signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const key = this.#key(name);
      // Also when others wait: whether there can ever be so much is said at once.
      if (key.waiters.length > 0) this.#behind(key, weight, []);
      else if (this.#take(key, weight) === 0) return resolve();
      const onAbort = (): void => {
        const place = key.waiters.indexOf(waiter);
        key.waiters.splice(place, 1);
        reject(signal?.reason);
        if (place === 0) this.#serve(key);
      };
      const waiter: Waiter = {
        weight,
        resolve: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      key.waiters.push(waiter);
      if (key.waiters.length === 1) this.#serve(key);
    });
  }

  /** Lets go who can, and waits for the first who cannot. */
  #serve(key: Key): void {
    key.stop?.abort();
    key.stop = undefined;
    for (let first = key.waiters[0]; first; first = key.waiters[0]) {
      const wait = this.#take(key, first.weight);
      if (wait > 0) {
        const stop = new AbortController();
        key.stop = stop;
        sleep(wait, stop.signal).then(
          () => this.#serve(key),
          () => {},
        );
        return;
      }
      key.waiters.shift();
      first.resolve();
    }
  }

  /** 0, or the milliseconds until it is there. */
  #take({ limit }: Key, weight: number): number {
    return possible(weight, this.#core.event(RateLimitEvent.Take, 0, limit, judgedWeight(weight)));
  }

  /** The milliseconds until it is there for one who comes after others, by default all who wait. */
  #behind({ limit, waiters }: Key, weight: number, others: readonly Waiter[] = waiters): number {
    const ahead = others.map((waiter) => waiter.weight);
    judgedWeight(weight);
    this.#core.use((core) => put(core, ahead), undefined);
    return possible(weight, this.#core.event(RateLimitEvent.Behind, 0, limit, weight, ahead.length));
  }

  #key(name: string): Key {
    const known = this.#keys.get(name);
    if (known) return known;
    if (typeof name !== 'string') throw new TypeError(`\`key\` must be a string, got ${typeof name}`);
    if (this.#keys.size >= this.#sweepAt) this.#sweep();
    const key: Key = { limit: this.#free.pop() ?? this.#keys.size, waiters: [], stop: undefined };
    this.#keys.set(name, key);
    return key;
  }

  /** Forgets the keys of which nothing is used: asked for again, they begin as they were. */
  #sweep(): void {
    for (const [name, { limit, waiters }] of this.#keys) {
      if (waiters.length > 0 || this.#core.event(RateLimitEvent.IsIdle, 1, limit) === 0) continue;
      this.#keys.delete(name);
      this.#free.push(limit);
    }
    this.#sweepAt = Math.max(KEYS, 2 * this.#keys.size);
  }
}

/** @throws RangeError when that weight will never be there */
function possible(weight: number, wait: number): number {
  if (wait !== Number.POSITIVE_INFINITY) return wait;
  throw new RangeError(`\`weight\` must be no more than the limit lets through at once, got ${weight}`);
}

/** @throws TypeError or RangeError when it is no weight */
function judgedWeight(weight: number): number {
  // Nearly always it is this.
  if (weight === 1) return weight;
  judge(read('weight', { weight }));
  return weight;
}
