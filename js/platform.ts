/**
 * Platform objects, told by what they are and not by whose: one of another frame, or one made before a library replaced
 * its constructor, is no `instanceof` of the name on this page's global object.
 */

/**
 * The browser's own, whatever a library puts under these names later: native fetch takes and makes no others, and a subclass
 * may say what the call did not.
 */
export const {
  Request: NativeRequest,
  Response: NativeResponse,
  Headers: NativeHeaders,
  AbortController: NativeAbortController,
} = globalThis;

/** "Request" of a Request, "Object" of what has no name of its own. */
export function tagOf(value: unknown): string {
  try {
    return Object.prototype.toString.call(value).slice(8, -1);
  } catch {
    // A getter of somebody's own, or a revoked Proxy.
    return '';
  }
}

/** By a getter that only real ones have the parts for: natively, what calls itself a Request is text. */
export function isRequest(value: unknown): value is Request {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof Reflect.get(NativeRequest.prototype, 'method', value) === 'string';
  } catch {
    return false;
  }
}

/** A mock may answer with anything. */
export function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && tagOf(value) === 'Response';
}

export function isRegExp(value: unknown): value is RegExp {
  return tagOf(value) === 'RegExp';
}

export function isStream(value: unknown): value is ReadableStream<Uint8Array<ArrayBuffer>> {
  return tagOf(value) === 'ReadableStream';
}

/** Whether it says an address and nothing else. Whatever is not known to do so may be a Request of another kind. */
export function isAddress(value: unknown): value is string | URL {
  return typeof value === 'string' || value instanceof URL;
}

/** The name of an error, or of anything that is thrown in place of one. */
export function nameOf(error: unknown): string | undefined {
  try {
    return (error as { readonly name?: string } | null | undefined)?.name;
  } catch {
    return undefined;
  }
}

/** An error as text, for people: whatever is thrown may be something that cannot be made text. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `[object ${tagOf(value) || 'Object'}]`;
  }
}

/**
 * The page's own origin. A frame without an address of its own (`srcdoc`, `about:blank`) has that of its maker, which its
 * location does not tell; the global `origin` does, unless a script has a variable of that name.
 */
export function ownOrigin(): string | undefined {
  const origin = globalThis.location?.origin;
  return origin === 'null' ? globalThis.origin : origin;
}
