/**
 * `<sixlane-panel>`, defined by importing this. It shows the installed instance, or those that are given to its `instance` or
 * `instances`, and asks nothing of anybody while it is not seen.
 */
import { SixlanePanel } from './panel/element.js';

export { SixlanePanel };

// Of a second copy the first one's is kept: to define a name twice throws.
const names = globalThis.customElements;
if (names && !names.get('sixlane-panel')) names.define('sixlane-panel', SixlanePanel);
