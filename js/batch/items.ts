/** What a batch was answered with, and the responses that are made of it. */
import { isSameOrigin, withoutFragment } from '../addresses.js';
import { Looks } from '../cache/answer.js';
import { mayHaveBody } from '../cache/frozen.js';
import { isStream, NativeHeaders, tagOf } from '../platform.js';
import type { RequestLike } from '../requests.js';
import { withTimeout } from '../timeout.js';
import type { BatchItem } from '../types.js';

/** What they say of the answer to the batch is not true of its parts, or of what is left when it was decoded. */
const OF_THE_WHOLE = ['content-length', 'content-encoding', 'transfer-encoding'];

/** The Cache-Control of a whole that is not to be stored, which holds for its parts. */
export function noStoreOf({ headers }: Response): string | undefined {
  const control = headers.get('cache-control');
  return control && /\bno-store\b/i.test(control) ? control : undefined;
}

/**
 * The response to one request. What an item does not say is as of a plain JSON answer.
 *
 * @param noStore of the whole, see {@link noStoreOf}
 * @throws RangeError or TypeError when there is no such response
 */
export function respond(request: RequestLike, item: BatchItem, noStore: string | undefined): Response {
  const { body } = item;
  const status = item.status ?? 200;
  // Of all that a Response can be made with here, an object is the quickest.
  const headers: Record<string, string> = {};
  for (const [name, value] of pairsOf(item.headers)) {
    const lower = name.toLowerCase();
    if (!OF_THE_WHOLE.includes(lower)) headers[lower] = value;
  }
  if (noStore !== undefined) headers['cache-control'] ??= noStore;
  const content = mayHaveBody(status) ? bodyOf(body, headers) : null;
  return responseTo(request, content, { status, headers });
}

function pairsOf(headers: HeadersInit | undefined): Iterable<[string, string]> {
  if (!headers) return [];
  const plain = Object.getPrototypeOf(headers) === Object.prototype;
  return plain ? Object.entries(headers) : new NativeHeaders(headers);
}

/** To a key of which the end point says nothing. */
export function notFound(request: RequestLike, noStore: string | undefined): Response {
  const headers: Record<string, string> = noStore === undefined ? {} : { 'cache-control': noStore };
  return responseTo(request, null, { status: 404, headers });
}

/** What was said of the batch as a whole, for each of its requests. */
export function copyOf(request: RequestLike, { status, statusText, headers }: Response, body: ArrayBuffer): Response {
  const content = mayHaveBody(status) ? body : null;
  return responseTo(request, content, { status, statusText, headers });
}

/** As if it had come for this request. */
function responseTo({ url, mode }: RequestLike, body: BodyInit | null, init: ResponseInit): Response {
  const type = mode === 'same-origin' || isSameOrigin(url) ? 'basic' : 'cors';
  return new Looks({ url: withoutFragment(url), redirected: false, type }).respond(body, init);
}

/** JSON, unless it says that it is something else. */
function bodyOf(body: unknown, headers: Record<string, string>): BodyInit | null {
  const type = headers['content-type'];
  if (typeof body === 'string' && type !== undefined && !/\bjson\b/i.test(type)) return body;
  if (isBody(body)) return body;
  if (isStream(body)) throw new TypeError('the `body` of an item must not be a stream');
  headers['content-type'] ??= 'application/json';
  return body === undefined ? null : JSON.stringify(body);
}

const BODIES = ['ArrayBuffer', 'Blob', 'File', 'FormData', 'URLSearchParams'];

function isBody(body: unknown): body is BodyInit {
  return ArrayBuffer.isView(body) || BODIES.includes(tagOf(body));
}

/** What is in a JSON answer: by key, or in the order of the keys. What is null there is missing. */
export function decode(body: unknown, keys: readonly string[]): ReadonlyMap<string, BatchItem> {
  if (typeof body !== 'object' || body === null)
    throw new TypeError('a batch must be answered with an object or an array');
  if (Array.isArray(body) && body.length !== keys.length) {
    throw new TypeError(`a batch of ${keys.length} keys was answered with an array of ${body.length}`);
  }
  const partOf = Array.isArray(body)
    ? (_: string, index: number) => body[index]
    : (key: string) => (Object.hasOwn(body, key) ? (body as Record<string, unknown>)[key] : null);
  const found = new Map<string, BatchItem>();
  keys.forEach((key, index) => {
    const value = partOf(key, index);
    if (value !== null) found.set(key, { body: value });
  });
  return found;
}

/** How long a body may go on when all that was wanted of it is there: mostly its end is on the way. */
const LINGER = 1000;

/**
 * Lines of a body as they come, several at a time. To leave the loop ends the body, and so does time when nothing more is
 * `wanted`: what never ends would hold its slot.
 */
export async function* linesOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  wanted: () => boolean,
): AsyncGenerator<readonly string[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  /** The beginning of a line whose end has not come. */
  let beginning: string[] = [];
  let deadline: number | undefined;
  try {
    for (;;) {
      let limit = Number.POSITIVE_INFINITY;
      if (!wanted()) {
        deadline ??= performance.now() + LINGER;
        limit = deadline - performance.now();
        if (limit <= 0) return;
      }
      const read = reader.read();
      const { done, value } = await (limit <= LINGER ? withTimeout(limit, read) : read);
      const lines = decoder.decode(value, { stream: !done }).split('\n');
      const last = lines.pop() as string;
      if (lines.length > 0 || done) {
        // Only what has come just now is looked through.
        const whole = [...beginning, lines.shift() ?? ''].join('');
        yield [whole, ...lines, ...(done ? [last] : [])].filter((line) => line.trim() !== '');
        beginning = [];
      }
      if (done) return;
      beginning.push(last);
    }
  } finally {
    // Nothing, where it has ended.
    reader.cancel().catch(() => {});
  }
}

/** What one line says, and of which key. */
export function itemOf(line: string): { readonly key: string; readonly item: BatchItem } {
  const { key, status, headers, body } = JSON.parse(line);
  if (key === undefined) throw new TypeError('a line of a batch must name its `key`');
  return { key: String(key), item: { status, headers, body } };
}
