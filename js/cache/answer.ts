/** Responses that are made here, of what was kept of one that came from the network. */

/** What is kept of a response. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly url: string;
  readonly redirected: boolean;
  readonly type: ResponseType;
  /** None where the status has none. */
  readonly body: ArrayBuffer | null;
}

/** A response like the one that was kept. `age` is in milliseconds. */
export function respond(answer: Answer, age: number): Response {
  const headers = answer.headers.map(([name, value]): [string, string] => [name, value]);
  // "When a stored response is used to satisfy a request without validation, a cache MUST generate an Age header field"
  // (RFC 9111, section 4)
  headers.push(['age', String(Math.floor(age / 1000))]);
  const { status, statusText } = answer;
  return dress(new Response(answer.body, { status, statusText, headers }), answer);
}

/** A response with this body, and otherwise like the one from the network. */
export function withBody(response: Response, body: ReadableStream<Uint8Array<ArrayBuffer>> | null): Response {
  const { status, statusText, headers } = response;
  return dress(new Response(body, { status, statusText, headers }), response);
}

/** What a constructor cannot say is said by properties of the object's own, also by those of its clones. */
function dress(made: Response, { url, redirected, type }: Pick<Response, 'url' | 'redirected' | 'type'>): Response {
  const property = (value: unknown): PropertyDescriptor => ({ value, configurable: true });
  return Object.defineProperties(made, {
    url: property(url),
    redirected: property(redirected),
    type: property(type),
    clone: property(() => dress(Response.prototype.clone.call(made), { url, redirected, type })),
  });
}

/** All of a body, or undefined when it is longer than `most` bytes or does not come to its end. */
export async function readAll(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  most: number,
): Promise<ArrayBuffer | undefined> {
  const reader = body.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      length += step.value.byteLength;
      if (length > most) {
        reader.cancel().catch(() => {});
        return undefined;
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
