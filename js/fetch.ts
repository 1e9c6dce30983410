import { Instance } from './instance.js';
import type { Priority } from './levels.js';
import { page } from './page.js';
import type { SixlaneFetch, SixlaneOptions } from './types.js';

/**
 * Starts an instance. Returns at once. Until the module is compiled, up to six calls to an origin go to native fetch at
 * once and the others wait in order of priority.
 *
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown. Where the module is
 * not compiled yet, `ready` and every call reject with it instead.
 */
export function createFetch(options: SixlaneOptions = {}): SixlaneFetch {
  return surfaceOf(new Instance(options), () => false);
}

/** One to be put in the place of fetch: when it is closed, calls that still lead here go on to what was there before. */
export function createInstalled(options: SixlaneOptions = {}): SixlaneFetch {
  const instance = new Instance(options);
  instance.installed = true;
  return surfaceOf(instance, (self) => self !== undefined && self !== null && self !== globalThis);
}

/** @param isForeign whether native fetch is to say what it says to that `this` */
function surfaceOf(instance: Instance, isForeign: (self: unknown) => boolean): SixlaneFetch {
  // As the native function it has this name, one parameter, and is no constructor.
  const { fetch: surface } = {
    fetch(this: unknown, input: RequestInfo | URL): Promise<Response> {
      // biome-ignore lint/complexity/noArguments: rest parameters would need a copy to tell none from undefined
      const args = arguments;
      return promised(() => {
        if (isForeign(this)) return Reflect.apply(instance.transport.before, this, args);
        return args.length === 0 ? instance.transport.native() : instance.fetch(input, args[1], false);
      });
    },
  };
  // Whoever puts it in the place of fetch must not make us call ourselves.
  page().replaced.set(surface, instance.transport.before);
  return Object.assign(surface, {
    ready: instance.ready,
    events: instance.events,
    status: () => instance.status(),
    cache: instance.cache,
    monitor: instance.monitor,
    degradation: instance.degradation,
    preload: (input: RequestInfo | URL, init?: RequestInit) => instance.preload(input, init),
    clear: (reason?: unknown) => instance.clear(reason),
    waiting: () => instance.waiting(),
    cancel: (id: number, reason?: unknown) => instance.cancel(id, reason),
    setPriority: (id: number, priority: Priority) => instance.setPriority(id, priority),
    pause: () => instance.pause(),
    resume: () => instance.resume(),
    emergency: (...args: [] | [input: RequestInfo | URL, init?: RequestInit]) =>
      promised(() => (args.length === 0 ? instance.transport.native() : instance.fetch(args[0], args[1], true))),
    close: () => instance.close(),
  });
}

/** Whatever it is called with, what goes wrong rejects. */
function promised(call: () => Promise<Response>): Promise<Response> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}
