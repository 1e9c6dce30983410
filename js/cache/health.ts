import { Handle, putText, readText } from '../border.js';
import { HealthEvent, Kind } from '../codes.js';
import { GIVE_UP, nameOf } from './tier.js';

/** Whether a tier works, as the core sees it. */
export class Health {
  readonly #health = new Handle('createCache', Kind.Health);

  get usable(): boolean {
    return this.#health.event(HealthEvent.Usable, 0) === 1;
  }

  /** Why it is off, while it is. */
  get off(): string | undefined {
    const length = this.#health.event(HealthEvent.Off, 0);
    return this.#health.use((core) => readText(core, length), '') || undefined;
  }

  /** It did what it should; `kept`: it has kept something new. */
  worked(kept: boolean): void {
    this.#health.event(HealthEvent.Worked, 0, Number(kept));
  }

  /** What to do about an error at that attempt, counted from 0; `must`: it is made whether the tier is off or not. */
  failed(error: unknown, attempt: number, must = false): number {
    const length = this.#health.use((core) => putText(core, nameOf(error)), 0);
    return this.#health.event(HealthEvent.Failed, GIVE_UP, attempt, Number(must), length);
  }
}
