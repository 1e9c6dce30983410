import { CRITICAL, LEVELS, OUTCOME } from '../record.js';
import { comparison, duration, number } from '../words.js';

const MIXES = [
  { id: 'page', label: 'Some of each', weights: [0, 5, 15, 20, 60] },
  { id: 'crowd', label: 'Background only', weights: [0, 0, 0, 0, 100] },
  { id: 'even', label: 'All alike', weights: [20, 20, 20, 20, 20] },
];

/** Spreads the levels evenly over the calls: each time the one that is furthest behind its share. */
function spread(weights, count) {
  const sum = weights.reduce((a, b) => a + b, 0);
  const owed = new Float64Array(weights.length);
  return Uint8Array.from({ length: count }, () => {
    for (const [level, weight] of weights.entries()) owed[level] += weight / sum;
    const next = owed.indexOf(Math.max(...owed));
    owed[next] -= 1;
    return next;
  });
}

/** The request that somebody waits for is the last one. */
const last = (record) => record.planned - 1;
const outcomeOf = (record) => (record.made === record.planned ? record.outcome[last(record)] : OUTCOME.pending);
const timeOf = (record) => record.endedAt[last(record)] - record.calledAt[last(record)];

export default {
  id: 'burst',
  title: 'Burst',
  question: ({ count }) => `${number(count)} requests at once, and behind them one that somebody waits for.`,
  lookAt:
    'Look at the orange request: it is called last. sixlane puts it on the next free connection; native fetch leaves it at the end of the browser’s own queue.',
  controls: [
    { id: 'count', kind: 'choice', label: 'Requests', value: 1000, options: [100, 250, 500, 1000, 2500, 5000, 10_000] },
    { id: 'mix', kind: 'mix', label: 'Mix of levels', value: MIXES[0].weights, presets: MIXES },
    { id: 'delay', kind: 'number', label: 'Server delay', unit: 'ms', value: 20, min: 0, max: 2000 },
    { id: 'fail', kind: 'number', label: 'Failures', unit: '%', value: 0, min: 0, max: 100 },
    {
      id: 'hints',
      kind: 'check',
      label: 'Browser hints, too',
      note: 'adds fetch’s own priority: high, low',
      value: false,
    },
  ],
  total: ({ count }) => count + 1,

  async run({ values, inTurns, send }) {
    const { count, mix, delay, fail, hints } = values;
    const levels = spread(mix, count);
    const hint = (level) => (level < 2 ? 'high' : level > 2 ? 'low' : 'auto');
    await inTurns(count + 1, (index, signal) => {
      const urgent = index === count;
      const level = urgent ? CRITICAL : levels[index];
      const path = urgent ? '/api/user/profile' : `/api/data/${1 + (index % 10_000)}`;
      const query = urgent || fail === 0 ? { delay } : { delay, failShare: fail / 100 };
      return send(path, { level, query, ...(hints && { priority: hint(level) }) }, signal);
    });
  },

  hero(record, now) {
    switch (outcomeOf(record)) {
      case OUTCOME.answered:
        return { text: duration(timeOf(record)), caption: 'until the critical answer', tone: 'good' };
      case OUTCOME.refused:
      case OUTCOME.lost:
        return { text: 'lost', caption: 'the critical request failed', tone: 'bad' };
      case OUTCOME.cancelled:
        return { text: 'cancelled', caption: 'before the critical answer', tone: 'quiet' };
      default: {
        const waits = record.made === record.planned;
        const text = record.over ? 'cancelled' : duration(waits ? now - record.calledAt[last(record)] : 0);
        const caption = waits ? 'and no critical answer yet' : 'the critical request is called last';
        return { text, caption: record.over ? 'before the critical call' : caption, tone: 'quiet' };
      }
    }
  },

  figures: [
    { label: 'Answered', text: (record) => number(record.answered) },
    { label: 'Failed at the server', text: (record) => number(record.refused), bad: (record) => record.refused > 0 },
    { label: 'Lost by the browser', text: (record) => number(record.lost), bad: (record) => record.lost > 0 },
  ],

  chart: { title: 'Answers over time', value: (record) => record.answered },

  marks(record) {
    if (outcomeOf(record) !== OUTCOME.answered) return [];
    return [{ at: record.endedAt[last(record)] - record.startedAt, text: `${LEVELS[CRITICAL]} answer` }];
  },

  verdict({ native, sixlane }) {
    const time = (record) => (outcomeOf(record) === OUTCOME.answered ? timeOf(record) : undefined);
    return comparison('critical', { native, sixlane, time });
  },
};
