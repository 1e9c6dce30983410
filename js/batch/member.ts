import { type Refusal, refusalReason } from '../errors.js';
import type { Asking, Network, Sent } from '../gets.js';
import type { Source } from '../joint.js';
import type { RequestLike } from '../requests.js';
import { timeLeft } from '../waits.js';

/** Who a call is with while it is part of something larger. */
export interface Holder {
  /** It wants no answer any more. */
  left(member: Member, reason: unknown): void;
  /** It has become more urgent. */
  raised(member: Member): void;
}

interface Settle {
  resolve(response: Response | Promise<Response>): void;
  reject(reason: unknown): void;
}

/** Hears what becomes of a call that is part of a batch, unless it goes alone after all. */
export type Tell = (member: Member, outcome: Response | { readonly error: unknown }) => void;

/** A key of a batch, and the calls that are answered by it. */
export interface Item {
  readonly key: string;
  readonly members: Set<Member>;
}

/** A call that waits for its part of a batch. */
export class Member implements Sent {
  readonly asking: Asking;
  readonly response: Promise<Response>;
  holder: Holder | undefined;
  item: Item | undefined;
  priority: number;
  /** Adds a follower for the same key. */
  shares = false;
  /** Its answer is a part of one. */
  batched = false;
  /** False: its answer is one to many, and says nothing of its own address. */
  storable = true;
  /** The request of its batch, once that is handed over. */
  carrier: Sent | undefined;
  /** What its address says beside the key. */
  rest = '';
  readonly #request: RequestLike;
  readonly #joint: Source | undefined;
  readonly #tell: Tell;
  #settle: Settle | undefined;
  #refusal: Refusal | undefined;
  #onAbort: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Its own request, where it goes by itself. */
  #wire: Sent | undefined;

  /** For a joint, it ends by `abort` alone. */
  constructor(asking: Asking, request: RequestLike, joint: Source | undefined, tell: Tell) {
    this.asking = asking;
    this.#request = request;
    this.#tell = tell;
    this.priority = asking.priority;
    this.#joint = joint;
    this.response = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    if (!joint && asking.source) {
      this.#onAbort = () => this.abort(asking.signal.reason);
      asking.signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    const left = timeLeft(asking);
    if (left !== undefined) this.#timer = setTimeout(() => this.#expire(), left);
  }

  /** What its caller aborts by: it knows before the listeners have heard. */
  get source(): Source | null | undefined {
    return this.#joint ?? this.asking.source;
  }

  get refusal(): Refusal | undefined {
    return this.#refusal ?? (this.#wire ?? this.carrier)?.refusal;
  }

  get callers(): number {
    return this.source?.callers ?? 1;
  }

  get at(): number {
    return (this.#wire ?? this.carrier)?.at ?? Number.NaN;
  }

  get order(): number {
    return (this.#wire ?? this.carrier)?.order ?? 0;
  }

  abort(reason: unknown): void {
    if (this.#wire) this.#wire.abort(reason);
    else if (this.reject(reason)) this.holder?.left(this, reason);
  }

  whenRead(response: Response, read: () => void): void {
    // A part of a batch is whole when it is here.
    if (this.#wire && !this.batched) this.#wire.whenRead(response, read);
    else read();
  }

  raise(priority: number): void {
    this.priority = Math.max(this.priority, priority);
    if (this.#wire) this.#wire.raise(priority);
    else this.holder?.raised(this);
  }

  resolve(response: Response): void {
    const settle = this.#release();
    if (!settle) return;
    this.batched = true;
    settle.resolve(response);
    this.#tell(this, response);
  }

  /** Nothing was sent for it. */
  turnAway(reason: unknown): void {
    this.#refusal = 'queue-cleared';
    this.reject(reason);
  }

  #expire(): void {
    this.#refusal = 'timeout';
    this.abort(refusalReason('timeout'));
  }

  /** Whether it was not settled before. */
  reject(reason: unknown): boolean {
    const settle = this.#release();
    if (!settle) return false;
    settle.reject(reason);
    this.#tell(this, { error: reason });
    return true;
  }

  /** Its batch came to nothing: it is sent as if there had been none. */
  goAlone(network: Network): void {
    const settle = this.#release();
    if (!settle) return;
    const { asking } = this;
    this.storable = true;
    const { wire, response } = network.send(asking, this.#request, this.#joint);
    this.#wire = wire;
    if (this.priority > asking.priority) wire.raise(this.priority);
    settle.resolve(response);
  }

  #release(): Settle | undefined {
    const settle = this.#settle;
    this.#settle = undefined;
    clearTimeout(this.#timer);
    if (this.#onAbort) this.asking.signal.removeEventListener('abort', this.#onAbort);
    return settle;
  }
}
