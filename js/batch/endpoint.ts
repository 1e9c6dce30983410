import { isSameOrigin } from '../addresses.js';
import type { Asking, Network, Sent } from '../gets.js';
import { Handle } from '../handle.js';
import type { Source } from '../joint.js';
import { LEVELS } from '../levels.js';
import type { Batches } from '../pkg/sixlane.js';
import { discard } from '../retry.js';
import type { BatchItem, BatchRule, LaneInit } from '../types.js';
import { copyOf, decode, itemOf, linesOf, noStoreOf, notFound, partsOf, respond } from './items.js';
import type { Holder, Item, Member } from './member.js';
import { queryOf } from './rules.js';
import { type Batch, Windows } from './windows.js';

/** What to do with an answer: see `answered` in the shell. */
const DIVIDE = 0;
const GIVE = 1;
const HALVE = 2;

const LINES = /^application\/(x-)?ndjson\b/i;

type Items = Batch<Item>;

/** One address that takes batches: gathers what goes there, and gives each call its part of what comes. */
export class EndPoint {
  readonly #network: Network;
  readonly #rule: BatchRule;
  readonly #url: URL;
  readonly #core: Handle<Batches>;
  readonly #windows: Windows<Item>;
  /** It has answered once, whatever: where it cannot be had later, it is the network. */
  #answered = false;

  constructor(network: Network, rule: BatchRule, url: URL) {
    this.#network = network;
    this.#rule = rule;
    this.#url = url;
    this.#core = new Handle<Batches>('createFetch', (bindings) => bindings.Batches.ofRule(rule));
    this.#windows = new Windows(this.#core, (items) => this.#ask(items));
  }

  /** It takes no batches. */
  get aside(): boolean {
    return this.#core.use((core) => core.aside, true);
  }

  add(member: Member, group: string, key: string): void {
    const { priority } = member;
    const known = this.#windows.find(group, key);
    const item = known ?? { key, members: new Set() };
    item.members.add(member);
    member.item = item;
    member.shares = known !== undefined;
    const bytes = byteLength(JSON.stringify(key));
    member.holder = {
      left: () => {
        item.members.delete(member);
        if (item.members.size === 0) this.#windows.remove(group, key, bytes);
      },
      raised: () => this.#windows.urge(group, member.priority),
    };
    if (known) this.#windows.urge(group, priority);
    else if (!this.#windows.add(group, key, bytes, priority, item)) member.goAlone(this.#network);
  }

  /** Nobody waits for others any longer. */
  flush(): void {
    this.#windows.flush();
  }

  /** Turns away whoever waits for others. Returns how many. */
  clear(reason: unknown): number {
    const members = this.#windows.clear().flatMap((item) => [...item.members]);
    const callers = countOf(members);
    for (const member of members) member.reject(reason);
    return callers;
  }

  async #ask(gathered: Items): Promise<void> {
    const items = stillWanted(gathered);
    if (items.size === 0) return;
    if (this.aside) return this.#singly(items);
    const sending = new Sending(items);
    let asking: Asking | undefined;
    try {
      const make = this.#requestOf(sending);
      asking = make && askingOf(sending, make);
    } catch (error) {
      globalThis.reportError?.(error);
      return this.#singly(items);
    }
    if (!asking) return this.#halve(items);
    const { wire, response } = this.#network.send(asking, asking.request, sending);
    sending.sent(wire);
    let answer: Response;
    try {
      answer = await response;
    } catch (error) {
      // It may be that a page may not send this there: a page is not told.
      const never =
        !this.#answered && (error as Error | undefined)?.name === 'TypeError' && !isSameOrigin(this.#url.href);
      if (never) this.#unreadable(items);
      else sending.reject(error);
      return;
    }
    this.#answered = true;
    // A mock may answer with anything.
    if (!(answer instanceof Response)) return this.#unreadable(items);
    const next = this.#core.use((core) => core.answered(sending.size, answer.status), DIVIDE);
    if (next === DIVIDE) return this.#divide(sending, answer);
    if (next === GIVE) return this.#give(sending, answer);
    discard(answer);
    if (next === HALVE) this.#halve(items);
    else this.#singly(items);
  }

