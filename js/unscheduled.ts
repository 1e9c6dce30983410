/** Calls that go to native fetch as they came. */
import { resolved } from './addresses.js';
import type { Values } from './cache/values.js';
import { noteWrite, writeOf } from './cache/writes.js';
import { isAddress, isRequest, isResponse, NativeRequest } from './platform.js';
import { derive } from './requests.js';

type Native = (...args: Parameters<typeof fetch>) => Promise<Response>;

/**
 * Nothing is scheduled, but what is kept is not to be wrong for it: writes are noted, and after a purge nothing is given of
 * before.
 */
export function unscheduled(
  native: Native,
  cache: Values,
  input: RequestInfo | URL,
  init: RequestInit | undefined,
): Promise<Response> {
  const request = isRequest(input) ? input : undefined;
  const method = String(init?.method ?? request?.method ?? 'GET').toUpperCase();
  const reads = method === 'GET' || method === 'HEAD';
  if (reads) return cache.past.epoch > 0 ? pastTheBrowser(native, cache, input, init) : native(input, init);
  // By the time of the answer the page may be at another address.
  const url = request?.url ?? (isAddress(input) ? resolved(String(input)) : undefined);
  if (url !== undefined) noteWrite(url);
  const answer = native(input, init);
  whenAnswered(answer, (response) => {
    if (url === undefined) return;
    noteWrite(url);
    cache.written(writeOf(method, url, response));
  });
  return answer;
}

/** After a purge the browser's own cache is not to answer with what it has from before. */
function pastTheBrowser(
  native: Native,
  { past }: Values,
  input: RequestInfo | URL,
  init: RequestInit | undefined,
): Promise<Response> {
  let request: Request;
  try {
    request = new NativeRequest(input, init);
  } catch {
    return native(input, init);
  }
  const barrier = past.barrier(request);
  if (barrier === 0) return native(request);
  if (request.cache === 'only-if-cached') return Promise.reject(notCached());
  const answer = native(derive(request, { cache: 'reload' }));
  whenAnswered(answer, ({ status }) => past.passed(request, status, barrier));
  return answer;
}

/** A mock may answer with anything. */
function whenAnswered(answer: Promise<Response>, note: (response: Response) => void): void {
  const heard = (response: unknown): void => {
    if (isResponse(response)) note(response);
  };
  // What goes wrong here is no matter of its caller.
  Promise.resolve(answer)
    .then(heard, () => {})
    .catch((error: unknown) => globalThis.reportError?.(error));
}

/** As native fetch rejects where the browser's own cache has nothing. */
export function notCached(): TypeError {
  return new TypeError('Failed to fetch: it is not cached');
}
