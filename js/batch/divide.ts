/** An answer to a batch, taken apart: each caller gets its part. */
import type { RequestLike } from '../requests.js';
import type { BatchItem, BatchRule } from '../types.js';
import { decode, itemOf, linesOf, noStoreOf, notFound, respond } from './items.js';
import type { Item } from './member.js';
import type { Items, Sending } from './sending.js';

/** Whether it could be read; that it broke off says nothing of the end point. Who has no answer then is still wanted. */
export type Division = 'read' | 'unreadable' | 'broken';

const LINES = /^application\/(x-)?ndjson\b/i;

export function divide(sending: Sending, answer: Response, rule: BatchRule): Promise<Division> {
  const lines = LINES.test(answer.headers.get('content-type') ?? '');
  return lines ? byLines(sending.items, answer) : asWhole(sending, answer, rule);
}

async function asWhole({ items, keys }: Sending, answer: Response, rule: BatchRule): Promise<Division> {
  let text: string;
  try {
    text = await answer.text();
  } catch {
    return 'broken';
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return 'unreadable';
  }
  let find: (key: string) => BatchItem | undefined;
  try {
    find = finderIn((rule.decode ?? decode)(body, keys), keys);
  } catch (error) {
    if (rule.decode) globalThis.reportError?.(error);
    return 'unreadable';
  }
  const noStore = noStoreOf(answer);
  let answered = 0;
  for (const item of [...items.values()]) {
    const make = (request: RequestLike): Response => {
      const part = find(item.key);
      return part ? respond(request, part, noStore) : notFound(request, noStore);
    };
    if (!answerTo(item, make, rule.decode && globalThis.reportError)) continue;
    items.delete(item.key);
    answered += 1;
  }
  // One item that is wrong is no reason to ask for all others one by one.
  return answered > 0 || items.size === 0 ? 'read' : 'unreadable';
}

/** @throws TypeError when it is no Map, or one of other keys than those that were asked for */
function finderIn(
  found: ReturnType<NonNullable<BatchRule['decode']>>,
  keys: readonly string[],
): (key: string) => BatchItem | undefined {
  if (typeof found?.get !== 'function') throw new TypeError('`decode` must return a Map');
  const known = new Set(keys);
  if (found.size > 0 && ![...found.keys()].some((key) => known.has(key))) {
    throw new TypeError('`decode` must return a Map by the keys that it was given, which are strings');
  }
  return (key) => found.get(key);
}

/** Settles each item as its line arrives. */
async function byLines(items: Items, answer: Response): Promise<Division> {
  const noStore = noStoreOf(answer);
  const unusable = new Set<Item>();
  let answered = 0;
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
    if (!item) return true;
    if (answerTo(item, (request) => respond(request, part, noStore))) {
      items.delete(key);
      answered += 1;
    } else unusable.add(item);
    return true;
  };
  try {
    if (!answer.body) return 'unreadable';
    const wanted = (): boolean => items.size > 0;
    for await (const lines of linesOf(answer.body, wanted)) if (!lines.every(take)) return 'unreadable';
  } catch {
    return items.size === 0 ? 'read' : 'broken';
  }
  for (const item of [...items.values()]) {
    if (!unusable.has(item) && answerTo(item, (request) => notFound(request, noStore))) items.delete(item.key);
  }
  return answered > 0 || unusable.size === 0 ? 'read' : 'unreadable';
}

/** Answers all who ask for it. Whether there is such an answer; if not, `report` hears why. */
export function answerTo(
  { members }: Item,
  make: (request: RequestLike) => Response,
  report?: (error: unknown) => void,
): boolean {
  for (const member of [...members]) {
    let response: Response;
    try {
      response = make(member.asking.request);
    } catch (error) {
      report?.(error);
      return false;
    }
    members.delete(member);
    member.resolve(response);
  }
  return true;
}
