/** A canvas that has as many pixels as the screen shows of it. `changed` is called when their number has changed. */
export function createCanvas(canvas, changed) {
  const context = canvas.getContext('2d');
  const size = { width: 0, height: 0 };
  new ResizeObserver(([{ contentRect }]) => {
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(contentRect.width * ratio), Math.round(contentRect.height * ratio)];
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    Object.assign(size, { width: contentRect.width, height: contentRect.height });
    changed();
  }).observe(canvas);
  return { context, size };
}
