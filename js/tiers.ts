/** What is kept beyond the page, in a file of its own that is loaded when a cache first has to do with it. */
export { Depths } from './cache/depths.js';
