import type { Core } from './border.js';
import { nativeFetch } from './page.js';
import { isResponse, tagOf } from './platform.js';
import type { WasmSource } from './types.js';

let loading: Promise<Core> | undefined;
let running: Core | undefined;
let trap: Error | undefined;

/** The module once it runs; undefined before, and for good after a trap. */
export function loaded(): Core | undefined {
  return running;
}

/** @throws Error when the module does not run, naming the function that needs it */
export function need(owner: string): Core {
  if (!running) throw trap ?? new Error(`sixlane is not loaded: await init() before ${owner}()`);
  return running;
}

/** Whether the module has trapped, and is not to be touched any more. */
export function trapped(): boolean {
  return trap !== undefined;
}

/** Compiles and starts the module once for the page; a failure is not kept, so that it can be tried again. */
export function load(source?: WasmSource): Promise<Core> {
  if (trap) return Promise.reject(trap);
  loading ??= start(source).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/** What the module says, or what holds without it: it may trap, and is not touched again then. */
export function consult<R>(ask: (core: Core) => R, without: R): R {
  if (!running) return without;
  try {
    return ask(running);
  } catch (error) {
    failed(error);
    return without;
  }
}

/** To be called with what was thrown while the module ran: a trap is the end of it, all else goes on. */
export function failed(error: unknown): void {
  if (!(error instanceof WebAssembly.RuntimeError)) throw error;
  poison(error);
}

/** Uses the module, and wants to hear when it traps. */
interface User {
  trapped(error: Error): void;
}

const users = new Set<WeakRef<User>>();
const gone = new FinalizationRegistry((user: WeakRef<User>) => users.delete(user));

/** Calls `user.trapped` when the module traps, and does not keep the user alive for that. Returns how to stop. */
export function onTrap(user: User): () => void {
  const weak = new WeakRef(user);
  users.add(weak);
  gone.register(user, weak);
  return () => users.delete(weak);
}

/** Ends the use of the module after a trap: its memory may be inconsistent. */
export function poison(cause: unknown): Error {
  if (trap) return trap;
  running = undefined;
  trap = new Error('the WebAssembly module trapped', { cause });
  for (const user of users) user.deref()?.trapped(trap);
  return trap;
}

/** No JavaScript value ever crosses, so the table for them stays as it is. */
const IMPORTS = { './sixlane_bg.js': { __wbindgen_init_externref_table: () => {} } };

async function start(source: WasmSource = new URL('./sixlane.wasm', import.meta.url)): Promise<Core> {
  if (typeof WebAssembly === 'undefined') throw new Error('this host has no WebAssembly');
  const module = await compile(source);
  const { exports } = await WebAssembly.instantiate(module, IMPORTS);
  // A plain object: to call what another one, whose properties may not be optimised, has takes longer.
  running = { ...exports } as unknown as Core;
  return running;
}

/** A module from wherever it comes; through the native fetch, for ours would wait for it. */
export async function compile(source: WasmSource, signal?: AbortSignal): Promise<WebAssembly.Module> {
  if (tagOf(source) === 'WebAssembly.Module') return source as WebAssembly.Module;
  if (typeof source === 'string' || tagOf(source) === 'URL') {
    // The native one: through ourselves it would wait for itself.
    return compile(await nativeFetch()(source as string | URL, signal && { signal }));
  }
  if (!isResponse(source)) return WebAssembly.compile(source as BufferSource);
  if (!source.ok) throw new Error(`${source.url} answered ${source.status}`);
  // A server that does not know the type of .wasm files is common, and compileStreaming insists on it.
  const streams = source.headers.get('content-type')?.startsWith('application/wasm');
  return streams ? WebAssembly.compileStreaming(source) : WebAssembly.compile(await source.arrayBuffer());
}
