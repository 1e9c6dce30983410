import { createInterface } from 'node:readline';
import { startChild, stop } from './children.mjs';
import { Plain } from './step.mjs';
import { within } from './wait.mjs';

/** Starts sixlane-server and waits until it listens. */
export async function startServer(binary, args) {
  const child = await startChild(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /^sixlane demo: (https?:\/\/\S+)$/.exec(line)?.[1];
      if (address) resolve(address);
      else console.log(line);
    });
  });
  const early = child.ended.then((code) => {
    throw new Plain(`${binary} ended with ${code} before it was ready`);
  });
  try {
    const url = await within(30_000, Promise.race([ready, early]), () => `${binary} did not get ready in 30 s`);
    early.catch(() => {}); // From now on its end is no surprise.
    return {
      binary,
      url,
      /** What the server saw of the requests that carry this run's tag. */
      async stats(run) {
        const response = await fetch(new URL(`/control/stats?run=${encodeURIComponent(run)}`, url));
        if (!response.ok) throw new Error(`/control/stats answered ${response.status}`);
        return response.json();
      },
      ended: child.ended,
      close: () => stop(child),
    };
  } catch (error) {
    await stop(child);
    throw error;
  }
}
