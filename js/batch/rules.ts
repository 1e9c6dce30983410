import { withoutFragment } from '../addresses.js';
import { isRegExp } from '../platform.js';
import { type RequestLike, realOf } from '../requests.js';
import { compileMatch, patternOf } from '../routes.js';
import type { BatchRule } from '../types.js';

type Predicate = (request: Request) => boolean;

/** A rule that is ready to be asked. */
export interface Rule {
  readonly options: BatchRule;
  /** What a batch asks for in place of a request, and what else its address says; undefined when the rule is not for it. */
  find(request: RequestLike): Found | undefined;
}

interface Found {
  /** Undefined: the rule is for it, but names no key, and it goes by itself. */
  readonly key: string | undefined;
  /** The same for all that may be asked for together. */
  readonly rest: string;
}

/** @throws TypeError when a rule finds no key, or this browser has no URLPattern */
export function compileRules(rules: readonly BatchRule[] = []): readonly Rule[] {
  return rules.map((options, index) => {
    const { match, endpoint, key } = options;
    try {
      // The base is of no matter: each request has its own.
      new URL(endpoint, 'https://localhost');
    } catch {
      throw new TypeError(`\`batch[${index}].endpoint\` must be a URL or a path, got "${endpoint}"`);
    }
    if (!key && !namesKey(match)) {
      const names = 'have a named group, which is the key, as in "/api/users/:id"; or say `key`';
      throw new TypeError(`\`batch[${index}].match\` must ${names}`);
    }
    const find = key ? byFunction(compileMatch(match), key) : byGroup(match as Exclude<typeof match, Predicate>);
    return { options, find };
  });
}

/** What makes the difference between two of them, `key` has to say itself. */
function byFunction(matches: Predicate, key: (request: Request) => unknown): Rule['find'] {
  return (asked) => {
    const request = realOf(asked);
    if (!matches(request)) return undefined;
    const own = key(request);
    // To name none is its right.
    if (own === undefined || own === null) return { key: undefined, rest: '' };
    if (typeof own !== 'string') throw new TypeError(`\`key\` must return a string or undefined, got ${typeof own}`);
    return { key: own, rest: '' };
  };
}

/** Two that may be asked for together differ in their keys alone. */
function byGroup(match: RegExp | string | URLPattern): Rule['find'] {
  const find = isRegExp(match) ? spanByRegExp(match) : spanByPattern(patternOf(match));
  return (request) => {
    const url = withoutFragment(request.url);
    const span = find(url);
    if (!span) return undefined;
    const [start, end] = span;
    const raw = url.slice(start, end);
    const query = url.indexOf('?');
    // In a query, and nowhere else, it stands for a space.
    const text = query >= 0 && query < start ? raw.replaceAll('+', ' ') : raw;
    const rest = `${url.slice(0, start)}\n${url.slice(end)}`;
    // In a path an escaped slash is part of a name, and another one is between two.
    const [plain, escaped] = [text.includes('/'), /%2f/i.test(text)];
    if (text === '' || (plain && escaped)) return { key: undefined, rest };
    return { key: decoded(text), rest: escaped ? `${rest}\nescaped` : rest };
  };
}

/** The query that calls have in common, by what their addresses say beside the key: without the parameter that is the key. */
export function queryOf(rest: string): string {
  const [before = '', end = ''] = rest.split('\n');
  const query = before.indexOf('?');
  if (query < 0) return end.slice(end.indexOf('?') + 1 || end.length);
  return [
    ...before
      .slice(query + 1)
      .split('&')
      .slice(0, -1),
    ...end.split('&').slice(1),
  ].join('&');
}

/** Where the key stands in an address: nowhere for one that matches without; undefined for one that does not match. */
type FindSpan = (url: string) => readonly [start: number, end: number] | undefined;

const NOWHERE = [0, 0] as const;

function spanByRegExp(match: RegExp): FindSpan {
  // Of our own: with the flag g, or y, it carries `lastIndex` from one call to the next.
  const own = new RegExp(match.source, match.flags.includes('d') ? match.flags : `${match.flags}d`);
  return (url) => {
    own.lastIndex = 0;
    const found = own.exec(url);
    return found ? (Object.values(found.indices?.groups ?? {}).find(Boolean) ?? NOWHERE) : undefined;
  };
}

function spanByPattern(pattern: URLPattern): FindSpan {
  return (url) => {
    const found = pattern.exec(url);
    if (!found) return undefined;
    const { origin, pathname } = new URL(url);
    const starts = { pathname: origin.length, search: origin.length + pathname.length + 1 };
    for (const part of PARTS) {
      const { input, groups } = found[part];
      const key = Object.entries(groups).find(([name, text]) => text && !/^\d/.test(name))?.[1];
      if (!key) continue;
      const start = starts[part] + placeIn(pattern[part], input, key);
      return [start, start + key.length];
    }
    return NOWHERE;
  };
}

const PARTS = ['pathname', 'search'] as const;

/** A pattern does not tell where its groups are, but what stands before the first one does. */
function placeIn(pattern: string, input: string, key: string): number {
  const [literal = ''] = pattern.split(/[:*+?(){}\\]/, 1);
  return pattern[literal.length] === ':' ? literal.length : input.lastIndexOf(key);
}

function namesKey(match: BatchRule['match']): boolean {
  if (typeof match === 'function') return false;
  // With an alternative that is empty, it matches anything, and tells the names.
  if (isRegExp(match)) return new RegExp(`${match.source}|`, match.flags).exec('')?.groups !== undefined;
  const parts = typeof match === 'string' ? [match] : PARTS.map((part) => match[part]);
  return parts.some((part) => /(^|[^\\]):[\p{ID_Start}$_]/u.test(part));
}

/** Undefined for what is not encoded as it should be: as a key, it would be that of another address, too. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
