import { consult } from '../load.js';
import { onResource } from '../resources.js';
import type { CacheOptions, CacheRule } from '../types.js';
import { type Answer, looksOf, readAll, respond, toPairs } from './answer.js';
import { ageOf, type Entry, judge, type NewEntry, type Store } from './store.js';

/** A request that the cache has to do with, and what it says to it. */
export interface Asked {
  readonly request: Request;
  readonly rule: CacheRule;
  /** All that a stored answer must have in common with it, but for the headers that it varies on. */
  readonly base: string;
  /** What was kept when it was asked, whoever has purged it since. */
  readonly entry: Kept | undefined;
  /** 'none': nothing that is kept is of use. */
  readonly answers: 'fresh' | 'stale' | 'validate' | 'none';
  readonly standsIn: boolean;
  readonly epoch: number;
}

type Kept = Entry<Answer>;

/** What is kept under one base: all of it depends on the same headers of the request. */
interface Family {
  readonly names: Names;
  readonly keys: Set<string>;
}

/** The names of headers, or all that the request has: another origin hides the field `Vary`. */
type Names = readonly string[] | 'all';

/** Most answers vary on nothing that a page can set. */
const NONE: Names = [];

/** What begins the base of a call that says nothing: credentials "same-origin", mode "cors". */
const PLAIN = 'sc';

