/**
 * A function in the place of fetch that leads back to the instance that it transports for: it waits for that, which waits for
 * it. Where it hands on the request or the signal that it got, these are known (see `senderOf`); where it makes a request of
 * its own, as to add a header, the call that comes back looks like any other to the same address.
 */
import type { RequestLike } from './requests.js';

type Transport = typeof fetch;

/** An attempt that such a transport has. */
interface Handed {
  readonly method: string;
  readonly url: string;
  /** False in the turn in which it was handed over: what leads back at once is known by that. */
  waits: boolean;
  /** The call that was taken for what it waits for. */
  taken: 'none' | 'under way' | 'ended';
}

export class Loops {
  readonly #handed = new Set<Handed>();
  /** Transports that were seen to answer without us. */
  readonly #straight = new WeakSet<Transport>();

  /** An attempt goes to a transport that was put there after us. Returns what to call when it has ended. */
  hand(transport: Transport, { method, url }: RequestLike): (isAnswered: boolean) => void {
    if (this.#straight.has(transport)) return () => {};
    const handed: Handed = { method, url, waits: false, taken: 'none' };
    this.#handed.add(handed);
    queueMicrotask(() => {
      handed.waits = true;
    });
    return (isAnswered) => {
      this.#handed.delete(handed);
      // It did not wait for any call to us, or not for the one that was taken for its own.
      if (isAnswered && handed.taken !== 'ended') this.#straight.add(transport);
    };
  }

  /**
   * Whether a call may be what such a transport waits for. If so it must not wait for a slot, nor be joined. Returns what to
   * call when it has ended.
   */
  take({ method, url }: RequestLike): (() => void) | undefined {
    for (const handed of this.#handed) {
      if (!handed.waits || handed.taken !== 'none' || handed.method !== method || handed.url !== url) continue;
      handed.taken = 'under way';
      return () => {
        handed.taken = 'ended';
      };
    }
    return undefined;
  }
}
