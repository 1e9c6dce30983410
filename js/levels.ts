/** The five levels, least urgent first: the order of their numbers on the wire to the core. */
export const LEVEL_NAMES = ['background', 'low', 'normal', 'high', 'critical'] as const;

export type PriorityName = (typeof LEVEL_NAMES)[number];

/** A level, or any finite number: the higher goes first; equal ones go in order of arrival. */
export type Priority = PriorityName | number;

/** The numbers that the names stand for. They stand in the core, too; a test compares the two. */
export const LEVELS: Readonly<Record<PriorityName, number>> = {
  critical: 100,
  high: 80,
  normal: 60,
  low: 40,
  background: 20,
};

/** The number of a priority, or undefined for what is none. */
export function priorityValue(priority: unknown): number | undefined {
  if (typeof priority === 'string')
    return Object.hasOwn(LEVELS, priority) ? LEVELS[priority as PriorityName] : undefined;
  return typeof priority === 'number' && Number.isFinite(priority) ? priority : undefined;
}

/** That of options that say nothing else; undefined where they say more, or it is none. */
export function priorityAlone(options: unknown): number | undefined {
  if (typeof options !== 'object' || options === null) return undefined;
  for (const name in options) if (name !== 'priority') return undefined;
  return priorityValue((options as { priority?: unknown }).priority);
}

/** The level that a number counts with: the nearest at or below it. */
export function levelOf(value: number): PriorityName {
  return LEVEL_NAMES.findLast((name) => LEVELS[name] <= value) ?? 'background';
}
