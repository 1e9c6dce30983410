import { page, type Sharer, type Want } from './page.js';

/**
 * Several instances on a page, of one copy of the package or of several, share the six connections to an origin: each is
 * told what the others hold, and who has the most urgent call waiting is left the next slot.
 */
export function join(sharer: Sharer): void {
  page().sharers.add(sharer);
  balance(sharer);
}

export function leave(sharer: Sharer): void {
  const { sharers } = page();
  if (!sharers.delete(sharer)) return;
  for (const other of sharers) for (const key of [...other.keys()]) balanceKey([...sharers], key);
}

/** To be called after each event of a sharer. Costs nothing while it is alone. */
export function balance(sharer: Sharer): void {
  const record = page();
  if (record.balancing || record.sharers.size < 2) return;
  record.balancing = true;
  try {
    for (const key of [...sharer.keys()]) balanceKey([...record.sharers], key);
  } finally {
    record.balancing = false;
  }
}

/** A start changes what the others are told, so it goes round until nothing changes; each round but the last starts a call. */
function balanceKey(sharers: readonly Sharer[], key: string): void {
  const shared = Math.max(...sharers.map(({ perLane }) => perLane));
  for (let before = Number.NaN, now = total(sharers, key); now !== before; before = now, now = total(sharers, key)) {
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
      sharer.elsewhere(key, total(sharers, key) - sharer.running(key) + Number(kept), shared);
    }
  }
}

function total(sharers: readonly Sharer[], key: string): number {
  return sharers.reduce((sum, sharer) => sum + sharer.running(key), 0);
}

function isBefore(a: Want | undefined, b: Want | undefined): boolean {
  if (!a || !b) return a !== undefined;
  return a.priority === b.priority ? a.since < b.since : a.priority > b.priority;
}
