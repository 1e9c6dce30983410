import type { LaneInit, Route } from './types.js';

/** Finds what the first matching route says of a request. */
export type Routing = (request: Request) => LaneInit | undefined;

/** @throws TypeError when a pattern is no pattern, or this browser has no URLPattern */
export function compileRoutes(routes: readonly Route[] | undefined): Routing | undefined {
  if (!routes?.length) return undefined;
  const compiled = routes.map(({ match, method, ...lane }) => {
    const methods = method === undefined ? undefined : [method].flat().map((name) => name.toUpperCase());
    return { matches: compileMatch(match), methods, lane };
  });
  return (request) =>
    compiled.find(
      ({ matches, methods }) => (!methods || methods.includes(request.method.toUpperCase())) && matches(request),
    )?.lane;
}

export function compileMatch(match: Route['match']): (request: Request) => boolean {
  if (typeof match === 'function') return match;
  // `search` does not look at `lastIndex`, which a RegExp with the flag g carries from one call to the next.
  if (match instanceof RegExp) return ({ url }) => url.search(match) >= 0;
  const pattern = patternOf(match);
  return ({ url }) => pattern.test(url);
}

export function patternOf(match: string | URLPattern): URLPattern {
  if (typeof match !== 'string') return match;
  if (globalThis.URLPattern) return new URLPattern({ pathname: match });
  throw new TypeError('a route whose `match` is a string needs URLPattern, which this browser lacks: use a RegExp');
}
