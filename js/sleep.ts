/** The longest that a timer can be set for. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** What the promise brings, or the signal's reason if that aborts first. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const release = (): void => signal.removeEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(release);
  });
}

/** Resolves after so many milliseconds, however many they are. */
export async function sleep(millis: number, signal: AbortSignal | undefined): Promise<void> {
  for (let left = millis; left > 0; left -= LONGEST_TIMER) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      // A timer cuts off fractions, and must not come too early.
      timer = setTimeout(resolve, Math.min(Math.ceil(left), LONGEST_TIMER));
    });
    try {
      await unlessAborted(over, signal);
    } finally {
      clearTimeout(timer);
    }
  }
}
