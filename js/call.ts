import { originOf } from './addresses.js';
import type { Scheduled } from './engine.js';
import type { Refusal } from './errors.js';
import type { Asking, Sent } from './gets.js';
import type { Source } from './joint.js';
import { levelOf } from './levels.js';
import { isRead, type RequestLike } from './requests.js';
import type { Timing } from './timing.js';
import type { LaneInit } from './types.js';

/**
 * Where a call stands for its caller: waits, is on the wire, has brought something of which the core has not said yet what
 * becomes of it, its body is on the wire, or is over.
 */
type Stage = 'waiting' | 'sent' | 'asking' | 'body' | 'over';

/** What an attempt brought. */
export interface Brought {
  readonly response?: Response;
  readonly error?: unknown;
}

/** What is sent at each attempt, where a call may be sent again: the request as it is, or another one like it. */
export type Resend = 'as it is' | (() => Request) | undefined;

/** Who writes down what comes of calls that are sent. */
export interface Recorder {
  /** An attempt has ended, with a response or without. */
  ended(call: Call, brought: Brought): void;
  /** The body has. */
  read(call: Call): void;
}

/** Who does things to calls. */
interface Owner {
  abort(call: Call, reason: unknown): void;
  whenRead(call: Call, response: Response, read: () => void): void;
  raise(call: Call, priority: number): void;
}

/** One call of fetch that goes to the network, from its arguments to the end of its body. */
export class Call implements Scheduled, Sent {
  id = -1;
  readonly request: RequestLike;
  readonly origin: string;
  readonly key: string;
  /** `window: null` in `init`, which a Request does not tell. */
  readonly windowless: boolean;
  /** It changes nothing: a GET, a HEAD, or what asks for the same in another way. */
  readonly reads: boolean;
  readonly lane: LaneInit | undefined;
  /** Ends it. None where its caller brought none, or several may wait for it: then the last of them ends it. */
  readonly signal: AbortSignal | undefined;
  readonly resend: Resend;
  readonly arrived: number;
  /** The caller's own signal. It knows of an abort before the listeners of all the calls that share it have heard. */
  readonly source: Source | null | undefined;
  priority: number;
  /** There is something that can be given in place of its answer. */
  readonly standsIn: boolean;
  stage: Stage = 'waiting';
  /** Which attempt is on the wire: answers of an earlier one, pre-empted since, are not heard. */
  attempt = 0;
  /** Attempts that brought something or nothing, the one under way among them; those pre-empted are none. */
  tries = 0;
  /** When its latest attempt was sent, and its place among all that were. */
  at = 0;
  order = 0;
  controller: AbortController | undefined;
  timing: Timing | undefined;
  /** Its time limit while no core keeps it. */
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Gone once the promise is settled: its value must not be kept alive from here. */
  settle: { resolve(response: Response | Promise<Response>): void; reject(reason: unknown): void } | undefined;
  /** The same. */
  brought: Brought | undefined;
  onAbort: (() => void) | undefined;
  /** Why its last attempt brought no response, where the next one is to find out whether the address redirects. */
  lost: { readonly error: unknown; readonly timing: Timing | undefined } | undefined;
  /** A policy of the page forbids it: another attempt changes nothing. */
  blocked = false;
  /** Who wants to hear of the end of its body. */
  onRead: (() => void) | undefined;
  /** Why the core turned it away. */
  refusal: Refusal | undefined;
  /** The purge that its latest attempt went past; see `cache/past.ts`. */
  barrier = 0;
  /** What the headers said, and whether the body is being read, for a core that starts later than the response came. */
  status = 0;
  length: number = BodyLength.Untold;
  pause = Number.NaN;
  reading = false;
  readonly #owner: Owner;

  constructor(owner: Owner, asking: Asking, request: RequestLike, joint: Source | undefined) {
    const { lane, reads = false } = asking;
    this.#owner = owner;
    this.request = request;
    this.origin = originOf(request.url);
    this.key = typeof lane?.key === 'string' ? lane.key : this.origin;
    this.windowless = asking.windowless;
    this.reads = reads || isRead(request);
    this.lane = lane;
    this.signal = joint ? undefined : asking.signal;
    this.resend = asking.resend;
    this.arrived = asking.arrived;
    this.source = joint ?? asking.source;
    this.priority = asking.priority;
    this.standsIn = asking.standsIn === true;
  }

  abort(reason: unknown): void {
    this.#owner.abort(this, reason);
  }

  whenRead(response: Response, read: () => void): void {
    this.#owner.whenRead(this, response, read);
  }

  raise(priority: number): void {
    this.#owner.raise(this, priority);
  }
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

/** In place of a length in bytes: see `Answered` in the list of events. */
export enum BodyLength {
  Nothing = -1,
  Untold = -2,
  Endless = -3,
}

/** Returns the length of what follows the headers in bytes, or a {@link BodyLength}. */
export function bodyLength(method: string, response: Response): number {
  const { status, type, headers, bodyUsed } = response;
  // The transport has read it, or made it without any, whatever its headers say.
  if (bodyUsed || (type === 'default' && bodyOf(response) === null)) return BodyLength.Nothing;
  const none = method === 'HEAD' || [101, 103, 204, 205, 304].includes(status);
  if (none || type === 'opaque' || type === 'opaqueredirect' || type === 'error') return BodyLength.Nothing;
  if (/^(text\/event-stream|multipart\/x-mixed-replace)\b/i.test(headers.get('content-type') ?? ''))
    return BodyLength.Endless;
  const length = headers.get('content-length');
  return length && /^\d+$/.test(length) ? Number(length) : BodyLength.Untold;
}

/** A call as events tell of it. */
export function describe({ id, request, key, priority, lane }: Call): object {
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
export function times({ arrived, at }: Call): object {
  const now = performance.now();
  return { duration: now - arrived, queued: (at || now) - arrived };
}
