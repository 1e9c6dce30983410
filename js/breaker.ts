import { Handle } from './border.js';
import { BreakerEvent, Kind, Reported } from './codes.js';
import { SixlaneError } from './errors.js';
import { Events } from './events.js';
import { BREAKER_STATES } from './figures.js';
import { need } from './load.js';
import { read } from './options.js';
import { isResponse, nameOf } from './platform.js';
import type { BreakerOptions, BreakerState, BreakerStatus, CircuitBreaker } from './types.js';

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
  readonly #core: Handle;
  /** What was told last. */
  #told: BreakerState = 'closed';

  constructor(options: BreakerOptions | undefined) {
    need('createCircuitBreaker');
    this.#core = new Handle('createCircuitBreaker', Kind.Breaker, read('breaker', options));
  }

  async execute<T>(task: () => T | PromiseLike<T>): Promise<T> {
    if (typeof task !== 'function') throw new TypeError(`\`task\` must be a function, got ${typeof task}`);
    const permit = this.#change(BreakerEvent.Admit, 0);
    if (Number.isNaN(permit)) throw new SixlaneError('circuit-open', this.#retryAfter());
    let told: Reported = Reported.Nothing;
    try {
      const value = await task();
      told = outcome(value);
      return value;
    } catch (error) {
      told = nameOf(error) === 'AbortError' ? Reported.Nothing : Reported.Failure;
      throw error;
    } finally {
      this.#change(BreakerEvent.Report, 0, permit, told);
    }
  }

  get state(): BreakerState {
    return BREAKER_STATES[this.#core.event(BreakerEvent.State, 0)] as BreakerState;
  }

  status(): BreakerStatus {
    return {
      state: this.state,
      failures: this.#core.event(BreakerEvent.Failures, 0),
      successes: this.#core.event(BreakerEvent.Successes, 0),
      retryAfter: this.#retryAfter(),
    };
  }

  isolate(): void {
    this.#change(BreakerEvent.Isolate, 0);
  }

  reset(): void {
    this.#change(BreakerEvent.Reset, 0);
  }

  #retryAfter(): number | null {
    const wait = this.#core.event(BreakerEvent.RetryAfter, Number.NaN);
    return Number.isNaN(wait) ? null : wait;
  }

  /** Does what may change the state, and tells when it has. */
  #change(event: BreakerEvent, without: number, permit?: number, told?: Reported): number {
    const result = this.#core.event(event, without, permit, told);
    const { state } = this;
    if (state !== this.#told) {
      this.#told = state;
      this.events.emit('breaker', () => ({ state, retryAfter: this.#retryAfter() }));
    }
    return result;
  }
}

/** A response is one of something that works, if perhaps not well. */
function outcome(value: unknown): Reported {
  if (!isResponse(value) || value.status < 400) return Reported.Success;
  return value.status < 500 ? Reported.Alive : Reported.Failure;
}
