import { createVisit } from '../visit.js';
import { number } from '../words.js';

export default {
  id: 'visit',
  title: 'Second visit',
  view: createVisit,
  question: ({ count }) => `A page that needs ${number(count)} answers. What do they cost when it is opened again?`,
  lookAt:
    'Load, then reload the page: what was in memory is gone with it, and storage answers in its place. Look at the colours, and at the time.',
  controls: [
    { id: 'count', kind: 'choice', label: 'Requests', value: 60, options: [30, 60, 120, 240] },
    { id: 'delay', kind: 'number', label: 'Server delay', unit: 'ms', value: 100, min: 0, max: 2000 },
  ],
};
