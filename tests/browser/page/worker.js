// Installs sixlane in a dedicated worker, uses it, and takes it out again.
import { install, uninstall } from '/dist/index.js';

const isOwn = () => Object.hasOwn(globalThis, 'fetch');
const own = [isOwn()];
const installed = install();
own.push(isOwn());
const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => fetch(`/api/data/${n + 1}`)));
await installed.ready;
const { mode, completed } = installed.status();
uninstall();
own.push(isOwn());
postMessage({ own, statuses: answers.map(({ status }) => status), mode, completed });
