import { page, type Sharer, type Want } from './page.js';

/**
 * Several instances on a page, of one copy of the package or of several, share the six connections to an origin: each is
 * told what the others hold, who has the most urgent call waiting is left the next slot, and an emergency takes a slot
 * from the instance with the least urgent call on the wire.
 */
export function join(sharer: Sharer): void {
  page().sharers.add(sharer);
  balanceKeys([...sharer.keys()]);
}

export function leave(sharer: Sharer): void {
  if (page().sharers.delete(sharer)) balanceKeys([...sharer.keys()]);
}

/** Puts one sharer in the place of another, which has handed its calls over. No third one gets a slot in between. */
export function replace(old: Sharer, by: Sharer): void {
  page().sharers.delete(old);
  join(by);
}

/** To be called after each event of a sharer. Costs nothing while it is alone. */
export function balance(): void {
  if (page().sharers.size > 1) balanceKeys([]);
}

/** Whatever starts because of what is told here touches its key again, so it goes round until nothing starts. */
function balanceKeys(keys: readonly string[]): void {
  const record = page();
  if (record.balancing) return;
  record.balancing = true;
  try {
    let touched = new Set(keys);
    do {
      for (const key of touched) balanceKey([...record.sharers], key);
      touched = new Set([...record.sharers].flatMap((sharer) => sharer.touched()));
    } while (touched.size > 0);
  } finally {
    record.balancing = false;
  }
}

function balanceKey(all: readonly Sharer[], key: string): void {
  const sharers = all.filter((sharer) => sharer.uses?.(key) ?? true);
  const [alone] = sharers;
  // As it is mostly.
  if (sharers.length === 1 && alone) {
    alone.foreignSlots(key, 0, Number.POSITIVE_INFINITY);
    return;
  }
  const shared = Math.max(...sharers.map((sharer) => sharer.limitOf(key)));
  const firsts = new Map(sharers.map((sharer) => [sharer, sharer.first(key)]));
  // Who is left the next slot is told last: by then the others know that it is kept from them.
  const order = sharers.toSorted(
    (a, b) => Number(isBefore(firsts.get(a), firsts.get(b))) - Number(isBefore(firsts.get(b), firsts.get(a))),
  );
  for (const sharer of order) {
    const mine = firsts.get(sharer);
    const kept = sharers.some(
      (other) => other !== sharer && firsts.get(other)?.ready && isBefore(firsts.get(other), mine),
    );
    sharer.foreignSlots(key, total(sharers, key) - sharer.running(key) + Number(kept), shared);
  }
  const waits = sharers.some((sharer) => {
    const first = sharer.first(key);
    return first?.ready && first.priority === Number.POSITIVE_INFINITY;
  });
  if (waits && total(sharers, key) >= shared) leastUrgent(sharers, key)?.yieldSlot(key);
}

function leastUrgent(sharers: readonly Sharer[], key: string): Sharer | undefined {
  const able = sharers.filter((sharer) => !Number.isNaN(sharer.preemptible(key)));
  return able.toSorted((a, b) => a.preemptible(key) - b.preemptible(key))[0];
}

function total(sharers: readonly Sharer[], key: string): number {
  return sharers.reduce((sum, sharer) => sum + sharer.running(key), 0);
}

function isBefore(a: Want | undefined, b: Want | undefined): boolean {
  if (!a || !b) return a !== undefined;
  return a.priority === b.priority ? a.since < b.since : a.priority > b.priority;
}
