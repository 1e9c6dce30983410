// The panel: every control in Chromium, a strict policy, the other engines, and what axe-core finds.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { at } from '../../../scripts/lib/paths.mjs';
import { startServer } from '../../../scripts/lib/server.mjs';
import { until } from '../../../scripts/lib/wait.mjs';

/** No word of a script or a style in the page itself. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; require-trusted-types-for 'script'";

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="content-security-policy" content="${POLICY}" />
    <meta name="viewport" content="width=device-width" />
    <meta name="color-scheme" content="light dark" />
    <title>A page with the panel</title>
    <script type="module" src="page.js"></script>
  </head>
  <body><main><h1>A page</h1><sixlane-panel></sixlane-panel></main></body>
</html>`;

const SCRIPT = `
import { install } from '/dist/index.js';
import '/dist/panel.js';
import '/dist/panel.js?again';
window.errors = [];
addEventListener('error', ({ message }) => errors.push(message));
addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason)));
addEventListener('securitypolicyviolation', ({ violatedDirective }) => errors.push(violatedDirective));
window.installed = install({ queue: { perOrigin: 2 }, monitor: { interval: 500 }, degradation: true, retry: false });
await installed.ready;
// The panel was there before.
document.querySelector('sixlane-panel').instances = {};
window.done = true;
`;

export default async function ({ launch, server: { binary }, test }) {
  const site = await mkdtemp(join(tmpdir(), 'sixlane-panel-'));
  await writeFile(join(site, 'index.html'), PAGE);
  await writeFile(join(site, 'page.js'), SCRIPT);
  const server = await startServer(binary, ['--port', '0', '--site', site, '--mount', `/dist=${at('dist')}`]);

  async function inPage(name, body) {
    const browser = await launch(name);
    try {
      await browser.open(server.url);
      await until(() => browser.evaluate(() => window.done === true), {
        ms: 15_000,
        complaint: () => `${name}: the page does not get ready`,
      });
      await body(browser);
      assert.deepEqual(await browser.evaluate(() => window.errors), []);
    } finally {
      await browser.close();
    }
  }

  try {
    await test('panel: every control does what it says, and all that is shown is of the instance', () =>
      inPage('chromium', async ({ page }) => {
        const panel = page.locator('sixlane-panel');
        const region = (name) => panel.getByRole('region', { name, exact: true });
        const shown = (name, words) => region(name).getByText(words).first().waitFor();
        await panel.getByText('· wasm').waitFor();

        await panel.getByRole('button', { name: 'Pause' }).click();
        await page.evaluate(() => {
          const ask = (n, priority) => fetch(`/api/data/${n}`, { lane: { priority } }).then((r) => r.text());
          window.calls = [ask(1, 'normal'), ask(2, 'critical'), ask(3, 'low'), ask(4, 'normal')];
          for (const call of calls) call.catch(() => {});
        });
        await shown('Origins', '4 waiting');
        const rows = region('Waiting').locator('tbody tr');
        await until(async () => (await rows.count()) === 4, { ms: 5_000, complaint: () => 'four do not wait' });
        assert.match(await rows.nth(0).innerText(), /GET \/api\/data\/2/);

        // The last one goes first, the second is not to go at all.
        await rows.nth(3).getByRole('combobox').selectOption('critical');
        await until(async () => /data\/3/.test(await rows.nth(1).innerText()), {
          ms: 5_000,
          complaint: () => 'it is not more urgent',
        });
        await rows.nth(2).getByRole('button', { name: 'Cancel' }).click();
        await shown('Origins', '3 waiting');
        assert.equal(await page.evaluate(() => calls[0].catch(({ name }) => name)), 'AbortError');

        await panel.getByRole('button', { name: 'Resume' }).click();
        await shown('Origins', '3 completed');
        // Only what is in sight has rows.
        const calls = region('Calls').locator('tr[aria-rowindex]');
        await region('Calls').scrollIntoViewIfNeeded();
        await until(async () => (await calls.count()) === 4, {
          ms: 5_000,
          complaint: () => 'four calls are not shown',
        });
        const line = calls.filter({ hasText: '/api/data/2' });
        await until(async () => /critical\s+network\s+200/.test(await line.innerText()), {
          ms: 5_000,
          complaint: () => 'the critical call is not shown',
        });

        await panel.getByLabel('Level of degradation').selectOption('2');
        await page.waitForFunction(() => installed.degradation.level === 2);
        await panel.getByLabel('Level of degradation').selectOption('0');
        await page.waitForFunction(() => installed.degradation.level === 0);

        await panel.getByRole('button', { name: 'Pause' }).click();
        await page.evaluate(() => {
          window.gone = fetch('/api/data/9').catch(({ code }) => code);
        });
        await shown('Origins', '1 waiting');
        await panel.getByRole('button', { name: 'Clear queue' }).click();
        assert.equal(await page.evaluate(() => gone), 'queue-cleared');
        await panel.getByRole('button', { name: 'Resume' }).click();

        await page.evaluate(async () => {
          await (await fetch('/api/data/5?cache=60')).text();
          await (await fetch('/api/data/5?cache=60')).text();
        });
        await until(async () => /memory\s+1\s/.test(await region('Cache').innerText()), {
          ms: 5_000,
          complaint: () => 'what is kept is not shown',
        });
        await panel.getByRole('button', { name: 'Purge cache' }).click();
        await page.waitForFunction(() => installed.cache.stats().memory.entries === 0);

        for (const [name, check] of [
          ['HAR', ({ log }) => log.version === '1.2' && log.entries.length >= 4],
          ['JSON', ({ status, report }) => status.completed >= 4 && report.summary.requests >= 0],
        ]) {
          const saved = page.waitForEvent('download');
          await panel.getByRole('button', { name, exact: true }).click();
          assert.ok(check(JSON.parse(await readFile(await (await saved).path(), 'utf8'))), name);
        }
      }));

    await test('panel: of 200 calls those in sight have rows, and the others when they come there', () =>
      inPage('chromium', async ({ page }) => {
        const calls = page.locator('sixlane-panel').getByRole('region', { name: 'Calls', exact: true });
        await page.evaluate(async () => {
          for (let n = 1; n <= 220; n++) await (await fetch(`/api/data/1?n=${n}`, { lane: { cache: false } })).text();
        });
        const first = calls.locator('tr[aria-rowindex="2"]');
        await calls.scrollIntoViewIfNeeded();
        await first.waitFor();
        assert.ok((await calls.locator('tr[aria-rowindex]').count()) < 40);
        assert.equal(await calls.locator('table').getAttribute('aria-rowcount'), '201');
        const heightOf = () => calls.locator('table').evaluate((table) => table.offsetHeight);
        const before = await heightOf();
        const toEnd = () => calls.locator('[data-list]').evaluate((list) => list.scrollTo(0, list.scrollHeight));
        await toEnd();
        await calls.locator('tr[aria-rowindex="201"]').waitFor();
        assert.equal(await first.count(), 0);
        assert.ok(Math.abs((await heightOf()) - before) < 60, 'it is as tall wherever it is');

        // Rows of another height, and nothing moves by itself.
        await page.locator('sixlane-panel').evaluate((panel) => {
          panel.style.fontSize = '17px';
        });
        const whereIs = () =>
          calls.locator('[data-list]').evaluate((list) => [list.scrollTop, list.scrollHeight].join());
        // How tall they are is known a frame later.
        let place;
        await until(
          async () => {
            await toEnd();
            const before = await whereIs();
            await page.waitForTimeout(300);
            place = await whereIs();
            return place === before && (await calls.locator('tr[aria-rowindex="201"]').count()) === 1;
          },
          { ms: 10_000, complaint: () => `the end is not reached, or does not stay: ${place}` },
        );
        await page.waitForTimeout(500);
        assert.equal(await whereIs(), place);
      }));

    await test('panel: it takes over what was said of it before it was defined, and a call that is tried again has one row', () =>
      inPage('chromium', async ({ page }) => {
        await page.evaluate(async () => {
          document.querySelector('sixlane-panel').remove();
          const { createFetch } = await import('/dist/index.js');
          let tries = 0;
          window.own = createFetch({
            fetch: async () => {
              tries += 1;
              if (tries % 2 === 1) throw new TypeError('no network');
              return new Response('');
            },
            retry: { limit: 1, baseDelay: 10, network: 'all' },
          });
          // In a document without a window no element is ever defined.
          const panel = document.implementation.createHTMLDocument().createElement('sixlane-panel');
          panel.instances = { own };
          document.querySelector('main').append(panel);
        });
        await page.locator('sixlane-panel').getByText('· wasm').waitFor();
        const calls = page.locator('sixlane-panel').getByRole('region', { name: 'Calls', exact: true });
        await calls.scrollIntoViewIfNeeded();
        await page.evaluate(async () => {
          await (await own('https://a.test/again')).text();
          await own('https://a.test/fails', { lane: { retry: false } }).catch(() => {});
        });
        const rows = calls.locator('tr[aria-rowindex]');
        await until(async () => (await rows.count()) === 2, { ms: 5_000, complaint: () => 'there are not two rows' });
        assert.match(await rows.nth(1).innerText(), /again\s+normal\s+network\s+200\s+1\s/);
        assert.match(await rows.nth(0).innerText(), /fails\s+normal\s+network\s+TypeError\s/);
      }));

    await test('panel: it asks nothing while it is not seen', () =>
      inPage('chromium', async ({ page }) => {
        const asked = () =>
          page.evaluate(async () => {
            const { status } = installed;
            let count = 0;
            installed.status = () => {
              count += 1;
              return status();
            };
            await new Promise((resolve) => setTimeout(resolve, 1_000));
            installed.status = status;
            return count;
          });
        const seen = await asked();
        assert.ok(seen >= 2 && seen <= 5, `${seen} times in a second`);
        await page.evaluate(() => {
          document.querySelector('sixlane-panel').hidden = true;
        });
        await page.waitForTimeout(300);
        assert.equal(await asked(), 0);
      }));

    await test('panel: axe-core finds nothing, light and dark, at phone width and in 320 px of height', () =>
      inPage('chromium', async ({ page, setViewport }) => {
        await page.evaluate(async () => {
          await Promise.all(Array.from({ length: 20 }, (_, n) => fetch(`/api/data/${n + 1}`).then((r) => r.text())));
        });
        const axe = await readFile(at('node_modules/axe-core/axe.min.js'), 'utf8');
        for (const colorScheme of ['light', 'dark']) {
          for (const [width, height] of [
            [1280, 900],
            [390, 844],
            [800, 320],
          ]) {
            await page.emulateMedia({ colorScheme });
            await setViewport(width, height);
            await page.waitForTimeout(1_100);
            const found = await page.evaluate(`(() => { ${axe}; })(), window.axe.run(document).then(({ violations }) =>
              violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`);
            assert.deepEqual(found, [], `${colorScheme}, ${width} × ${height}`);
            const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assert.ok(wider <= 0, `${width}: ${wider} px wider than the viewport`);
          }
        }
      }));

    for (const name of ['firefox', 'webkit']) {
      await test(`panel: ${name} shows it without an error`, () =>
        inPage(name, async (browser) => {
          await browser.evaluate(async () => {
            await (await fetch('/api/data/1')).text();
          });
          await until(
            () =>
              browser.evaluate(() => /data\/1/.test(document.querySelector('sixlane-panel').shadowRoot.textContent)),
            { ms: 15_000, complaint: () => `${name}: the call is not shown` },
          );
        }));
    }
  } finally {
    await server.close();
    await rm(site, { recursive: true });
  }
}
