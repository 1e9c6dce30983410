/** An EventTarget that knows which types anybody ever asked for, so that an event nobody hears costs nothing. */
export class Events extends EventTarget {
  readonly #wanted = new Set<string>();

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.#wanted.add(args[0]);
    super.addEventListener(...args);
  }

  /** `detail` is made only when somebody listens. Never throws: what is told of must go on. */
  emit(type: string, detail: () => object): void {
    if (!this.#wanted.has(type)) return;
    try {
      this.dispatchEvent(new CustomEvent(type, { detail: detail() }));
    } catch (error) {
      globalThis.reportError?.(error);
    }
  }
}
