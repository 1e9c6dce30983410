import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { TITLES } from './sides.js';
import { colour, onTheme } from './theme.js';
import { number } from './words.js';

const HEIGHT = 220;
const FONT = '12px system-ui, sans-serif';

/** Colour and width of each side's line, in the order in which they are drawn. */
const LINES = { native: ['neutral', 2], naive: ['naive', 2], sixlane: ['accent', 2.5], batched: ['batched', 2.5] };
const SIDES = Object.keys(LINES);
const EMPTY = [[0, 1], ...SIDES.map(() => [null, null])];

const secondsOf = (_, values) => values.map((value) => `${+value.toFixed(2)} s`);
const countOf = (_, values) => values.map((value) => number(value));

/** All sides over the time since their own start. */
export function createChart(place) {
  let marks = [];
  const axis = (values) => ({
    stroke: () => colour('quiet'),
    grid: { stroke: () => colour('line'), width: 1 },
    ticks: { show: false },
    font: FONT,
    values,
  });
  const line = (side) => {
    const [name, width] = LINES[side];
    return { label: TITLES[side], stroke: () => colour(name), width, points: { show: false } };
  };

  /** When the answer came that the scene is about. */
  function drawMarks(plot) {
    const { ctx, bbox } = plot;
    const ratio = UPlot.pxRatio;
    ctx.save();
    for (const { at, text, side } of marks) {
      const x = Math.round(plot.valToPos(at / 1000, 'x', true));
      const late = x > bbox.left + bbox.width / 2;
      ctx.strokeStyle = ctx.fillStyle = colour(side === 'sixlane' ? 'accent' : 'quiet');
      ctx.lineWidth = ratio;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.font = `${12 * ratio}px system-ui, sans-serif`;
      ctx.textAlign = late ? 'right' : 'left';
      // The lines rise: an early mark has room above them, a late one below.
      ctx.textBaseline = late ? 'bottom' : 'top';
      const row = (side === 'sixlane' ? 0 : 16) * ratio;
      const y = late ? bbox.top + bbox.height - 6 * ratio - row : bbox.top + 2 * ratio + row;
      ctx.fillText(text, x + (late ? -6 : 6) * ratio, y);
    }
    ctx.restore();
  }

  const plot = new UPlot(
    {
      width: place.clientWidth || 600,
      height: HEIGHT,
      legend: { show: false },
      padding: [8, 16, 0, 0],
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: (_, __, max) => [0, Math.max(max * 1.05, 10)] } },
      axes: [
        { ...axis(secondsOf), size: 28 },
        { ...axis(countOf), size: 60 },
      ],
      series: [{}, ...SIDES.map(line)],
      hooks: { draw: [drawMarks] },
    },
    EMPTY,
    place,
  );
  // For those who see it the panels say the same in words.
  plot.root.querySelector('canvas').setAttribute('aria-hidden', 'true');
  new ResizeObserver(() => {
    // Without a width it is not shown.
    if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(place);
  onTheme(() => plot.redraw(false));

  return {
    /** `records` by side; one that has not run yet is left out. */
    draw(records, scene) {
      const drawn = Object.values(records);
      const step = Math.max(...drawn.map((record) => record.step));
      const end = Math.max(1000, ...drawn.map((record) => record.sampledMs()));
      const xs = Array.from({ length: Math.floor(end / step) + 1 }, (_, n) => (n * step) / 1000);
      const values = (record) => xs.map((x) => record?.valueAt(x * 1000) ?? null);
      marks = Object.entries(records).flatMap(([side, record]) =>
        scene.marks(record).map(({ at, text, alone }) => ({ at, side, text: alone ? text : `${text}, ${side}` })),
      );
      plot.setData([xs, ...SIDES.map((side) => values(records[side]))]);
    },
    clear() {
      marks = [];
      plot.setData(EMPTY);
    },
  };
}
