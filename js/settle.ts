import { isSameOrigin, withoutFragment } from './addresses.js';
import { type BodyWatch, discard, watchBody } from './body.js';
import type { Values } from './cache/values.js';
import { noteWrite, writeOf } from './cache/writes.js';
import { BodyLength, type Brought, type Call, describe, type Recorder, times } from './call.js';
import { Settled } from './codes.js';
import type { Engine } from './engine.js';
import type { Events } from './events.js';
import { isResponse, nameOf, textOf } from './platform.js';
import type { RequestLike } from './requests.js';
import type { Starting } from './starting.js';

/** Addresses that are known to redirect to where the page may go. */
const MAX_REDIRECTS = 100;

/** Who is told that a slot is free: the core, or what stands in for it until it runs. */
interface Core {
  readonly engine: Engine<Call> | undefined;
  readonly starting: Starting | undefined;
}

/** Gives callers what they get, and follows bodies to their ends. */
export class Settler {
  readonly #core: Core;
  readonly #events: Events;
  readonly #cache: Values;
  /** Addresses whose redirects were followed to a response. */
  readonly #redirects = new Set<string>();
  /** Calls whose callers have the headers, while their bodies are watched. */
  readonly bodies = new Set<Call>();
  readonly recorders = new Set<Recorder>();

  constructor(core: Core, events: Events, cache: Values) {
    this.#core = core;
    this.#events = events;
    this.#cache = cache;
  }

  /** @param holds whether the core, or who stands in for it, keeps the slot for the body */
  deliver(call: Call, response: Response, holds: boolean): void {
    const { settle, length } = call;
    call.brought = undefined;
    if (!settle) return;
    call.stage = 'body';
    this.record(call, { response });
    const real = isResponse(response);
    if (real) this.#noteAnswer(call, response);
    if (!call.reads) noteWrite(call.request.url);
    this.release(call);
    settle.resolve(response);
    this.#tellSettled(call, response?.ok, response?.status);
    // Some bodies go on without a slot.
    const goesOn =
      holds || length === BodyLength.Endless || (length !== BodyLength.Nothing && call.lane?.slot === 'headers');
    if (!goesOn || !real || !watchBody(response, this.#watch(call))) this.bodyEnded(call);
  }

  /** What a response means to what is kept. Whatever is wrong with that, its caller gets it. */
  #noteAnswer({ request, reads, barrier }: Call, response: Response): void {
    const { method, url } = request;
    const cache = this.#cache;
    try {
      if (response.redirected) {
        if (this.#redirects.size >= MAX_REDIRECTS) this.#redirects.clear();
        this.#redirects.add(withoutFragment(url));
      }
      cache.past.passed(request, response.status, barrier);
      if (!reads) cache.written(writeOf(method, url, response));
      cache.cleared(response);
    } catch (error) {
      globalThis.reportError?.(error);
    }
  }

  /** In a function of its own: whatever is made beside a response here would keep it alive. */
  #tellSettled(call: Call, ok: boolean | undefined, status: number | undefined): void {
    this.#events.emit('settled', () => ({ ...describe(call), ok, status, ...times(call) }));
  }

  #tellRead(call: Call): void {
    this.#events.emit('body', () => ({ ...describe(call), bytes: bytesOf(call), ...times(call) }));
  }

  /** An attempt has ended. */
  record(call: Call, brought: Brought): void {
    for (const recorder of this.recorders) recorder.ended(call, brought);
  }

  #watch(call: Call): BodyWatch {
    const ended = (): void => this.bodyEnded(call);
    this.bodies.add(call);
    this.onAbort(call, ended);
    call.timing?.follow(ended);
    return {
      reading: () => {
        call.reading = true;
        this.#core.engine?.reading(call);
      },
      ended,
    };
  }

  /** No body is to come any more. */
  bodyEnded(call: Call): void {
    if (call.stage === 'over') return;
    call.stage = 'over';
    this.bodies.delete(call);
    this.release(call);
    call.onRead?.();
    call.timing?.stop();
    for (const recorder of this.recorders) recorder.read(call);
    this.#tellRead(call);
    if (this.#core.engine) {
      this.#core.engine.forget(call);
      this.#core.engine.bodyEnded(call, call.length === BodyLength.Untold ? call.timing?.bytes : 0);
    }
    this.#core.starting?.end(call, Settled.Completed);
  }

  /** Settles a call whose caller has nothing yet. */
  over(call: Call, outcome: Settled, reason: unknown): void {
    const { settle } = call;
    if (!settle) return;
    this.drop(call);
    if (call.stage === 'sent' || call.stage === 'asking') this.record(call, { error: reason });
    call.stage = 'over';
    if (!call.reads) noteWrite(call.request.url);
    this.release(call);
    call.timing?.stop();
    call.lost?.timing?.stop();
    settle.reject(reason);
    if (call.id >= 0) this.#core.engine?.settled(call, outcome);
    this.#core.starting?.end(call, outcome);
    // Last: a listener finds the slot free.
    this.#events.emit('settled', () => ({ ...describe(call), ok: false, error: textOf(reason), ...times(call) }));
  }

  /** Discards what its attempt brought. */
  drop(call: Call): void {
    const response = call.brought?.response;
    call.brought = undefined;
    if (isResponse(response)) discard(response);
  }

  /** To be called when its caller aborts. */
  onAbort(call: Call, onAbort: () => void): void {
    // Who brought no signal cannot abort: that of the request is its own.
    if (!call.source || !call.signal) return;
    call.onAbort = onAbort;
    call.signal.addEventListener('abort', onAbort, { once: true });
  }

  /** Its caller has what it gets, or will have it at once. */
  release(call: Call): void {
    if (call.onAbort) call.signal?.removeEventListener('abort', call.onAbort);
    call.onAbort = undefined;
    call.settle = undefined;
    clearTimeout(call.timer);
  }

  /**
   * Of a failed request a page is not told whether its connection was lost, or it was redirected to where it must not go.
   * The next attempt looks whether it is redirected at all, unless that has led somewhere before.
   */
  mayBePolicy({ url, redirect }: RequestLike, error: unknown): boolean {
    const network = nameOf(error) === 'TypeError';
    return network && redirect === 'follow' && isSameOrigin(url) && !this.#redirects.has(withoutFragment(url));
  }
}

/** Bytes of its body on the wire; null where the browser does not tell. */
export function bytesOf({ length, timing }: Call): number | null {
  if (length === BodyLength.Untold || length === BodyLength.Endless) return timing?.bytes ?? null;
  return Math.max(0, length);
}
