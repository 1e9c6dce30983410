import { CRITICAL, OUTCOME } from '../record.js';
import { comparison, duration, number } from '../words.js';

const BACKGROUND = 4;
/** From the slow calls to the alarm: by then all connections are taken. */
const AFTER = 300;

/** The emergency is the last call. */
const last = (record) => record.planned - 1;
const outcomeOf = (record) => (record.made === record.planned ? record.outcome[last(record)] : OUTCOME.pending);
const timeOf = (record) => record.endedAt[last(record)] - record.calledAt[last(record)];

export default {
  id: 'emergency',
  title: 'Emergency',
  question: ({ slow }) => `Six downloads of ${duration(slow)} take every connection. Then there is an alarm.`,
  lookAt:
    'Look at the six lanes when the orange request comes: one download gives up its connection, and begins again behind it. Native fetch lets the alarm wait for the first that ends.',
  controls: [
    { id: 'count', kind: 'choice', label: 'Slow requests', value: 12, options: [6, 12, 24, 60] },
    { id: 'slow', kind: 'number', label: 'Each takes', unit: 'ms', value: 2000, min: 100, max: 10_000 },
    { id: 'delay', kind: 'number', label: 'The alarm takes', unit: 'ms', value: 20, min: 0, max: 2000 },
  ],
  total: ({ count }) => count + 1,
  heroCaption: 'until the alarm is answered',

  async run({ values, inTurns, send, pause }) {
    const { count, slow, delay } = values;
    const crowd = inTurns(count, (index, signal) =>
      send(`/api/data/${index + 1}`, { level: BACKGROUND, query: { delay: slow } }, signal),
    );
    await pause(AFTER);
    await inTurns(1, (_, signal) =>
      send('/api/user/profile', { level: CRITICAL, query: { delay }, emergency: true }, signal),
    );
    await crowd;
  },

  hero(record, now) {
    const caption = 'until the alarm is answered';
    switch (outcomeOf(record)) {
      case OUTCOME.answered:
        return { text: duration(timeOf(record)), caption, tone: 'good' };
      case OUTCOME.refused:
      case OUTCOME.lost:
        return { text: 'lost', caption: 'the alarm failed', tone: 'bad' };
      case OUTCOME.cancelled:
        return { text: 'cancelled', caption: 'before the alarm was answered', tone: 'quiet' };
      default: {
        if (record.over) return { text: 'cancelled', caption: 'before the alarm', tone: 'quiet' };
        const waits = record.made === record.planned;
        return { text: duration(waits ? now - record.calledAt[last(record)] : 0), caption, tone: 'quiet' };
      }
    }
  },

  figures: [
    { label: 'Answered', text: (record) => number(record.answered) },
    { label: 'Gave way to the alarm', text: (record) => number(record.preempted) },
    { label: 'Lost', text: (record) => number(record.lost), bad: (record) => record.lost > 0 },
  ],

  chart: { title: 'Answers over time', value: (record) => record.answered },

  marks(record) {
    if (outcomeOf(record) !== OUTCOME.answered) return [];
    return [{ at: record.endedAt[last(record)] - record.startedAt, text: 'alarm answered' }];
  },

  verdict({ native, sixlane }) {
    const time = (record) => (outcomeOf(record) === OUTCOME.answered ? timeOf(record) : undefined);
    return comparison('alarm’s', { native, sixlane, time });
  },
};
