/** One request for several callers that want the same. */
import { READERS, shadow } from './body.js';
import { withBody } from './cache/answer.js';
import { mayHaveBody } from './cache/frozen.js';

/** What a caller brings of its own. */
export interface Caller {
  /** That of its request. */
  readonly signal: AbortSignal;
  /** Its own, which knows of an abort before the listeners of all the calls that share it have heard. */
  readonly source: Source | null | undefined;
}

/** Of an `AbortSignal`, what is asked without listening. */
export interface Source {
  readonly aborted: boolean;
  readonly reason: unknown;
  /** How many calls end by it, where that may be more than one. */
  readonly callers?: number;
}

interface Member {
  readonly caller: Caller;
  readonly resolve: (response: Response | Promise<Response>) => void;
  readonly reject: (reason: unknown) => void;
  onAbort: (() => void) | undefined;
}

/** What the request of a joint is to its sender. */
export interface Wire {
  /** Ends the request, and its body. */
  abort(reason: unknown): void;
  /** Calls back when the body was read, or can no longer be read. */
  whenRead(response: Response, read: () => void): void;
}

/** Ends when its last caller is gone, and not before. */
export class Joint<W extends Wire> implements Source {
  /** The request, once it is handed over. */
  wire: W | undefined;
  /** That of the most urgent caller. */
  priority: number;
  #members: Member[] = [];
  #ended: { readonly reason: unknown } | undefined;

  constructor(priority: number) {
    this.priority = priority;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Who came after the first. */
  followers(): Caller[] {
    return this.#members.slice(1).map(({ caller }) => caller);
  }

  get callers(): number {
    return this.size;
  }

  get aborted(): boolean {
    if (this.#ended) return true;
    return this.#members.length > 0 && this.#members.every(({ caller }) => caller.source?.aborted);
  }

  get reason(): unknown {
    return this.#ended ? this.#ended.reason : this.#members[0]?.caller.source?.reason;
  }

  /** Resolves with a response of the caller's own. */
  add(caller: Caller): Promise<Response> {
    return new Promise((resolve, reject) => {
      const member: Member = { caller, resolve, reject, onAbort: undefined };
      this.#members.push(member);
      // Who brought no signal cannot abort: the one of its request is its own.
      if (!caller.source) return;
      member.onAbort = () => this.#leave(member);
      caller.signal.addEventListener('abort', member.onAbort, { once: true });
    });
  }

  /** Each gets what `make` makes for it. */
  resolve(make: (caller: Caller, index: number) => Response | Promise<Response>): void {
    this.#release().forEach((member, index) => {
      try {
        member.resolve(make(member.caller, index));
      } catch (error) {
        // A response whose body is used cannot be cloned.
        member.reject(error);
      }
    });
  }

  reject(reason: unknown): void {
    for (const member of this.#release()) member.reject(reason);
  }

  /**
   * The network's response is here: one caller gets it as it is, and each of the others a clone. Where there are several,
   * who may abort gets a body that breaks off alone. Whoever no response can be made for gets what `otherwise` brings.
   */
  share(response: Response, otherwise: (caller: Caller) => Promise<Response>): void {
    const { size } = this;
    const open = new Set<Caller>();
    const left = (caller: Caller, reason: unknown): void => {
      open.delete(caller);
      if (open.size === 0) this.#end(reason);
    };
    this.resolve((caller, index) => {
      if (size === 1) return this.lead(caller, response);
      open.add(caller);
      const last = index === size - 1;
      try {
        const own = last ? response : response.clone();
        return caller.source ? breakable(own, caller, left) : own;
      } catch {
        // Its body is used already, say.
        open.delete(caller);
        return last ? response : otherwise(caller);
      }
    });
  }

  /** The response as it is, for one caller, whose abort ends the request. */
  lead(caller: Caller, response: Response): Response {
    if (caller.source) this.#follow(caller.signal, response);
    return response;
  }

  /** An abort breaks off the body, too, as long as there is one to read. Nothing here may keep the response alive. */
  #follow(signal: AbortSignal, response: Response): void {
    const onAbort = (): void => this.#end(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.wire?.whenRead(response, () => signal.removeEventListener('abort', onAbort));
  }

  #leave(member: Member): void {
    const { reason } = member.caller.signal;
    this.#members.splice(this.#members.indexOf(member), 1);
    member.reject(reason);
    if (this.#members.length === 0) this.#end(reason);
  }

  #end(reason: unknown): void {
    this.#ended = { reason };
    this.wire?.abort(reason);
  }

  /** The last caller has left. */
  #release(): readonly Member[] {
    const members = this.#members;
    this.#members = [];
    for (const { caller, onAbort } of members) if (onAbort) caller.signal.removeEventListener('abort', onAbort);
    return members;
  }
}

const dropped = globalThis.FinalizationRegistry && new FinalizationRegistry((forget: () => void) => forget());

/** The same response with a body that its caller's signal breaks off. */
function breakable(response: Response, caller: Caller, left: (caller: Caller, reason: unknown) => void): Response {
  const { body } = response;
  // The network brings any status, but a response cannot be made with any.
  if (!body || !mayHaveBody(response.status)) return response;
  const { signal } = caller;
  const reader = body.getReader();
  let forget = (): void => {};
  // The browser's own kind, as its Response wants it, and not what a library may have put under that name.
  const Stream = body.constructor as typeof ReadableStream;
  const stream = new Stream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      // The signal may live long. Who holds the stream, or its reader, holds this.
      const weak = new WeakRef(controller);
      const onAbort = (): void => {
        weak.deref()?.error(signal.reason);
        reader.cancel(signal.reason).catch(() => {});
        left(caller, signal.reason);
      };
      forget = () => signal.removeEventListener('abort', onAbort);
      dropped?.register(controller, forget);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) controller.enqueue(value);
        else {
          forget();
          controller.close();
        }
      } catch (error) {
        forget();
        if (!signal.aborted) controller.error(error);
      }
    },
    cancel(reason) {
      forget();
      return reader.cancel(reason);
    },
  });
  return withReason(withBody(response, stream), signal);
}

/** Of a stream that was broken off, the reading methods of a response do not say why. */
function withReason(response: Response, signal: AbortSignal): Response {
  for (const name of READERS) {
    const read = response[name] as (() => Promise<unknown>) | undefined;
    if (typeof read !== 'function') continue;
    shadow(response, name, function (this: Response) {
      // In the same turn, as natively.
      if (signal.aborted && !this.bodyUsed) return Promise.reject(signal.reason);
      return read.call(this).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : error;
      });
    });
  }
  const { clone } = response;
  shadow(response, 'clone', function (this: Response) {
    return withReason(clone.call(this), signal);
  });
  return response;
}
