import { BREAKER_STATES } from './engine.js';
import { SixlaneError } from './errors.js';
import { Events } from './events.js';
import { Handle } from './handle.js';
import type { CircuitBreaker as Core } from './pkg/sixlane.js';
import { isResponse, nameOf } from './platform.js';
import type { BreakerOptions, BreakerState, BreakerStatus, CircuitBreaker } from './types.js';

/** What became of a call, as the shell's `report` wants to know it. */
const SUCCESS = 0;
const FAILURE = 1;
const ALIVE = 2;
const NOTHING = 3;

/**
 * The circuit breaker by itself, for any promise-returning task. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createCircuitBreaker(options?: BreakerOptions): CircuitBreaker {
  return new Circuit(options);
}

class Circuit implements CircuitBreaker {
  readonly events: Events = new Events();
  readonly #core: Handle<Core>;
  /** What was told last. */
  #told: BreakerState = 'closed';

  constructor(options: BreakerOptions | undefined) {
    this.#core = new Handle('createCircuitBreaker', (bindings) => new bindings.CircuitBreaker(options));
  }

  async execute<T>(task: () => T | PromiseLike<T>): Promise<T> {
    if (typeof task !== 'function') throw new TypeError(`\`task\` must be a function, got ${typeof task}`);
    const permit = this.#change((core) => core.admit(), 0);
    if (Number.isNaN(permit)) throw new SixlaneError('circuit-open', this.#retryAfter());
    let told = NOTHING;
    try {
      const value = await task();
      told = outcome(value);
      return value;
    } catch (error) {
      told = nameOf(error) === 'AbortError' ? NOTHING : FAILURE;
      throw error;
    } finally {
      this.#change((core) => core.report(permit, told), undefined);
    }
  }

  get state(): BreakerState {
    return this.#core.use((core) => BREAKER_STATES[core.state] as BreakerState, 'closed');
  }

  status(): BreakerStatus {
    return {
      state: this.state,
      failures: this.#core.use((core) => core.failures, 0),
      successes: this.#core.use((core) => core.successes, 0),
      retryAfter: this.#retryAfter(),
    };
  }

  isolate(): void {
    this.#change((core) => core.isolate(), undefined);
  }

  reset(): void {
    this.#change((core) => core.reset(), undefined);
  }

  #retryAfter(): number | null {
    const wait = this.#core.use((core) => core.retryAfter, Number.NaN);
    return Number.isNaN(wait) ? null : wait;
  }

  /** Does what may change the state, and tells when it has. */
  #change<R>(act: (core: Core) => R, without: R): R {
    const result = this.#core.use(act, without);
    const { state } = this;
    if (state !== this.#told) {
      this.#told = state;
      this.events.emit('breaker', () => ({ state, retryAfter: this.#retryAfter() }));
    }
    return result;
  }
}

/** A response is one of something that works, if perhaps not well. */
function outcome(value: unknown): number {
  if (!isResponse(value) || value.status < 400) return SUCCESS;
  return value.status < 500 ? ALIVE : FAILURE;
}
