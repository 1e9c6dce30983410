/** Who makes the calls of a scene. Each side is a fetch, with a column and a line in the chart. */
import { createFetch } from 'sixlane';
import { lookInto } from './inside.js';

export const TITLES = {
  native: 'Native fetch',
  naive: 'Naive retry',
  sixlane: 'sixlane',
  batched: 'sixlane with a rule',
};

/** Also for the page's own requests. */
export const nativeFetch = globalThis.fetch.bind(globalThis);

/** With its defaults. */
export const sixlane = createFetch();

/** What many pages have: three more attempts after these milliseconds, whatever went wrong and for whomever else. */
const DELAYS = [300, 600, 1200];

async function naiveFetch(input, init) {
  for (const delay of DELAYS) {
    const response = await nativeFetch(input, init).catch(() => undefined);
    if (response && response.status !== 429 && response.status < 500) return response;
    await response?.arrayBuffer();
    if (init.signal.aborted) break;
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
  return nativeFetch(input, init);
}

/** The fetch of a side for one run, `ready` when it schedules, with `close()` for when it is over. */
export function openFetch(side, { options }) {
  if (side === 'native') return { fetch: nativeFetch, close() {} };
  if (side === 'naive') return { fetch: naiveFetch, close() {} };
  if (!options?.[side]) return { fetch: sixlane, ready: sixlane.ready, close() {} };
  const own = createFetch(options[side]);
  lookInto({ [TITLES[side]]: own });
  return { fetch: own, ready: own.ready, close: () => own.close() };
}
