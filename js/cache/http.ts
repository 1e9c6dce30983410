import { isSameOrigin, withoutFragment } from '../addresses.js';
import { derive } from '../derive.js';
import type { Sent } from '../gets.js';
import { consult } from '../load.js';
import { onResource } from '../resources.js';
import type { CacheOptions, CacheRule, CacheTier } from '../types.js';
import { type Answer, freeze, isFrozen, looksOf, readAll, respond, thaw, toPairs } from './answer.js';
import { addressTag, type Cuts, tagName } from './cuts.js';
import { Depths } from './depths.js';
import {
  baseOf,
  baseOfKey,
  beginningOf,
  beginningOfBase,
  includesCredentials,
  isResponse,
  keyOf,
  type Names,
  NONE,
  plainBaseOf,
  plainKeyOf,
  storedKeyOf,
} from './keys.js';
import { ageOf, type Entry, judge, type NewEntry, type Store } from './store.js';
import type { StoredEntry } from './tier.js';

/** A request that the cache has to do with, and what it says to it. */
export interface Asked {
  readonly request: Request;
  readonly rule: CacheRule;
  /** All that a stored answer must have in common with it, but for the headers that it varies on. */
  readonly base: string;
  /** What was kept when it was asked, whoever has purged it since. */
  readonly entry: Kept | undefined;
  /** Where it was found. */
  readonly tier: CacheTier;
  /** 'none': nothing that is kept is of use. */
  readonly answers: 'fresh' | 'stale' | 'validate' | 'none';
  readonly standsIn: boolean;
  /** Nobody has looked, or not everywhere, whether anything is kept. */
  readonly unseen: boolean;
  readonly epoch: number;
  /** Of the cuts, how many there were when it was asked. */
  readonly cuts: number;
}

type Kept = Entry<Answer>;

/** Of a request: when it was sent, on the clock of the page, and its place among all that were. */
type When = Pick<Sent, 'at' | 'order'>;

/** What is kept under one base: all of it depends on the same headers of the request. */
interface Family {
  readonly names: Names;
  readonly keys: Set<string>;
}

const MEMORY: readonly CacheTier[] = ['memory'];

/** What depends on headers is looked for where a name may take its time. */
const DISK: readonly CacheTier[] = ['indexedDB'];

