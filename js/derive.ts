/** Another request like this one. Whatever is said to a copy makes it forget its referrer, so that is said again. */
export function derive(request: Request, init: RequestInit): Request {
  const { referrer, referrerPolicy } = request;
  return new Request(request, { referrer, referrerPolicy, ...init });
}
