import { Loops } from './loops.js';
import { hand, nativeFetch } from './page.js';
import { derive, forgotten, isPlain, isReferrerTold, type RequestLike, realOf } from './requests.js';

type Fetch = typeof fetch;

/** One attempt, as it is to be sent. */
export interface Attempt {
  readonly request: RequestLike;
  /** Makes what is sent, where that is not the request itself: a body can be read once. */
  readonly make: (() => Request) | undefined;
  /** What is to be otherwise than in the request. */
  readonly changes: RequestInit | undefined;
  readonly signal: AbortSignal;
  readonly windowless: boolean;
  readonly hint: RequestPriority | undefined;
}

/** What requests go through: native fetch, or what was named or put in its place. */
export class Transport {
  /** What fetch was when this was made. */
  readonly before = nativeFetch();
  readonly #named: Fetch | undefined;
  /** Functions in the place of fetch that may lead back to us. */
  readonly #loops = new Loops();
  /** It is being called right now. */
  handing = false;

  /** @param named by the options */
  constructor(named: Fetch | undefined) {
    this.#named = named;
  }

  /** Where a call goes that this one has under way already, and has a slot for. */
  beyond(isOurs: boolean): Fetch {
    return isOurs ? this.before : (this.#named ?? this.before);
  }

  /** As the arguments came. */
  native(...args: Parameters<Fetch> | []): Promise<Response> {
    // Never called as a method: native fetch insists on its own global object.
    const fetch = this.#named ?? nativeFetch();
    this.handing = true;
    try {
      return fetch(...(args as Parameters<Fetch>));
    } finally {
      this.handing = false;
    }
  }

  /** Where a call leads back that a transport waits for, it goes through what was there before us; undefined for any other. */
  takeLoop(request: RequestLike): Promise<Response> | undefined {
    const ended = this.#loops.take(request);
    if (!ended) return undefined;
    const { before } = this;
    const call = before(realOf(request));
    call.then(ended, ended);
    return call;
  }

  /** Rejects where a replacement of fetch throws. */
  send(attempt: Attempt): Promise<Response> {
    try {
      // A mock may return anything.
      return Promise.resolve(this.#send(attempt));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #send({ request, make, changes, signal, windowless, hint }: Attempt): Promise<Response> {
    const transport = this.#named ?? nativeFetch();
    hand(signal, this);
    const init: RequestInit = { signal };
    if (windowless) init.window = null;
    if (hint) init.priority = hint;
    // An address goes on as one. What was put in the place of fetch later may count on a Request.
    if (isPlain(request) && transport === this.before) return this.native(request.url, { ...changes, ...init });
    const made = make ? make() : realOf(request);
    const sent = changes ? derive(made, changes) : made;
    hand(sent, this);
    // A service worker hands on what an element of its page asks for: with anything said to it, that would be asked for
    // in the worker's own name. It is not ours to stop then, only to leave.
    const args: Parameters<Fetch> = isReferrerTold(request) ? [sent, { ...forgotten(request), ...init }] : [sent];
    // What was there before us knows nothing of us, and what the options name is not in the place of fetch.
    return transport === this.before || this.#named ? this.native(...args) : this.#watched(transport, sent, args);
  }

  /** It may be a function that leads back to us. */
  async #watched(transport: Fetch, sent: Request, args: Parameters<Fetch>): Promise<Response> {
    const ended = this.#loops.hand(transport, sent);
    let response: Response | undefined;
    try {
      response = await this.native(...args);
      return response;
    } finally {
      ended(response !== undefined);
    }
  }
}
