/** The way of a GET: what is kept, who asks for the same, who goes along, then the network. */

import { withoutFragment } from './addresses.js';
import type { Batching } from './batch/batching.js';
import { discard } from './body.js';
import type { Cuts } from './cache/cuts.js';
import { hash } from './cache/hash.js';
import type { Asked, HttpCache } from './cache/http.js';
import { beginningOf } from './cache/keys.js';
import type { Past } from './cache/past.js';
import type { Store } from './cache/store.js';
import { lastWrite } from './cache/writes.js';
import type { Resend } from './call.js';
import { encode } from './encode.js';
import type { Refusal } from './errors.js';
import { type Caller, Joint, type Source, type Wire } from './joint.js';
import { LEVELS } from './levels.js';
import { isResponse, NativeAbortController, nameOf } from './platform.js';
import type { RequestLike } from './requests.js';
import { withTimeout } from './timeout.js';
import type { CacheTier, LaneInit, SixlaneOptions } from './types.js';
import { Waits } from './waits.js';

/** One call, before it is decided whether it goes to the network. */
export interface Asking extends Caller {
  readonly request: RequestLike;
  /** It says no more than an address: all else of its request is as it is by default. */
  readonly plain: boolean;
  readonly windowless: boolean;
  /** It only asks for something, as a GET does, whatever its method. */
  readonly reads?: boolean;
  /** There is something that can be given in place of its answer. */
  readonly standsIn?: boolean;
  readonly lane: LaneInit | undefined;
  readonly resend: Resend;
  readonly arrived: number;
  readonly priority: number;
}

/** A request that was handed over. It does not hold what comes of it, which is its caller's to keep or drop. */
export interface Sent extends Wire {
  /** When it was sent, on the clock of the page. */
  readonly at: number;
  /** Larger than of all that was sent before. */
  readonly order: number;
  /** What came is a part of an answer to several. */
  readonly batched?: boolean;
  /** False: what came says nothing of its own address. */
  readonly storable?: boolean;
  /** Why it came to nothing, where it was turned away, and not because the network failed. */
  readonly refusal?: Refusal | undefined;
  /** A more urgent caller waits for it, too. */
  raise(priority: number): void;
}

/** Where an answer came from for which nothing was sent. */
type From = CacheTier | 'stale';

/** How a call was answered without a request of its own. */
export type How =
  | { readonly cache: From }
  | { readonly batched: true }
  | { readonly joined: true }
  | { readonly static: true };

/** What sends requests in their turn. */
export interface Network {
  /** Whether it turns calls away under pressure. */
  readonly sheds?: boolean;
  /** Whatever is kept. For a joint, it ends by `abort` alone. */
  send(
    asking: Asking,
    request: RequestLike,
    joint?: Source,
  ): { readonly wire: Sent; readonly response: Promise<Response> };
  /** A call was answered without a request of its own. */
  told(call: Told, outcome: Response | { readonly error: unknown }, how: How): void;
}

/** What events tell of such a call. */
export interface Told {
  readonly url: string;
  readonly method: string;
  readonly lane?: LaneInit | undefined;
  readonly arrived: number;
}

/** What the network brought: a response, or that what is kept may be given. */
type Brought = { readonly response: Response } | { readonly kept: Asked; readonly stale?: true };

/** Keys whose responses may not be shared, so that later calls do not wait for the first; about 50 bytes each, 50 kB. */
const MAX_LONELY = 1000;

/** In these modes what is on its way into the cache would do. */
const PATIENT = ['default', 'force-cache', 'only-if-cached'];

/** For so long a body is waited for that is on its way into the cache: most have come by then. */
const PATIENCE = 100;

/** Whether a call may wait for a body of unknown length: it has no time limit and is no emergency. */
function isPatient({ request, lane }: Asking): boolean {
  return PATIENT.includes(request.cache) && !lane?.timeout && !lane?.emergency;
}

/** By the lane's snapshot, which is never changed. */
const termsKeys = new WeakMap<LaneInit, string | undefined>();

