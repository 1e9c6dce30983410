/** Calls that wait for something other than a slot. */
import { refusalReason } from './errors.js';
import type { Asking } from './gets.js';
import { LONGEST_TIMER } from './timeout.js';

/** Milliseconds until a call's time is up; undefined when it has no limit, or one that no timer can be set for. */
export function timeLeft({ lane, arrived }: Pick<Asking, 'lane' | 'arrived'>): number | undefined {
  const limit = typeof lane?.timeout === 'object' ? lane.timeout.total : lane?.timeout;
  return limit === undefined || limit > LONGEST_TIMER ? undefined : limit - (performance.now() - arrived);
}

export class Waits {
  readonly #ends = new Set<(reason: unknown) => void>();

  /** What the promise brings, unless the call is aborted, out of time or turned away before that. */
  until<T>(promise: Promise<T>, asking: Asking): Promise<T> {
    const { signal } = asking;
    return new Promise((resolve, reject) => {
      const left = timeLeft(asking);
      const timer = left === undefined ? undefined : setTimeout(() => end(refusalReason('timeout')), left);
      const onAbort = (): void => end(signal.reason);
      const release = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#ends.delete(end);
      };
      const end = (reason: unknown): void => {
        release();
        reject(reason);
      };
      this.#ends.add(end);
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      promise.then(resolve, reject).finally(release);
    });
  }

  /** Turns all away that wait. Returns how many. */
  clear(reason: unknown): number {
    const ends = [...this.#ends];
    for (const end of ends) end(reason);
    return ends.length;
  }
}
