/** The last requests as an HTTP Archive 1.2. */
import type { Brought, Call, Recorder } from './call.js';
import { isResponse, textOf } from './platform.js';
import { protocolOf } from './protocols.js';
import { bytesOf } from './settle.js';
import { VERSION } from './version.js';

/** Requests that are remembered: each takes about as much as its headers. */
const MAX_ENTRIES = 1000;

/** Fields that let somebody in. */
const SECRET = /auth|cookie|token|secret|key$/i;

/** Fields whose values are addresses. */
const ADDRESSES = ['location', 'content-location', 'referer'];

const VERSIONS: Readonly<Record<string, string>> = { 'http/1.1': 'HTTP/1.1', h2: 'HTTP/2', h3: 'HTTP/3' };

type Fields = readonly (readonly [name: string, value: string])[];

interface Noted {
  readonly url: string;
  readonly method: string;
  readonly priority: number;
  readonly attempt: number;
  readonly protocol: string;
  readonly sentFields: Fields;
  /** On the clock of the page. */
  readonly since: number;
  readonly sent: number;
  readonly answered: number;
  readonly status: number;
  readonly statusText: string;
  readonly fields: Fields;
  readonly error: string | undefined;
  /** What comes of its body. */
  read: number | undefined;
  bytes: number | null;
}

export class Archive implements Recorder {
  readonly #entries: Noted[] = [];
  /** The last attempts of calls: since when the next one waits, and whose body is read. */
  readonly #last = new WeakMap<Call, Noted>();

  ended(call: Call, { response, error }: Brought): void {
    const now = performance.now();
    const real = isResponse(response) ? response : undefined;
    const noted: Noted = {
      url: call.request.url,
      method: call.request.method,
      priority: call.priority,
      attempt: call.tries,
      protocol: VERSIONS[protocolOf(call.origin) ?? ''] ?? '',
      sentFields: [...call.request.headers],
      since: this.#last.get(call)?.answered ?? call.arrived,
      sent: call.at,
      answered: now,
      status: real?.status ?? 0,
      statusText: real?.statusText ?? '',
      fields: real ? [...real.headers] : [],
      error: response ? undefined : textOf(error),
      read: undefined,
      bytes: null,
    };
    this.#last.set(call, noted);
    this.#entries.push(noted);
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift();
  }

  read(call: Call): void {
    const noted = this.#last.get(call);
    if (!noted) return;
    noted.read = performance.now();
    noted.bytes = bytesOf(call);
  }

  har({ secrets = false }: { secrets?: boolean } = {}): object {
    const entries = this.#entries.map((noted) => entryOf(noted, secrets));
    return { log: { version: '1.2', creator: { name: 'sixlane', version: VERSION }, entries } };
  }
}

function entryOf(noted: Noted, secrets: boolean): object {
  const { since, sent, answered, read = answered, bytes, protocol, error } = noted;
  const url = new URL(noted.url);
  const query = secrets ? [...url.searchParams].map(([name, value]) => ({ name, value })) : [];
  if (!secrets) url.search = url.hash = '';
  const shown = (fields: Fields): object[] =>
    fields
      .filter(([name]) => secrets || !SECRET.test(name))
      .map(([name, value]) => ({
        name,
        value: !secrets && ADDRESSES.includes(name) ? value.replace(/[?#].*$/, '') : value,
      }));
  const type = noted.fields.find(([name]) => name === 'content-type')?.[1] ?? '';
  const blocked = sent - since;
  const timings = {
    blocked,
    _blocked_queueing: blocked,
    dns: -1,
    connect: -1,
    ssl: -1,
    // What of it is sending, a page is not told.
    send: 0,
    wait: answered - sent,
    receive: read - answered,
  };
  return {
    startedDateTime: new Date(performance.timeOrigin + since).toISOString(),
    time: blocked + timings.wait + timings.receive,
    request: {
      method: noted.method,
      url: url.href,
      httpVersion: protocol,
      cookies: [],
      headers: shown(noted.sentFields),
      queryString: query,
      headersSize: -1,
      bodySize: -1,
    },
    response: {
      status: noted.status,
      statusText: noted.statusText,
      httpVersion: protocol,
      cookies: [],
      headers: shown(noted.fields),
      content: { size: bytes ?? -1, mimeType: type },
      redirectURL: '',
      headersSize: -1,
      bodySize: bytes ?? -1,
      // Its text may have an address in it.
      ...(error !== undefined && { _error: secrets ? error : error.split(':', 1)[0] }),
    },
    cache: {},
    timings,
    _attempt: noted.attempt,
    _priority: noted.priority,
  };
}
