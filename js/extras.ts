/** What is loaded when somebody watches an instance, or when things are to be given up under pressure. */
import type { Recorder } from './call.js';
import { Degrading } from './degrading.js';
import { PageGauges } from './gauges.js';
import { Archive } from './har.js';
import { Otel } from './otel.js';
import type { RequestLike } from './requests.js';
import { Trace } from './trace.js';
import type { DegradationOptions, Meter } from './types.js';
import type { Extras, Gauges, Steps } from './watching.js';

/** Of one instance. */
export class InstanceExtras implements Extras {
  readonly gauges: Gauges = new PageGauges();
  readonly steps: Steps;
  /** Of the rules, for the core. */
  readonly numbers: readonly number[];
  readonly #recorders: Set<Recorder>;
  readonly #archive = new Archive();
  readonly #degrading: Degrading;

  /** @throws TypeError or RangeError for what is wrong in the rules */
  constructor(recorders: Set<Recorder>, degradation: DegradationOptions | boolean | undefined, traces: boolean) {
    this.#recorders = recorders;
    this.#degrading = new Degrading(degradation, 'degradation.rules');
    this.steps = this.#degrading;
    this.numbers = this.#degrading.numbers;
    recorders.add(this.#archive);
    if (traces) recorders.add(new Trace());
  }

  otel(meter: Meter): () => void {
    const recorder = new Otel(meter);
    this.#recorders.add(recorder);
    return () => {
      this.#recorders.delete(recorder);
    };
  }

  har(options?: { secrets?: boolean }): object {
    return this.#archive.har(options);
  }

  answer(request: RequestLike): Response | undefined {
    return this.#degrading.answer(request);
  }
}
