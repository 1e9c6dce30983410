/** The longest that a timer can be set for. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** Rejects with a "TimeoutError" when the promise takes longer than that. */
export function withTimeout<T>(limit: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DOMException('no answer in time', 'TimeoutError')), limit);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
