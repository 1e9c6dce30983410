/** Why sixlane turned a call away. */
export type SixlaneErrorCode = 'queue-full' | 'queue-cleared' | 'closed';

const MESSAGES: Record<SixlaneErrorCode, string> = {
  'queue-full': 'turned away: as many calls wait as `highWater` allows',
  'queue-cleared': 'turned away: the queue was cleared',
  closed: 'turned away: this instance is closed',
};

/**
 * Thrown only when sixlane itself turns a call away. A failed request rejects as native fetch does.
 *
 * Tell it from others by {@link isSixlaneError} and its `code`: `instanceof` fails across frames and copies.
 */
export class SixlaneError extends Error {
  readonly code: SixlaneErrorCode;
  /** When asking again makes sense, in milliseconds; null where nobody can tell. */
  readonly retryAfter: number | null = null;

  constructor(code: SixlaneErrorCode) {
    super(MESSAGES[code]);
    this.name = 'SixlaneError';
    this.code = code;
  }
}

/** Whether a value is a {@link SixlaneError}, of this copy of the package or another. */
export function isSixlaneError(value: unknown): value is SixlaneError {
  return value instanceof Error && value.name === 'SixlaneError' && 'code' in value;
}

/** Why the core turned a call away. */
export type Refusal = 'queue-full' | 'queue-cleared' | 'timeout';

/** What a call rejects with that the core turned away. A time-out has the name that native ones have. */
export function refusalReason(why: Refusal, clearReason: unknown): unknown {
  if (why === 'timeout') return new DOMException('The call took longer than its `timeout`.', 'TimeoutError');
  return (why === 'queue-cleared' ? clearReason : undefined) ?? new SixlaneError(why);
}
