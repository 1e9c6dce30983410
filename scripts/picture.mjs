// Takes the pictures of the README and the docs in Chromium: docs/demo.png, the demo after a burst, and docs/panel.png, the panel
// in the middle of one.
import { statSync } from 'node:fs';
import { launch } from '../tests/browser/drivers.mjs';
import { build } from './build.mjs';
import { buildServer } from './lib/cargo.mjs';
import { at } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { startServer } from './lib/server.mjs';
import { isMain, main, Plain, step } from './lib/step.mjs';
import { setup } from './setup.mjs';

const LIMIT = 200_000;

/** Opens the built page at an address below `url`, light and so tall. */
async function onPage(url, height, body) {
  const browser = await launch('chromium');
  try {
    const { page } = browser;
    await page.emulateMedia({ colorScheme: 'light' });
    await browser.setViewport(1280, height);
    await browser.open(url.href);
    await body(page);
  } finally {
    await browser.close();
  }
}

/** Runs a scene to its end and writes the picture. */
const takePicture = (url, path) =>
  onPage(new URL('?scene=burst&count=5000&mix=page&delay=20', url), 1110, async (page) => {
    await page.click('#run');
    await page.waitForFunction(() => document.querySelectorAll('.panel[data-rate]').length === 2, null, {
      timeout: 120_000,
    });
    await page.evaluate(() => document.activeElement.blur());
    await page.mouse.move(0, 0);
    await page.screenshot({ path });
  });

/** The panel in the demo, while calls wait, and after some were answered. */
const takePanel = (url, path) =>
  onPage(new URL('?scene=pressure&rate=40', url), 1000, async (page) => {
    const panel = page.locator('sixlane-panel');
    await panel.scrollIntoViewIfNeeded();
    // What it runs needs no button in sight, and the delay is the server's.
    await page.evaluate(() => {
      document.querySelector('#run').click();
      const delay = document.querySelector('input[type=range]');
      delay.value = delay.max;
      delay.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await panel
      .getByRole('region', { name: 'Alerts' })
      .getByText(/response-time/)
      .first()
      .waitFor();
    await panel.screenshot({ path });
  });

const PICTURES = { 'docs/demo.png': takePicture, 'docs/panel.png': takePanel };

if (isMain(import.meta.url)) {
  await main(async () => {
    await setup({ browsers: true });
    await build();
    await step('vite build', () => run(at('node_modules/.bin/vite'), ['build', at('www'), '--logLevel', 'warn']));
    const server = await startServer(await buildServer('release'), ['--port', '0', '--site', at('www/dist')]);
    try {
      for (const [place, take] of Object.entries(PICTURES)) {
        await step(place, () => take(server.url, at(place)));
        const { size } = statSync(at(place));
        if (size > LIMIT) throw new Plain(`${place} has ${size} bytes, more than ${LIMIT}`);
      }
    } finally {
      await server.close();
    }
  });
}
