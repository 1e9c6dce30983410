import { createPressure } from '../pressure.js';

export default {
  id: 'pressure',
  title: 'Pressure',
  view: createPressure,
  inside: true,
  question: () => 'The server becomes slow, or fails. What does the page give up, and what goes on as before?',
  lookAt:
    'Run, then drag the delay to two seconds, and back. Look at the critical answers on both sides, and at the level: it rises by what is measured, and comes back by itself.',
  controls: [{ id: 'rate', kind: 'choice', label: 'Calls a second', value: 20, options: [10, 20, 40] }],
};
