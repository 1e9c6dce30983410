/**
 * sixlane: a drop-in replacement for `fetch` that schedules.
 *
 * Importing this touches no global, starts no timer and opens no storage.
 */
import { load } from './load.js';
import { blocks, loadParts, needPart, watch } from './ondemand.js';
import type {
  Batcher,
  BatcherOptions,
  BatchLoad,
  BreakerOptions,
  CircuitBreaker,
  DegradationOptions,
  LoneDegradation,
  LoneMonitor,
  Monitor,
  MonitorOptions,
  Queue,
  RateLimiter,
  RateLimitOptions,
  Retry,
  RetryOptions,
  TaskQueueOptions,
  WasmSource,
} from './types.js';

export { createCache } from './cache/create.js';
export { isSixlaneError, SixlaneError, type SixlaneErrorCode } from './errors.js';
export { createFetch } from './fetch.js';
export { install, uninstall } from './install.js';
export type { Priority, PriorityName } from './levels.js';
export type {
  AddOptions,
  AgingOptions,
  Alert,
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
  Degradation,
  DegradationAction,
  DegradationLevel,
  DegradationOptions,
  DegradationRule,
  LaneInit,
  LoadOptions,
  LoneDegradation,
  LoneMonitor,
  Meter,
  Monitor,
  MonitorOptions,
  MonitorReport,
  OriginStatus,
  Quantiles,
  Queue,
  QueueOptions,
  QueueStatus,
  QueueTask,
  RateLimiter,
  RateLimitOptions,
  RateVerdict,
  RecordedCall,
  Retry,
  RetryOptions,
  RetryTask,
  Route,
  Sample,
  SixlaneFetch,
  SixlaneOptions,
  Status,
  TaskQueueOptions,
  Timeout,
  Trend,
  Trigger,
  WaitingCall,
  WasmSource,
} from './types.js';

/**
 * Compiles the module once for the page, and loads the file of what stands by itself. Only `createQueue`, `createBatcher`, `createCache`, `createRetry`,
 * `createCircuitBreaker` and `createRateLimiter` need it to be awaited; `createFetch` does it by itself.
 *
 * @param source where the module comes from; default `sixlane.wasm` beside this file
 * @throws (rejects) when there is no WebAssembly, a policy forbids it, or the module cannot be had
 */
export async function init(source?: WasmSource): Promise<void> {
  await Promise.all([load(source), loadParts(blocks, watch)]);
}

/**
 * The queue by itself, for any promise-returning task. Names follow p-queue. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createQueue(options?: TaskQueueOptions): Queue {
  return needPart(blocks, 'createQueue').createQueue(options);
}

/**
 * The batcher by itself: what is asked for in one turn is loaded together. Names follow DataLoader; nothing is kept of what
 * was loaded. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createBatcher<K, V>(load: BatchLoad<K, V>, options?: BatcherOptions<K>): Batcher<K, V> {
  return needPart(blocks, 'createBatcher').createBatcher(load, options);
}

/**
 * Retries by themselves, for any promise-returning task. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createRetry(options?: RetryOptions & { seed?: number }): Retry {
  return needPart(blocks, 'createRetry').createRetry(options);
}

/**
 * The circuit breaker by itself, for any promise-returning task. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createCircuitBreaker(options?: BreakerOptions): CircuitBreaker {
  return needPart(blocks, 'createCircuitBreaker').createCircuitBreaker(options);
}

/**
 * The rate limiter by itself. Await `init()` before. No timer runs while nobody waits in `acquire`.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createRateLimiter(options?: RateLimitOptions): RateLimiter {
  return needPart(blocks, 'createRateLimiter').createRateLimiter(options);
}

/**
 * The monitor by itself: what it is told of is counted as calls are. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createMonitor(options?: MonitorOptions): LoneMonitor {
  return needPart(watch, 'createMonitor').createMonitor(options);
}

/**
 * The ladder by itself: levels by what a monitor finds, or by what it is told. Of the actions, `call` is done; what a level
 * means else is for its owner. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createDegradation(options?: DegradationOptions & { monitor?: Monitor }): LoneDegradation {
  return needPart(watch, 'createDegradation').createDegradation(options);
}

declare global {
  interface RequestInit {
    lane?: import('./types.js').LaneInit | undefined;
  }
}
