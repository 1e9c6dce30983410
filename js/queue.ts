import { Handle, judge, outOfRange, rangeOf, wrongType } from './border.js';
import { Kind, Option, Settled, SubmitFlag } from './codes.js';
import { bit, Engine, type Host, type Scheduled, type Terms } from './engine.js';
import { type Refusal, refusalReason } from './errors.js';
import { LEVELS, type Priority, priorityAlone, priorityValue } from './levels.js';
import { need } from './load.js';
import { read } from './options.js';
import type { AddOptions, Queue, QueueStatus, QueueTask, TaskQueueOptions } from './types.js';

/**
 * The queue by itself, for any promise-returning task. Names follow p-queue. Await `init()` before.
 *
 * @throws Error when the module is not loaded: `await init()` first
 * @throws RangeError when an option is out of range, TypeError when it is of a wrong type or unknown
 */
export function createQueue(options?: TaskQueueOptions): Queue {
  return new TaskQueue(options);
}

/** What a task gets. Most never look at the signal, so it is made when they do. */
class Context {
  /** Made at first access; before that, the reason of an abort. */
  #state: AbortController | { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    if (!(this.#state instanceof AbortController)) {
      const aborted = this.#state;
      this.#state = new AbortController();
      if (aborted) this.#state.abort(aborted.reason);
    }
    return this.#state.signal;
  }

  abort(reason: unknown): void {
    if (this.#state instanceof AbortController) this.#state.abort(reason);
    else this.#state ??= { reason };
  }
}

interface Job extends Scheduled {
  readonly task: QueueTask<unknown>;
  readonly name: string | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  context: Context | undefined;
  settled: boolean;
}

/** So many new jobs are told to the core though the turn is not over: the room that they take there stays. */
const MAX_AT_ONCE = 1_000;

interface Waiter {
  readonly until: () => boolean;
  readonly resolve: () => void;
}

class TaskQueue implements Queue {
  readonly #engine: Engine<Job>;
  /** Waiting jobs that were given a name. */
  readonly #named = new Map<string, Job>();
  #waiters: Waiter[] = [];
  /** Jobs whose tasks returned a plain value, each followed by it. */
  #returned: unknown[] = [];
  /** Jobs that the core is told of at the end of the turn, or before it is asked anything: new ones that have to wait, and ended ones. */
  #fresh: Job[] = [];
  #priorities: number[] = [];
  #over: Job[] = [];
  #outcomes: Settled[] = [];
  /** The key of the last job that had to wait: another one with that key has to, too. Undefined when that may have changed. */
  #full: string | undefined;
  #isTurnOver = true;
  #clearReason: unknown;
  #trapped = false;

  constructor(options: TaskQueueOptions | undefined) {
    need('createQueue');
    const host: Host<Job> = {
      start: (job) => this.#run(job),
      refuse: (job, why) => this.#refuse(job, why),
      drained: () => this.#wakeWaiters(),
      trapped: (jobs) => this.#failOpen(jobs),
    };
    const core = new Handle('createQueue', Kind.Tasks, read('queue', options));
    this.#engine = new Engine<Job>(core, host);
  }

