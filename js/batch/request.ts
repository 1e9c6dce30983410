/** The request of a batch. */
import { isStream, NativeHeaders, NativeRequest, tagOf } from '../platform.js';
import type { BatchRule } from '../types.js';
import { queryOf } from './rules.js';
import type { Sending } from './sending.js';

/** A request that can be made again and again, and the bytes of its body. */
interface Made {
  readonly make: () => Request;
  readonly bytes: number;
}

/** @throws TypeError when what `encode` returns makes no request */
export function requestOf({ keys, first, rest }: Sending, rule: BatchRule, url: URL): Made {
  const { headers: common, credentials, mode, referrer, referrerPolicy } = first.request;
  const { headers: said, body, method = 'POST', signal: _, ...others } = encoded(keys, rule);
  const headers = new NativeHeaders(common);
  // Of the calls, which have no body.
  headers.delete('content-type');
  const special = new NativeHeaders(said);
  for (const [name, value] of special) headers.set(name, value);
  if (typeof body === 'string' && !special.has('content-type')) headers.set('content-type', 'application/json');
  // What the calls accept is for their items. Lines are read here; what somebody else reads is one value.
  if (!special.has('accept')) {
    const accept = common.get('accept') ?? 'application/json';
    headers.set('accept', rule.decode ? accept : `application/x-ndjson, ${accept}`);
  }
  const address = new URL(url);
  // With a key of its own making, a query is in it or of no matter.
  if (!rule.key) address.search = [address.search.slice(1), queryOf(rest)].filter(Boolean).join('&');
  const init = {
    credentials,
    mode,
    referrer,
    referrerPolicy,
    cache: 'no-store',
    ...others,
    method,
    headers,
  } as const;
  const whole = body === undefined ? init : { ...init, body };
  // To clone a request takes longer than to make another one.
  return { make: () => new NativeRequest(address, whole), bytes: sizeOf(body) };
}

function encoded(keys: readonly string[], { encode }: BatchRule): RequestInit {
  if (!encode) return { body: JSON.stringify({ keys }) };
  const init: unknown = encode(keys);
  if (typeof init !== 'object' || init === null || 'then' in init) {
    throw new TypeError('`encode` must return what `fetch` takes as `init`, and no promise of it');
  }
  if (isStream((init as RequestInit).body)) {
    throw new TypeError('`encode` must not return a stream, which can be sent but once');
  }
  return init;
}

/** Of a form, what is in it. */
function sizeOf(body: unknown): number {
  if (typeof body === 'string') return byteLength(body);
  if (tagOf(body) === 'URLSearchParams') return byteLength(String(body));
  if (tagOf(body) === 'FormData')
    return [...(body as FormData)].flat().reduce((sum: number, part) => sum + sizeOf(part), 0);
  const { size, byteLength: length } = (body ?? {}) as { size?: number; byteLength?: number };
  return size ?? length ?? 0;
}

const encoder = new TextEncoder();

/** In UTF-8. */
export function byteLength(text: string): number {
  return /[^\0-\x7f]/.test(text) ? encoder.encode(text).length : text.length;
}
