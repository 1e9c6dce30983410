import { nameOf, tagOf } from './platform.js';

const MESSAGES = {
  'queue-full': 'turned away: as many calls wait as `highWater` allows',
  'queue-cleared': 'turned away: the queue was cleared',
  'circuit-open': 'turned away: the circuit breaker is open, after too many failures',
  shed: 'turned away: the origin is overloaded, or the page does without such calls for now',
  closed: 'turned away: this instance is closed',
};

/** Why sixlane turned a call away. */
export type SixlaneErrorCode = keyof typeof MESSAGES;

/**
 * Thrown only when sixlane itself turns a call away. A failed request rejects as native fetch does.
 *
 * Tell it from others by {@link isSixlaneError} and its `code`: `instanceof` fails across frames and copies.
 */
export class SixlaneError extends Error {
  readonly code: SixlaneErrorCode;
  /** Milliseconds after which another try makes sense; null where that is unknown. */
  readonly retryAfter: number | null;

  constructor(code: SixlaneErrorCode, retryAfter: number | null = null) {
    super(MESSAGES[code]);
    this.name = 'SixlaneError';
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Whether a value is a {@link SixlaneError}, of this copy of the package or another. */
export function isSixlaneError(value: unknown): value is SixlaneError {
  return tagOf(value) === 'Error' && nameOf(value) === 'SixlaneError' && 'code' in (value as Error);
}

/** Why the core turned a call away. */
export type Refusal = 'queue-full' | 'queue-cleared' | 'circuit-open' | 'shed' | 'timeout';

/** What a call rejects with that the core turned away. A time-out has the name that native ones have. */
export function refusalReason(why: Refusal, clearReason?: unknown, retryAfter: number | null = null): unknown {
  if (why === 'timeout') return new DOMException('The call took longer than its `timeout`.', 'TimeoutError');
  return (why === 'queue-cleared' ? clearReason : undefined) ?? new SixlaneError(why, retryAfter);
}
