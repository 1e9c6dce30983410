/**
 * What many pages never use, in a file of its own that is loaded when an instance is watched, or gives things up under pressure.
 * Whatever else it imports, it gets from the first file: see `shared.ts`.
 */
export { createDegradation, createMonitor } from './alone.js';
export { InstanceExtras } from './extras.js';
