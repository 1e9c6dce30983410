import { pageOrigin } from './addresses.js';
import { hash } from './cache/hash.js';
import type { Call } from './call.js';
import { Option, SubmitFlag } from './codes.js';
import { bit, type Terms } from './engine.js';
import { permitsMethod, termsOf } from './lane.js';
import { LEVELS } from './levels.js';
import { protocolOf } from './protocols.js';
import { isReferrerTold } from './requests.js';

/**
 * What the core is told of a call.
 *
 * @param routed whether it is told what the call is for
 * @throws RangeError or TypeError for what it says under `lane`
 */
export function termsOfCall(call: Call, leaving: boolean, routed: boolean): Terms {
  const { lane, request, reads, resend, origin, stage, arrived, standsIn, at } = call;
  const said = termsOf(lane);
  const retry = lane?.retry;
  const { keepalive, method } = request;
  // Of a page that is left, what waits would never be sent.
  const hurried = keepalive || leaving;
  // What asks in another way for what GETs ask for may be sent again as they may.
  const as = reads && method !== 'HEAD' ? 'GET' : method;
  return {
    priority: said?.get(Option.Priority, undefined) ?? LEVELS.normal,
    flags:
      bit(SubmitFlag.Emergency, said?.get(Option.Emergency, 0) === 1) |
      bit(SubmitFlag.Immediate, stage !== 'waiting' || hurried) |
      // What must never wait is not put back into the queue, either, and what cannot be stopped is not sent twice.
      bit(SubmitFlag.Repeatable, reads && !hurried && isReferrerTold(request)) |
      bit(SubmitFlag.UntilHeaders, said?.get(Option.Slot, 0) === 1) |
      bit(SubmitFlag.Resendable, resend !== undefined && !keepalive && permitsMethod(said, as, request.headers)) |
      // Where there is no page, there is no CORS.
      bit(SubmitFlag.SameOrigin, origin === (pageOrigin() ?? origin)) |
      bit(SubmitFlag.Heedful, retry !== false) |
      bit(SubmitFlag.StandsIn, standsIn) |
      bit(SubmitFlag.Asks, typeof retry === 'object' && retry?.shouldRetry !== undefined),
    rules: said?.retries ? said : undefined,
    protocol: protocolOf(origin),
    // They are for what comes before the headers.
    total: stage === 'body' ? undefined : said?.get(Option.Total, undefined),
    attempt: stage === 'body' ? undefined : said?.get(Option.Attempt, undefined),
    wait: said?.get(Option.Wait, undefined),
    route: routed ? routeOf(request.url) : undefined,
    begun: stage === 'waiting' ? undefined : at,
    arrived,
  };
}

/** A hash of what a call is for: of two users' pages at one address, the same. */
function routeOf(url: string): number {
  const path = (url.split(/[?#]/, 1)[0] as string).replace(/\d+/g, '0');
  return hash(path) / 2 ** 32;
}
