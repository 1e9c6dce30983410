import { withoutFragment } from '../addresses.js';
import { line, putText, readText } from '../border.js';
import { Head } from '../codes.js';
import type { Sent } from '../gets.js';
import { consult } from '../load.js';
import type { RequestLike } from '../requests.js';
import { onResource } from '../resources.js';
import type { CacheOptions, CacheRule, CacheTier } from '../types.js';
import {
  type Answer,
  freeze,
  Looks,
  type Part,
  partOf,
  readAll,
  respond,
  respondPart,
  thaw,
  toPairs,
} from './answer.js';
import { Beyond } from './beyond.js';
import { addressTag, type Cuts, Latest, tagName } from './cuts.js';
import { isFrozen, mayHaveBody } from './frozen.js';
import { hash } from './hash.js';
import {
  baseOf,
  baseOfKey,
  beginningOfBase,
  beginningsOf,
  includesCredentials,
  isResponse,
  keyOf,
  type Names,
  NONE,
  plainBaseOf,
  plainKeyOf,
  storedKeyOf,
} from './keys.js';
import { ageOf, type Entry, judge, type NewEntry, policyIn, type Store } from './store.js';
import type { StoredEntry } from './tier.js';
import { lastWrite, writesNow } from './writes.js';

/** A request that the cache has to do with, and what it says to it. */
export interface Asked {
  readonly request: RequestLike;
  readonly rule: CacheRule;
  /** All that a stored answer must have in common with it, but for the headers that it varies on. */
  readonly base: string;
  /** The entry that was stored when the request was made, also if it was purged since. */
  readonly entry: Kept | undefined;
  /** Where it was found. */
  readonly tier: CacheTier;
  /** 'none': nothing that is kept is of use. */
  readonly answers: 'fresh' | 'stale' | 'validate' | 'none';
  readonly standsIn: boolean;
  /** The cache was not consulted, or storage did not answer: an entry may exist all the same. */
  readonly unseen: boolean;
  readonly epoch: number;
  /** Of the cuts, how many there were when it was asked. */
  readonly cuts: number;
  /** The same of the writes of this page. */
  readonly writes: number;
  /** It wants a part, and what comes for it is not kept. */
  readonly partial: boolean;
  /** Which one, where it can be given. */
  readonly part?: Part;
}

type Kept = Entry<Answer>;

/** Of a request: when it was sent, on the clock of the page, and its place among all that were. */
type When = Pick<Sent, 'at' | 'order'>;

/** What is kept under one base: all of it depends on the same headers of the request. */
interface Family {
  readonly names: Names;
  readonly keys: Set<string>;
}

/** A response whose body is on its way into the store. */
interface Coming {
  readonly asked: Asked;
  readonly order: number;
  readonly done: Promise<void>;
  /** Whether it may be given without validation. */
  readonly gives: boolean;
}

const MEMORY: readonly CacheTier[] = ['memory'];

/** What depends on headers is looked for where a name may take its time. */
const DISK: readonly CacheTier[] = ['indexedDB'];

/** With one of these the caller does what a cache would do. */
const CALLERS_OWN = ['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since'];

/** An origin that is in trouble: RFC 5861, section 4. */
const TROUBLE = [500, 502, 503, 504];

/**
 * Addresses whose timing is awaited, about 70 bytes each: 70 kB. Where there are more, some of what the browser answers is not
 * counted.
 */
const MAX_AWAITED = 1000;

/**
 * What a timing entry says of the size of headers that came without a body: by the standard 300 bytes, whatever they are, and
 * in some browsers what they are.
 */
const MAX_HEADERS = 300;

/** The clock of timing entries is rounded, in Firefox to a millisecond. */
const ROUNDING = 1;

/** What an entry costs beside its texts and its body. About; exact would be the engine's to say. */
const OVERHEAD = 256;

/** Responses under HTTP's rules: what is asked of the store, and what is put into it. Decides nothing that the core can. */
export class HttpCache {
  /** Milliseconds for which stale answers are given whatever their origin says of that, but for what forbids it. */
  stale = 0;
  readonly #store: Store;
  readonly #options: CacheOptions;
  readonly #cuts: Cuts;
  readonly #families = new Map<string, Family>();
  readonly #latest = new Latest();
  /** Bodies on their way into the store, by key: who comes meanwhile need not ask the network. */
  readonly #coming = new Map<string, Coming>();
  /** When what was sent, by the hash of its address: what the browser tells of it comes later. */
  readonly #sent = new Map<number, number>();
  readonly #stopWatching: () => void;

