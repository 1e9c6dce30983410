import { LONGEST_TIMER } from './timeout.js';

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

/** Resolves when so many milliseconds have gone by, however many they are, on the clock that the core reads, too. */
export async function sleep(millis: number, signal: AbortSignal | undefined): Promise<void> {
  const end = performance.now() + millis;
  // A timer cuts off fractions, and in Firefox it may come before the clock gets there.
  for (let left = millis; left > 0; left = end - performance.now()) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(Math.ceil(left), LONGEST_TIMER));
    });
    try {
      await unlessAborted(over, signal);
    } finally {
      clearTimeout(timer);
    }
  }
}
