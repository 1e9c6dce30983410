import { LEVELS, OUTCOME } from '../record.js';
import { duration, number } from '../words.js';

/** From the start to the outage, and after its end. */
const BEFORE = 3000;
const AFTER = 4000;

/** How often the server is asked what it saw. */
const ASK = 500;

const lengthOf = ({ down }) => BEFORE + down * 1000 + AFTER;

/** What came to the server while it was down: it answered just that with 503. */
const reached = (record) => record.seen?.statuses?.[503] ?? 0;
const failed = (record) => record.refused + record.lost;

/** From the end of the outage until nobody waited any more who had called before; undefined if some never had an answer. */
function caughtUp(record) {
  const { downTo } = record;
  if (downTo === undefined) return undefined;
  let last = downTo;
  for (let n = 0; n < record.made && record.calledAt[n] < downTo; n += 1) {
    if (record.outcome[n] !== OUTCOME.answered) return undefined;
    last = Math.max(last, record.endedAt[n]);
  }
  return last - downTo;
}

export default {
  id: 'outage',
  title: 'Outage',
  sides: ['native', 'naive', 'sixlane'],
  /** All at the same time: there is one outage. */
  together: true,
  options: { sixlane: { retry: { limit: 10 } } },
  question: ({ rate, down }) =>
    `${number(rate)} calls a second each, to a server that is down for ${down} s. What does it get, and who is answered?`,
  lookAt:
    'Look at the lines while the server is down: naive retry multiplies its requests by four, sixlane sends one after each pause that the server asks for, keeps the rest waiting, and lets them go most urgent first.',
  controls: [
    { id: 'down', kind: 'number', label: 'Down for', unit: 's', value: 20, min: 1, max: 60 },
    { id: 'rate', kind: 'choice', label: 'Calls a second', value: 20, options: [5, 10, 20, 40] },
    { id: 'pause', kind: 'number', label: 'Retry-After', unit: 's', value: 2, min: 0, max: 30 },
    { id: 'delay', kind: 'number', label: 'Server delay', unit: 'ms', value: 20, min: 0, max: 1000 },
  ],
  total: (values) => Math.floor((lengthOf(values) * values.rate) / 1000),
  heroCaption: 'requests reached the server while it was down',

  /** Once for all sides: takes the server down, and tells the records when. Returns how to put it back. */
  begin({ values: { down, pause: retryAfter }, fetch, records }) {
    const send = (method, body) => fetch('/control', { method, ...(body && { body: JSON.stringify(body) }) });
    const timer = setTimeout(async () => {
      const downFrom = performance.now();
      await send('PUT', { outage: down, retryAfter: retryAfter || null });
      const downTo = performance.now() + down * 1000;
      for (const record of Object.values(records)) Object.assign(record, { downFrom, downTo });
    }, BEFORE);
    return () => {
      clearTimeout(timer);
      return send('DELETE');
    };
  },

  async run({ values, record, inTurns, send, pause, observe }) {
    const { rate, delay } = values;
    const count = this.total(values);
    const answers = [];
    const watching = observe(ASK, (seen, elapsed) => {
      const before = record.seen?.seen ?? 0;
      record.seen = seen;
      record.seenRate = ((seen.seen - before) * 1000) / elapsed;
    });
    for (let n = 0; n < count; n += 1) {
      await pause(record.startedAt + (n * 1000) / rate - performance.now());
      const level = n % LEVELS.length;
      answers.push(
        inTurns(1, (_, signal) =>
          send(`/api/data/${1 + n}`, { level, query: { delay, level: LEVELS[level] } }, signal),
        ),
      );
    }
    await Promise.all(answers);
    await watching.stop();
  },

  hero(record) {
    const tone = !record.over ? 'quiet' : failed(record) > 0 ? 'bad' : 'good';
    return { text: number(reached(record)), caption: this.heroCaption, tone };
  },

  figures: [
    { label: 'Answered', text: (record) => number(record.answered) },
    { label: 'Failed', text: (record) => number(failed(record)), bad: (record) => failed(record) > 0 },
    {
      label: 'All answered after the end',
      text: (record) => {
        if (!record.over) return '–';
        const time = caughtUp(record);
        return time === undefined ? 'never' : duration(time);
      },
      bad: (record) => record.over && caughtUp(record) === undefined,
    },
  ],

  chart: { title: 'Requests a second that the server saw', value: (record) => record.seenRate ?? 0 },

  marks(record) {
    if (record.downFrom === undefined || !record.isSixlane) return [];
    return [
      { at: record.downFrom - record.startedAt, text: 'down', alone: true },
      { at: record.downTo - record.startedAt, text: 'up again', alone: true },
    ];
  },

  verdict({ native, naive, sixlane }) {
    const time = caughtUp(sixlane);
    const all = number(sixlane.planned);
    const lost = (record) => (failed(record) === 0 ? 'none' : number(failed(record)));
    const waited = time === undefined ? '' : ` sixlane had answered all that waited ${duration(time)} after the end.`;
    return {
      headline: `While it was down the server got ${number(reached(sixlane))} requests from sixlane, ${number(reached(naive))} from naive retry.`,
      detail: `Of ${all} calls each, native fetch failed ${lost(native)}, naive retry ${lost(naive)}, sixlane ${lost(sixlane)}.${waited}`,
    };
  },
};
