/** Resource-timing entries as a sign that a body has ended. */
import { onResource } from './resources.js';

/** The clock that entries are read from is rounded, in Firefox to a millisecond. */
const ROUNDING = 1;

/** An entry that starts this long after a request was sent is another's: sending takes a turn, perhaps a busy one. */
const NEAR = 1000;

const requests = new Map<string, Set<Timing>>();
let stop: (() => void) | undefined;

/**
 * One request that was sent. Those whose end nobody asks for are remembered, too, as long as another one to the same
 * address is: its entry must not be taken for theirs.
 */
export class Timing {
  readonly #name: string;
  readonly #sent: number;
  #ended: (() => void) | undefined;
  #finished = false;
  #status = 0;
  #watched = true;
  /** Bytes of the body on the wire, once its entry has come; undefined where that does not tell. */
  bytes: number | undefined;

  /** `sent` is on the clock of `performance.now()`, before the request was handed to the browser. */
  constructor(url: string, sent: number) {
    this.#name = url.split('#', 1)[0] as string;
    this.#sent = sent;
    const same = requests.get(this.#name) ?? new Set();
    requests.set(this.#name, same.add(this));
    stop ??= onResource((entry) => {
      // A body that broke off has an end time, too: its connection is free just the same.
      if (entry.responseEnd > 0) Timing.match(entry);
    });
  }

  /** Whether its entry has come. */
  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Whether its entry has come, and names a redirect as the last response: one that may not be followed. Firefox tells of
   * it; elsewhere the entry of a failed request has no status.
   */
  get endedInRedirect(): boolean {
    return this.#status >= 300 && this.#status < 400;
  }

  /** Calls `ended` when its entry comes. */
  follow(ended: () => void): void {
    this.#ended = ended;
  }

  /** Its end is of no interest any more. */
  stop(): void {
    this.#watched = false;
    this.#ended = undefined;
    this.#forget();
  }

  /** The entry is that of the last request to its address that was sent shortly before the entry's start. */
  static match({ name, startTime, responseStatus, encodedBodySize }: PerformanceResourceTiming): void {
    let last: Timing | undefined;
    for (const request of requests.get(name.split('#', 1)[0] as string) ?? []) {
      const wait = startTime - request.#sent;
      if (wait >= -ROUNDING && wait <= NEAR && (!last || request.#sent >= last.#sent)) last = request;
    }
    if (!last) return;
    requests.get(last.#name)?.delete(last);
    last.#finished = true;
    last.#status = responseStatus ?? 0;
    last.bytes = encodedBodySize || undefined;
    last.#forget();
    const ended = last.#ended;
    ended?.();
  }

  #forget(): void {
    for (const request of requests.get(this.#name) ?? []) if (request.#watched) return;
    requests.delete(this.#name);
    if (requests.size > 0) return;
    stop?.();
    stop = undefined;
  }
}