/** With one of these the caller does what a cache would do, or wants a part. */
const CALLERS_OWN = ['range', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since'];

/** An origin that is in trouble: RFC 5861, section 4. */
const TROUBLE = [500, 502, 503, 504];

/** Addresses that are remembered; to forget them costs a request that the browser could have answered. */
const MOST_REMEMBERED = 10_000;

/** Addresses whose timing is awaited; where there are more, some of what the browser answers is not counted. */
const MOST_AWAITED = 1000;

/** The clock of timing entries is rounded, in Firefox to a millisecond. */
const ROUNDING = 1;

/** What an entry costs beside its texts and its body. About; exact would be the engine's to say. */
const OVERHEAD = 256;

/** Responses under HTTP's rules: what is asked of the store, and what is put into it. Decides nothing that the core can. */
export class HttpCache {
  readonly #store: Store;
  readonly #options: CacheOptions;
  readonly #families = new Map<string, Family>();
  /** What was asked of the network since the last purge, if there was one: the browser's own cache was not emptied. */
  #since: { epoch: number; bases: Set<string> } = { epoch: 0, bases: new Set() };
  /** Bodies on their way into the store, by key: who comes meanwhile need not ask the network. */
  readonly #coming = new Map<string, Promise<void>>();

  /** When what was sent, by address: what the browser tells of it comes later. */
  readonly #sent = new Map<string, number>();
  readonly #stopWatching: () => void;

  constructor(store: Store, options: CacheOptions) {
    this.#store = store;
    this.#options = options;
    this.#stopWatching = onResource((entry) => this.#seen(entry));
  }

  close(): void {
    this.#stopWatching();
  }

  /** A stored answer that is fresh, for a plain call: no more than an address. Undefined where that is not enough to tell. */
  plain(url: string): Response | undefined {
    const base = `${PLAIN}${withoutFragment(url)}`;
    const family = this.#families.get(base);
    // Most are asked for in vain here, and asked for again below: that counts once.
    if (family?.names !== NONE) return undefined;
    const entry = this.#store.peek(`${base}\n`) as Kept | undefined;
    if (!entry || judge(entry).answers !== 'fresh') return undefined;
    this.#store.hit(entry);
    return respond(entry.content, ageOf(entry));
  }

  /** Undefined for a request that is none of the cache's business. */
  ask(request: Request, said: CacheRule | undefined, plain = false): Asked | undefined {
    const rule = said === undefined ? this.#options : { ...this.#options, ...said };
    if (plain && said?.key === undefined)
      return this.#judged(request, rule, `${PLAIN}${withoutFragment(request.url)}`, '');
    const { method, cache, redirect, integrity, headers } = request;
    if (method !== 'GET' || cache === 'no-store' || redirect !== 'follow' || integrity) return undefined;
    if (CALLERS_OWN.some((name) => headers.has(name))) return undefined;
    const wanted = ['cache-control', 'pragma'].map((name) => line(headers.get(name))).join('\n');
    return this.#judged(request, rule, baseOf(request, said?.key), wanted);
  }

  #judged(request: Request, rule: CacheRule, base: string, wanted: string): Asked {
    const { epoch } = this.#store;
    const family = this.#families.get(base);
    // Where nothing is kept of that address, only the count of who asks for it is of use.
    const key = family ? keyOf(base, family.names, request.headers) : `${base}\n`;
    const { cache } = request;
    const entry = cache === 'reload' ? undefined : (this.#store.get(key) as Kept | undefined);
    if (!entry) return { request, rule, base, epoch, entry, answers: 'none', standsIn: false };
    const { answers, standsIn } = judge(entry, wanted);
    // "force-cache" and "only-if-cached" take whatever there is.
    const forced = cache === 'force-cache' || cache === 'only-if-cached';
    const own = forced ? 'fresh' : cache === 'no-cache' ? 'validate' : answers;
    return { request, rule, base, epoch, entry, answers: own, standsIn };
  }

  /** Resolves when an answer that is on its way into the store has come there; undefined when none is. */
  coming({ base, request }: Asked): Promise<void> | undefined {
    const family = this.#families.get(base);
    return family && this.#coming.get(keyOf(base, family.names, request.headers));
  }

  /** The stored answer to a request that has one. */
  give({ entry }: Asked): Response | undefined {
    if (!entry) return undefined;
    this.#store.used(entry);
    return respond(entry.content, ageOf(entry));
  }

  /** The request that asks whether the stored answer still holds; undefined where the origin cannot be asked that. */
  conditional({ request, entry }: Asked): Request | undefined {
    // To another origin these headers would need a preflight.
    if (!entry || !isSameOrigin(request.url)) return undefined;
    const stored = new Headers(entry.content.headers);
    const etag = stored.get('etag');
    const modified = stored.get('last-modified');
    if (etag === null && modified === null) return undefined;
    const headers = new Headers(request.headers);
    if (etag !== null) headers.set('if-none-match', etag);
    if (modified !== null) headers.set('if-modified-since', modified);
    // The browser is not to keep twice what is kept here.
    return derive(request, { headers, cache: 'no-store' });
  }

  /** What to send for a request that is not answered here: after a purge, nothing of before answers. */
  outgoing({ request, base, epoch }: Asked): Request {
    if (epoch === 0 || (request.cache !== 'default' && request.cache !== 'force-cache')) return request;
    if (this.#since.epoch !== epoch || this.#since.bases.size >= MOST_REMEMBERED) {
      this.#since = { epoch, bases: new Set() };
    }
    const { bases } = this.#since;
    if (bases.has(base)) return request;
    bases.add(base);
    return derive(request, { cache: 'reload' });
  }

  /** Whether nothing has been purged since it was asked. */
  isCurrent({ epoch }: Asked): boolean {
    return epoch === this.#store.epoch;
  }

  /** Whether a response says that its origin is in trouble. */
  isTrouble({ status }: Response): boolean {
    return TROUBLE.includes(status);
  }

  /** A 304 has come: the stored answer holds, with what that says of it. */
  renew(asked: Asked, response: Response, sent: number): Asked {
    const { entry } = asked;
    if (!entry) return asked;
    const headers = new Headers(entry.content.headers);
    for (const [name, value] of response.headers) {
      if (consult(({ updates }) => updates(name), false)) headers.set(name, value);
    }
    const content = { ...entry.content, headers: toPairs(headers) };
    const policy = this.#policyOf(asked, headers, content.status, sent);
    this.#store.counts.revalidated += 1;
    if (!policy) {
      this.#store.remove(entry);
      return { ...asked, entry: { ...entry, content } };
    }
    const renewed: Kept = { ...entry, content, policy };
    if (this.isCurrent(asked)) this.#keep(asked.base, renewed);
    return { ...asked, entry: renewed };
  }

  /** The network was asked, at this time on the clock of the page. */
  went({ request }: Asked, sent: number): void {
    if (this.#sent.size >= MOST_AWAITED) this.#sent.delete(this.#sent.keys().next().value as string);
    this.#sent.set(withoutFragment(request.url), sent);
  }

  /**
   * Keeps an answer if that is allowed and of use, and says so. What is kept is a clone, which is read at once: its caller
   * may read as slowly as it likes.
   */
  put(asked: Asked, response: Response, sent: number): boolean {
    const { request, rule, base, entry } = asked;
    const { headers, status, type, statusText, url } = response;
    const readable = (type === 'basic' || type === 'cors' || type === 'default') && !response.bodyUsed;
    const { most } = this.#store;
    const endless = /^(text\/event-stream|multipart\/x-mixed-replace)\b/i.test(headers.get('content-type') ?? '');
    if (!readable || endless || Number(headers.get('content-length')) > most) return false;
    const policy = this.#policyOf(asked, headers, status, sent);
    const names = this.#varies(type, headers);
    if (!policy || !names || !this.isCurrent(asked)) {
      // What is kept has been replaced by something that must not be.
      if (entry && status < 400) this.#store.remove(entry);
      return false;
    }
    const key = keyOf(base, names, request.headers);
    const answer = { status, statusText, headers: toPairs(headers), looks: looksOf(response) };
    const keep = (bytes: ArrayBuffer | null): void => {
      const texts = 2 * (key.length + url.length + [...headers].flat().join('').length);
      const size = OVERHEAD + texts + (bytes?.byteLength ?? 0);
      const tags = rule.tags ?? [];
      if (this.isCurrent(asked)) {
        this.#keep(base, { key, content: { ...answer, body: bytes }, bytes: size, tags, policy }, names);
      }
    };
    // Not of the response itself: to look at its body is to touch it.
    const { body } = response.clone();
    if (!body) {
      keep(null);
      return true;
    }
    this.#family(base, names).keys.add(key);
    const done = readAll(body, most).then((bytes) => {
      if (this.#coming.get(key) === done) this.#coming.delete(key);
      if (bytes) keep(bytes);
      if (!this.#store.peek(key)) this.gone({ key });
    });
    this.#coming.set(key, done);
    return true;
  }

  /** What was kept for an address is no longer true, since somebody wrote there: RFC 9111, section 4.4. */
  written(request: Request, response: Response): readonly string[] {
    const { method } = request;
    if (!consult(({ invalidates }) => invalidates(method, response.status), false)) return [];
    const { origin } = new URL(request.url);
    const others = ['location', 'content-location'].flatMap((name) => {
      const text = response.headers.get(name);
      const url = text === null ? undefined : parse(text, response.url || request.url);
      // Of another origin it has nothing to say.
      return url?.origin === origin ? [url.href] : [];
    });
    return [request.url, ...others].map(withoutFragment);
  }

  /** Forgets what is kept for an address, or under a key that a rule gave. Returns whether there was anything. */
  forget(address: string): boolean {
    let found = false;
    for (const [base, { keys }] of this.#families) {
      if (base.slice(2) !== address) continue;
      for (const key of [...keys]) found = this.#store.removeKey(key) || found;
    }
    return found;
  }

  /** An entry is gone from the store. */
  gone({ key }: Pick<Entry, 'key'>): void {
    const base = key.split('\n', 1)[0] as string;
    const family = this.#families.get(base);
    family?.keys.delete(key);
    if (family?.keys.size === 0) this.#families.delete(base);
  }

  /** A body that took nothing from the network came from the browser's own cache. */
  #seen(entry: PerformanceResourceTiming): void {
    // Pages have thousands of these, and each property takes its time.
    if (this.#sent.size === 0) return;
    const address = withoutFragment(entry.name);
    const sent = this.#sent.get(address);
    if (sent === undefined || entry.startTime < sent - ROUNDING) return;
    this.#sent.delete(address);
    if (entry.transferSize === 0 && entry.decodedBodySize > 0) this.#store.counts.http += 1;
  }

  #keep(base: string, entry: NewEntry<Answer>, names: Names = this.#families.get(base)?.names ?? NONE): void {
    // What was there before goes first, and its family with it.
    this.#store.put(entry);
    if (this.#store.peek(entry.key)) this.#family(base, names).keys.add(entry.key);
  }

  /** What depends on other headers than the latest answer is not found any more, and goes. */
  #family(base: string, names: Names): Family {
    const family = this.#families.get(base);
    if (family && String(family.names) === String(names)) return family;
    const fresh = { names, keys: new Set<string>() };
    for (const key of family?.keys ?? []) this.#store.removeKey(key);
    this.#families.set(base, fresh);
    return fresh;
  }

  #varies(type: ResponseType, headers: Headers): Names | undefined {
    const vary = headers.get('vary');
    if (vary === null) return type === 'cors' ? 'all' : NONE;
    const names = consult(({ variesOn }) => variesOn(vary), undefined);
    if (names === undefined) return undefined;
    return names === '' ? NONE : names.split(',');
  }

  #policyOf({ request, rule }: Asked, headers: Headers, status: number, sent: number): Float64Array | undefined {
    const fields = ['cache-control', 'expires', 'date', 'age', 'last-modified', 'vary', 'etag'];
    const wanted = line(request.headers.get('cache-control'));
    const head = [`:${request.method}`, wanted, ...fields.map((name) => line(headers.get(name)))].join('\n');
    const { ttl, staleWhileRevalidate, staleIfError } = rule;
    const own = [ttl, staleWhileRevalidate, staleIfError].map((time) => (typeof time === 'number' ? time : Number.NaN));
    const [fresh, behind, instead] = own as [number, number, number];
    const received = Date.now();
    return consult(({ policyOf }) => policyOf(head, status, fresh, behind, instead, sent, received), undefined);
  }
}

/** Two letters for what the answer also depends on, then the address or what its rule calls it. */
function baseOf({ credentials, mode, url }: Request, key: string | undefined): string {
  return `${credentials[0]}${mode[0]}${key === undefined ? withoutFragment(url) : key.replaceAll('\n', ' ')}`;
}

function keyOf(base: string, names: Names, headers: Headers): string {
  if (names === 'all') return `${base}\n${[...headers].flat().join('\n')}`;
  // Whose data it is, whether the origin says so or not.
  const authorization = headers.get('authorization') ?? '';
  const values = names.map((name) => headers.get(name) ?? '\0');
  return `${base}\n${[authorization, ...values].join('\n')}`;
}

/** Whatever is said to a copy makes it forget its referrer, so that is said again. */
function derive(request: Request, init: RequestInit): Request {
  const { referrer, referrerPolicy } = request;
  return new Request(request, { referrer, referrerPolicy, ...init });
}

function withoutFragment(url: string): string {
  const end = url.indexOf('#');
  return end < 0 ? url : url.slice(0, end);
}

/** A field as the shell wants it. */
function line(value: string | null): string {
  return value === null ? '' : `:${value}`;
}

function isSameOrigin(url: string): boolean {
  return new URL(url).origin === globalThis.location?.origin;
}

function parse(text: string, base: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
