/**
 * sixlane: a drop-in replacement for `fetch` that schedules.
 *
 * Importing this touches no global, starts no timer and opens no storage.
 */
import { load } from './load.js';
import type { WasmSource } from './types.js';

export { isSixlaneError, SixlaneError, type SixlaneErrorCode } from './errors.js';
export { createFetch } from './fetch.js';
export { install, uninstall } from './install.js';
export type { Priority, PriorityName } from './levels.js';
export { createQueue } from './queue.js';
export type {
  AddOptions,
  AgingOptions,
  LaneInit,
  OriginStatus,
  Queue,
  QueueOptions,
  QueueStatus,
  QueueTask,
  Route,
  SixlaneFetch,
  SixlaneOptions,
  Status,
  TaskQueueOptions,
  Timeout,
  WasmSource,
} from './types.js';

/**
 * Compiles the module once for the page. Only `createQueue` needs it to be awaited; `createFetch` does it by itself.
 *
 * @param source where the module comes from; default `sixlane.wasm` beside this file
 * @throws (rejects) when there is no WebAssembly, a policy forbids it, or the module cannot be had
 */
export async function init(source?: WasmSource): Promise<void> {
  await load(source);
}

declare global {
  interface RequestInit {
    lane?: import('./types.js').LaneInit | undefined;
  }
}
