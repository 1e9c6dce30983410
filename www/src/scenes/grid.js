import { bytes, duration, number, seconds, times } from '../words.js';

const NORMAL = 2;

/** When the first and the last of its cells were filled, in ms from the start. */
const firstOf = (record) => (record.answered > 0 ? record.endedAt[record.ends[0]] - record.startedAt : undefined);
const lastOf = (record) => record.endedAt[record.ends[record.ended - 1]] - record.startedAt;
const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
const isWhole = (record) => record.answered === record.planned;

export default {
  id: 'grid',
  title: 'Grid',
  sides: ['native', 'sixlane', 'batched'],
  options: { batched: { batch: [{ match: /\/api\/data\/(?<id>\d+)/, endpoint: '/api/batch' }] } },
  cells: true,
  use: 'batches',
  question: ({ count }) => `${number(count)} cells, and each fetches its own value. How soon is the grid full?`,
  how: 'One after the other, with the same calls at the call sites. The last has a rule that sends up to 50 of them as one request.',
  lookAt:
    'Look at the cells: one by one they come six at a time, whoever sends them. With the rule whole batches come, and each call still gets a response of its own.',
  controls: [
    { id: 'count', kind: 'choice', label: 'Cells', value: 1000, options: [100, 250, 500, 1000, 2500] },
    { id: 'delay', kind: 'number', label: 'Server delay', unit: 'ms', value: 20, min: 0, max: 2000 },
  ],
  total: ({ count }) => count,
  heroCaption: 'until the last cell',

  async run({ values, inTurns, send }) {
    const { count, delay } = values;
    await inTurns(count, (index, signal) =>
      send(`/api/data/${index + 1}`, { level: NORMAL, query: { delay }, alike: true }, signal),
    );
  },

  hero(record, now) {
    const caption = this.heroCaption;
    if (!record.over) return { text: duration(now - record.startedAt), caption, tone: 'quiet' };
    if (isWhole(record)) return { text: duration(lastOf(record)), caption, tone: 'good' };
    if (record.cancelled > 0) return { text: 'cancelled', caption: 'before the last cell', tone: 'quiet' };
    return { text: 'not full', caption: 'some cells failed', tone: 'bad' };
  },

  figures: [
    {
      label: 'First cell',
      text: (record) => {
        const first = firstOf(record);
        return first === undefined ? '–' : duration(first);
      },
    },
    { label: 'Cells filled', text: (record) => number(record.answered) },
    { label: 'Requests', text: ({ seen }) => (seen ? number(seen.seen) : '–') },
    { label: 'Received', text: ({ over, received }) => (over && received > 0 ? bytes(received) : '–') },
  ],

  chart: { title: 'Cells filled over time', value: (record) => record.answered },

  marks: (record) => (record.over && isWhole(record) ? [{ at: lastOf(record), text: 'last cell' }] : []),

  verdict({ native, sixlane, batched }) {
    const missing = { 'native fetch': native, sixlane, 'sixlane with a rule': batched };
    const lost = Object.entries(missing)
      .filter(([, record]) => !isWhole(record))
      .map(([who, { planned, answered }]) => `${who} left ${number(planned - answered)} of ${number(planned)} empty`);
    const told = lost.length > 0 ? `${lost.join(', ')}.` : '';
    if (!isWhole(sixlane) || !isWhole(batched)) return { headline: 'Not every grid is full.', detail: capital(told) };
    const [one, other] = [lastOf(sixlane), lastOf(batched)];
    const asked = [sixlane, batched].map(({ seen }) => (seen ? number(seen.seen) : '?'));
    const read = [sixlane, batched].map(({ received }) => bytes(received));
    const less = batched.received > 0 ? `, and ${read[1]} received in place of ${read[0]}` : '';
    return {
      headline: `The last cell: ${seconds(other)} with the rule, ${seconds(one)} without.`,
      detail:
        `${one / other >= 1.1 ? `${times(one / other)} sooner: ` : ''}${asked[1]} requests in place of ${asked[0]}${less}. ${capital(told)}`.trim(),
    };
  },
};
