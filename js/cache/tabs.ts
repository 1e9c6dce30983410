/** What the caches of one origin's tabs tell each other. */
import { numberOf } from './marks.js';

/** A purge is told of when it begins and when it is `done`, with the mark that it left in localStorage, if it could. */
interface Purged {
  readonly purge: true;
  readonly mark?: string | undefined;
  readonly done?: boolean;
}

/** What is to be forgotten. */
export type What = { readonly forget: string } | { readonly tag: string } | Purged;

/** The same of one partition. Who says it has seen to the storage of that name. */
export type Word = { readonly partition: string; readonly storage: string } & What;

/** Carries the version of what is said. */
const CHANNEL = 'sixlane.cache.0';

/** A channel that is open while its owner has something to lose, and the page is not put aside. */
export class Tabs {
  readonly #hear: (word: Word) => void;
  readonly #missed: () => void;
  #channel: BroadcastChannel | undefined;
  #wanted = false;
  #closed = false;
  readonly #onPage = ({ type }: Event): void => {
    if (type === 'pagehide') this.#shut();
    else if (!this.#channel) {
      this.#open();
      this.#missed();
    }
  };

  /**
   * @param hear is told what the others say
   * @param missed is called when they may have said something unheard: in the back/forward cache a page hears nothing, and
   * an open channel may keep it out of there
   */
  constructor(hear: (word: Word) => void, missed: () => void) {
    this.#hear = hear;
    this.#missed = missed;
  }

  /** From now on it hears the others. */
  listen(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    for (const type of ['pagehide', 'pageshow']) globalThis.addEventListener?.(type, this.#onPage);
    this.#open();
  }

  /** Also when it is closed, but then it does not listen. */
  tell(word: Word): void {
    if (this.#closed) this.#open();
    else this.listen();
    this.#channel?.postMessage(word);
    if (this.#closed) this.#shut();
  }

  close(): void {
    this.#closed = true;
    this.#wanted = false;
    for (const type of ['pagehide', 'pageshow']) globalThis.removeEventListener?.(type, this.#onPage);
    this.#shut();
  }

  #open(): void {
    if (this.#channel || !globalThis.BroadcastChannel) return;
    try {
      this.#channel = new BroadcastChannel(CHANNEL);
    } catch {
      // A frame without an origin has no other tabs.
      return;
    }
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (isWord(data)) this.#hear(data);
    };
    // Node would not end while it is open.
    (this.#channel as { unref?(): void }).unref?.();
  }

  #shut(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}

/** Messages may come from any script of this origin: their shape is checked. */
function isWord(data: unknown): data is Word {
  if (typeof data !== 'object' || data === null) return false;
  const { partition, storage, forget, tag, purge, mark, done } = data as Record<string, unknown>;
  if (!isText(partition) || !isText(storage)) return false;
  if ('forget' in data) return isText(forget);
  if ('tag' in data) return isText(tag);
  return purge === true && (mark === undefined || isMark(mark)) && (done === undefined || typeof done === 'boolean');
}

function isMark(value: unknown): boolean {
  return isText(value) && numberOf(value) > 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
