/** Calls on tracks of the browser's own performance panel. */
import type { Brought, Call, Recorder } from './call.js';
import { isResponse } from './platform.js';

type Stamp = (label: string, start: number, end: number, track: string, group: string, color: string) => void;

const GROUP = 'sixlane';

/** One entry for the wait of each attempt, one until its headers, one for its body. Nothing stays of them in the page. */
export class Trace implements Recorder {
  readonly #last = new WeakMap<Call, number>();

  ended(call: Call, { response }: Brought): void {
    const now = performance.now();
    const status = isResponse(response) ? response.status : 0;
    const ok = response !== undefined && status < 400;
    const label = labelOf(call);
    const since = this.#last.get(call) ?? call.arrived;
    stamp(`${label} waits`, since, call.at, call.key, GROUP, 'tertiary-light');
    stamp(status ? `${label} ${status}` : label, call.at, now, call.key, GROUP, ok ? 'primary' : 'error');
    this.#last.set(call, now);
  }

  read(call: Call): void {
    const since = this.#last.get(call);
    if (since !== undefined) stamp(`${labelOf(call)} body`, since, performance.now(), call.key, GROUP, 'primary-light');
  }
}

function labelOf({ request }: Call): string {
  return `${request.method} ${new URL(request.url).pathname}`;
}

function stamp(...args: Parameters<Stamp>): void {
  // A browser without such tracks takes the first argument alone, and that would be noise.
  if (args[2] - args[1] >= 0) (console.timeStamp as unknown as Stamp | undefined)?.apply(console, args);
}