  constructor(store: Store, options: CacheOptions, cuts: Cuts) {
    this.#store = store;
    this.#options = options;
    this.#cuts = cuts;
    this.#stopWatching = onResource((entry) => this.#seen(entry));
  }

  close(): void {
    this.#stopWatching();
  }

  /** Whether nothing is kept: then no address has to be looked up. */
  get isEmpty(): boolean {
    return this.#families.size === 0;
  }

  /** A stored answer that is fresh, for a plain call: no more than an address. Undefined where that is not enough to tell. */
  plain(url: string): Response | undefined {
    const base = plainBaseOf(url);
    const family = this.#families.get(base);
    // Most are asked for in vain here, and asked for again below: that counts once.
    if (family?.names !== NONE) return undefined;
    const key = plainKeyOf(base);
    const entry = this.#store.peek(key) as Kept | undefined;
    // Something newer may be on its way.
    if (!entry || judge(entry).answers !== 'fresh' || this.#coming.has(key)) return undefined;
    const response = this.#respond(entry);
    if (response) this.#store.hit(entry);
    return response;
  }

  /** Undefined for a request that is none of the cache's business. */
  ask(request: RequestLike, said: CacheRule | undefined, plain = false): Asked | undefined {
    const rule = said === undefined ? this.#options : { ...this.#options, ...said };
    if (plain && said?.key === undefined) return this.#judged(request, rule, plainBaseOf(request.url), '');
    const { method, cache, integrity, headers } = request;
    if (method !== 'GET' || cache === 'no-store' || integrity) return undefined;
    if (CALLERS_OWN.some((name) => headers.has(name))) return undefined;
    return this.#judged(request, rule, baseOf(request, said?.key), wantedOf(headers));
  }

  #judged(request: RequestLike, rule: CacheRule, base: string, wanted: string): Asked {
    const { epoch } = this.#store;
    const family = this.#families.get(base);
    // Where nothing is kept of that address, only the count of who asks for it is of use.
    const key = family ? keyOf(base, family.names, request.headers) : plainKeyOf(base);
    const entry = request.cache === 'reload' ? undefined : (this.#store.get(key) as Kept | undefined);
    const asked: Asked = {
      request,
      rule,
      base,
      epoch,
      cuts: this.#cuts.now,
      entry,
      tier: 'memory',
      answers: 'none',
      standsIn: false,
      unseen: request.cache === 'reload',
      writes: writesNow(),
      partial: request.headers.has('range'),
    };
    return entry ? this.#with(asked, entry, 'memory', wanted) : asked;
  }

  #with(asked: Asked, entry: Kept, tier: CacheTier, wanted: string): Asked {
    const { cache, redirect, mode, headers } = asked.request;
    const { redirected, type } = entry.content.looks;
    // The way there, by a redirect perhaps to another origin, is not one that this request may go.
    if (redirect !== 'follow' && redirected) return asked;
    if (mode === 'same-origin' && type === 'cors') return asked;
    const { answers, standsIn } = judge(entry, wanted, this.stale);
    // "force-cache" and "only-if-cached" take whatever there is.
    const forced = cache === 'force-cache' || cache === 'only-if-cached';
    const asks = cache === 'no-cache';
    const own = forced ? 'fresh' : asks ? 'validate' : answers;
    if (asked.partial) {
      const part = own === 'fresh' ? partOf(entry.content, headers) : undefined;
      return part ? { ...asked, entry, tier, answers: own, part } : asked;
    }
    return { ...asked, entry, tier, answers: own, standsIn: standsIn && !asks };
  }

  /** Whether what is kept may be given, however old it is, where its origin is not to be asked. */
  standsInForAll(asked: Asked | undefined): boolean {
    const { entry, request } = asked ?? {};
    if (!entry || !request || request.cache === 'no-cache') return false;
    return judge(entry, wantedOf(request.headers), 0, Number.POSITIVE_INFINITY).standsIn;
  }

