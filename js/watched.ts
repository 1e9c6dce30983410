/** The shape of the options of what watches, and of what is given up under pressure. */
import { Said } from './border.js';
import { Option } from './codes.js';
import { anything, choice, list, number, object, type Reader, type Shape, unless } from './options.js';

// A word is above what lies before it.
const pressure: Reader = (value, path, said) => {
  choice(Option.CpuPressure, 'fair', 'serious', 'critical')(value, path, said);
  said.set(Option.CpuPressure, path, said.get(Option.CpuPressure, 0) + 0.5);
};

const MONITOR: Shape = {
  interval: number(Option.Interval),
  retention: number(Option.Retention),
  thresholds: object({
    responseTime: number(Option.ResponseTime),
    errorRate: number(Option.ErrorRate),
    queued: number(Option.QueueLength),
    mainThread: number(Option.MainThread),
    memory: number(Option.Memory),
    cpuPressure: pressure,
  }),
  pending: number(Option.Pending),
  clear: number(Option.Clear),
  minimum: number(Option.FewestRequests),
};

const rejection = object({
  k: number(Option.ShareK),
  window: number(Option.ShareWindow),
  minimum: number(Option.ShareMinimum),
  most: number(Option.ShareMost),
});

const DEGRADATION: Shape = {
  // What stands in them is read where they are used: `degrading.ts`.
  rules: list(anything),
  recoverAfter: number(Option.RecoverAfter),
  share: unless(false, rejection, [Option.NoShare, 1]),
};

const monitor = object(MONITOR, 'an object or false');
const degradation = object(DEGRADATION, 'an object, true or false');

/**
 * Reads the options of an instance that are about this, beside its others. Their numbers are still to be judged.
 *
 * @throws TypeError or RangeError that names the option, for what is of a wrong kind or unknown
 */
export function readWatched(options: { monitor?: unknown; degradation?: unknown }, said: Said): void {
  if (options.monitor) monitor(options.monitor, 'monitor', said);
  if (!options.degradation) return;
  if (options.degradation !== true) degradation(options.degradation, 'degradation', said);
  said.set(Option.Degradation, 'degradation', 1);
}

/** The same of a monitor by itself. */
export function readMonitor(options: unknown): Said {
  const said = new Said();
  if (options !== undefined) object(MONITOR)(options, '', said);
  return said;
}

/** The core takes no shorter sample, in milliseconds. */
const MIN_INTERVAL = 100;

/** The same of a ladder by itself. */
export function readDegradation(options: unknown): Said {
  const said = new Said();
  object({ ...DEGRADATION, monitor: anything })(options, '', said);
  // It looks twice in the time after which a trigger of which nothing is heard is off.
  const after = said.get(Option.RecoverAfter, undefined);
  if (after !== undefined) said.set(Option.Interval, 'recoverAfter', Math.max(MIN_INTERVAL, after / 2));
  said.set(Option.Degradation, 'degradation', 1);
  return said;
}
