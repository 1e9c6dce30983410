import type { Call } from './engine.js';
import type { Refusal } from './errors.js';
import type { Source } from './joint.js';
import { levelOf } from './levels.js';
import { isRequest, tagOf } from './platform.js';
import type { Timing } from './timing.js';
import type { LaneInit } from './types.js';

/**
 * Where a call stands: waits, is on the wire, has failed and somebody is asked whether to go on, its body is on the wire,
 * or is over.
 */
type Stage = 'waiting' | 'sent' | 'asking' | 'body' | 'over';

/** One call of fetch, from its arguments to the end of its body. */
export interface Flight extends Call {
  readonly request: Request;
  readonly origin: string;
  /** `window: null` in `init`, which a Request does not tell. */
  readonly windowless: boolean;
  /** It changes nothing: a GET, a HEAD, or what asks for the same in another way. */
  readonly reads: boolean;
  readonly lane: LaneInit | undefined;
  /** Ends it. None where several callers may wait for it: then its owner does, when the last of them is gone. */
  readonly signal: AbortSignal | undefined;
  /** What is sent at each attempt, where it may be sent again: the request as it is, or another one like it. */
  readonly resend: 'as it is' | (() => Request) | undefined;
  readonly arrived: number;
  /** The caller's own signal. It knows of an abort before the listeners of all the calls that share it have heard. */
  readonly source: Source | null | undefined;
  priority: number;
  stage: Stage;
  /** Which attempt is on the wire: answers of an earlier one, pre-empted since, are not heard. */
  attempt: number;
  /** Attempts that brought something or nothing, the one under way among them; those pre-empted are none. */
  tries: number;
  /** When its latest attempt was sent, and its place among all that were. */
  sent: number;
  order: number;
  controller: AbortController | undefined;
  timing: Timing | undefined;
  /** Its time limits while no core keeps them. */
  readonly timers: ReturnType<typeof setTimeout>[];
  /** Gone once the promise is settled: its value must not be kept alive from here. */
  settle: { resolve(response: Response | Promise<Response>): void; reject(reason: unknown): void } | undefined;
  onAbort: (() => void) | undefined;
  /** Why its last attempt brought no response, where the next one is to find out whether the address redirects. */
  lost: { readonly error: unknown; readonly timing: Timing | undefined } | undefined;
  /** A policy of the page forbids it: another attempt changes nothing. */
  blocked: boolean;
  /** Who wants to hear of the end of its body. */
  onRead: (() => void) | undefined;
  /** Why the core turned it away. */
  refusal: Refusal | undefined;
  /** The purge that its latest attempt went past; see `cache/past.ts`. */
  barrier: number;
  /** What the headers said, and whether anybody reads it, for the core when it starts after them. */
  length: number;
  status: number;
  reading: boolean;
}

/**
 * Whether what was handed over as a body can be sent twice: not a stream, nor what somebody else's Request holds. To be
 * asked when the snapshot is made: that has taken the body of a Request, which is how it shows in every browser that
 * there was one (`Request.body` does not, in Firefox).
 */
export function isResendable(input: RequestInfo | URL, init: RequestInit | undefined): boolean {
  const body = init?.body;
  if (body === undefined || body === null) return !(isRequest(input) && input.bodyUsed);
  if (typeof body === 'string' || ArrayBuffer.isView(body)) return true;
  const tag = tagOf(body);
  return ['String', 'Blob', 'File', 'ArrayBuffer', 'URLSearchParams', 'FormData'].includes(tag);
}

/** Past a property of our own that watches it. Of a response from the network it is not looked at: that would touch it. */
function bodyOf(response: Response): unknown {
  try {
    return Reflect.get(Object.getPrototypeOf(response), 'body', response);
  } catch {
    // A Proxy of one.
    return undefined;
  }
}

/** What follows the headers, as the core wants to know it: see `body` in the shell's convert.rs. */
export function bodyLength(method: string, response: Response): number {
  const { status, type, headers, bodyUsed } = response;
  // The transport has read it, or made it without any, whatever its headers say.
  if (bodyUsed || (type === 'default' && bodyOf(response) === null)) return -1;
  const none = method === 'HEAD' || [101, 103, 204, 205, 304].includes(status);
  if (none || type === 'opaque' || type === 'opaqueredirect' || type === 'error') return -1;
  if (/^(text\/event-stream|multipart\/x-mixed-replace)\b/i.test(headers.get('content-type') ?? '')) return -3;
  const length = headers.get('content-length');
  return length && /^\d+$/.test(length) ? Number(length) : -2;
}

/** A flight as events tell of it. */
export function describe({ id, request, key, priority, lane }: Flight): object {
  return {
    id,
    url: request.url,
    method: request.method,
    key,
    priority: levelOf(priority),
    emergency: lane?.emergency === true,
  };
}

/** How long it took in all, and in the queue. */
export function times({ arrived, sent }: Flight): object {
  const now = performance.now();
  return { duration: now - arrived, queued: (sent || now) - arrived };
}
