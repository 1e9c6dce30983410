import type { Asking, Sent } from '../gets.js';
import type { Source } from '../joint.js';
import { LEVELS } from '../levels.js';
import type { LaneInit } from '../types.js';
import type { Holder, Item, Member } from './member.js';
import type { Batch } from './windows.js';

export type Items = Batch<Item>;

/** A batch on the wire. It is aborted when the callers of all its items have left. */
export class Sending implements Source, Holder {
  /** What is still wanted, of what was asked for. */
  readonly items: Items;
  /** The items of the request, also those whose callers have left. */
  readonly keys: readonly string[];
  /** In what matters to the request, its members are alike. */
  readonly first: Asking;
  readonly rest: string;
  priority = Number.NEGATIVE_INFINITY;
  arrived = Number.POSITIVE_INFINITY;
  #wire: Sent | undefined;
  #ended: { readonly reason: unknown } | undefined;

  constructor(items: Items) {
    this.items = items;
    this.keys = [...items.values()].map(({ key }) => key);
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

  /** When it was sent, on the clock of the page; 0 while it waits for a slot. */
  get at(): number {
    return this.#wire?.at ?? 0;
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
    if (this.items.size === 0) this.#end(reason);
  }

  /** What is wanted of it goes another way. */
  withdraw(): Items {
    const items: Items = new Map(this.items);
    this.items.clear();
    this.#end(new DOMException('its calls go another way', 'AbortError'));
    return items;
  }

  raised({ priority }: Member): void {
    if (priority <= this.priority) return;
    this.priority = priority;
    this.#wire?.raise(priority);
  }

  reject(reason: unknown): void {
    for (const member of this.#members()) member.reject(reason);
  }

  #end(reason: unknown): void {
    this.#ended = { reason };
    this.#wire?.abort(reason);
  }

  *#members(): Generator<Member> {
    for (const { members } of this.items.values()) yield* members;
  }
}

/** Of those who ask for it together, each is one. */
export function countOf(members: Iterable<Member>): number {
  return [...members].reduce((sum, { callers }) => sum + callers, 0);
}

/** Without those whose signal has aborted, and whose listeners are yet to hear of it. */
export function stillWanted(items: Items): Items {
  const wanted: Items = new Map();
  for (const [key, item] of items) {
    for (const member of [...item.members]) if (member.source?.aborted) member.abort(member.source.reason);
    if (item.members.size > 0) wanted.set(key, item);
  }
  return wanted;
}

/** A batch asks for what GETs ask for, so it may be sent again as one, whatever its method. */
export function askingOf({ first, priority, arrived }: Sending, make: () => Request): Asking {
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
    // Also where nothing is to be tried again: an emergency may take its slot.
    resend: make,
    arrived,
    priority,
    signal: request.signal,
    source: undefined,
  };
}
