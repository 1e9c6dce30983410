// What the suites say to the server: paths with misbehaviour on order, and its observations.

let runs = 0;

/** Not to be replaced by a test that installs sixlane. */
const native = globalThis.fetch;

/** Requests of one test, counted by the server under a tag of their own. */
export class Run {
  // The pages of three browsers share one server.
  tag = `${performance.timeOrigin}-${Math.random()}-${++runs}`;

  /** A path under this run's tag, with the given orders to misbehave. */
  path(path, orders = {}) {
    return `${path}?${new URLSearchParams({ ...orders, run: this.tag })}`;
  }

  url(path, orders, host = location.host) {
    return `${location.protocol}//${host}${this.path(path, orders)}`;
  }

  async stats() {
    // Under the other name, which has connections of its own: those of this origin may all be in use.
    const response = await native(`http://${otherHost}/control/stats?order=1&run=${encodeURIComponent(this.tag)}`);
    return await response.json();
  }

  /** Resolves with the observations once `met` holds; the test's own time limit ends it otherwise. */
  async until(met) {
    for (;;) {
      const stats = await this.stats();
      if (met(stats)) return stats;
    }
  }

  /** The values of one query parameter in the order in which the server saw the requests. */
  async order(name) {
    const { order } = await this.stats();
    return order.map((path) => new URL(path, location.origin).searchParams.get(name));
  }
}

/** The same server under another origin. */
export const otherHost = location.host.replace('127.0.0.1', 'localhost');

/** What a promise rejects with; fails when it resolves. */
export function rejection(promise) {
  return promise.then(
    (value) => {
      throw new Error(`resolved with ${value}`);
    },
    (error) => error,
  );
}

/** Lets everything run that is ready to. */
export function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
}