/** With one of these the caller does what a cache would do, or wants a part. */
const CALLERS_OWN = ['range', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since'];

/** An origin that is in trouble: RFC 5861, section 4. */
const TROUBLE = [500, 502, 503, 504];

/** Keys that are remembered; what is forgotten may be replaced by an older answer that is still on its way. */
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
  readonly #cuts: Cuts;
  readonly #families = new Map<string, Family>();
  /** The place of the request for what was kept last under each key: what was asked for before is older, whenever it comes. */
  readonly #latest = new Map<string, number>();
  /** Bodies on their way into the store, by key: who comes meanwhile need not ask the network. */
  readonly #coming = new Map<
    string,
    { readonly asked: Asked; readonly done: Promise<void>; readonly gives: boolean }
  >();

  /** When what was sent, by address: what the browser tells of it comes later. */
  readonly #sent = new Map<string, number>();
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
    const entry = this.#store.peek(plainKeyOf(base)) as Kept | undefined;
    if (!entry || judge(entry).answers !== 'fresh') return undefined;
    this.#store.hit(entry);
    return respond(entry.content, ageOf(entry));
  }

  /** Undefined for a request that is none of the cache's business. */
  ask(request: Request, said: CacheRule | undefined, plain = false): Asked | undefined {
    const rule = said === undefined ? this.#options : { ...this.#options, ...said };
    if (plain && said?.key === undefined) return this.#judged(request, rule, plainBaseOf(request.url), '');
    const { method, cache, redirect, integrity, headers } = request;
    if (method !== 'GET' || cache === 'no-store' || redirect !== 'follow' || integrity) return undefined;
    if (CALLERS_OWN.some((name) => headers.has(name))) return undefined;
    return this.#judged(request, rule, baseOf(request, said?.key), wantedOf(headers));
  }

  #judged(request: Request, rule: CacheRule, base: string, wanted: string): Asked {
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
    };
    return entry ? this.#with(asked, entry, 'memory', wanted) : asked;
  }

  #with(asked: Asked, entry: Kept, tier: CacheTier, wanted: string): Asked {
    const { cache } = asked.request;
    const { answers, standsIn } = judge(entry, wanted);
    // "force-cache" and "only-if-cached" take whatever there is.
    const forced = cache === 'force-cache' || cache === 'only-if-cached';
    const asks = cache === 'no-cache';
    const own = forced ? 'fresh' : asks ? 'validate' : answers;
    return { ...asked, entry, tier, answers: own, standsIn: standsIn && !asks };
  }

  /** Whether what memory does not have may lie deeper. */
  mayLieBelow({ answers, request, base, rule }: Asked): boolean {
    return answers === 'none' && request.cache !== 'reload' && Depths.reaches(this.#tiersBelow(request, base, rule));
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
  #tiersBelow({ headers }: Request, base: string, rule: CacheRule): readonly CacheTier[] {
    const { tiers, persistPrivate } = this.#store.config;
    const isPrivate = headers.has('authorization') || includesCredentials(base);
    return isPrivate && !persistPrivate ? MEMORY : (rule.tiers ?? tiers);
  }

  /** Under which a request finds what is kept for it, as far as is known. */
  #newestKey(base: string, { headers }: Request): string {
    return keyOf(base, this.#families.get(base)?.names ?? NONE, headers);
  }

  #raise(base: string, stored: StoredEntry, tiers: readonly CacheTier[]): Kept | undefined {
    const { content, names = NONE } = stored;
    if (!isFrozen(content)) return undefined;
    const raised = this.#store.raise({ ...stored, content: thaw(content) }, tiers);
    if (this.#store.peek(raised.key)) this.#family(base, names).keys.add(raised.key);
    return raised;
  }

  /** One that nobody asked for; if it does not say so itself, nobody knows to which headers it belongs. */
  #raiseOther(other: StoredEntry, tiers: readonly CacheTier[]): void {
    const { key, names = NONE } = other;
    const base = baseOfKey(key);
    const family = this.#families.get(base);
    const fits =
      key === plainKeyOf(base) && !this.#store.peek(key) && (!family || String(family.names) === String(names));
    if (fits && isResponse(key)) this.#raise(base, other, tiers);
  }

  /** As `arriving`, where what comes may be given without asking anybody. */
  coming(asked: Asked): Promise<void> | undefined {
    return this.#underWay(asked)?.gives ? this.arriving(asked) : undefined;
  }

  /** Resolves when an answer that is on its way into the store has come there; undefined when none is. */
  arriving(asked: Asked): Promise<void> | undefined {
    return this.#underWay(asked)?.done;
  }

  #underWay({ base, request }: Asked): { readonly done: Promise<void>; readonly gives: boolean } | undefined {
    const family = this.#families.get(base);
    const coming = family && this.#coming.get(keyOf(base, family.names, request.headers));
    return coming && this.isCurrent(coming.asked) ? coming : undefined;
  }

  /** Who asks without looking into storage is to know all the same when that was purged. */
  heed({ request, base, rule }: Asked): void {
    this.#store.depths.heed(this.#tiersBelow(request, base, rule));
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

  /** A 304 has come: the stored answer holds, with what that says of it. */
  renew(asked: Asked, response: Response, when: When): Asked {
    const { entry } = asked;
    if (!entry) return asked;
    const headers = new Headers(entry.content.headers);
    // How old it was when it was last given says nothing of now.
    headers.delete('age');
    for (const [name, value] of response.headers) {
      if (consult(({ updates }) => updates(name), false)) headers.set(name, value);
    }
    const content = { ...entry.content, headers: toPairs(headers) };
    const policy = this.#policyOf(asked, headers, content.status, when.at);
    this.#store.counts.revalidated += 1;
    if (!policy) {
      this.#removeEverywhere(entry);
      return { ...asked, entry: { ...entry, content } };
    }
    const renewed: Kept = { ...entry, content, policy };
    if (this.isCurrent(asked)) this.#keep(asked, renewed, when);
    return { ...asked, entry: renewed };
  }

  /** The network has answered this request, which was sent at this time on the clock of the page. */
  went(request: Request, sent: number): void {
    if (this.#sent.size >= MOST_AWAITED) this.#sent.delete(this.#sent.keys().next().value as string);
    this.#sent.set(withoutFragment(request.url), sent);
  }

  /**
   * Keeps an answer if that is allowed and of use. What is kept is a clone, which is read at once: its caller may read as
   * slowly as it likes.
   */
  put(asked: Asked, response: Response, when: When): void {
    const { request, rule, base } = asked;
    // Not of the response itself, in what outlives this call: while that is held, nobody sees that its caller dropped it.
    const { headers, status, type, statusText, url } = response;
    const policy = this.#mayKeep(asked, response) ? this.#policyOf(asked, headers, status, when.at) : undefined;
    const names = policy && this.#varies(request, type, headers);
    if (!policy || !names || !this.isCurrent(asked)) {
      this.#supersede(asked, status, when);
      return;
    }
    const family = this.#families.get(base);
    // What depends on something else than the latest answer of that address came later, but is older.
    const outdated = family && String(family.names) !== String(names) && when.order < (this.#latest.get(base) ?? 0);
    if (outdated) return;
    const key = keyOf(base, names, request.headers);
    const address = withoutFragment(request.url);
    const tags = rule.key === undefined ? (rule.tags ?? []) : [...(rule.tags ?? []), addressTag(address)];
    const answer = { status, statusText, headers: toPairs(headers), looks: looksOf(response) };
    const keep = (bytes: ArrayBuffer | null): void => {
      const texts = 2 * (key.length + url.length + [...headers].flat().join('').length);
      const size = OVERHEAD + texts + (bytes?.byteLength ?? 0);
      const entry = { key, content: { ...answer, body: bytes }, bytes: size, tags, policy, names };
      if (this.isCurrent(asked)) this.#keep(asked, entry, when);
    };
    // Not of the response itself: to look at its body is to touch it.
    const { body } = response.clone();
    if (!body) {
      keep(null);
      return;
    }
    this.#family(base, names).keys.add(key);
    const done = readAll(body, this.#mostOf(asked)).then((bytes) => {
      if (this.#coming.get(key)?.done === done) this.#coming.delete(key);
      if (bytes) keep(bytes);
      else if (bytes === null) this.#supersede(asked, status, when);
      if (!this.#store.peek(key)) this.gone({ key });
    });
    this.#coming.set(key, { asked, done, gives: judge({ policy }).answers !== 'validate' });
  }

  #mayKeep(asked: Asked, response: Response): boolean {
    const { headers, type, redirected, bodyUsed } = response;
    const readable = (type === 'basic' || type === 'cors' || type === 'default') && !bodyUsed;
    // How long the way there holds, nobody is told: it may lead elsewhere the next time.
    const known = !redirected || typeof asked.rule.ttl === 'number';
    const endless = /^(text\/event-stream|multipart\/x-mixed-replace)\b/i.test(headers.get('content-type') ?? '');
    return readable && known && !endless && Number(headers.get('content-length')) <= this.#mostOf(asked);
  }

  /** What is not kept has taken the place of what is, all the same, if its status says that. */
  #supersede({ request, base, entry, unseen }: Asked, status: number, when: When): void {
    const key = entry?.key ?? (unseen ? this.#newestKey(base, request) : undefined);
    if (key === undefined || !consult(({ supersedes }) => supersedes(status), false)) return;
    if (this.#isLatest(key, when)) this.#removeEverywhere({ key });
  }

  /** Whether nothing under that key was asked for later; from now on nothing is kept there that was asked for before. */
  #isLatest(key: string, { order }: When): boolean {
    if (order < (this.#latest.get(key) ?? 0)) return false;
    if (this.#latest.size >= MOST_REMEMBERED) this.#latest.clear();
    this.#latest.set(key, order);
    this.#latest.set(baseOfKey(key), Math.max(order, this.#latest.get(baseOfKey(key)) ?? 0));
    return true;
  }

  /** Forgets what is kept for an address, or under a key that a rule gave. Returns whether there was anything. */
  forget(address: string): boolean {
    let found = this.#store.removeTag(addressTag(address)).length > 0;
    for (const [base, { keys }] of this.#families) {
      if (!base.startsWith(beginningOf(address))) continue;
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

  #keep(asked: Asked, entry: NewEntry<Answer>, when: When): void {
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
    if (Depths.reaches(tiers) || (tiers !== MEMORY && this.#store.depths.inUse)) {
      this.#keepBelow(asked, entry, names, tiers);
    }
  }

  async #keepBelow(asked: Asked, entry: NewEntry<Answer>, names: Names, tiers: readonly CacheTier[]): Promise<void> {
    const { key, bytes, tags, policy, content } = entry;
    const { base, request } = asked;
    const { depths, forgotten } = this.#store;
    const stored = await storedKeyOf(key);
    if (stored === undefined || forgotten !== this.#store.forgotten) return;
    const onDisk = tiers.filter((tier) => DISK.includes(tier));
    const where = stored === plainKeyOf(base) ? tiers : onDisk;
    depths.keep({ key: stored, bytes, tags, policy, names, content: freeze(content) }, where);
    // Who looks for it after a reload begins there, and is told where to go on.
    const first = await storedKeyOf(keyOf(base, NONE, request.headers));
    if (first === undefined || first === stored || forgotten !== this.#store.forgotten) return;
    if (!this.#store.peek(first)) depths.keep({ key: first, bytes: OVERHEAD, tags: [], policy: [], names }, onDisk);
  }

  #removeEverywhere({ key }: Pick<Kept, 'key'>): void {
    this.#store.removeKey(key);
    if (!this.#store.depths.inUse) return;
    // Whoever is reading it by now has not found it.
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

  #varies(request: Request, type: ResponseType, headers: Headers): Names | undefined {
    const vary = headers.get('vary');
    if (vary === null) return type === 'cors' ? 'all' : NONE;
    const names = consult(({ variesOn }) => variesOn(vary, fieldsOf(request)), undefined);
    if (names === undefined) return undefined;
    return names === '' ? NONE : names.split(',');
  }

  #policyOf({ request, rule }: Asked, headers: Headers, status: number, at: number): Float64Array | undefined {
    const fields = ['cache-control', 'pragma', 'expires', 'date', 'age', 'last-modified', 'vary', 'etag'];
    const asked = [request.method, request.headers.get('cache-control'), fieldsOf(request)];
    const head = [...asked, ...fields.map((name) => headers.get(name))].map(line).join('\n');
    const { ttl, staleWhileRevalidate, staleIfError } = rule;
    const own = [ttl, staleWhileRevalidate, staleIfError].map((time) => (typeof time === 'number' ? time : Number.NaN));
    const [fresh, behind, instead] = own as [number, number, number];
    const received = Date.now();
    const sent = received - (performance.now() - at);
    return consult(({ policyOf }) => policyOf(head, status, fresh, behind, instead, sent, received), undefined);
  }
}

/** As the shell wants it: see `verdict` there. */
function wantedOf(headers: Headers): string {
  return ['cache-control', 'pragma'].map((name) => line(headers.get(name))).join('\n');
}

/** The names of the headers that its caller set. */
function fieldsOf({ headers }: Request): string {
  return [...headers.keys()].join();
}

/** A field as the shell wants it. */
function line(value: string | null): string {
  return value === null ? '' : `:${value}`;
}
