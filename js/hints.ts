/** What a server says of how much it can take. */

/** From here on a number of seconds is a moment (this one in 2001), and not a wait (of 31 years). */
const MOMENT = 1e9;

/**
 * The pause that a response asks for, in milliseconds: by Retry-After with 429 or 503, or by rate limit headers that
 * have nothing left. Undefined where it asks for none.
 */
export function pauseAsked({ status, headers }: Response): number | undefined {
  const after = status === 429 || status === 503 ? retryAfter(headers) : undefined;
  return after ?? nothingLeft(headers);
}

/** In seconds, or until a date: by the server's own clock, if it tells it. */
function retryAfter(headers: Headers): number | undefined {
  const said = headers.get('retry-after')?.trim();
  if (!said) return undefined;
  if (/^\d+(\.\d+)?$/.test(said)) return Number(said) * 1000;
  // Browsers take nearly anything for a date; these two formats begin with the name of a day.
  const until = /^[A-Z][a-z]{2,8}, /.test(said) ? Date.parse(said) : Number.NaN;
  const now = Date.parse(headers.get('date') ?? '') || Date.now();
  return Number.isNaN(until) ? undefined : Math.max(0, until - now);
}

/** RateLimit (all the forms that drafts of the IETF gave it) and the older X-RateLimit-*. */
function nothingLeft(headers: Headers): number | undefined {
  const said = headers.get('ratelimit');
  if (said !== null) {
    const waits = said.split(',').length > 1 && !said.includes(';') ? [said] : said.split(',');
    const empty = waits.filter((limit) => /(?:^|[;,\s])(?:r|remaining)\s*=\s*0\b(?!\.)/.test(limit));
    const times = empty.map((limit) => Number(/(?:^|[;,\s])(?:t|reset)\s*=\s*(\d+)/.exec(limit)?.[1]) * 1000);
    const known = times.filter((time) => !Number.isNaN(time));
    return known.length > 0 ? Math.max(...known) : undefined;
  }
  for (const prefix of ['ratelimit-', 'x-ratelimit-', 'x-rate-limit-']) {
    if (headers.get(`${prefix}remaining`)?.trim() !== '0') continue;
    const reset = Number(headers.get(`${prefix}reset`) ?? Number.NaN);
    if (!(reset >= 0)) continue;
    if (reset < MOMENT) return reset * 1000;
    const moment = reset < MOMENT * 1000 ? reset * 1000 : reset;
    return Math.max(0, moment - Date.now());
  }
  return undefined;
}
