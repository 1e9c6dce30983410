/** Many small GETs as few POSTs: which calls wait for others, and for which. */
import { originOf } from '../addresses.js';
import { encode } from '../encode.js';
import type { Asking, Network, Sent } from '../gets.js';
import type { Source } from '../joint.js';
import { isResponse } from '../platform.js';
import type { RequestLike } from '../requests.js';
import type { BatchRule } from '../types.js';
import { EndPoint } from './endpoint.js';
import { Member, type Tell } from './member.js';
import { compileRules, type Rule } from './rules.js';

/** Where a call may wait for others. */
export interface Place {
  /** `request`: what is sent where it goes by itself after all. */
  send(
    asking: Asking,
    request: RequestLike,
    joint?: Source,
  ): { readonly wire: Sent; readonly response: Promise<Response> };
}

/** With one of these its caller wants a part, or does what a cache does: an answer in a batch cannot be like that. */
const NOT_FOR_MANY = ['range', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since'];

/** These want what the browser has kept. */
const BROWSERS_OWN = ['force-cache', 'only-if-cached'];

/** End points that are remembered; of more of them, those at rest go, and are asked again whether they take batches. */
const MAX_END_POINTS = 100;

export class Batching {
  readonly #network: Network;
  readonly #rules: readonly Rule[];
  readonly #endPoints = new Map<string, EndPoint>();
  /** Calls that got a part of a batch. */
  batched = 0;
  /** Of those, calls that joined an item of the same key. */
  deduplicated = 0;
  #wider = 1;
  /** The page is being left: windows go out at once. */
  hurried = false;

  /** @throws TypeError when a rule finds no key */
  constructor(network: Network, rules: readonly BatchRule[] | undefined) {
    this.#network = network;
    this.#rules = compileRules(rules);
  }

  /** Undefined for a call that goes by itself. */
  place(asking: Asking): Place | undefined {
    if (this.hurried || this.#rules.length === 0 || !isForMany(asking)) return undefined;
    const { request } = asking;
    for (const [index, rule] of this.#rules.entries()) {
      let found: ReturnType<Rule['find']>;
      let endPoint: EndPoint | undefined;
      try {
        found = rule.find(request);
        endPoint = found?.key === undefined ? undefined : this.#endPoint(rule, index, request.url);
      } catch (error) {
        // A function of the page's own, or the module is gone. It finds no key, and the call does without.
        globalThis.reportError?.(error);
        return undefined;
      }
      if (!found) continue;
      const { key, rest } = found;
      if (key === undefined || !endPoint || endPoint.aside) return undefined;
      return {
        send: (asking, request, joint) => {
          const member = new Member(asking, request, joint, this.#tell);
          member.rest = rest;
          endPoint.add(member, groupOf(asking, rest), key);
          return { wire: member, response: member.response };
        },
      };
    }
    return undefined;
  }

  /** Batches are so many times larger from now on, and wait so many times longer. */
  widen(times: number): void {
    if (times === this.#wider) return;
    this.#wider = times;
    for (const endPoint of this.#endPoints.values()) endPoint.widen(times);
  }

  /** Sends all open windows now. */
  flush(): void {
    for (const endPoint of this.#endPoints.values()) endPoint.flush();
  }

  /** Rejects the calls in open windows. Returns how many. */
  clear(reason: unknown): number {
    return [...this.#endPoints.values()].reduce((sum, endPoint) => sum + endPoint.clear(reason), 0);
  }

  readonly #tell: Tell = ({ asking, callers, shares }, outcome) => {
    if (isResponse(outcome)) {
      this.batched += callers;
      if (shares) this.deduplicated += 1;
    }
    const { request, lane, arrived } = asking;
    const { url, method } = request;
    this.#network.told({ url, method, lane, arrived }, outcome, { batched: true });
  };

  #endPoint({ options }: Rule, index: number, url: string): EndPoint {
    const origin = originOf(url);
    const name = `${index} ${origin}`;
    let endPoint = this.#endPoints.get(name);
    if (!endPoint) {
      if (this.#endPoints.size >= MAX_END_POINTS) this.#sweep();
      endPoint = new EndPoint(this.#network, options, new URL(options.endpoint, origin));
      endPoint.widen(this.#wider);
      this.#endPoints.set(name, endPoint);
    }
    return endPoint;
  }

  #sweep(): void {
    for (const [name, { atRest }] of this.#endPoints) if (atRest) this.#endPoints.delete(name);
  }
}

function isForMany({ request, plain, lane }: Asking): boolean {
  if (lane?.batch === false || lane?.emergency) return false;
  if (plain) return true;
  const { method, mode, redirect, integrity, keepalive, cache, headers } = request;
  if (method !== 'GET' || mode === 'no-cors' || redirect !== 'follow' || integrity || keepalive) return false;
  return !BROWSERS_OWN.includes(cache) && !NOT_FOR_MANY.some((name) => headers.has(name));
}

/** What calls of one batch have in common, their origin apart. */
function groupOf({ request, plain, windowless, lane }: Asking, rest: string): string {
  const { key, retry, timeout } = lane ?? {};
  const terms = [key, retry, typeof timeout === 'object' ? timeout.attempt : undefined];
  const own = terms.some((term) => term !== undefined) ? encode(terms) : '';
  // As below: to read all that of a request takes longer than the rest.
  if (plain) return [rest, own, 'same-origin', 'cors', 'about:client', '', false].join('\n');
  const { credentials, mode, referrer, referrerPolicy, headers } = request;
  return [rest, own, credentials, mode, referrer, referrerPolicy, windowless, ...headers].join('\n');
}
