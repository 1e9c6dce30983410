/** Another request like this one. */
export function derive(request: Request, init: RequestInit): Request {
  return new Request(request, { ...forgotten(request), ...init });
}

/** What a copy forgets as soon as anything is said to it, so that it has to be said again. */
export function forgotten({ referrer, referrerPolicy, keepalive }: Request): RequestInit {
  // Firefox forgets `keepalive` in any case.
  return keepalive ? { referrer, referrerPolicy, keepalive } : { referrer, referrerPolicy };
}
