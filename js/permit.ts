import type { RetryOptions } from './types.js';

export type ShouldRetry = NonNullable<RetryOptions['shouldRetry']>;

/** Asks whether to go on. Never rejects: who cannot say yes says no. */
export async function permits(
  shouldRetry: ShouldRetry,
  context: Partial<Parameters<ShouldRetry>[0]> & { attempt: number },
): Promise<boolean> {
  try {
    // A task has no request; whoever looks at one there finds none.
    return await shouldRetry(context as Parameters<ShouldRetry>[0]);
  } catch (error) {
    globalThis.reportError?.(error);
    return false;
  }
}
