import { type Bindings, consult, need } from './load.js';

/** An object of the module. It may trap, and is not touched again then: whoever uses it says what holds without it. */
export class Handle<T> {
  readonly #object: T;

  /**
   * @param owner the function that needs it, for the message
   * @throws Error when the module is not loaded, and what `make` throws
   */
  constructor(owner: string, make: (bindings: Bindings) => T) {
    this.#object = make(need(owner));
  }

  use<R>(call: (object: T) => R, without: R): R {
    return consult(() => call(this.#object), without);
  }
}