  /** Undefined when it is larger than it may be. */
  #requestOf({ items, first, rest }: Sending): (() => Request) | undefined {
    const { encode, decode: own, key } = this.#rule;
    const { headers: common, credentials, mode, referrer, referrerPolicy } = first.request;
    const keys = [...items.keys()] as string[];
    const {
      headers: said,
      body,
      method = 'POST',
      signal: _,
      ...others
    } = encode?.(keys) ?? {
      body: JSON.stringify({ keys }),
    };
    if (body instanceof ReadableStream)
      throw new TypeError('`encode` must not return a stream, which can be sent but once');
    if (encode && !this.#core.use((core) => core.fits(sizeOf(body)), true)) return undefined;
    const headers = new Headers(common);
    const special = new Headers(said);
    for (const [name, value] of special) headers.set(name, value);
    if (typeof body === 'string' && !headers.has('content-type')) headers.set('content-type', 'application/json');
    // What the calls accept is for their items. Lines are read here; what somebody else reads is one value.
    if (!special.has('accept')) {
      const accept = common.get('accept') ?? 'application/json';
      headers.set('accept', own ? accept : `application/x-ndjson, ${accept}`);
    }
    const address = new URL(this.#url);
    // With a key of its own making, a query is in it or of no matter.
    if (!key) address.search = [address.search.slice(1), queryOf(rest)].filter(Boolean).join('&');
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
    return () => new Request(address, whole);
  }

  #halve(items: Items): void {
    if (items.size < 2) {
      this.#singly(items);
      return;
    }
    const all = [...items];
    const half = Math.ceil(all.length / 2);
    this.#ask(new Map(all.slice(0, half)));
    this.#ask(new Map(all.slice(half)));
  }

  #singly(items: Items): void {
    for (const { members } of items.values()) for (const member of [...members]) member.goAlone(this.#network);
  }

  #unreadable(items: Items): void {
    this.#core.use((core) => core.read(false), undefined);
    this.#singly(items);
  }

  /** What was answered to all, each gets as an answer of its own. */
  async #give(sending: Sending, answer: Response): Promise<void> {
    const { items } = sending;
    let body: ArrayBuffer;
    try {
      body = await answer.arrayBuffer();
    } catch (error) {
      sending.reject(error);
      return;
    }
    const given = [...items.values()].every((item) => this.#answer(item, (request) => copyOf(request, answer, body)));
    // A mock may have a status that no response can be made with.
    if (!given) this.#unreadable(items);
  }

  async #divide(sending: Sending, answer: Response): Promise<void> {
    const { items } = sending;
    const readable = LINES.test(answer.headers.get('content-type') ?? '')
      ? await this.#divideLines(items, answer)
      : await this.#divideWhole(items, answer);
    if (readable) this.#core.use((core) => core.read(true), undefined);
    // Whoever has not got an answer by now asks for it alone, unless it broke off because nobody asks any more.
    else if (!sending.aborted && readable === false) this.#unreadable(items);
    else if (!sending.aborted) this.#singly(items);
  }

  /** Undefined when it broke off: that says nothing of the end point. */
  async #divideWhole(items: Items, answer: Response): Promise<boolean | undefined> {
    let text: string;
    try {
      text = await answer.text();
    } catch {
      return undefined;
    }
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return false;
    }
    let found: ReturnType<typeof decode>;
    try {
      found = (this.#rule.decode ?? decode)(body, [...items.keys()] as string[]);
      if (typeof found?.get !== 'function') throw new TypeError('`decode` must return a Map');
    } catch (error) {
      if (this.#rule.decode) globalThis.reportError?.(error);
      return false;
    }
    const noStore = noStoreOf(answer);
    let readable = true;
    for (const item of [...items.values()]) {
      let parts: readonly (BatchItem | undefined)[] | undefined;
      const made = this.#answer(item, (request, index) => {
        parts ??= partsOf(found.get(item.key), item.members.size);
        const part = parts[index];
        return part ? respond(request, part, noStore) : notFound(request, noStore);
      });
      if (made) items.delete(item.key);
      else readable = false;
    }
    return readable;
  }

  /** A slow item holds up nobody. */
  async #divideLines(items: Items, answer: Response): Promise<boolean | undefined> {
    const noStore = noStoreOf(answer);
    let readable = true;
    /** Whether it is a line. */
    const take = (line: string): boolean => {
      let found: ReturnType<typeof itemOf>;
      try {
        found = itemOf(line);
      } catch {
        return false;
      }
      const { key, item: part } = found;
      const item = items.get(key);
      if (item && this.#answer(item, (request) => respond(request, part, noStore))) items.delete(key);
      else if (item) readable = false;
      return true;
    };
    try {
      if (!answer.body) return false;
      const wanted = (): boolean => items.size > 0;
      for await (const lines of linesOf(answer.body, wanted)) if (!lines.every(take)) return false;
    } catch {
      return items.size === 0 ? readable : undefined;
    }
    if (readable) for (const item of items.values()) this.#answer(item, (request) => notFound(request, noStore));
    return readable;
  }

  /** Whether there is such an answer. */
  #answer({ members }: Item, make: (request: Request, index: number) => Response): boolean {
    for (const [index, member] of [...members].entries()) {
      let response: Response;
      try {
        response = make(member.asking.request, index);
      } catch {
        return false;
      }
      members.delete(member);
      member.resolve(response);
    }
    return true;
  }
}

