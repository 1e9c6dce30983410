/** The grid of a column: a cell for each call, filled when it is answered. */
import { OUTCOME } from './record.js';
import { colour } from './theme.js';

const GAP = 1;

/** The largest square cells of which `count` fit. */
function layout(count, { width, height }) {
  let columns = Math.max(1, Math.ceil(Math.sqrt((count * width) / height)));
  while (Math.ceil(count / columns) * (width / columns) > height) columns += 1;
  return { columns, pitch: width / columns };
}

export function createCells({ context, size }, fill) {
  return {
    draw(record) {
      if (size.width === 0) return;
      context.clearRect(0, 0, size.width, size.height);
      if (!record) {
        context.fillStyle = colour('sunken');
        context.fillRect(0, 0, size.width, size.height);
        return;
      }
      const colours = [colour('sunken'), colour(fill), colour('bad'), colour('bad'), colour('line')];
      const { columns, pitch } = layout(record.planned, size);
      const side = Math.max(1, pitch - GAP);
      for (const how of Object.values(OUTCOME)) {
        context.fillStyle = colours[how];
        for (let n = 0; n < record.planned; n += 1) {
          if (record.outcome[n] !== how) continue;
          context.fillRect((n % columns) * pitch, Math.floor(n / columns) * pitch, side, side);
        }
      }
    },
  };
}
