import { isSameOrigin } from '../addresses.js';
import { discard } from '../body.js';
import { Handle } from '../border.js';
import { BatchEvent, Division, Kind } from '../codes.js';
import { refusalReason } from '../errors.js';
import type { Asking, Network } from '../gets.js';
import { mayRepeat, termsOf } from '../lane.js';
import { read } from '../options.js';
import { isResponse, nameOf } from '../platform.js';
import { LONGEST_TIMER } from '../timeout.js';
import type { BatchRule } from '../types.js';
import { answerTo, divide } from './divide.js';
import { copyOf } from './items.js';
import type { Item, Member } from './member.js';
import { byteLength, requestOf } from './request.js';
import { askingOf, countOf, type Items, Sending, stillWanted } from './sending.js';
import { Windows } from './windows.js';

/** One address that takes batches: gathers what goes there, sends it, and learns what it takes. */
export class EndPoint {
  readonly #network: Network;
  readonly #rule: BatchRule;
  readonly #url: URL;
  readonly #core: Handle;
  readonly #windows: Windows<Item>;
  /** Batches that are not answered. */
  readonly #under = new Set<Sending>();
  /** It has answered once, whatever: where it cannot be had later, it is the network. */
  #answered = false;

  constructor(network: Network, rule: BatchRule, url: URL) {
    this.#network = network;
    this.#rule = rule;
    this.#url = url;
    this.#core = new Handle('createFetch', Kind.Batches, read('batch', rule, 'batch'));
    this.#windows = new Windows(this.#core, (items) => this.#ask(items));
  }

  /** It takes no batches. */
  get aside(): boolean {
    return this.#core.event(BatchEvent.Suspended, 1) === 1;
  }

  /** Its last caller has left. */
  get atRest(): boolean {
    return this.#under.size === 0 && this.#windows.isEmpty;
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

  /** Batches are so many times larger from now on, and wait so many times longer. */
  widen(times: number): void {
    // All that are open wait equally long.
    this.flush();
    this.#core.event(BatchEvent.Widen, 0, times);
  }

  /** Sends all open windows now. */
  flush(): void {
    this.#windows.flush();
  }

  /** Rejects the calls in open windows. Returns how many. */
  clear(reason: unknown): number {
    const members = this.#windows.clear().flatMap((item) => [...item.members]);
    const callers = countOf(members);
    for (const member of members) member.turnAway(reason);
    return callers;
  }

  async #ask(gathered: Items): Promise<void> {
    const items = stillWanted(gathered);
    if (items.size === 0) return;
    if (this.aside) return this.#singly(items);
    if (items.size > this.#most) return this.#inParts(items, this.#most);
    const sending = new Sending(items);
    let asking: Asking;
    try {
      const { make, bytes } = requestOf(sending, this.#rule, this.#url);
      // What the core counts is its own way to write them.
      const tooLarge = this.#rule.encode && this.#core.event(BatchEvent.Fits, 1, bytes) === 0;
      if (tooLarge) return items.size > 1 ? this.#inParts(items, Math.ceil(items.size / 2)) : this.#singly(items);
      asking = askingOf(sending, make);
    } catch (error) {
      globalThis.reportError?.(error);
      return this.#singly(items);
    }
    this.#under.add(sending);
    const { wire, response } = this.#network.send(asking, asking.request, sending);
    sending.sent(wire);
    let answer: Response;
    try {
      answer = await response;
    } catch (error) {
      // It may be that a page may not send this there: a page is not told.
      const lost = nameOf(error) === 'TypeError' && !wire.refusal && !sending.aborted;
      if (lost && !this.#answered && !isSameOrigin(this.#url.href)) this.#unreadable(items);
      else sending.reject(error);
      return;
    } finally {
      this.#under.delete(sending);
    }
    this.#answered = true;
    // A mock may answer with anything.
    if (!isResponse(answer)) return this.#unreadable(items);
    const next = this.#core.event(BatchEvent.Answered, Division.Divide, sending.keys.length, answer.status);
    if (next === Division.Divide) return this.#divide(sending, answer);
    if (next === Division.Give) return this.#give(items, answer);
    discard(answer);
    if (next === Division.Smaller) this.#ask(items);
    else this.#singly(items);
    this.#reconsider();
  }

  /** Keys that it is known to take at once. */
  get #most(): number {
    return this.#core.event(BatchEvent.Most, Number.POSITIVE_INFINITY);
  }

  /** What was learned of it holds for those, too, that still wait for a slot. */
  #reconsider(): void {
    for (const sending of this.#under) {
      const unfit = this.aside || sending.keys.length > this.#most;
      if (unfit && sending.at === 0) this.#ask(sending.withdraw());
    }
  }

  /** As few as there can be with so many keys at most, and about as large. */
  #inParts(items: Items, most: number): void {
    const all = [...items];
    const size = Math.ceil(all.length / Math.ceil(all.length / most));
    for (let start = 0; start < all.length; start += size) this.#ask(new Map(all.slice(start, start + size)));
  }

  #singly(items: Items): void {
    for (const { members } of items.values()) for (const member of [...members]) member.goAlone(this.#network);
  }

  #unreadable(items: Items): void {
    this.#core.event(BatchEvent.Read, 0, 0);
    this.#singly(items);
    this.#reconsider();
  }

  /** What was answered to all, each gets as an answer of its own. */
  async #give(items: Items, answer: Response): Promise<void> {
    let body: ArrayBuffer;
    try {
      body = await answer.arrayBuffer();
    } catch (error) {
      for (const { members } of items.values()) for (const member of [...members]) member.reject(error);
      return;
    }
    for (const { members } of items.values()) for (const member of members) member.storable = false;
    const given = [...items.values()].every((item) => answerTo(item, (request) => copyOf(request, answer, body)));
    // A mock may have a status that no response can be made with.
    if (!given) this.#unreadable(items);
  }

  async #divide(sending: Sending, answer: Response): Promise<void> {
    const stop = this.#limitAttempt(sending);
    const outcome = await divide(sending, answer, this.#rule);
    stop();
    // All callers have left, which may be why it broke off.
    if (sending.aborted) return;
    if (outcome === 'read') this.#core.event(BatchEvent.Read, 0, 1);
    if (outcome === 'unreadable') this.#unreadable(sending.items);
    else this.#singly(sending.items);
  }

  /** The attempt of a batch ends with its headers, that of a call with those of its part. Returns how to end the watch. */
  #limitAttempt(sending: Sending): () => void {
    const { lane } = sending.first;
    const { timeout, retry } = lane ?? {};
    const limit = typeof timeout === 'object' ? timeout.attempt : undefined;
    if (limit === undefined || limit > LONGEST_TIMER) return () => {};
    const expire = (): void => {
      const late = sending.withdraw();
      const again = retry !== false && mayRepeat(termsOf(lane), 'GET', false);
      if (again) this.#singly(late);
      else
        for (const { members } of late.values()) for (const member of members) member.reject(refusalReason('timeout'));
    };
    const timer = setTimeout(expire, limit - (performance.now() - sending.at));
    return () => clearTimeout(timer);
  }
}
