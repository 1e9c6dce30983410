/** Requests: those of the page, and those that say no more than an address. */
import { isSameOrigin, resolved } from './addresses.js';
import { isAddress, isRequest, NativeAbortController, NativeHeaders, NativeRequest, tagOf } from './platform.js';
import { isPlain as isPlainObject } from './snapshot.js';

/** What is looked at of a request. */
export type RequestLike = Pick<
  Request,
  | 'url'
  | 'method'
  | 'headers'
  | 'mode'
  | 'credentials'
  | 'cache'
  | 'redirect'
  | 'referrer'
  | 'referrerPolicy'
  | 'integrity'
  | 'keepalive'
  | 'signal'
>;

/** All that a request says where nobody says anything. */
const DEFAULTS: Omit<RequestLike, 'url'> = {
  method: 'GET',
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  redirect: 'follow',
  referrer: 'about:client',
  referrerPolicy: '',
  integrity: '',
  keepalive: false,
  // Shared by all plain requests, and never changed.
  headers: new NativeHeaders(),
  signal: new NativeAbortController().signal,
};

function WithDefaults(): void {}
WithDefaults.prototype = DEFAULTS;

/** A GET that says no more than an address. To make a Request of it takes longer than all that is done with it here. */
class PlainRequest extends (WithDefaults as unknown as new () => typeof DEFAULTS) {
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
  }
}

/**
 * The request that a call makes, as fetch makes it.
 *
 * @throws whatever the browser throws for what makes none
 */
export function requestOf(input: RequestInfo | URL, init: RequestInit | undefined): RequestLike {
  if (saysNothing(init) && isAddress(input)) {
    const url = resolved(String(input));
    // Names and passwords in an address are an error.
    if (url !== undefined && /^https?:\/\/[^/@]*(\/|$)/.test(url)) return new PlainRequest(url);
  }
  const request = new NativeRequest(input, init);
  // Firefox forgets this one of a Request.
  const keeps = isRequest(input) && input.keepalive && !request.keepalive && init?.keepalive === undefined;
  return keeps ? derive(request, { keepalive: true }) : request;
}

/** Whether nothing but a lane is said, of which the browser knows nothing. */
export function saysNothing(init: unknown): boolean {
  if (init === undefined) return true;
  try {
    // What is inherited may say something, and so may what is not to be listed.
    return isPlainObject(init as object) && Reflect.ownKeys(init as object).every((name) => name === 'lane');
  } catch {
    // No object, or a Proxy that is revoked.
    return false;
  }
}

/** Whether it says no more than an address. */
export function isPlain(request: RequestLike): boolean {
  return request instanceof PlainRequest;
}

/** As a Request, for who wants one. */
export function realOf(request: RequestLike): Request {
  return isPlain(request) ? new NativeRequest(request.url) : (request as Request);
}

/** Another request like this one. */
export function derive(request: Request, init: RequestInit): Request {
  return new NativeRequest(request, { ...forgotten(request), ...init });
}

/** What a copy forgets as soon as anything is said to it, so that it has to be said again. */
export function forgotten({ referrer, referrerPolicy, keepalive }: RequestLike): RequestInit {
  return keepalive ? { referrer, referrerPolicy, keepalive } : { referrer, referrerPolicy };
}

/** How an attempt is changed to show whether its address redirects. Where it does not, the response is the same. */
export function unfollowed({ mode }: RequestLike): RequestInit {
  // Without CORS, browsers forbid to look at redirects; of the page's own origin this makes no other difference.
  return mode === 'no-cors' ? { redirect: 'manual', mode: 'same-origin' } : { redirect: 'manual' };
}

/** Whether its referrer is one that a script can say again. That of another origin's stylesheet is not. */
export function isReferrerTold({ referrer }: RequestLike): boolean {
  return referrer === 'about:client' || referrer === '' || isSameOrigin(referrer);
}

/** Whether it changes nothing at its origin. */
export function isRead({ method }: RequestLike): boolean {
  return method === 'GET' || method === 'HEAD';
}

/**
 * Whether what was handed over as a body can be sent twice: not a stream, nor what somebody else's Request holds. To be
 * asked when the snapshot is made: that has taken the body of a Request, which is how it shows in every browser that
 * there was one (`Request.body` does not, in Firefox).
 */
export function isResendable(input: RequestInfo | URL, init: RequestInit | undefined): boolean {
  const body = init?.body;
  if (body === undefined || body === null) return !(isRequest(input) && input.bodyUsed);
  if (typeof body === 'string' || ArrayBuffer.isView(body)) return true;
  const tag = tagOf(body);
  return ['String', 'Blob', 'File', 'ArrayBuffer', 'URLSearchParams', 'FormData'].includes(tag);
}