/** What of a lane equal calls have in common; undefined where it is like no other. */
function termsKeyOf(lane: LaneInit): string | undefined {
  let own = termsKeys.get(lane);
  if (own === undefined && !termsKeys.has(lane)) {
    const { timeout, retry, cache, slot, key, dedupe, batch } = lane;
    // How urgent it is does not make it another: that of the most urgent counts.
    const terms = [timeout, retry, cache, slot, key, dedupe, batch];
    try {
      // A function says nothing of what it does.
      const asks = typeof retry === 'object' && retry?.shouldRetry;
      own = asks ? undefined : terms.some((term) => term !== undefined) ? encode(terms) : '';
    } catch {
      // What cannot be told is like no other.
    }
    termsKeys.set(lane, own);
  }
  return own;
}

/** Whether the network failed, was too slow, or its breaker is open. Other refusals may have the same error name. */
function isOutage(error: unknown, { refusal }: Sent): boolean {
  if (refusal !== undefined) return refusal === 'circuit-open' || refusal === 'timeout';
  return ['TypeError', 'TimeoutError'].includes(nameOf(error) ?? '');
}

export class Gets {
  readonly #network: Network;
  readonly #store: Store | undefined;
  readonly #cache: HttpCache | undefined;
  readonly #dedupe: SixlaneOptions['dedupe'];
  readonly #cuts: Cuts;
  readonly #past: Past;
  readonly #batching: Batching | undefined;
  /** Those whose headers are awaited. */
  readonly #joints = new Map<string, Joint<Sent>>();
  /** By the hashes of their keys. Two with one hash are taken for one, and then some are sent that could have been joined. */
  readonly #lonely = new Set<number>();
  /** What is asked again behind an answer that was given. */
  readonly #refreshing = new Set<string>();
  /** For storage, or for a body that is on its way there. */
  readonly #waits = new Waits();
  /** Calls that got what another one had asked for. */
  deduplicated = 0;

  constructor(
    network: Network,
    dedupe: SixlaneOptions['dedupe'],
    { cuts, past }: { readonly cuts: Cuts; readonly past: Past },
    batching: Batching | undefined,
    cache: { store: Store; http: HttpCache } | undefined,
  ) {
    this.#network = network;
    this.#dedupe = dedupe;
    this.#cuts = cuts;
    this.#past = past;
    this.#batching = batching;
    this.#store = cache?.store;
    this.#cache = cache?.http;
  }

  /** Stale answers are given for so many milliseconds. */
  ease(stale: number): void {
    if (this.#cache) this.#cache.stale = stale;
  }

  /** Whether nothing is kept in memory. */
  get isEmpty(): boolean {
    return this.#cache?.isEmpty ?? true;
  }

  /** The answer to a call that says no more than an address, where it is here and fresh. */
  plain(url: string, lane: LaneInit | undefined): Response | undefined {
    const response = this.#cache?.plain(url);
    if (response) this.#gave({ url, method: 'GET', lane, arrived: performance.now() }, response, 'memory', 'memory');
    return response;
  }

  /** Whatever it is asked, it rejects and does not throw. */
  fetch(asking: Asking): Promise<Response> {
    try {
      return this.#fetch(asking, false);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #fetch(asking: Asking, again: boolean): Promise<Response> {
    const { request, lane } = asking;
    const cache = lane?.cache === false ? undefined : this.#cache;
    const asked = cache?.ask(request, lane?.cache || undefined, asking.plain);
    if (!cache || !asked) return this.#join(asking, undefined);
    if (request.cache === 'reload') cache.heed(asked);
    if (!cache.mayLieBelow(asked)) return this.#decide(cache, asking, asked, again);
    if (lane?.emergency) {
      // It does not wait for storage.
      cache.heed(asked);
      return this.#decide(cache, asking, { ...asked, unseen: true }, again);
    }
    const coming = this.#coming(cache, asking, asked, again);
    if (coming) return coming;
    return this.#waits.until(cache.below(asked), asking).then((found) => {
      if (found.answers !== 'none') return this.#decide(cache, asking, found, again);
      // It may have come there meanwhile, and something may have been purged.
      const now = cache.ask(request, lane?.cache || undefined, asking.plain);
      return this.#decide(cache, asking, now ?? found, again);
    });
  }

