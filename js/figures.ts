/** What the core counts, as it is shown. */
import { Figure } from './codes.js';
import { LEVEL_NAMES, type PriorityName } from './levels.js';
import type { BreakerState } from './types.js';

/** By the number of the state. */
export const BREAKER_STATES = ['closed', 'open', 'half-open', 'isolated'] as const;

/** Numbers of a status before those of lanes, and those of each lane. */
const GENERAL = Figure.Levels + 2 * LEVEL_NAMES.length;
const LANE = 7;

/** How many numbers a status with so many lanes has. */
export function lengthOf(lanes: number): number {
  return GENERAL + lanes * LANE;
}

export interface CoreStatus {
  queued: number;
  running: number;
  paused: boolean;
  concurrency: number;
  completed: number;
  failed: number;
  cancelled: number;
  preempted: number;
  retries: number;
  byPriority: Record<PriorityName, { queued: number; running: number }>;
  oldestWait: number;
  shed: number;
  /** When the level was come to that the page is at, in milliseconds of `performance.now()`, and whether its triggers are off. */
  levelSince: number;
  healthy: boolean;
  lanes: {
    key: string;
    protocol: string | null;
    limit: number;
    queued: number;
    running: number;
    breaker: BreakerState;
    pausedFor: number;
    share: number;
  }[];
}

/**
 * Figures as the core writes them, for people.
 *
 * @param lanes how many follow the others
 * @param nameOf the key of a lane, and what its origin speaks
 */
export function statusOf(
  figures: Float64Array,
  lanes: number,
  nameOf: (lane: number) => { readonly key: string; readonly protocol: string | null },
): CoreStatus {
  const at = (place: number): number => figures[place] as number;
  return {
    queued: at(Figure.Queued),
    running: at(Figure.Running),
    paused: at(Figure.Paused) === 1,
    concurrency: at(Figure.Concurrency),
    completed: at(Figure.Completed),
    failed: at(Figure.Failed),
    cancelled: at(Figure.Cancelled),
    preempted: at(Figure.Preempted),
    retries: at(Figure.Retries),
    byPriority: Object.fromEntries(
      LEVEL_NAMES.map((name, level) => {
        const place = Figure.Levels + 2 * level;
        return [name, { queued: at(place), running: at(place + 1) }];
      }).reverse(),
    ) as CoreStatus['byPriority'],
    oldestWait: at(Figure.OldestWait),
    shed: at(Figure.Shed),
    levelSince: at(Figure.LevelSince),
    healthy: at(Figure.Healthy) === 1,
    lanes: Array.from({ length: lanes }, (_, n) => {
      const place = GENERAL + n * LANE;
      return {
        ...nameOf(at(place)),
        limit: at(place + 1),
        queued: at(place + 2),
        running: at(place + 3),
        breaker: BREAKER_STATES[at(place + 4)] as BreakerState,
        pausedFor: at(place + 5),
        share: at(place + 6),
      };
    }),
  };
}
