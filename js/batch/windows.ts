import type { Handle } from '../border.js';
import { BatchEvent } from '../codes.js';
import { trapped } from '../load.js';
import { afterWindow } from './window.js';

/** What the core says of a key: see `add` in the shell. */
const GOES = 1;
const BEGINS_ANOTHER = 2;

/** Keys that are gathered, each with what its owner keeps for it. */
export type Batch<T> = Map<unknown, T>;

interface Group<T> {
  readonly name: string;
  readonly number: number;
  batch: Batch<T>;
}

/** Batches while they are gathered. When one goes, the core says. */
export class Windows<T> {
  readonly #core: Handle;
  readonly #send: (batch: Batch<T>) => void;
  readonly #groups = new Map<string, Group<T>>();
  /** The groups as the core knows them; numbers of those that are gone are for others. */
  readonly #numbers: (Group<T> | undefined)[] = [];
  readonly #free: number[] = [];
  /** Stops the wait that is under way. */
  #stop: (() => void) | undefined;

  constructor(core: Handle, send: (batch: Batch<T>) => void) {
    this.#core = core;
    this.#send = send;
  }

  /** Whether nothing is gathered. */
  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  find(name: string, key: unknown): T | undefined {
    return this.#groups.get(name)?.batch.get(key);
  }

  /** A key that is not there yet. Returns false when it is too large for any batch. */
  add(name: string, key: unknown, bytes: number, priority: number, kept: T): boolean {
    const group = this.#groups.get(name) ?? this.#open(name);
    // Without the core, each goes by itself.
    const place = this.#core.event(BatchEvent.Add, GOES, group.number, bytes, priority);
    if (place < 0) {
      if (group.batch.size === 0) this.#take(group);
      return false;
    }
    const before = place & BEGINS_ANOTHER ? group.batch : undefined;
    if (before) group.batch = new Map();
    group.batch.set(key, kept);
    const now = place & GOES ? this.#take(group) : undefined;
    if (before) this.#send(before);
    if (now) this.#send(now);
    else this.#setTimer();
    return true;
  }

  /** Another call asks for a key that the window has already. */
  urge(name: string, priority: number): void {
    const group = this.#groups.get(name);
    const { number } = group ?? {};
    if (number !== undefined && this.#core.event(BatchEvent.Urge, 0, number, priority) === 1) this.#go(group);
  }

  /** Its last caller has left. */
  remove(name: string, key: unknown, bytes: number): void {
    const group = this.#groups.get(name);
    if (!group?.batch.delete(key)) return;
    this.#core.event(BatchEvent.Remove, 0, group.number, bytes);
    if (group.batch.size === 0) this.#take(group);
  }

  /** Sends what is gathered in this group, or in all. */
  flush(name?: string): void {
    const groups = name === undefined ? [...this.#groups.values()] : [this.#groups.get(name)];
    for (const group of groups) {
      // Sending one may fill another, and its number may be reused by now.
      if (!group || this.#numbers[group.number] !== group) continue;
      this.#core.event(BatchEvent.Close, 0, group.number);
      this.#go(group);
    }
  }

  /** Takes all that is gathered, which is not sent. */
  clear(): readonly T[] {
    this.#stop?.();
    this.#stop = undefined;
    const all: T[] = [];
    for (const group of [...this.#groups.values()]) {
      this.#core.event(BatchEvent.Close, 0, group.number);
      all.push(...this.#take(group).values());
    }
    return all;
  }

  #open(name: string): Group<T> {
    const group: Group<T> = { name, number: this.#free.pop() ?? this.#numbers.length, batch: new Map() };
    this.#groups.set(name, group);
    this.#numbers[group.number] = group;
    return group;
  }

  /** The core has closed it. */
  #take({ name, number, batch }: Group<T>): Batch<T> {
    this.#groups.delete(name);
    this.#numbers[number] = undefined;
    this.#free.push(number);
    return batch;
  }

  #go(group: Group<T> | undefined): void {
    if (group && this.#numbers[group.number] === group) this.#send(this.#take(group));
  }

  /** All wait equally long, so the first that waits when the timer is set is the first due. */
  #setTimer(): void {
    if (this.#stop) return;
    const wait = this.#core.event(BatchEvent.Wait, Number.NaN);
    if (Number.isNaN(wait)) return;
    this.#stop = afterWindow(wait, (early) => this.#wake(early));
  }

  #wake(early: boolean): void {
    this.#stop = undefined;
    const due = (): number => this.#core.event(BatchEvent.Due, -1);
    for (let number = due(); number >= 0; number = due()) this.#go(this.#numbers[number]);
    // Without the core there is no deadline any more.
    if (early || trapped()) this.flush();
    // In Firefox a timer may come before its time.
    else this.#setTimer();
  }
}
