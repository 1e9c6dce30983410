// Tells its parent what a page under `script-src 'self'` gets from sixlane.
import { createFetch } from '/dist/index.js';

const warnings = [];
console.warn = (message) => warnings.push(message);

const fetch = createFetch();
const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await fetch('/api/data/1')).status));
await fetch.ready;
const again = createFetch();
await again.ready;
statuses.push((await fetch('/api/data/1')).status, (await again('/api/data/1')).status);
const { mode, reason } = fetch.status();
parent.postMessage({ statuses, mode, reason, warnings }, location.origin);
