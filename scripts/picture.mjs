// Takes the picture of the demo for the README: docs/demo.png, in Chromium, after a burst.
import { statSync } from 'node:fs';
import { launch } from '../tests/browser/drivers.mjs';
import { build } from './build.mjs';
import { buildServer } from './lib/cargo.mjs';
import { at } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { startServer } from './lib/server.mjs';
import { isMain, main, Plain, step } from './lib/step.mjs';
import { setup } from './setup.mjs';

const PLACE = 'docs/demo.png';
const LIMIT = 200_000;

/** Runs a scene of the built page at `url` to its end and writes the picture. */
export async function takePicture(url, path) {
  const browser = await launch('chromium');
  try {
    const { page } = browser;
    await page.emulateMedia({ colorScheme: 'light' });
    await browser.setViewport(1280, 1110);
    await browser.open(new URL('?scene=burst&count=5000&mix=page&delay=20', url).href);
    await page.click('#run');
    await page.waitForFunction(() => document.querySelectorAll('.panel[data-rate]').length === 2, null, {
      timeout: 120_000,
    });
    await page.evaluate(() => document.activeElement.blur());
    await page.mouse.move(0, 0);
    await page.screenshot({ path });
  } finally {
    await browser.close();
  }
}

if (isMain(import.meta.url)) {
  await main(async () => {
    await setup({ browsers: true });
    await build();
    await step('vite build', () => run(at('node_modules/.bin/vite'), ['build', at('www'), '--logLevel', 'warn']));
    const server = await startServer(await buildServer('release'), ['--port', '0', '--site', at('www/dist')]);
    try {
      await step(PLACE, () => takePicture(server.url, at(PLACE)));
    } finally {
      await server.close();
    }
    const { size } = statSync(at(PLACE));
    if (size > LIMIT) throw new Plain(`${PLACE} has ${size} bytes, more than ${LIMIT}`);
  });
}
