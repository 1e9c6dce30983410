import { Handle } from '../handle.js';
import type { TierHealth } from '../pkg/sixlane.js';
import { GIVE_UP, nameOf } from './tier.js';

/** Whether a tier works, as the core sees it. */
export class Health {
  readonly #health = new Handle<TierHealth>('createCache', (bindings) => new bindings.TierHealth());

  get usable(): boolean {
    return this.#health.use((health) => health.usable, false);
  }

  /** Why it is off, while it is. */
  get off(): string | undefined {
    return this.#health.use((health) => health.off, undefined);
  }

  /** It did what it should; `kept`: it has kept something new. */
  worked(kept: boolean): void {
    this.#health.use((health) => health.worked(kept), undefined);
  }

  /** What to do about an error at that attempt, counted from 0; `must`: it is made whether the tier is off or not. */
  failed(error: unknown, attempt: number, must = false): number {
    return this.#health.use((health) => health.failed(nameOf(error), attempt, must), GIVE_UP);
  }
}
