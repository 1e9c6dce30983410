import { isRegExp } from './platform.js';
import { isPlain, type RequestLike, realOf } from './requests.js';
import { defined } from './snapshot.js';
import type { LaneInit, Route } from './types.js';

/** Finds what the first matching route says. */
export interface Routing {
  of(request: RequestLike): LaneInit | undefined;
  /** The same of a GET that says no more than an address; null where it takes a request to tell. */
  ofAddress(url: string): LaneInit | null | undefined;
}

/** @throws TypeError when a pattern is no pattern, or this browser has no URLPattern */
export function compileRoutes(routes: readonly Route[] | undefined): Routing | undefined {
  if (!routes?.length) return undefined;
  const compiled = routes.map(({ match, method, ...lane }) => {
    const methods = method === undefined ? undefined : [method].flat().map((name) => name.toUpperCase());
    const test = typeof match === 'function' ? match : compileTest(match);
    return { test, byAddress: test !== match, methods, lane: defined(lane) };
  });
  return {
    of(request) {
      const known = isPlain(request) ? this.ofAddress(request.url) : null;
      if (known !== null) return known;
      const real = realOf(request);
      const method = real.method.toUpperCase();
      return compiled.find(({ test, methods }) => (!methods || methods.includes(method)) && test(real))?.lane;
    },
    ofAddress(url) {
      for (const { test, byAddress, methods, lane } of compiled) {
        if (methods && !methods.includes('GET')) continue;
        if (!byAddress) return null;
        if ((test as Test)({ url })) return lane;
      }
      return undefined;
    },
  };
}

export function compileMatch(match: Route['match']): (request: Request) => boolean {
  return typeof match === 'function' ? match : compileTest(match);
}

type Test = (request: { readonly url: string }) => boolean;

function compileTest(match: Exclude<Route['match'], (request: Request) => boolean>): Test {
  // `search` does not look at `lastIndex`, which a RegExp with the flag g carries from one call to the next.
  if (isRegExp(match)) return ({ url }) => url.search(match) >= 0;
  const pattern = patternOf(match);
  return ({ url }) => pattern.test(url);
}

export function patternOf(match: string | URLPattern): URLPattern {
  if (typeof match !== 'string') return match;
  if (globalThis.URLPattern) return new URLPattern({ pathname: match });
  throw new TypeError('a route whose `match` is a string needs URLPattern, which this browser lacks: use a RegExp');
}