  #decide(cache: HttpCache, asking: Asking, found: Asked, again: boolean): Promise<Response> {
    // A newer response is on its way into the cache: its caller has the headers already.
    const newer = this.#isRefreshing(found) ? undefined : cache.arriving(found);
    const coming = newer && this.#coming(cache, asking, found, again);
    if (coming) return coming;
    const asked: Asked = newer && found.entry ? { ...found, answers: 'validate' } : found;
    if (asked.answers === 'fresh') {
      const response = this.#give(asking, asked, asked.tier);
      if (response) return Promise.resolve(response);
    }
    if (asked.partial) return this.#join(asking, undefined);
    // Without a network it would only be found out later.
    const offline = asked.standsIn && globalThis.navigator?.onLine === false;
    if (asked.answers === 'stale' || offline) {
      const response = this.#give(asking, asked, 'stale');
      if (response && !offline) this.#refresh(asking, asked);
      if (response) return Promise.resolve(response);
    }
    if (this.#store) this.#store.counts.misses += 1;
    return this.#join(asking, asked);
  }

  /** What comes behind a stale answer is not waited for. */
  #isRefreshing({ answers, entry }: Asked): boolean {
    return answers === 'stale' && this.#refreshing.has(entry?.key ?? '');
  }

  /** By an answer whose body is on its way into the cache, or else once more, when that takes too long. */
  #coming(cache: HttpCache, asking: Asking, asked: Asked, again: boolean): Promise<Response> | undefined {
    const coming = again || !isPatient(asking) ? undefined : cache.coming(asked);
    if (!coming) return undefined;
    const known = withTimeout(PATIENCE, coming).catch(() => {});
    return this.#waits.until(known, asking).then(() => this.#fetch(asking, true));
  }

  /** Rejects the calls that wait for storage. Returns how many. */
  clear(reason: unknown): number {
    return this.#waits.clear(reason);
  }

  /** Resolves when what came for a request is kept, or not to be. */
  async settled(request: RequestLike, rule: LaneInit['cache'], response: Response): Promise<void> {
    const asked = this.#cache?.ask(request, rule || undefined);
    const coming = asked && this.#cache?.arriving(asked);
    // What is read into the cache is a clone.
    discard(response);
    await coming;
  }

  #give(asking: Asking, asked: Asked, from: From): Response | undefined {
    const response = this.#cache?.give(asked);
    if (!response) return undefined;
    const { request, lane, arrived } = asking;
    this.#gave({ url: request.url, method: request.method, lane, arrived }, response, from, asked.tier);
    return response;
  }

  #gave(call: Told, response: Response, from: From, tier: CacheTier): void {
    if (this.#store) {
      this.#store.counts[tier] += 1;
      if (from === 'stale') this.#store.counts.stale += 1;
    }
    this.#network.told(call, response, { cache: from });
  }

  // ── who asks for the same

  #join(asking: Asking, asked: Asked | undefined): Promise<Response> {
    const key = this.#keyOf(asking, asked);
    if (key === undefined || this.#lonely.has(hash(key))) return this.#alone(asking, asked);
    const under = this.#joints.get(key);
    // An emergency does not join another call, and no call joins one whose callers have all left.
    if (under && !asking.lane?.emergency && !under.aborted) {
      if (asking.priority > under.priority) {
        under.priority = asking.priority;
        under.wire?.raise(asking.priority);
      }
      return this.#follow(under, asking);
    }
    const joint = new Joint<Sent>(asking.priority);
    this.#joints.set(key, joint);
    const promise = joint.add(asking);
    this.#settle(key, asking, asked, joint);
    return promise;
  }

  async #settle(key: string, asking: Asking, asked: Asked | undefined, joint: Joint<Sent>): Promise<void> {
    try {
      const brought = await this.#bring(asking, asked, joint);
      this.#forget(key, joint);
      this.#deal(key, asking, joint, brought);
    } catch (error) {
      this.#forget(key, joint);
      joint.reject(error);
    }
  }

  #forget(key: string, joint: Joint<Sent>): void {
    if (this.#joints.get(key) === joint) this.#joints.delete(key);
  }

  #joined({ request, lane, arrived }: Asking, outcome: Response | { readonly error: unknown }): void {
    this.#network.told({ url: request.url, method: request.method, lane, arrived }, outcome, { joined: true });
  }

  /** One whose time is not up when that of the first is goes on by itself. How its attempts end is the same for all. */
  #follow(joint: Joint<Sent>, asking: Asking): Promise<Response> {
    return joint.add(asking).catch((error: unknown) => {
      const first = joint.wire?.refusal === 'timeout' && !asking.signal.aborted;
      if (first && nameOf(error) === 'TimeoutError') return this.fetch(asking);
      this.#joined(asking, { error });
      throw error;
    });
  }

  #deal(key: string, asking: Asking, joint: Joint<Sent>, brought: Brought): void {
    if ('kept' in brought) {
      this.#noteStale(brought, joint.size);
      this.deduplicated += Math.max(0, joint.size - 1);
      joint.resolve((caller, index) => {
        const response = this.#cache?.give(brought.kept) as Response;
        if (index > 0) this.#joined(caller as Asking, response);
        return response;
      });
      return;
    }
    const { response } = brought;
    if (joint.size < 2 || this.#mayShare(asking, response)) {
      this.deduplicated += Math.max(0, joint.size - 1);
      for (const one of joint.followers()) this.#joined(one as Asking, response);
      joint.share(response, (caller) => {
        this.deduplicated -= 1;
        return this.#alone(caller as Asking, undefined);
      });
      return;
    }
    if (this.#lonely.size >= MAX_LONELY) this.#lonely.clear();
    this.#lonely.add(hash(key));
    const { wire } = joint;
    joint.resolve((caller, index) => {
      // It was asked for with no signal of its own.
      if (index === 0) return wire?.batched ? response : joint.lead(caller, response);
      const one = caller as Asking;
      // A batch asks once for equal keys. Who came after it was sent wants what is newer.
      if (!wire?.batched || one.arrived > wire.at) return this.#alone(one, undefined);
      this.deduplicated += 1;
      return response.clone();
    });
  }

  /** Its response may not be shared. */
  async #alone(asking: Asking, asked: Asked | undefined): Promise<Response> {
    const brought = await this.#bring(asking, asked);
    if ('response' in brought) return brought.response;
    this.#noteStale(brought, 1);
    return this.#cache?.give(brought.kept) as Response;
  }

  #noteStale({ stale }: { readonly stale?: true }, callers: number): void {
    if (stale && this.#store) this.#store.counts.stale += callers;
  }

  #mayShare({ lane }: Asking, response: Response): boolean {
    try {
      // A mock may answer with anything, also with what was read before.
      if (!isResponse(response) || response.bodyUsed) return false;
      if ((lane?.dedupe ?? this.#dedupe) === true) return true;
      return !/\bno-store\b/i.test(response.headers.get('cache-control') ?? '');
    } catch (error) {
      globalThis.reportError?.(error);
      return false;
    }
  }

  /** What equal calls have in common; undefined for a call that is not to be joined. */
  #keyOf({ request, plain, lane }: Asking, asked: Asked | undefined): string | undefined {
    if ((lane?.dedupe ?? this.#dedupe) === false) return undefined;
    // A call made after a purge, or after a write to its URL, does not join a request sent before.
    const cut = (asked && this.#cache?.lastCut(asked)) ?? this.#cuts.last([beginningOf(withoutFragment(request.url))]);
    const epoch = `${this.#past.epoch} ${cut} ${lastWrite(request.url)}`;
    const own = lane ? termsKeyOf(lane) : '';
    if (own === undefined) return undefined;
    // As below: to read all that of a request takes longer than the rest.
    if (plain) return `${epoch}\nGET\n${request.url}\ncors\nsame-origin\ndefault\nfollow\n\nabout:client\n\n${own}`;
    const { method, url, mode, credentials, cache, redirect, integrity, keepalive, headers } = request;
    const { referrer, referrerPolicy } = request;
    if (keepalive) return undefined;
    if (cache !== 'default' && cache !== 'force-cache') return undefined;
    // No other part has a line break.
    const whole = integrity && JSON.stringify(integrity);
    const said = [method, url, mode, credentials, cache, redirect, whole, referrer, referrerPolicy, own];
    return [epoch, ...said, ...headers].join('\n');
  }

  // ── the network

  async #bring(asking: Asking, asked: Asked | undefined, joint?: Joint<Sent>): Promise<Brought> {
    const cache = this.#cache;
    const place = this.#batching?.place(asking);
    const { request } = asking;
    // Only where calls may be turned away for it, what is kept is looked at once more.
    const standsIn = this.#network.sheds === true && asked?.entry !== undefined && cache?.standsInForAll(asked);
    const call = standsIn ? { ...asking, standsIn } : asking;
    const { wire, response: coming } = place
      ? place.send(call, request, joint)
      : this.#network.send(call, request, joint);
    if (joint) joint.wire = wire;
    let response: Response;
    try {
      response = await coming;
    } catch (error) {
      const gone = joint ? joint.aborted : asking.signal.aborted;
      const shed = wire.refusal === 'shed' && cache?.standsInForAll(asked) === true;
      const outage = isOutage(error, wire) && asked?.standsIn === true;
      if (!gone && asked && (shed || outage) && this.#isThere(asked)) return { kept: asked, stale: true };
      throw error;
    }
    if (!cache || !asked || !isResponse(response)) return { response };
    try {
      if (!wire.batched) cache.went(request, wire.at);
      if (cache.isTrouble(response) && this.#mayStandIn(asked)) {
        discard(response);
        return { kept: asked, stale: true };
      }
      if (wire.storable !== false) cache.put(asked, response, wire);
    } catch (error) {
      // Whatever is wrong with how it is kept, its caller gets it.
      globalThis.reportError?.(error);
    }
    return { response };
  }

  /** Whether what is kept may be given in place of an error. */
  #mayStandIn(asked: Asked): boolean {
    return asked.standsIn && this.#isThere(asked);
  }

  /** It may be that no response can be made of it. */
  #isThere(asked: Asked): boolean {
    const cache = this.#cache;
    return cache?.isCurrent(asked) === true && cache.give(asked) !== undefined;
  }

  /** Asks again behind an answer that was given, once for all who get it. */
  #refresh(asking: Asking, asked: Asked): void {
    const { key } = asked.entry as NonNullable<Asked['entry']>;
    if (this.#refreshing.has(key)) return;
    this.#refreshing.add(key);
    // Whatever else was said of the call holds for this one, too: it counts against the same limits.
    const { emergency: _, ...said } = asking.lane ?? {};
    // Where stale is given under pressure, background may be what the page does without: what matters is not to stay old.
    const level = (this.#cache?.stale ?? 0) > 0 && asking.priority >= LEVELS.high ? 'high' : 'background';
    const lane: LaneInit = { ...said, priority: level };
    const behind: Asking = {
      ...asking,
      lane,
      priority: LEVELS[level],
      arrived: performance.now(),
      // The caller may abort its own call: the revalidation goes on.
      signal: new NativeAbortController().signal,
      source: undefined,
    };
    this.#bring(behind, { ...asked, answers: 'validate' })
      .then((brought) => {
        if ('response' in brought) discard(brought.response);
        // What is read into the cache is a clone.
        return this.#cache?.arriving(asked);
      })
      .catch(() => {})
      .finally(() => this.#refreshing.delete(key));
  }
}
