/** Responses that are made here, of what was kept of one that came from the network. */

/** What is kept of a response. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  /** Pairs: of all that a Response can be made with, they are the quickest. The last is its age when it was last given. */
  readonly headers: [string, string][];
  /** None where the status has none. */
  readonly body: ArrayBuffer | null;
  readonly looks: Looks;
}

/** What a constructor of responses cannot be told, as properties of one object. */
export type Looks = PropertyDescriptorMap & ThisType<Response>;

export function looksOf({ url, redirected, type }: Pick<Response, 'url' | 'redirected' | 'type'>): Looks {
  return { url: property(url), redirected: redirected ? TRUE : FALSE, type: TYPES[type], clone: CLONE };
}

function property(value: unknown): PropertyDescriptor {
  return { value, configurable: true };
}

// Made once: they are alike for all.
const TRUE = property(true);
const FALSE = property(false);
const TYPES = {
  basic: property('basic'),
  cors: property('cors'),
  default: property('default'),
  error: property('error'),
  opaque: property('opaque'),
  opaqueredirect: property('opaqueredirect'),
};

/** A clone is of the same. */
const CLONE = property(function (this: Response): Response {
  return Object.defineProperties(Response.prototype.clone.call(this), looksOf(this));
});

/** An answer as plain data, which storage can keep. */
export interface Frozen extends Omit<Answer, 'looks'>, Pick<Response, 'url' | 'redirected' | 'type'> {}

export function freeze({ looks, ...answer }: Answer): Frozen {
  const { url, redirected, type } = looks;
  return { ...answer, url: url?.value, redirected: redirected?.value, type: type?.value };
}

export function thaw({ url, redirected, type, ...answer }: Frozen): Answer {
  return { ...answer, looks: looksOf({ url, redirected, type }) };
}

/** Whether a response can be made of it: whatever lies in storage may have been changed there. */
export function isFrozen(content: unknown): content is Frozen {
  const { status, statusText, headers, body, url, redirected, type } = (content ?? {}) as Partial<Frozen>;
  if (
    !Number.isInteger(status) ||
    !isStatus(status as number) ||
    typeof url !== 'string' ||
    typeof redirected !== 'boolean'
  ) {
    return false;
  }
  if (!KEPT.includes(type as string) || !Array.isArray(headers) || headers.at(-1)?.[0] !== 'age') return false;
  if (body !== null && (!(body instanceof ArrayBuffer) || NULL_BODY.includes(status as number))) return false;
  try {
    // The browser itself judges names, values and the text of the status.
    return (
      typeof statusText === 'string' && Boolean(new Response(null, { status: status as number, statusText, headers }))
    );
  } catch {
    return false;
  }
}

/** Types of responses that are kept. */
const KEPT = ['basic', 'cors', 'default'];

/** Of these statuses a response can be made with no body at all. */
const NULL_BODY = [204, 205, 304];

/** Whether a response can be made with it. */
export function isStatus(status: number): boolean {
  return status >= 200 && status <= 599;
}

/** Headers to be kept; see {@link Answer.headers}. */
export function toPairs(headers: Headers): [string, string][] {
  return [...[...headers].filter(([name]) => name !== 'age'), ['age', '0']];
}

/** A response like the one that was kept. `age` is in milliseconds. */
export function respond(answer: Answer, age: number): Response {
  const { status, statusText, headers, body, looks } = answer;
  // "When a stored response is used to satisfy a request without validation, a cache MUST generate an Age header field"
  // (RFC 9111, section 4)
  (headers.at(-1) as [string, string])[1] = `${Math.floor(age / 1000)}`;
  return Object.defineProperties(new Response(body, { status, statusText, headers }), looks);
}

/** A response with this body, and otherwise like the one from the network. */
export function withBody(response: Response, body: ReadableStream<Uint8Array<ArrayBuffer>> | null): Response {
  const { status, statusText, headers } = response;
  return Object.defineProperties(new Response(body, { status, statusText, headers }), looksOf(response));
}

/** All of a body; null when it is longer than `most` bytes, undefined when it does not come to its end. */
export async function readAll(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  most: number,
): Promise<ArrayBuffer | null | undefined> {
  const reader = body.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      length += step.value.byteLength;
      if (length > most) {
        reader.cancel().catch(() => {});
        return null;
      }
      chunks.push(step.value);
    }
  } catch {
    // Its caller hears of it, too.
    return undefined;
  }
  const [first] = chunks;
  if (chunks.length === 1 && first?.byteLength === first?.buffer.byteLength) return first?.buffer;
  const all = new Uint8Array(length);
  let end = 0;
  for (const chunk of chunks) {
    all.set(chunk, end);
    end += chunk.byteLength;
  }
  return all.buffer;
}