  add<T>(task: QueueTask<T>, options?: AddOptions): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      if (typeof task !== 'function') throw new TypeError(`\`task\` must be a function, got ${typeof task}`);
      const terms = readTerms(options);
      const signal = options?.signal;
      if (signal?.aborted) return reject(signal.reason);
      const name = options?.id;
      if (name !== undefined && this.#named.has(name)) {
        throw new RangeError(`\`id\` must be no waiting task's, got "${name}"`);
      }
      const job: Job = {
        id: -1,
        key: options?.key ?? '',
        task,
        name,
        resolve,
        reject,
        signal,
        onAbort: undefined,
        context: undefined,
        settled: false,
      };
      if (signal) {
        job.onAbort = () => this.#abort(job);
        signal.addEventListener('abort', job.onAbort, { once: true });
      }
      if (name !== undefined) this.#named.set(name, job);
      if (this.#trapped) this.#run(job);
      else this.#submit(job, terms);
    }) as Promise<T>;
  }

  #submit(job: Job, terms: Terms): void {
    const { key } = job;
    if (this.#full === key && terms.flags === 0 && terms.total === undefined) {
      this.#fresh.push(job);
      this.#priorities.push(terms.priority);
      if (this.#fresh.length < MAX_AT_ONCE) this.#soon();
      else this.#flush();
      return;
    }
    this.#flush();
    // That may have run tasks, which may have aborted this one, or met the end of the module.
    if (job.settled) return;
    if (this.#trapped) {
      this.#run(job);
      return;
    }
    this.#engine.submit(job, terms);
    this.#full = job.context || job.settled ? undefined : key;
  }

  /** Tells the core what it was not told yet. */
  #flush(): Engine<Job> {
    this.#full = undefined;
    if (this.#fresh.length + this.#over.length > 0) {
      const all = [this.#fresh, this.#priorities, this.#over, this.#outcomes] as const;
      this.#forgetUntold();
      this.#engine.together(...all);
    }
    return this.#engine;
  }

  #forgetUntold(): void {
    this.#fresh = [];
    this.#priorities = [];
    this.#over = [];
    this.#outcomes = [];
  }

  #soon(): void {
    if (!this.#isTurnOver) return;
    this.#isTurnOver = false;
    queueMicrotask(() => {
      this.#isTurnOver = true;
      const returned = this.#returned;
      this.#returned = [];
      for (let i = 0; i < returned.length; i += 2) this.#settle(returned[i] as Job, Settled.Completed, returned[i + 1]);
      this.#flush();
    });
  }

  addAll<T>(tasks: readonly QueueTask<T>[], options?: AddOptions): Promise<T[]> {
    if (options?.id !== undefined && tasks.length > 1) {
      return Promise.reject(new RangeError(`\`id\` names one task, got ${tasks.length}`));
    }
    return Promise.all(tasks.map((task) => this.add(task, options)));
  }

  setPriority(id: string, priority: Priority): void {
    const value = priorityValue(priority);
    // Whatever is no priority goes to the module, which says what one is.
    if (value === undefined) readAdd({ priority });
    const job = this.#named.get(id);
    if (!job) throw new ReferenceError(`\`id\` must be a waiting task's, got "${id}"`);
    this.#flush().reprioritise(job, value as number);
  }

  pause(): void {
    this.#flush().pause();
  }

  start(): Queue {
    this.#flush().resume();
    return this;
  }

  clear(reason?: unknown): number {
    this.#clearReason = reason;
    return this.#flush().clear();
  }

  onEmpty(): Promise<void> {
    return this.#when(() => this.size === 0);
  }

  onIdle(): Promise<void> {
    return this.#when(() => this.size === 0 && this.pending === 0);
  }

  async onSizeLessThan(limit: number): Promise<void> {
    if (typeof limit !== 'number') throw new TypeError(`\`limit\` must be a number above 0, got a ${typeof limit}`);
    if (!(limit > 0)) throw new RangeError(`\`limit\` must be a number above 0, got ${limit}`);
    return this.#when(() => this.size < limit);
  }

  status(): QueueStatus {
    const status = this.#flush().status();
    if (!status) throw new Error('sixlane has stopped scheduling: its module trapped');
    const { lanes: _lanes, preempted: _preempted, paused: _paused, concurrency: _concurrency, ...figures } = status;
    return figures;
  }

  get size(): number {
    return this.#flush().queued;
  }

  get pending(): number {
    return this.#flush().pending;
  }

  get isPaused(): boolean {
    return this.#flush().paused;
  }

  get concurrency(): number {
    return this.#flush().concurrency;
  }

  set concurrency(value: number) {
    const range = rangeOf(Option.Concurrency);
    if (typeof value !== 'number') throw wrongType('concurrency', range, value);
    if (this.#flush().setConcurrency(value) === undefined) throw outOfRange('concurrency', range, value);
  }

  #when(until: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ until, resolve });
      this.#wakeWaiters();
    });
  }

  #run(job: Job): void {
    // One signal may abort many tasks, one after the other: the slot of the first is not for the next of them.
    if (job.signal?.aborted) {
      this.#abort(job);
      return;
    }
    if (job.name !== undefined) this.#named.delete(job.name);
    job.context = new Context();
    let result: unknown;
    try {
      result = job.task(job.context);
    } catch (error) {
      // Settled a turn later like any other, or a task that throws would overtake those that do not.
      result = Promise.reject(error);
    }
    if (isThenable(result)) {
      Promise.resolve(result).then(
        (value) => this.#settle(job, Settled.Completed, value),
        (error: unknown) => this.#settle(job, Settled.Failed, error),
      );
    } else {
      // A turn later, as if the task had returned a promise, but without the price of one.
      this.#returned.push(job, result);
      this.#soon();
    }
  }

  #settle(job: Job, outcome: Settled, value: unknown): void {
    if (!this.#close(job)) return;
    if (outcome === Settled.Completed) job.resolve(value);
    else job.reject(value);
    // There may be room for the next one.
    this.#full = undefined;
    this.#over.push(job);
    this.#outcomes.push(outcome);
    this.#soon();
  }

  #abort(job: Job): void {
    // It is yet to become known.
    if (job.id < 0) this.#flush();
    const reason: unknown = job.signal?.reason;
    this.#settle(job, Settled.Cancelled, reason);
    job.context?.abort(reason);
  }

  /** False when the job was settled before. */
  #close(job: Job): boolean {
    if (job.settled) return false;
    job.settled = true;
    if (job.onAbort) job.signal?.removeEventListener('abort', job.onAbort);
    if (job.name !== undefined && this.#named.get(job.name) === job) this.#named.delete(job.name);
    return true;
  }

  #refuse(job: Job, why: Refusal): void {
    if (!this.#close(job)) return;
    const reason = refusalReason(why, this.#clearReason);
    job.reject(reason);
    job.context?.abort(reason);
  }

  #wakeWaiters(): void {
    if (this.#waiters.length === 0) return;
    const met = new Set(this.#waiters.filter((waiter) => waiter.until()));
    this.#waiters = this.#waiters.filter((waiter) => !met.has(waiter));
    for (const waiter of met) waiter.resolve();
  }

  #failOpen(jobs: readonly Job[]): void {
    this.#trapped = true;
    const unknown = this.#fresh;
    this.#forgetUntold();
    for (const job of [...jobs, ...unknown]) if (!job.settled && !job.context) this.#run(job);
    // No core counts them any more.
    this.#wakeWaiters();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' ? value !== null && 'then' in value : typeof value === 'function' && 'then' in value;
}

/** Only a priority, or nothing, is what nearly every call says; all else is read, and judged, by the module. */
function readTerms(options: AddOptions | undefined): Terms {
  if (options === undefined) return { priority: LEVELS.normal, flags: 0 };
  const priority = priorityAlone(options);
  return priority === undefined ? readAdd(options) : { priority, flags: 0 };
}

function readAdd(options: AddOptions): Terms {
  const said = read('add', options);
  judge(said);
  return {
    priority: said.get(Option.Priority, LEVELS.normal),
    flags: bit(SubmitFlag.Emergency, said.get(Option.Emergency, 0) === 1),
    total: said.get(Option.Total, undefined),
  };
}
