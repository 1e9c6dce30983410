/**
 * How the end of a body is seen without touching the body.
 *
 * The response stays the browser's own object. While it holds a slot, its reading methods are shadowed on that one
 * instance by properties that call the prototype's; they are gone after the first use. What happens out of their
 * sight (a tee, a body handed to the Cache API or to WebAssembly) shows in the resource-timing entry, and what is
 * dropped is noticed by the garbage collector.
 */
import { watchTiming } from './timing.js';

/** What is told of a body. Each is told at most once. */
export interface BodyWatch {
  reading(): void;
  ended(): void;
}

const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

let dropped: FinalizationRegistry<() => void> | undefined;

/** Tells of the first read and of the end. `sent` is when the attempt began, on the monotonic clock. */
export function watchBody(response: Response, url: string, sent: number, watch: BodyWatch): void {
  dropped ??= new FinalizationRegistry((ended) => ended());
  const registry = dropped;
  const token = {};
  let over = false;
  let begun = false;
  const reading = (): void => {
    if (!begun && !over) watch.reading();
    begun = true;
  };
  const ended = (): void => {
    if (over) return;
    over = true;
    forget();
    registry.unregister(token);
    watch.ended();
  };
  const forget = watchTiming(url, sent, ended);
  const watched = { reading, ended, hold: (owner: object) => registry.register(owner, ended, token) };
  watched.hold(response);
  watchResponse(response, watched);
}

interface Watched extends BodyWatch {
  /** The body is lost once this object is. */
  hold(owner: object): void;
}

function watchResponse(response: Response, watch: Watched): void {
  const shadowed: PropertyKey[] = ['body', 'clone'];
  const uncover = (): void => {
    for (const name of shadowed) Reflect.deleteProperty(response, name);
  };
  for (const name of READERS) {
    if (typeof response[name] !== 'function') continue;
    shadowed.push(name);
    shadow(response, name, function (this: Response) {
      uncover();
      watch.reading();
      const result = this[name]();
      result.then(watch.ended, watch.ended);
      return result;
    });
  }
  shadow(response, 'clone', function (this: Response) {
    uncover();
    const copy = this.clone();
    // Both read from one connection: it is free when either of them has read to the end.
    watch.hold(copy);
    watchResponse(this, watch);
    watchResponse(copy, watch);
    return copy;
  });
  Object.defineProperty(response, 'body', {
    configurable: true,
    get(this: Response) {
      uncover();
      const stream = this.body;
      if (stream) {
        watch.hold(stream);
        watchStream(stream, watch);
      }
      return stream;
    },
  });
}

function watchStream(stream: ReadableStream<Uint8Array>, watch: Watched): void {
  shadow(stream, 'getReader', (...args: [ReadableStreamGetReaderOptions]) => {
    const reader = ReadableStream.prototype.getReader.apply(stream, args);
    watchFirst(reader, 'read', watch);
    // A reader whose lock is released rejects `closed`, too; then the stream is not at its end.
    reader.closed.then(watch.ended, () => stream.locked && watch.ended());
    return reader;
  });
  shadow(stream, 'cancel', (reason?: unknown) => {
    const result = ReadableStream.prototype.cancel.call(stream, reason);
    result.then(watch.ended, () => {});
    return result;
  });
  shadow(stream, 'pipeTo', (...args: [WritableStream, StreamPipeOptions?]) => {
    watch.reading();
    const result = ReadableStream.prototype.pipeTo.apply(stream, args);
    result.then(watch.ended, watch.ended);
    return result;
  });
  for (const name of ['pipeThrough', 'tee'] as const) {
    shadow(stream, name, (...args: unknown[]) => {
      watch.reading();
      return Reflect.apply(ReadableStream.prototype[name], stream, args);
    });
  }
  for (const name of ['values', Symbol.asyncIterator] as const) {
    const iterate = Reflect.get(ReadableStream.prototype, name) as typeof ReadableStream.prototype.values | undefined;
    if (!iterate) continue;
    shadow(stream, name, (...args: [ReadableStreamIteratorOptions?]) => {
      return watchIterator(iterate.apply(stream, args), watch);
    });
  }
}

/** A lock is no read yet: only who asks for bytes keeps the slot. */
function watchFirst<T extends object>(owner: T, name: keyof T, watch: Watched): void {
  shadow(owner, name, (...args: unknown[]) => {
    Reflect.deleteProperty(owner, name);
    watch.reading();
    return Reflect.apply(owner[name] as () => unknown, owner, args);
  });
}

function watchIterator<T extends AsyncIterator<Uint8Array>>(iterator: T, watch: Watched): T {
  const { next, return: finish } = iterator;
  shadow(iterator, 'next', () => {
    watch.reading();
    const result = next.call(iterator);
    result.then(({ done }) => done && watch.ended(), watch.ended);
    return result;
  });
  shadow(iterator, 'return', (value?: unknown) => {
    const result = finish?.call(iterator, value) ?? Promise.resolve({ done: true, value } as const);
    result.then(watch.ended, watch.ended);
    return result;
  });
  return iterator;
}

function shadow(owner: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
}