/** A batch that is sent: it ends when nobody waits for any part of it. */
class Sending implements Source, Holder {
  /** What is still wanted, of what was asked for. */
  readonly items: Items;
  readonly size: number;
  /** In what matters to the request, its members are alike. */
  readonly first: Asking;
  readonly rest: string;
  priority = Number.NEGATIVE_INFINITY;
  arrived = Number.POSITIVE_INFINITY;
  #wire: Sent | undefined;
  #ended: { readonly reason: unknown } | undefined;

  constructor(items: Items) {
    this.items = items;
    this.size = items.size;
    for (const member of this.#members()) {
      member.holder = this;
      this.priority = Math.max(this.priority, member.priority);
      this.arrived = Math.min(this.arrived, member.asking.arrived);
    }
    const { asking, rest } = this.#members().next().value as Member;
    this.first = asking;
    this.rest = rest;
  }

  get aborted(): boolean {
    return this.#ended !== undefined;
  }

  get reason(): unknown {
    return this.#ended?.reason;
  }

  get callers(): number {
    return countOf(this.#members());
  }

  sent(wire: Sent): void {
    this.#wire = wire;
    // It may have been given up while it was handed over.
    if (this.#ended) wire.abort(this.#ended.reason);
    for (const member of this.#members()) member.carrier = wire;
  }

  left(member: Member, reason: unknown): void {
    const { item } = member;
    item?.members.delete(member);
    if (item?.members.size === 0) this.items.delete(item.key);
    if (this.items.size > 0) return;
    this.#ended = { reason };
    this.#wire?.abort(reason);
  }

  raised({ priority }: Member): void {
    if (priority <= this.priority) return;
    this.priority = priority;
    this.#wire?.raise(priority);
  }

  reject(reason: unknown): void {
    for (const member of this.#members()) member.reject(reason);
  }

  *#members(): Generator<Member> {
    for (const { members } of this.items.values()) yield* members;
  }
}

/** Of those who ask for it together, each is one. */
function countOf(members: Iterable<Member>): number {
  return [...members].reduce((sum, { callers }) => sum + callers, 0);
}

/** Without those whose signal has aborted, and whose listeners are yet to hear of it. */
function stillWanted(items: Items): Items {
  const wanted: Items = new Map();
  for (const [key, item] of items) {
    for (const member of [...item.members]) if (member.source?.aborted) member.abort(member.source.reason);
    if (item.members.size > 0) wanted.set(key, item);
  }
  return wanted;
}

/** A batch asks for what GETs ask for, so it may be sent again as one, whatever its method. */
function askingOf({ first, priority, arrived }: Sending, make: () => Request): Asking {
  const { key, retry, timeout } = first.lane ?? {};
  const lane: LaneInit = {};
  if (priority !== LEVELS.normal) lane.priority = priority;
  if (key !== undefined) lane.key = key;
  if (retry !== undefined) lane.retry = retry;
  if (typeof timeout === 'object' && timeout.attempt !== undefined) lane.timeout = { attempt: timeout.attempt };
  const request = make();
  return {
    request,
    reads: true,
    plain: false,
    windowless: first.windowless,
    lane,
    words: undefined,
    // Also where nothing is to be tried again: an emergency may take its slot.
    resend: make,
    arrived,
    priority,
    signal: request.signal,
    source: undefined,
  };
}

function sizeOf(body: BodyInit | null | undefined): number {
  if (typeof body === 'string') return byteLength(body);
  if (body instanceof URLSearchParams) return byteLength(String(body));
  const { size, byteLength: length } = (body ?? {}) as { size?: number; byteLength?: number };
  return size ?? length ?? 0;
}

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return /[^\0-\x7f]/.test(text) ? encoder.encode(text).length : text.length;
}
