/** Calls made at one go, and the time after which a slice ends before that. All sides are sliced by the same rule. */
export const SLICE = 100;
export const SLICE_MS = 8;

const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();

/** Resolves in a task of its own: unlike a timer it is not slowed down, unlike a microtask it lets the page draw. */
export const turn = () =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(undefined);
  });
