/**
 * What many pages never use, in a file of its own that is loaded when it is first needed: batches, and the parts that
 * stand by themselves. Whatever else these import, they get from the first file: see `shared.ts`.
 */
export { Batching } from './batch/batching.js';
export { createBatcher } from './batch/create.js';
export { createCircuitBreaker } from './breaker.js';
export { createRateLimiter } from './limiter.js';
export { createQueue } from './queue.js';
export { createRetry } from './retry.js';