  /** Whether what memory does not have may lie deeper. */
  mayLieBelow({ answers, request, base, rule }: Asked): boolean {
    return answers === 'none' && request.cache !== 'reload' && Beyond.reaches(this.#tiersBelow(request, base, rule));
  }

  /** The same, with what lies deeper if anything does. */
  async below(asked: Asked): Promise<Asked> {
    const { request, rule, base } = asked;
    const { headers } = request;
    const tiers = this.#tiersBelow(request, base, rule);
    let key = this.#newestKey(base, asked.request);
    // What it depends on is known to storage alone, perhaps; then there is something to tell it where that should be.
    for (let step = 0; step < 2; step++) {
      const stored = await storedKeyOf(key);
      const where = stored === plainKeyOf(base) ? tiers : tiers.filter((tier) => DISK.includes(tier));
      const found = stored === undefined ? null : await this.#store.find(stored, where);
      if (!found || !this.isCurrent(asked)) return found === undefined ? { ...asked, unseen: true } : asked;
      const { entry, pack, tier } = found;
      const own = keyOf(base, entry.names ?? NONE, headers);
      if (own === key) {
        const raised = this.#raise(base, { ...entry, key }, tiers);
        for (const other of pack) this.#raiseOther(other, tiers);
        return raised ? this.#with(asked, raised, tier, wantedOf(headers)) : asked;
      }
      key = own;
    }
    return asked;
  }

  /** Where it may be kept beyond memory. */
  #tiersBelow({ headers }: RequestLike, base: string, rule: CacheRule): readonly CacheTier[] {
    const { tiers, persistPrivate } = this.#store.config;
    const isPrivate = headers.has('authorization') || includesCredentials(base);
    return isPrivate && !persistPrivate ? MEMORY : (rule.tiers ?? tiers);
  }

  /** Under which a request finds what is kept for it, as far as is known. */
  #newestKey(base: string, { headers }: RequestLike): string {
    return keyOf(base, this.#families.get(base)?.names ?? NONE, headers);
  }

  #raise(base: string, stored: StoredEntry, tiers: readonly CacheTier[]): Kept | undefined {
    const { content, names = NONE } = stored;
    if (!isFrozen(content)) return undefined;
    const raised = this.#store.raise({ ...stored, content: thaw(content) }, tiers);
    if (this.#store.peek(raised.key)) this.#family(base, names).keys.add(raised.key);
    return raised;
  }

