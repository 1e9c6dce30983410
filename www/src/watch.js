/** What blocks the main thread, by cause, and how many frames it leaves. */

/** What the Long Tasks API calls long. */
export const LONG = 50;

/** The cause of what the page draws itself. */
export const DRAWING = 'Drawing';

/** Spans kept for the entries that come after them. */
const KEPT = 256;

export function createWatch() {
  const causes = new Map();
  const spans = [];
  const phases = [];
  let observer;

  function note(cause, ms) {
    const entry = causes.get(cause) ?? { cause, longest: 0, long: 0 };
    causes.set(cause, entry);
    entry.longest = Math.max(entry.longest, ms);
    return entry;
  }

  /** The cause that had most of a long task, else the phase that it fell into. */
  function attribute({ startTime, duration }) {
    const end = startTime + duration;
    const shares = new Map();
    for (const { cause, from, to } of spans) {
      // A browser lays out and paints in the task that drew: what comes after a drawing is its share, too.
      const until = cause === DRAWING && from < end ? end : to;
      const overlap = Math.min(end, until) - Math.max(startTime, from);
      if (from < end && to > startTime && overlap > 0) shares.set(cause, (shares.get(cause) ?? 0) + overlap);
    }
    const phase = phases.findLast(({ from }) => from <= end)?.name ?? 'Other';
    const [cause, share] = [...shares].sort(([, a], [, b]) => b - a)[0] ?? ['', 0];
    note(share > duration / 2 ? cause : phase, duration).long += 1;
  }

  if (PerformanceObserver.supportedEntryTypes?.includes('longtask')) {
    observer = new PerformanceObserver((list) => list.getEntries().forEach(attribute));
    observer.observe({ type: 'longtask' });
  }

  return {
    /** Whether the browser tells of long tasks; without it only what is timed by ourselves is known. */
    observes: observer !== undefined,

    reset() {
      observer?.takeRecords();
      causes.clear();
      spans.length = phases.length = 0;
    },

    /** Names what happens from now on when nobody says more. */
    phase(name) {
      phases.push({ name, from: performance.now() });
    },

    during(cause, work) {
      const from = performance.now();
      try {
        return work();
      } finally {
        const to = performance.now();
        const entry = note(cause, to - from);
        if (!observer && to - from > LONG) entry.long += 1;
        if (to - from > 1) {
          if (spans.length === KEPT) spans.shift();
          spans.push({ cause, from, to });
        }
      }
    },

    causes() {
      observer?.takeRecords().forEach(attribute);
      return [...causes.values()];
    },
  };
}

/** Counts frames from its first `tick` on. */
export function createFrameCount() {
  let first;
  let last;
  let frames = 0;
  let longest = 0;
  return {
    tick(now) {
      if (first === undefined) first = now;
      else {
        frames += 1;
        longest = Math.max(longest, now - last);
      }
      last = now;
    },
    /** Frames per second, and the longest time between two in ms. */
    result: () => ({ rate: frames ? (1000 * frames) / (last - first) : Number.NaN, longest }),
  };
}
