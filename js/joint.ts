/** One request for several callers that want the same. */
import { withBody } from './cache/answer.js';

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
}

interface Member {
  readonly caller: Caller;
  readonly resolve: (response: Response | Promise<Response>) => void;
  readonly reject: (reason: unknown) => void;
  onAbort: (() => void) | undefined;
}

/** Ends when its last caller is gone, and not before. */
export class Joint implements Source {
  readonly #members = new Set<Member>();
  /** Ends the request, and its body. */
  end: (reason: unknown) => void = () => {};
  /** Calls back when a body is read, or nobody can read it any more. */
  whenRead: (response: Response, read: () => void) => void = () => {};
  #ended: { readonly reason: unknown } | undefined;

  get size(): number {
    return this.#members.size;
  }

  get aborted(): boolean {
    if (this.#ended) return true;
    for (const { caller } of this.#members) if (!caller.source?.aborted) return false;
    return this.#members.size > 0;
  }

  get reason(): unknown {
    if (this.#ended) return this.#ended.reason;
    const [first] = this.#members;
    return first?.caller.source?.reason;
  }

  /** Resolves with a response of the caller's own. */
  add(caller: Caller): Promise<Response> {
    return new Promise((resolve, reject) => {
      const member: Member = { caller, resolve, reject, onAbort: undefined };
      this.#members.add(member);
      // Who brought no signal cannot abort: the one of its request is its own.
      if (!caller.source) return;
      member.onAbort = () => this.#leave(member);
      caller.signal.addEventListener('abort', member.onAbort, { once: true });
    });
  }

  /** Each gets what `make` makes for it. */
  resolve(make: (caller: Caller, index: number) => Response | Promise<Response>): void {
    let index = 0;
    for (const member of this.#members) {
      release(member);
      member.resolve(make(member.caller, index++));
    }
    this.#members.clear();
  }

  reject(reason: unknown): void {
    for (const member of this.#members) {
      release(member);
      member.reject(reason);
    }
    this.#members.clear();
  }

  /**
   * The network's response is here: the first gets it as it is, and each of the others a clone. Where there are several,
   * who may abort gets a body that breaks off alone.
   */
  share(response: Response): void {
    const [only] = this.#members;
    if (only && this.#members.size === 1) {
      release(only);
      only.resolve(response);
      this.#members.clear();
      if (only.caller.source) this.#follow(only.caller.signal, response);
      return;
    }
    const all = this.#members.size;
    const open = new Set<Caller>();
    const left = (caller: Caller, reason: unknown): void => {
      open.delete(caller);
      if (open.size === 0) this.#end(reason);
    };
    this.resolve((caller, index) => {
      open.add(caller);
      const own = index === all - 1 ? response : response.clone();
      return caller.source ? breakable(own, caller, left) : own;
    });
  }

  /** An abort breaks off the body, too, as long as there is one to read. Nothing here may keep the response alive. */
  #follow(signal: AbortSignal, response: Response): void {
    const onAbort = (): void => this.#end(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.whenRead(response, () => signal.removeEventListener('abort', onAbort));
  }

  #leave(member: Member): void {
    const { reason } = member.caller.signal;
    this.#members.delete(member);
    // Of no effect when it has its response already.
    member.reject(reason);
    if (this.#members.size === 0) this.#end(reason);
  }

  #end(reason: unknown): void {
    this.#ended = { reason };
    this.end(reason);
  }
}

function release({ caller, onAbort }: Member): void {
  if (onAbort) caller.signal.removeEventListener('abort', onAbort);
}

const dropped = globalThis.FinalizationRegistry && new FinalizationRegistry((forget: () => void) => forget());

/** The same response with a body that its caller's signal breaks off. */
function breakable(response: Response, caller: Caller, left: (caller: Caller, reason: unknown) => void): Response {
  const { body } = response;
  if (!body) return response;
  const { signal } = caller;
  const reader = body.getReader();
  let forget = (): void => {};
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
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
  return withBody(response, stream);
}
