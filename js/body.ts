/**
 * How the end of a body is seen without touching the body.
 *
 * The response stays the browser's own object. While it holds a slot, its reading methods are shadowed on that one
 * instance by properties that call the prototype's; they are gone after the first use. What happens out of their
 * sight (a tee, a body handed to the Cache API or to WebAssembly) shows in the resource-timing entry, and what is
 * dropped unread is noticed by the garbage collector.
 */

/** What is told of a body. Nothing in it may refer to the response, or it is never dropped. */
export interface BodyWatch {
  /** A reader begins. May be called more than once. */
  reading(): void;
  /** It is read, failed, cancelled or dropped. Told once. */
  ended(): void;
}

export const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

const watched = new WeakSet<Response>();

/** Returns false for a response that cannot be watched: it is watched already, or was frozen by the page. */
export function watchBody(response: Response, watch: BodyWatch): boolean {
  if (watched.has(response) || !Object.isExtensible(response)) return false;
  watched.add(response);
  const body = new Body(watch);
  watchResponse(response, new Holder(body, response));
  return true;
}

/** The body on one connection, shared by a response and its clones. */
class Body {
  /** Holders that may still read. */
  holders = 0;
  #watch: BodyWatch | undefined;

  constructor(watch: BodyWatch) {
    this.#watch = watch;
  }

  reading(): void {
    this.#watch?.reading();
  }

  readonly ended = (): void => {
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.ended();
  };
}

const dropped =
  globalThis.FinalizationRegistry &&
  new FinalizationRegistry((body: Body) => {
    body.holders -= 1;
    if (body.holders === 0) body.ended();
  });

/** The object through which a body can be read: a response or its clone, then its stream, then its reader. */
class Holder {
  readonly body: Body;
  #left = false;

  constructor(body: Body, owner: object) {
    this.body = body;
    body.holders += 1;
    dropped?.register(owner, body, this);
  }

  /** From now on the body is lost with this object. With none, the browser itself is reading, and will say so. */
  pass(owner?: object): void {
    dropped?.unregister(this);
    if (owner) dropped?.register(owner, this.body, this);
  }

  /** A reader asks for bytes. */
  reading(): void {
    this.body.reading();
  }

  /** This one wants no more. Others may, who hold a clone. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    dropped?.unregister(this);
    this.body.holders -= 1;
    if (this.body.holders === 0) this.body.ended();
  }

  /** The browser's own promise, which settles in its own turn; we hear of it beside its owner, and before. */
  end<T>(result: Promise<T>, isEnd: (failed: boolean) => boolean = () => true): Promise<T> {
    const heard = (failed: boolean) => (): void => {
      if (isEnd(failed)) this.body.ended();
    };
    result.then(heard(false), heard(true));
    return result;
  }
}

function watchResponse(response: Response, holder: Holder): void {
  const shadowed: PropertyKey[] = ['body', 'clone'];
  let isTouched = false;
  const uncover = (): void => {
    for (const name of shadowed) Reflect.deleteProperty(response, name);
  };
  for (const name of READERS) {
    if (typeof response[name] !== 'function') continue;
    shadowed.push(name);
    shadow(response, name, function (this: Response) {
      uncover();
      // It rejects; the reader that has the lock goes on.
      if (isTouched && this.body?.locked) return this[name]();
      holder.reading();
      holder.pass();
      return holder.end<unknown>(this[name]());
    });
  }
  shadow(response, 'clone', function (this: Response) {
    uncover();
    const copy = this.clone();
    // Both read from one connection: it is free when either of them has read to the end, or both are dropped.
    watchResponse(this, holder);
    watchResponse(copy, new Holder(holder.body, copy));
    return copy;
  });
  Object.defineProperty(response, 'body', {
    configurable: true,
    get(this: Response) {
      // Many only look whether there is one, and then read by a method.
      Reflect.deleteProperty(this, 'body');
      isTouched = true;
      const stream = this.body;
      if (stream) watchStream(stream, holder);
      return stream;
    },
  });
}

