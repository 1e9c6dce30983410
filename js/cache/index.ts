import { Handle, put, type Said } from '../border.js';
import { IndexEvent, Kind } from '../codes.js';

/** Which entries stay and which go: the core's index, by numbers that it gives. */
export class CacheIndex extends Handle {
  constructor(owner: string, said: Said) {
    super(owner, Kind.CacheIndex, said);
  }

  /** A key with this hash is asked for, whether it is kept or not. */
  asked(hash: number): void {
    this.event(IndexEvent.Asked, 0, hash);
  }

  /** An entry answered. */
  used(id: number): void {
    this.event(IndexEvent.Used, 0, id);
  }

  /** Both. */
  hit(id: number, hash: number): void {
    this.event(IndexEvent.Hit, 0, id, hash);
  }

  /**
   * Keeps an entry in the place of the one with this number; NaN: under a key of which nothing is kept. Returns its number,
   * NaN when it is too large. Then see what is {@link gone}.
   */
  put(place: number, hash: number, bytes: number, policy: ArrayLike<number>): number {
    this.use((core) => put(core, policy), undefined);
    return this.event(IndexEvent.Put, Number.NaN, place, hash, bytes, Date.now());
  }

  /** Entries that had to go since this was last asked. */
  gone(): readonly number[] {
    const all: number[] = [];
    const next = (): number => this.event(IndexEvent.Gone, -1);
    for (let id = next(); id >= 0; id = next()) all.push(id);
    return all;
  }

  remove(id: number): void {
    this.event(IndexEvent.Remove, 0, id);
  }

  /** Bytes that may be kept. */
  get most(): number {
    return this.event(IndexEvent.Most, 0);
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.event(IndexEvent.Bytes, 0);
  }

  /** How many had to go. */
  get evictions(): number {
    return this.event(IndexEvent.Evictions, 0);
  }
}
