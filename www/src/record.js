/** What happened in one run. Counters and typed arrays, changed in place: whoever draws looks when it suits. */

/** Most urgent first, as they are shown. */
export const LEVELS = ['critical', 'high', 'normal', 'low', 'background'];
export const CRITICAL = 0;

export const OUTCOME = { pending: 0, answered: 1, refused: 2, lost: 3, cancelled: 4 };
const COUNTER = ['pending', 'answered', 'refused', 'lost', 'cancelled'];

export const LANES = 6;

/** Samples kept: when they are full, every second one goes and the step doubles. */
const SAMPLES = 1024;
const FIRST_STEP = 25;

export function createRecord({ side, planned, value }) {
  const level = new Uint8Array(planned);
  const outcome = new Uint8Array(planned);
  const calledAt = new Float64Array(planned);
  const endedAt = new Float64Array(planned);
  /** Indexes in the order in which they settled. */
  const ends = new Uint32Array(planned);

  // What was on a lane, from when to when. A request that gives way to an emergency comes twice.
  let spans = { lane: new Uint8Array(planned), index: new Uint32Array(planned) };
  let times = { from: new Float64Array(planned), to: new Float64Array(planned) };
  const grow = (arrays) =>
    Object.fromEntries(
      Object.entries(arrays).map(([name, old]) => {
        const wider = new old.constructor(old.length * 2);
        wider.set(old);
        return [name, wider];
      }),
    );
  /** The span on each lane now, and whether its headers are there. */
  const onLane = new Int32Array(LANES).fill(-1);
  const answering = new Uint8Array(LANES);

  const samples = new Float64Array(SAMPLES);
  let step = FIRST_STEP;
  let sampled = 0;

  function close(lane, now) {
    times.to[onLane[lane]] = now;
    onLane[lane] = -1;
  }

  function median(at) {
    const took = new Float64Array(record.answeredBy[at]);
    let count = 0;
    for (let n = 0; n < record.made; n += 1) {
      if (level[n] === at && outcome[n] === OUTCOME.answered) took[count++] = endedAt[n] - calledAt[n];
    }
    return took.sort()[took.length >> 1] ?? 0;
  }

  const laneOf = (index) => onLane.findIndex((span) => span >= 0 && spans.index[span] === index);

  const record = {
    isSixlane: side === 'sixlane',
    planned,
    level,
    outcome,
    calledAt,
    endedAt,
    ends,
    made: 0,
    ended: 0,
    answered: 0,
    refused: 0,
    lost: 0,
    cancelled: 0,
    preempted: 0,
    /** By level: called, answered, and neither answered nor failed. */
    madeBy: new Uint32Array(LEVELS.length),
    answeredBy: new Uint32Array(LEVELS.length),
    pendingBy: new Uint32Array(LEVELS.length),
    spanCount: 0,
    startedAt: 0,
    totalMs: 0,
    /** The time that its lanes are as wide as when it is over, where that is more: two runs are shown alike. */
    scaleMs: 0,
    /** The same for the bars of its medians. */
    scaleMedian: 0,
    over: false,
    /** Bytes of the answers; 0 where the browser does not tell. */
    received: 0,
    /** What the server has seen of it, once it was asked. */
    seen: undefined,
    firstError: '',
    /** By level, the median time to its answers in ms, known at the end; 0 without any. */
    medians: LEVELS.map(() => 0),

    call(at, now) {
      const index = record.made;
      record.made += 1;
      level[index] = at;
      calledAt[index] = now;
      record.madeBy[at] += 1;
      record.pendingBy[at] += 1;
      return index;
    },

    end(index, how, now, error = '') {
      outcome[index] = how;
      endedAt[index] = now;
      ends[record.ended] = index;
      record.ended += 1;
      record[COUNTER[how]] += 1;
      record.pendingBy[level[index]] -= 1;
      if (how === OUTCOME.answered) record.answeredBy[level[index]] += 1;
      else record.firstError ||= error;
      record.leave(index, now);
    },

    /** A slot was given to a request. */
    enter(index, now) {
      let lane = onLane.indexOf(-1);
      // The body of the one before has ended, but its reader was not told yet.
      if (lane < 0) lane = Math.max(0, answering.indexOf(1));
      if (onLane[lane] >= 0) close(lane, now);
      if (record.spanCount === spans.lane.length) {
        spans = grow(spans);
        times = grow(times);
      }
      const span = record.spanCount;
      spans.lane[span] = lane;
      spans.index[span] = index;
      times.from[span] = now;
      times.to[span] = Number.POSITIVE_INFINITY;
      onLane[lane] = span;
      answering[lane] = 0;
      record.spanCount += 1;
    },

    /** The headers are there. */
    answering(index) {
      const lane = laneOf(index);
      if (lane >= 0) answering[lane] = 1;
    },

    leave(index, now) {
      const lane = laneOf(index);
      if (lane >= 0) close(lane, now);
    },

    /** The spans in the order of their starts, bare: what the canvas reads thousands of times a frame. */
    arrays: () => ({ lane: spans.lane, index: spans.index, from: times.from, to: times.to }),
    lanesTaken: () => onLane.reduce((sum, span) => sum + (span >= 0), 0),

    /** Brings the samples up to now. */
    sample(now) {
      const due = Math.floor((now - record.startedAt) / step);
      while (sampled <= due) {
        if (sampled === SAMPLES) {
          for (let n = 0; n < SAMPLES / 2; n += 1) samples[n] = samples[2 * n];
          sampled = SAMPLES / 2;
          step *= 2;
          return record.sample(now);
        }
        samples[sampled] = value(record);
        sampled += 1;
      }
    },

    /** The value `ms` after the start, or null where there is none. */
    valueAt(ms) {
      const n = Math.round(ms / step);
      return n < sampled ? samples[n] : null;
    },
    sampledMs: () => Math.max(0, sampled - 1) * step,
    get step() {
      return step;
    },

    finish(now) {
      record.cancelled += planned - record.made;
      record.totalMs = now - record.startedAt;
      record.over = true;
      // With one more for the end, which is between two of them.
      record.sample(now + step);
      record.medians = LEVELS.map((_, at) => median(at));
    },
  };
  return record;
}