function watchStream(stream: ReadableStream<Uint8Array>, holder: Holder): void {
  // The response may go now, the stream alone is enough to read on.
  holder.pass(stream);
  // Its own methods, and not those of the name on the global object, which a polyfill may have taken.
  const { getReader, cancel, pipeTo } = stream;
  shadow(stream, 'getReader', (...args: [ReadableStreamGetReaderOptions]) => {
    const reader = getReader.apply(stream, args);
    holder.pass(reader);
    watchReader(reader, stream, holder);
    return reader;
  });
  shadow(stream, 'cancel', (reason?: unknown) => {
    const result = cancel.call(stream, reason);
    result.then(
      () => holder.leave(),
      () => {},
    );
    return result;
  });
  shadow(stream, 'pipeTo', (...args: [WritableStream, StreamPipeOptions?]) => {
    holder.reading();
    holder.pass();
    return holder.end(pipeTo.apply(stream, args), (failed) => {
      const goesOn = failed && args[1]?.preventCancel === true;
      if (goesOn) holder.pass(stream);
      return !goesOn;
    });
  });
  for (const name of ['pipeThrough', 'tee'] as const) {
    const method = stream[name];
    shadow(stream, name, (...args: unknown[]) => {
      holder.reading();
      return Reflect.apply(method, stream, args);
    });
  }
  for (const name of ['values', Symbol.asyncIterator] as const) {
    const iterate = Reflect.get(stream, name) as typeof ReadableStream.prototype.values | undefined;
    if (!iterate) continue;
    shadow(stream, name, (...args: [ReadableStreamIteratorOptions?]) => {
      const iterator = iterate.apply(stream, args);
      holder.pass(iterator);
      watchIterator(iterator, holder, () => {
        if (args[0]?.preventCancel) holder.pass(stream);
        return !args[0]?.preventCancel;
      });
      return iterator;
    });
  }
}

/** A lock is no read yet: only who asks for bytes keeps the slot. */
function watchReader(reader: ReadableStreamReader<Uint8Array>, stream: ReadableStream, holder: Holder): void {
  let released = false;
  let cancelled = false;
  shadow(reader, 'cancel', (...args: unknown[]) => {
    Reflect.deleteProperty(reader, 'cancel');
    cancelled = true;
    return Reflect.apply(reader.cancel, reader, args);
  });
  shadow(reader, 'read', (...args: unknown[]) => {
    Reflect.deleteProperty(reader, 'read');
    holder.reading();
    return Reflect.apply(reader.read, reader, args);
  });
  shadow(reader, 'releaseLock', () => {
    Reflect.deleteProperty(reader, 'releaseLock');
    reader.releaseLock();
    released = true;
    holder.pass(stream);
  });
  // A reader whose lock is released rejects `closed`, too; then the stream is not at its end.
  const ended = (): void => (cancelled ? holder.leave() : holder.body.ended());
  reader.closed.then(ended, () => released || ended());
}

function watchIterator(iterator: AsyncIterator<Uint8Array>, holder: Holder, cancels: () => boolean): void {
  const { next, return: finish } = iterator;
  shadow(iterator, 'next', () => {
    holder.reading();
    const result = next.call(iterator);
    const failed = (): void => holder.body.ended();
    result.then(({ done }) => done && failed(), failed);
    return result;
  });
  shadow(iterator, 'return', (value?: unknown) => {
    const result = finish?.call(iterator, value) ?? Promise.resolve({ done: true, value } as const);
    const left = (): void => {
      if (cancels()) holder.leave();
    };
    result.then(left, left);
    return result;
  });
}

export function shadow(owner: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
}

/** Cancels a body that will not be read, which frees its connection. */
export function discard(response: Response | undefined): void {
  response?.body?.cancel().catch(() => {});
}
