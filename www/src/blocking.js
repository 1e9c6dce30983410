/** The table of what blocked the main thread. */
import { LONG } from './watch.js';
import { duration } from './words.js';

export function createBlocking({ body, note, watch }) {
  note.textContent = watch.observes
    ? `Tasks of more than ${LONG} ms, as the browser reports them, by what had most of each.`
    : `This browser does not report long tasks: only what the page times itself is listed, above ${LONG} ms.`;
  return {
    draw() {
      body.replaceChildren(
        ...watch.causes().map(({ cause, longest, long }) => {
          const row = document.createElement('tr');
          const head = document.createElement('th');
          head.scope = 'row';
          head.textContent = cause;
          row.append(head);
          Object.assign(row.dataset, { cause, long, longest });
          row.insertCell().textContent = long === 0 ? 'none' : String(long);
          row.insertCell().textContent = duration(longest);
          return row;
        }),
      );
    },
  };
}
