import { discard } from './body.js';
import { Handle } from './border.js';
import { Kind, Option, RetryEvent } from './codes.js';
import { isSixlaneError } from './errors.js';
import { need } from './load.js';
import { read } from './options.js';
import { pauseAsked } from './pause.js';
import { permits, type ShouldRetry } from './permit.js';
import { isResponse, nameOf } from './platform.js';
import { sleep, unlessAborted } from './sleep.js';
import type { Retry, RetryOptions, RetryTask } from './types.js';

/**
 * Retries by themselves, for any promise-returning task. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createRetry(options?: RetryOptions & { seed?: number }): Retry {
  need('createRetry');
  const said = read('retry', options);
  if (Number.isNaN(said.words[Option.Seed])) said.set(Option.Seed, 'seed', Math.random());
  const policy = new Handle('createRetry', Kind.Retry, said);
  const shouldRetry = options?.shouldRetry;
  return { execute: (task, { signal } = {}) => execute(policy, shouldRetry, task, signal) };
}

/** What one attempt brought. */
type Result<T> = { value: T } | { error: unknown };

async function execute<T>(
  policy: Handle,
  shouldRetry: ShouldRetry | undefined,
  task: RetryTask<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (typeof task !== 'function') throw new TypeError(`\`task\` must be a function, got ${typeof task}`);
  if (signal?.aborted) throw signal.reason;
  const context = { signal: signal ?? new AbortController().signal };
  policy.event(RetryEvent.Begin, 0);
  let delay = 0;
  for (let attempt = 1; ; attempt++) {
    const result = await unlessAborted(run(task, { ...context, attempt }), signal);
    const failure = asFailure(result);
    const next = (event: RetryEvent): number =>
      failure ? policy.event(event, Number.NaN, attempt - 1, delay, failure.status, failure.asked) : Number.NaN;
    let retries = !Number.isNaN(next(RetryEvent.Ask));
    if (retries && shouldRetry) {
      retries = await unlessAborted(permits(shouldRetry, { ...failure?.told, attempt }), signal);
    }
    delay = retries ? next(RetryEvent.Next) : Number.NaN;
    if (Number.isNaN(delay)) return settle(result);
    discard(failure?.told.response);
    await sleep(delay, signal);
  }
}

/** Never rejects, also when the task throws. */
async function run<T>(task: RetryTask<T>, context: Parameters<RetryTask<T>>[0]): Promise<Result<T>> {
  try {
    return { value: await task(context) };
  } catch (error) {
    return { error };
  }
}

function settle<T>(result: Result<T>): T {
  if ('error' in result) throw result.error;
  return result.value;
}

interface Failure {
  /** Of a response, or NaN. */
  readonly status: number;
  /** The pause that is asked for, in milliseconds, or NaN. */
  readonly asked: number;
  readonly told: { response?: Response; error?: unknown };
}

/** Undefined for a success, and for an abort, which is what its owner wants. */
function asFailure(result: Result<unknown>): Failure | undefined {
  if ('value' in result) {
    const { value } = result;
    if (!isResponse(value) || value.status < 400) return undefined;
    return { status: value.status, asked: pauseAsked(value), told: { response: value } };
  }
  const { error } = result;
  if (nameOf(error) === 'AbortError') return undefined;
  // An open circuit breaker inside says when it makes sense to ask again.
  const asked = isSixlaneError(error) ? (error.retryAfter ?? Number.NaN) : Number.NaN;
  return { status: Number.NaN, asked, told: { error } };
}
