/** The last calls of an instance, put together from its events. */

/** Calls that are shown. */
const SHOWN = 200;

/** Who answered a call. */
type Source = 'network' | 'memory' | 'localStorage' | 'indexedDB' | 'stale' | 'batch' | 'joined' | 'static';

/** One call; times are those of `performance.now()`. */
export interface Seen {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly priority: string;
  /** When it was made, last sent, had its headers, and its body's end. */
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
  readonly joined?: boolean;
  readonly static?: boolean;
  readonly duration?: number;
  readonly queued?: number;
}

/** What waits is asked for; of the rest, the fewest events that tell all. */
const TYPES = ['retry', 'settled', 'body'] as const;

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
    if (type === 'body') this.#end(this.#open.get(detail.id), now);
    else if (type === 'retry') this.#of(detail, now).retries += 1;
    else this.#settle(this.#of(detail, now), detail, now);
  };

  #settle(call: Seen, { duration = 0, queued = 0, ...detail }: Detail, now: number): void {
    call.queued = now - duration;
    call.granted = call.queued + queued;
    call.headers = now;
    if (detail.status !== undefined) call.status = detail.status;
    if (detail.error !== undefined) call.error = detail.error;
    // It may have been turned away before it was sent.
    const sent = detail.id >= 0 && (detail.error === undefined || queued < duration) ? 'network' : undefined;
    const own = detail.batched ? 'batch' : detail.joined ? 'joined' : detail.static ? 'static' : sent;
    const source = detail.cache ?? own;
    if (source) call.source = source;
    // Of what was not sent by itself no body is told.
    if (detail.id < 0 || detail.error !== undefined) this.#end(call, now);
  }

  #of(detail: Detail, now: number): Seen {
    return this.#open.get(detail.id) ?? this.#add(detail, now);
  }

  #add({ id, method, url, priority }: Detail, queued: number): Seen {
    const call: Seen = { id, method, url, priority, queued, retries: 0 };
    if (id >= 0) this.#open.set(id, call);
    this.all.push(call);
    const oldest = this.all.length > SHOWN ? this.all.shift() : undefined;
    if (oldest && this.#open.get(oldest.id) === oldest) this.#open.delete(oldest.id);
    return call;
  }

  /** What began before somebody looked is not known. */
  #end(call: Seen | undefined, now: number): void {
    if (!call) return;
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
  }

  forget(): void {
    this.all.length = 0;
    this.#open.clear();
    this.version += 1;
  }
}
