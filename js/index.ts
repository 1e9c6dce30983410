/**
 * sixlane: a drop-in replacement for `fetch` that schedules.
 *
 * Importing this touches no global, starts no timer and opens no storage.
 */
import { load } from './load.js';
import type { WasmSource } from './types.js';

export { createBatcher } from './batch/create.js';
export { createCircuitBreaker } from './breaker.js';
export { createCache } from './cache/create.js';
export { isSixlaneError, SixlaneError, type SixlaneErrorCode } from './errors.js';
export { createFetch } from './fetch.js';
export { install, uninstall } from './install.js';
export type { Priority, PriorityName } from './levels.js';
export { createRateLimiter } from './limiter.js';
export { createQueue } from './queue.js';
export { createRetry } from './retry.js';
export type {
  AddOptions,
  AgingOptions,
  Batcher,
  BatcherOptions,
  BatchItem,
  BatchLoad,
  BatchRule,
  BreakerOptions,
  BreakerState,
  BreakerStatus,
  Cache,
  CacheLoader,
  CacheOptions,
  CacheRule,
  CacheStats,
  CacheTier,
  CircuitBreaker,
  LaneInit,
  LoadOptions,
  OriginStatus,
  Queue,
  QueueOptions,
  QueueStatus,
  QueueTask,
  RateLimiter,
  RateLimitOptions,
  RateVerdict,
  Retry,
  RetryOptions,
  RetryTask,
  Route,
  SixlaneFetch,
  SixlaneOptions,
  Status,
  TaskQueueOptions,
  Timeout,
  WasmSource,
} from './types.js';

/**
 * Compiles the module once for the page. Only `createQueue`, `createBatcher`, `createCache`, `createRetry`,
 * `createCircuitBreaker` and `createRateLimiter` need it to be awaited; `createFetch` does it by itself.
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
