import { isRequest, NativeRequest } from './platform.js';

/** The request that a call makes, as fetch makes it. */
export function requestOf(input: RequestInfo | URL, init: RequestInit | undefined): Request {
  const request = new NativeRequest(input, init);
  // Firefox forgets this one of a Request.
  const keeps = isRequest(input) && input.keepalive && !request.keepalive && init?.keepalive === undefined;
  return keeps ? derive(request, { keepalive: true }) : request;
}

/** Another request like this one. */
export function derive(request: Request, init: RequestInit): Request {
  return new NativeRequest(request, { ...forgotten(request), ...init });
}

/** What a copy forgets as soon as anything is said to it, so that it has to be said again. */
export function forgotten({ referrer, referrerPolicy, keepalive }: Request): RequestInit {
  return keepalive ? { referrer, referrerPolicy, keepalive } : { referrer, referrerPolicy };
}