  /** Promotes an entry that was read along with another. Skipped unless it says itself which request headers it varies on. */
  #raiseOther(other: StoredEntry, tiers: readonly CacheTier[]): void {
    const { key, names = NONE } = other;
    const base = baseOfKey(key);
    const family = this.#families.get(base);
    const fits =
      key === plainKeyOf(base) && !this.#store.peek(key) && (!family || String(family.names) === String(names));
    if (fits && isResponse(key)) this.#raise(base, other, tiers);
  }

  /** As `arriving`, but only for a response that may be given without validation. */
  coming(asked: Asked): Promise<void> | undefined {
    const coming = this.#underWay(asked);
    // What was asked for before a write of this page is for no call after it.
    return coming?.gives && !isBeforeWrite(coming.asked) ? coming.done : undefined;
  }

  /**
   * Resolves when an answer that is on its way into the store has come there; undefined when none is. Until then what is kept
   * is older than what somebody has.
   */
  arriving(asked: Asked): Promise<void> | undefined {
    return this.#underWay(asked)?.done;
  }

  #underWay({ base, request }: Asked): Coming | undefined {
    const family = this.#families.get(base);
    const coming = family && this.#coming.get(keyOf(base, family.names, request.headers));
    return coming && this.isCurrent(coming.asked) ? coming : undefined;
  }

  /** Who asks without looking into storage is to know all the same when that was purged. */
  heed({ request, base, rule }: Asked): void {
    this.#store.beyond.heed(this.#tiersBelow(request, base, rule));
  }

  /** The stored answer to a request that has one, or a part of it; undefined where no response can be made of what is kept. */
  give({ entry, part }: Asked): Response | undefined {
    if (!entry) return undefined;
    this.#store.used(entry);
    return this.#respond(entry, part);
  }

  /** What is no response is not kept any longer. */
  #respond(entry: Kept, part?: Part): Response | undefined {
    try {
      return part ? respondPart(entry.content, part, ageOf(entry)) : respond(entry.content, ageOf(entry));
    } catch {
      this.#removeEverywhere(entry);
      return undefined;
    }
  }

  /** Whether nothing that concerns it has been purged or forgotten since it was asked. */
  isCurrent(asked: Asked): boolean {
    return asked.epoch === this.#store.epoch && this.lastCut(asked) <= asked.cuts;
  }

  /** Tells who asks after something was forgotten from who asked before. */
  lastCut({ base, request, rule, entry }: Asked): number {
    if (this.#cuts.now === 0) return 0;
    const tags = [addressTag(withoutFragment(request.url)), ...(rule.tags ?? []), ...(entry?.tags ?? [])];
    return this.#cuts.last([beginningOfBase(base), ...tags.map(tagName)]);
  }

  /** Whether a response says that its origin is in trouble. */
  isTrouble({ status }: Response): boolean {
    return TROUBLE.includes(status);
  }

  /** The network has answered this request, which was sent at this time on the clock of the page. */
  went(request: RequestLike, sent: number): void {
    if (this.#sent.size >= MAX_AWAITED) this.#sent.delete(this.#sent.keys().next().value as number);
    this.#sent.set(hash(withoutFragment(request.url)), sent);
  }

  /**
   * Keeps an answer if that is allowed and of use. What is kept is a clone, which is read at once: its caller may read as
   * slowly as it likes.
   */
  put(asked: Asked, response: Response, when: When): void {
    const { request, rule, base } = asked;
    // A reference to the response that outlives this call would hide that its caller has dropped it.
    const { headers, status, type, statusText, url } = response;
    const policy = this.#mayKeep(asked, response) ? this.#policyOf(asked, headers, status, when.at) : undefined;
    const names = policy && this.#varies(request, type, headers);
    if (!policy || !names || !this.isCurrent(asked) || isBeforeWrite(asked)) {
      this.#supersede(asked, status, when);
      return;
    }
    const family = this.#families.get(base);
    // What depends on something else than the latest answer of that address came later, but is older.
    const outdated = family && String(family.names) !== String(names) && when.order < this.#latest.of(base);
    const key = keyOf(base, names, request.headers);
    const latest = Math.max(this.#latest.of(key), this.#coming.get(key)?.order ?? 0);
    if (outdated || when.order < latest) return;
    const address = withoutFragment(request.url);
    const tags = rule.key === undefined ? (rule.tags ?? []) : [...(rule.tags ?? []), addressTag(address)];
    const answer = { status, statusText, headers: keptOf(headers), looks: new Looks(response) };
    const keep = async (bytes: ArrayBuffer | null): Promise<void> => {
      const texts = 2 * (key.length + url.length + answer.headers.flat().join('').length);
      const size = OVERHEAD + texts + (bytes?.byteLength ?? 0);
      const body = mayHaveBody(status) ? bytes : null;
      const entry = { key, content: { ...answer, body }, bytes: size, tags, policy, names };
      if (this.isCurrent(asked)) await this.#keep(asked, entry, when);
    };
    let body: Response['body'];
    try {
      // Not of the response itself: to look at its body is to touch it.
      ({ body } = response.clone());
    } catch {
      // Its body is locked: the page reads it already.
      this.#supersede(asked, status, when);
      return;
    }
    const report = (error: unknown): void => globalThis.reportError?.(error);
    if (!body) {
      keep(null).catch(report);
      return;
    }
    this.#family(base, names).keys.add(key);
    const arrive = async (body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> => {
      const come = (): void => {
        if (this.#coming.get(key)?.done === done) this.#coming.delete(key);
      };
      try {
        const bytes = await readAll(body, this.#mostOf(asked));
        const keeping = bytes ? keep(bytes) : undefined;
        if (this.#store.peek(key)) come();
        await keeping;
        if (bytes === null) this.#supersede(asked, status, when);
      } finally {
        come();
      }
      if (!this.#store.peek(key)) this.gone({ key });
    };
    const gives = judge({ policy }).answers !== 'validate';
    const done: Promise<void> = arrive(body).catch(report);
    this.#coming.set(key, { asked, order: when.order, done, gives });
  }

  #mayKeep(asked: Asked, response: Response): boolean {
    const { headers, type, redirected, bodyUsed, status } = response;
    const readable = (type === 'basic' || type === 'cors' || type === 'default') && !bodyUsed;
    // A page is not told how long a redirect may be cached.
    const known = !redirected || typeof asked.rule.ttl === 'number';
    if (asked.partial || status === 206) return false;
    const endless = /^(text\/event-stream|multipart\/x-mixed-replace)\b/i.test(headers.get('content-type') ?? '');
    return readable && known && !endless && Number(headers.get('content-length')) <= this.#mostOf(asked);
  }

  /** What is not kept has taken the place of what is, all the same, if its status says that. */
  #supersede({ request, base, entry, unseen }: Asked, status: number, when: When): void {
    const key = entry?.key ?? (unseen ? this.#newestKey(base, request) : undefined);
    if (key === undefined || !consult((core) => core.supersedes(status) !== 0, false)) return;
    if (this.#isLatest(key, when)) this.#removeEverywhere({ key });
  }

  /** Whether nothing under that key was asked for later; from now on nothing is kept there that was asked for before. */
  #isLatest(key: string, { order }: When): boolean {
    if (order < this.#latest.of(key)) return false;
    for (const name of [key, baseOfKey(key)]) this.#latest.note(name, order);
    return true;
  }

  /** Forgets what is kept for an address, or under a key that a rule gave. Returns whether there was anything. */
  forget(address: string): boolean {
    let found = this.#store.removeTag(addressTag(address)).length > 0;
    const beginnings = beginningsOf(address);
    for (const [base, { keys }] of this.#families) {
      if (!beginnings.some((beginning) => base.startsWith(beginning))) continue;
      for (const key of [...keys]) found = this.#store.removeKey(key) || found;
    }
    return found;
  }

  /** An entry is gone from the store. */
  gone({ key }: Pick<Entry, 'key'>): void {
    const base = baseOfKey(key);
    const family = this.#families.get(base);
    family?.keys.delete(key);
    if (family?.keys.size === 0) this.#families.delete(base);
  }

  /**
   * A body that took nothing from the network came from the browser's own cache; where headers alone did, the origin said that
   * what that has still holds.
   */
  #seen({ name, startTime, transferSize, encodedBodySize }: PerformanceResourceTiming): void {
    // Pages have thousands of these, and each property takes its time.
    if (this.#sent.size === 0) return;
    const address = hash(withoutFragment(name));
    const sent = this.#sent.get(address);
    if (sent === undefined || startTime < sent - ROUNDING) return;
    this.#sent.delete(address);
    if (encodedBodySize === 0) return;
    if (transferSize === 0) this.#store.counts.http += 1;
    else if (transferSize <= MAX_HEADERS) this.#store.counts.revalidated += 1;
  }

  /** Resolves when it is handed over to all tiers. */
  async #keep(asked: Asked, entry: NewEntry<Answer>, when: When): Promise<void> {
    const { base, request, rule } = asked;
    if (!this.#isLatest(entry.key, when)) return;
    const names = entry.names ?? this.#families.get(base)?.names ?? NONE;
    if ((rule.tiers ?? this.#store.config.tiers).includes('memory')) {
      // What was there before goes first, and its family with it.
      this.#store.put(entry);
      if (this.#store.peek(entry.key)) this.#family(base, names).keys.add(entry.key);
    } else this.#store.removeKey(entry.key);
    const tiers = this.#tiersBelow(request, base, rule);
    // What is private was not there before, either.
    if (Beyond.reaches(tiers) || (tiers !== MEMORY && this.#store.beyond.inUse)) {
      await this.#keepBelow(asked, entry, names, tiers);
    }
  }

  async #keepBelow(asked: Asked, entry: NewEntry<Answer>, names: Names, tiers: readonly CacheTier[]): Promise<void> {
    const { key, bytes, tags, policy, content } = entry;
    const { base, request } = asked;
    const { beyond, forgotten } = this.#store;
    const stored = await storedKeyOf(key);
    if (stored === undefined || forgotten !== this.#store.forgotten) return;
    const onDisk = tiers.filter((tier) => DISK.includes(tier));
    const where = stored === plainKeyOf(base) ? tiers : onDisk;
    beyond.keep({ key: stored, bytes, tags, policy, names, content: freeze(content) }, where);
    // Who looks for it after a reload begins there, and is told where to go on.
    const first = await storedKeyOf(keyOf(base, NONE, request.headers));
    if (first === undefined || first === stored || forgotten !== this.#store.forgotten) return;
    if (!this.#store.peek(first)) beyond.keep({ key: first, bytes: OVERHEAD, tags: [], policy: [], names }, onDisk);
  }

  #removeEverywhere({ key }: Pick<Kept, 'key'>): void {
    this.#store.removeKey(key);
    if (!this.#store.beyond.inUse) return;
    // A storage read that is under way must not return it.
    this.#store.forgotten += 1;
    storedKeyOf(key).then((stored) => {
      if (stored !== undefined) this.#store.removeBelow({ keys: [stored] }, false);
    });
  }

  /** Bytes of the largest answer that any tier takes. */
  #mostOf({ request, base, rule }: Asked): number {
    const { most, config } = this.#store;
    return this.#tiersBelow(request, base, rule).includes('indexedDB') ? Math.max(most, config.indexedDB) : most;
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

  /** Whether the page says whose data it is, by a partition. */
  get #isPartitioned(): boolean {
    return Boolean(this.#options.partition);
  }

  #varies(request: RequestLike, type: ResponseType, headers: Headers): Names | undefined {
    const vary = headers.get('vary');
    if (vary === null) return type === 'cors' ? 'all' : NONE;
    const head: string[] = [];
    head[Head.Vary] = line(vary);
    head[Head.Fields] = line(fieldsOf(request));
    head[Head.Partitioned] = line(this.#isPartitioned ? '' : null);
    const names = consult((core) => {
      const length = core.varies_on(putText(core, head.join('\n')));
      return length < 0 ? undefined : readText(core, length);
    }, undefined);
    if (names === undefined) return undefined;
    return names === '' ? NONE : names.split(',');
  }

  #policyOf({ request, rule }: Asked, headers: Headers, status: number, at: number): Float64Array | undefined {
    const head: string[] = [];
    head[Head.Method] = line(request.method);
    head[Head.Wanted] = line(request.headers.get('cache-control'));
    head[Head.Fields] = line(fieldsOf(request));
    head[Head.Partitioned] = line(this.#isPartitioned ? '' : null);
    for (const [place, name] of FIELDS) head[place] = line(headers.get(name));
    const { ttl, staleWhileRevalidate, staleIfError } = rule;
    const own = [ttl, staleWhileRevalidate, staleIfError].map((time) => (typeof time === 'number' ? time : Number.NaN));
    const [fresh, behind, instead] = own as [number, number, number];
    const received = Date.now();
    const sent = received - (performance.now() - at);
    return consult((core) => {
      const length = putText(core, head.join('\n'));
      const kept = core.policy_of(length, status, fresh, behind, instead, sent, received) === 1;
      return kept ? policyIn(core) : undefined;
    }, undefined);
  }
}

/** Whether this page has written to its origin since it was asked. */
function isBeforeWrite({ request, writes }: Asked): boolean {
  return lastWrite(request.url) > writes;
}

/** Those that are kept with a response. */
function keptOf(headers: Headers): [string, string][] {
  const [connection, control] = ['connection', 'cache-control'].map((name) => headers.get(name) ?? '');
  const without = consult(
    (core) => readText(core, core.withheld(putText(core, `${connection}\n${control}`))),
    '',
  ).split(',');
  return toPairs(headers, without);
}

/** What a request says to how fresh an answer must be; empty where it says nothing. */
function wantedOf(headers: Headers): string {
  const [control, pragma] = [headers.get('cache-control'), headers.get('pragma')];
  if (control === null && pragma === null) return '';
  const head: string[] = [];
  head[Head.Wanted] = line(control);
  head[Head.WantedPragma] = line(pragma);
  return head.join('\n');
}

/** The fields of a response that say whether it may be kept. */
const FIELDS: readonly [Head, string][] = [
  [Head.CacheControl, 'cache-control'],
  [Head.Pragma, 'pragma'],
  [Head.Expires, 'expires'],
  [Head.Date, 'date'],
  [Head.Age, 'age'],
  [Head.LastModified, 'last-modified'],
  [Head.Vary, 'vary'],
  [Head.ETag, 'etag'],
];

/** The names of the headers that its caller set. */
function fieldsOf({ headers }: RequestLike): string {
  return [...headers.keys()].join();
}
