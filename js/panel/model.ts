/** The last calls of an instance, put together from its events. */

/** Calls that are shown. */
const SHOWN = 200;

/** Who answered a call. */
type Source = 'network' | 'memory' | 'localStorage' | 'indexedDB' | 'stale' | 'batch' | 'static';

/** One call; times are those of `performance.now()`. */
export interface Seen {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly priority: string;
  /** When it began to wait, was sent, had its headers, and its body's end. */
  queued: number;
  granted?: number;
  headers?: number;
  ended?: number;
  status?: number;
  error?: string;
  source?: Source;
  retries: number;
}

interface Detail {
  readonly id: number;
  readonly url: string;
  readonly method: string;
  readonly priority: string;
  readonly status?: number;
  readonly error?: string;
  readonly cache?: Source;
  readonly batched?: boolean;
  readonly static?: boolean;
  readonly duration?: number;
  readonly queued?: number;
}

const TYPES = ['queued', 'started', 'retry', 'settled', 'body'] as const;

export class Calls {
  /** The oldest first. */
  readonly all: Seen[] = [];
  /** By id, those whose bodies have not ended. */
  readonly #open = new Map<number, Seen>();
  #events: EventTarget | undefined;
  /** Grows with each event. */
  version = 0;

  readonly #hear = (event: Event): void => {
    const { type } = event;
    const detail = (event as CustomEvent<Detail>).detail;
    const now = performance.now();
    this.version += 1;
    const call = this.#open.get(detail.id) ?? this.#add(detail, now - (detail.duration ?? 0));
    if (type === 'started') call.granted = now;
    else if (type === 'retry') {
      call.retries += 1;
      call.queued = now;
    } else if (type === 'settled') {
      call.headers = now;
      if (detail.status !== undefined) call.status = detail.status;
      if (detail.error !== undefined) call.error = detail.error;
      const sent = call.granted === undefined ? undefined : 'network';
      const source = detail.cache ?? (detail.batched ? 'batch' : detail.static ? 'static' : sent);
      // It may have been turned away before it was sent.
      if (source) call.source = source;
      call.granted ??= now;
      // Of what was not sent by itself no body is told.
      if (detail.id < 0 || detail.error !== undefined) this.#end(call, now);
    } else if (type === 'body') this.#end(call, now);
  };

  #add({ id, method, url, priority }: Detail, queued: number): Seen {
    const call: Seen = { id, method, url, priority, queued, retries: 0 };
    if (id >= 0) this.#open.set(id, call);
    this.all.push(call);
    if (this.all.length > SHOWN) this.all.shift();
    return call;
  }

  #end(call: Seen, now: number): void {
    call.ended = now;
    this.#open.delete(call.id);
  }

  /** Hears one instance, or none. */
  follow(events: EventTarget | undefined): void {
    for (const type of TYPES) {
      this.#events?.removeEventListener(type, this.#hear);
      events?.addEventListener(type, this.#hear);
    }
    this.#events = events;
    this.all.length = 0;
    this.#open.clear();
    this.version += 1;
  }
}
