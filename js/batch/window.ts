import { LONGEST_TIMER } from '../timeout.js';

/**
 * Calls back once, when so many milliseconds have gone by. In a page that nobody sees timers come a second late, or a minute:
 * there it is at the end of the turn, or when the page is hidden, and `early` is true. Returns how to stop it.
 */
export function afterWindow(wait: number, callback: (early: boolean) => void): () => void {
  const { document } = globalThis;
  if (document?.hidden && globalThis.MessageChannel) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      callback(true);
    };
    port2.postMessage(null);
    return () => port1.close();
  }
  const stop = (): void => {
    clearTimeout(timer);
    document?.removeEventListener('visibilitychange', onHidden);
  };
  const onHidden = (): void => {
    if (document.hidden) end(true);
  };
  const end = (early: boolean): void => {
    stop();
    callback(early);
  };
  const timer = setTimeout(() => end(false), Math.min(Math.ceil(wait), LONGEST_TIMER));
  document?.addEventListener('visibilitychange', onHidden);
  return stop;
}
