/** What is loaded when somebody watches an instance, or when things are to be given up under pressure. */
import { Said } from './border.js';
import type { Recorder } from './call.js';
import { Degrading } from './degrading.js';
import { PageGauges } from './gauges.js';
import { Archive } from './har.js';
import { Otel } from './otel.js';
import type { RequestLike } from './requests.js';
import { Trace } from './trace.js';
import type { Meter, SixlaneOptions } from './types.js';
import { readWatched } from './watched.js';
import type { Extras, Gauges, Steps } from './watching.js';

/** Of one instance. */
export class InstanceExtras implements Extras {
  readonly gauges: Gauges = new PageGauges();
  readonly steps: Steps;
  readonly #recorders: Set<Recorder>;
  readonly #archive = new Archive();
  readonly #degrading: Degrading;

  /**
   * @param said takes what the options say of this
   * @throws TypeError or RangeError for what is wrong in them
   */
  constructor(recorders: Set<Recorder>, options: SixlaneOptions, said = new Said()) {
    this.#recorders = recorders;
    readWatched(options, said);
    this.#degrading = new Degrading(options.degradation, 'degradation.rules');
    this.steps = this.#degrading;
    this.#degrading.tell(said, 'degradation.rules');
    recorders.add(this.#archive);
    if (options.trace) recorders.add(new Trace());
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
