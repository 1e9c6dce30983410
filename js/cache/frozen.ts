/**
 * Responses as they lie in storage. Both parts of the package bring a copy of this, so it has no state.
 */
import { NativeResponse } from '../platform.js';
import type { Answer } from './answer.js';

/** An answer as plain data, which storage can keep. */
export interface Frozen extends Omit<Answer, 'looks'>, Pick<Response, 'url' | 'redirected' | 'type'> {}

/** Whether a response can be made of it: whatever lies in storage may have been changed there. */
export function isFrozen(content: unknown): content is Frozen {
  const { status, statusText, headers, body, url, redirected, type } = (content ?? {}) as Partial<Frozen>;
  if (
    !Number.isInteger(status) ||
    !isStatus(status as number) ||
    typeof url !== 'string' ||
    typeof redirected !== 'boolean'
  ) {
    return false;
  }
  if (!KEPT.includes(type as string) || !Array.isArray(headers) || headers.at(-1)?.[0] !== 'age') return false;
  if (body !== null && (!(body instanceof ArrayBuffer) || !mayHaveBody(status as number))) return false;
  try {
    // The browser itself judges names, values and the text of the status.
    return (
      typeof statusText === 'string' &&
      Boolean(new NativeResponse(null, { status: status as number, statusText, headers }))
    );
  } catch {
    return false;
  }
}

/** Types of responses that are kept. */
const KEPT = ['basic', 'cors', 'default'];

/** Whether a response can be made with it. */
function isStatus(status: number): boolean {
  return status >= 200 && status <= 599;
}

/** "A null body status": a response cannot be made with one of these and a body, not even an empty one. */
const BODILESS = [204, 205, 304];

/** Whether a response can be made with it and a body. */
export function mayHaveBody(status: number): boolean {
  return isStatus(status) && !BODILESS.includes(status);
}
