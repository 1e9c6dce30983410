/** Responses that are made here, of what was kept of one that came from the network. */
import { putText, words } from '../border.js';
import { consult } from '../load.js';
import { NativeHeaders, NativeResponse } from '../platform.js';
import { type Frozen, mayHaveBody } from './frozen.js';

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

/** What a constructor of responses cannot be told. */
export class Looks {
  readonly url: string;
  readonly redirected: boolean;
  readonly type: ResponseType;
  #like: (() => void) | undefined;

  constructor({ url, redirected, type }: Pick<Response, 'url' | 'redirected' | 'type'>) {
    this.url = url;
    this.redirected = redirected;
    this.type = type;
  }

  /** A response that looks so. It comes from the prototype: to define it on each response takes longer than to make one. */
  respond(body: BodyInit | null, init: ResponseInit): Response {
    this.#like ??= this.#newLike();
    return Reflect.construct(NativeResponse, [body, init], this.#like);
  }

  #newLike(): () => void {
    const { url, redirected, type } = this;
    const looks = { url: property(url), redirected: property(redirected), type: property(type), clone: CLONE };
    function Like(): void {}
    Like.prototype = Object.create(
      NativeResponse.prototype,
      // The headers of a response that a page made can be changed.
      type === 'default' ? looks : { ...looks, headers: HEADERS },
    );
    return Like;
  }
}

function property(value: unknown): PropertyDescriptor {
  return { value, configurable: true };
}

/** A clone is of the same. */
const CLONE = property(function (this: Response): Response {
  return Object.setPrototypeOf(NativeResponse.prototype.clone.call(this), Object.getPrototypeOf(this));
});

/** Headers of a response from the network are immutable; these are made so at the first access. */
const HEADERS: PropertyDescriptor & ThisType<Response> = {
  configurable: true,
  get() {
    const headers = Reflect.get(NativeResponse.prototype, 'headers', this) as Headers;
    return Object.hasOwn(headers, 'set') ? headers : Object.defineProperties(headers, IMMUTABLE);
  },
};

const IMMUTABLE = Object.fromEntries(
  ['append', 'delete', 'set'].map((method) => [
    method,
    property(() => {
      throw new TypeError(`Failed to execute '${method}' on 'Headers': Headers are immutable`);
    }),
  ]),
);

export function freeze({ looks, ...answer }: Answer): Frozen {
  const { url, redirected, type } = looks;
  return { ...answer, url, redirected, type };
}

export function thaw({ url, redirected, type, ...answer }: Frozen): Answer {
  return { ...answer, looks: new Looks({ url, redirected, type }) };
}

/** Headers to be kept, but for some; see {@link Answer.headers}. */
export function toPairs(headers: Headers, without: readonly string[]): [string, string][] {
  return [...[...headers].filter(([name]) => name !== 'age' && !without.includes(name)), ['age', '0']];
}

/** A response like the one that was kept. `age` is in milliseconds. */
export function respond(answer: Answer, age: number): Response {
  const { status, statusText, headers, body, looks } = answer;
  // "When a stored response is used to satisfy a request without validation, a cache MUST generate an Age header field"
  // (RFC 9111, section 4)
  (headers.at(-1) as [string, string])[1] = `${Math.floor(age / 1000)}`;
  const content = mayHaveBody(status) ? body : null;
  return looks.respond(content, { status, statusText, headers });
}

/** Where a part of a body begins and ends, which is the first byte that is no part of it. */
export type Part = readonly [start: number, end: number];

/**
 * The part of a kept answer that a request with the field `Range` asks for: RFC 9110, section 14. Undefined where it cannot be
 * cut here: its bytes are not those that were sent, or another origin would show less of it.
 */
export function partOf({ status, headers, body, looks }: Answer, wanted: Headers): Part | undefined {
  const range = wanted.get('range');
  if (status !== 200 || range === null || !body || looks.type === 'cors') return undefined;
  if (headers.some(([name]) => name === 'content-encoding')) return undefined;
  return consult((core) => {
    if (core.range_of(putText(core, range), body.byteLength) !== 0) return undefined;
    const [start = 0, end = 0] = words(core, 2);
    return [start, end];
  }, undefined);
}

/** That part, as a response: RFC 9110, section 15.3.7. `age` is in milliseconds. */
export function respondPart({ headers, body, looks }: Answer, [start, end]: Part, age: number): Response {
  const whole = (body as ArrayBuffer).byteLength;
  const own = new NativeHeaders(headers);
  own.set('age', `${Math.floor(age / 1000)}`);
  own.set('content-length', `${end - start}`);
  own.set('content-range', `bytes ${start}-${end - 1}/${whole}`);
  const bytes = new Uint8Array(body as ArrayBuffer, start, end - start);
  return looks.respond(bytes, { status: 206, statusText: 'Partial Content', headers: own });
}

/** A response with this body, and otherwise like the one from the network. */
export function withBody(response: Response, body: ReadableStream<Uint8Array<ArrayBuffer>> | null): Response {
  const { status, statusText, headers } = response;
  const content = mayHaveBody(status) ? body : null;
  return new Looks(response).respond(content, { status, statusText, headers });
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
