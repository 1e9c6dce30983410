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
  onAbort: () => void;
}

/** Ends when its last caller is gone, and not before. */
export class Joint implements Source {
  readonly #members = new Set<Member>();
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get size(): number {
    return this.#members.size;
  }

  get aborted(): boolean {
    if (this.signal.aborted) return true;
    for (const { caller } of this.#members) if (!caller.source?.aborted) return false;
    return this.#members.size > 0;
  }

  get reason(): unknown {
    if (this.signal.aborted) return this.signal.reason;
    const [first] = this.#members;
    return first?.caller.source?.reason;
  }

  /** Resolves with a response of the caller's own. */
  add(caller: Caller): Promise<Response> {
    return new Promise((resolve, reject) => {
      const member: Member = { caller, resolve, reject, onAbort: () => this.#leave(member) };
      this.#members.add(member);
      caller.signal.addEventListener('abort', member.onAbort, { once: true });
    });
  }

  /** Each gets what `make` makes for it. */
  resolve(make: (caller: Caller, index: number) => Response | Promise<Response>): void {
    let index = 0;
    for (const member of this.#members) {
      this.#release(member);
      member.resolve(make(member.caller, index++));
    }
    this.#members.clear();
  }

  reject(reason: unknown): void {
    for (const member of this.#members) {
      this.#release(member);
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
      // Its abort breaks off the body, too, as long as there is one to read.
      only.resolve(response);
      this.#members.clear();
      whenDropped(response, () => this.#release(only));
      return;
    }
    const all = this.#members.size;
    const open = new Set<Caller>();
    const left = (caller: Caller, reason: unknown): void => {
      open.delete(caller);
      if (open.size === 0) this.#controller.abort(reason);
    };
    this.resolve((caller, index) => {
      open.add(caller);
      const own = index === all - 1 ? response : response.clone();
      return caller.source ? breakable(own, caller, left) : own;
    });
  }

  #leave(member: Member): void {
    const { reason } = member.caller.signal;
    this.#members.delete(member);
    // Of no effect when it has its response already.
    member.reject(reason);
    if (this.#members.size === 0) this.#controller.abort(reason);
  }

  #release({ caller, onAbort }: Member): void {
    caller.signal.removeEventListener('abort', onAbort);
  }
}

const dropped = globalThis.FinalizationRegistry && new FinalizationRegistry((release: () => void) => release());

function whenDropped(response: Response, release: () => void): void {
  // A mock may answer with anything.
  if (response instanceof Response) dropped?.register(response, release);
  else release();
}

/** The same response with a body that its caller's signal breaks off. */
function breakable(response: Response, caller: Caller, left: (caller: Caller, reason: unknown) => void): Response {
  const { body } = response;
  if (!body) return response;
  const { signal } = caller;
  const reader = body.getReader();
  let release = (): void => {};
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      const onAbort = (): void => {
        controller.error(signal.reason);
        reader.cancel(signal.reason).catch(() => {});
        left(caller, signal.reason);
      };
      release = () => signal.removeEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) controller.enqueue(value);
        else {
          release();
          controller.close();
        }
      } catch (error) {
        release();
        if (!signal.aborted) controller.error(error);
      }
    },
    cancel(reason) {
      release();
      return reader.cancel(reason);
    },
  });
  const made = withBody(response, stream);
  whenDropped(made, release);
  return made;
}
