/**
 * One small interface to three real browsers:
 *
 * - `name`, `version`
 * - `open(url)`: goes there and waits for the load event
 * - `evaluate(fn, ...args)`: calls a function, or the source of one, in the page; arguments and result are JSON,
 *   a promise is awaited
 * - `screenshot(path)`: writes a PNG of the viewport
 * - `setViewport(width, height)`: in CSS pixels
 * - `onConsole(listener)`, `onPageError(listener)`: called with text; WebKit never calls them
 * - `close()`: ends exactly the processes that `launch` started
 *
 * Chromium and Firefox also have `page`, and Chromium `context`: those of Playwright and Puppeteer.
 */
const DRIVERS = {
  chromium: () => import('./drivers/chromium.mjs'),
  firefox: () => import('./drivers/firefox.mjs'),
  webkit: () => import('./drivers/webkit.mjs'),
};

export const BROWSERS = Object.keys(DRIVERS);

/** Starts a browser with an empty profile. `preferences`: of Firefox, beside those of all tests. */
export async function launch(name, preferences) {
  if (!DRIVERS[name]) throw new Error(`there is no browser ${name}, only ${BROWSERS.join(', ')}`);
  const { start } = await DRIVERS[name]();
  return start(preferences);
}
