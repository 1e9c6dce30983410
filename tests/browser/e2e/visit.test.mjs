// The demo's second visit: which tier answers after a reload, what a purge leaves, and a page without storage.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { at } from '../../../scripts/lib/paths.mjs';
import { run } from '../../../scripts/lib/run.mjs';
import { startServer } from '../../../scripts/lib/server.mjs';
import { until } from '../../../scripts/lib/wait.mjs';
import { throughRun } from './support/run.mjs';

const COUNT = 60;
/** Every third answer is too large for localStorage. */
const LARGE = COUNT / 3;
const SMALL = COUNT - LARGE;
const MIB = 2 ** 20;

/** As a page without storage sees it. */
function forbidStorage() {
  for (const name of ['indexedDB', 'localStorage', 'sessionStorage']) {
    Object.defineProperty(globalThis, name, {
      get() {
        throw new DOMException('storage is forbidden here', 'SecurityError');
      },
    });
  }
}

const done = (page) =>
  page.waitForFunction(
    () => document.querySelector('.visit .state')?.textContent === 'done' && !document.querySelector('#run').disabled,
  );

async function load(page) {
  await throughRun(page, () => page.click('#run'));
  await done(page);
}

/** Presses a button and waits for the end of what that begins. */
const press = (page, id) => throughRun(page, () => page.click(id));

async function reload(page) {
  const loaded = page.waitForNavigation();
  await page.click('#reload');
  await loaded;
  await done(page);
}

/** How many squares are of each colour. */
async function sources(page) {
  const all = await page.$$eval('.cells i', (squares) => squares.map(({ dataset }) => dataset.source));
  const counts = {};
  for (const source of all) counts[source] = (counts[source] ?? 0) + 1;
  return counts;
}

/** What the legend says, without the rows of nobody. */
async function legend(page) {
  const rows = await page.$$eval('.sources li', (items) =>
    items.map(({ dataset, lastChild }) => [dataset.source, Number(lastChild.textContent)]),
  );
  return Object.fromEntries(rows.filter(([, count]) => count > 0));
}

async function kept(page) {
  const rows = await page.$$eval('.kept tbody tr', (rows) =>
    rows.map(({ dataset: { source, entries, bytes } }) => [source, { entries: +entries, bytes: +bytes }]),
  );
  return Object.fromEntries(rows);
}

const entriesOf = async (page) => Object.values(await kept(page)).map(({ entries }) => entries);

const allStored = (page) =>
  page.waitForFunction(
    ([small, all]) => {
      const entries = (source) => Number(document.querySelector(`.kept [data-source=${source}]`).dataset.entries);
      return entries('localStorage') === small && entries('indexedDB') === all;
    },
    [SMALL, COUNT],
  );

export default async function ({ launch, server: { binary }, test }) {
  const site = await mkdtemp(join(tmpdir(), 'sixlane-visit-'));
  await run(at('node_modules/.bin/vite'), [
    'build',
    at('www'),
    '--outDir',
    site,
    '--emptyOutDir',
    '--logLevel',
    'warn',
  ]);
  const server = await startServer(binary, ['--port', '0', '--site', site]);
  const asked = async () => (await server.stats('visit')).seen;

  /** Opens the scene in a new Chromium, where nothing may go wrong unseen. */
  async function inChromium(body, prepare = () => {}) {
    const browser = await launch('chromium');
    try {
      const said = [];
      browser.onConsole((text) => said.push(text));
      browser.onPageError((text) => said.push(text));
      await prepare(browser.page);
      await browser.open(new URL('?scene=visit&delay=20', server.url).href);
      await body(browser.page, browser);
      assert.deepEqual(said, []);
    } finally {
      await browser.close();
    }
  }

  try {
    await test('second visit: after a reload storage answers every request', () =>
      inChromium(async (page) => {
        assert.deepEqual(await sources(page), { '': COUNT });
        assert.equal(await page.isVisible('#comparison'), false);
        const before = await asked();
        await load(page);
        assert.deepEqual(await sources(page), { network: COUNT });
        assert.match(await page.textContent('#verdict'), /^The first visit: 60 answers in /);
        assert.equal((await asked()) - before, COUNT);
        await allStored(page);

        await reload(page);
        assert.deepEqual(await sources(page), { localStorage: SMALL, indexedDB: LARGE });
        assert.deepEqual(await legend(page), { localStorage: SMALL, indexedDB: LARGE });
        assert.match(await page.textContent('#verdict'), /^[\d,]+\sms now, [\d,]+\sms on the first visit\.$/);
        assert.match(await page.textContent('#detail'), /None of the 60 answers came from the network\.$/);
        assert.equal(await page.textContent('.visit dl div:first-child dd'), '60 of 60');

        await load(page);
        assert.deepEqual(await sources(page), { memory: COUNT });
        assert.equal((await asked()) - before, COUNT);
        assert.equal(await page.isVisible('#notice'), false);
      }));

    await test('second visit: a purge empties all tiers, and the next load is a first visit', () =>
      inChromium(async (page) => {
        await load(page);
        await allStored(page);
        await press(page, '#purge');
        assert.match(await page.textContent('#verdict'), /^Purged/);
        assert.deepEqual(await entriesOf(page), [0, 0, 0]);
        assert.deepEqual(await sources(page), { '': COUNT });
        await load(page);
        // Not from the browser's HTTP cache either.
        assert.deepEqual(await sources(page), { network: COUNT });
        assert.match(await page.textContent('#verdict'), /^The first visit/);
      }));

    await test('second visit: more than the quota evicts, keeps the bound, and hinders no call', () =>
      inChromium(async (page) => {
        await load(page);
        await allStored(page);
        await press(page, '#fill');
        const { indexedDB } = await kept(page);
        assert.ok(indexedDB.bytes > 2 * MIB && indexedDB.bytes <= 4 * MIB, `${indexedDB.bytes} bytes`);
        const [, evicted] = /([\d,]+) entries evicted/.exec(await page.textContent('#verdict')) ?? [];
        assert.ok(Number(evicted) > 0, `${evicted} evicted`);
        assert.equal(await page.textContent('.visit dl div:last-child dd'), evicted);
        await reload(page);
        const counts = await sources(page);
        assert.equal(counts.localStorage, SMALL);
        assert.equal(counts.failed, undefined);
        assert.equal(counts[''], undefined);
      }));

    await test('second visit: without storage every request is answered, and the page says what is off', () =>
      inChromium(
        async (page) => {
          await load(page);
          assert.deepEqual(await sources(page), { network: COUNT });
          assert.match(await page.textContent('#detail'), /memory alone keeps them\.$/);
          await page.waitForFunction(() =>
            /localStorage.*IndexedDB/.test(document.querySelector('#notice').textContent),
          );
          assert.match(
            await page.textContent('#notice'),
            /^Switched off: localStorage \(.+\), IndexedDB \(.+\)\. Every call is answered without\.$/,
          );
          assert.equal(await page.isVisible('#notice'), true);
          const off = await page.$$eval('.kept [data-off]', (rows) => rows.map(({ dataset }) => dataset.source));
          assert.deepEqual(off, ['localStorage', 'indexedDB']);
          await press(page, '#fill');
          assert.equal(await page.textContent('#verdict'), 'Nothing was written: IndexedDB is off.');
          await load(page);
          assert.deepEqual(await sources(page), { memory: COUNT });
          await reload(page);
          const { network = 0, http = 0 } = await sources(page);
          assert.equal(network + http, COUNT);
          await press(page, '#purge');
          assert.match(await page.textContent('#verdict'), /^Purged/);
        },
        (page) => page.addInitScript(forbidStorage),
      ));

    await test('second visit: cancel ends a load, and so does another scene', () =>
      inChromium(async (page) => {
        await page.fill('#delay', '2000');
        await page.click('#run');
        await page.waitForFunction(() => document.querySelector('#run').disabled);
        await page.click('#cancel');
        await page.waitForFunction(() => !document.querySelector('#run').disabled);
        assert.equal(await page.textContent('#verdict'), 'Cancelled.');
        await page.click('#run');
        await page.click('#scenes [data-scene=burst]');
        await page.waitForSelector('#mix');
        assert.equal(await page.isVisible('#comparison'), true);
        assert.equal(await page.locator('#purge').count(), 0);
        assert.equal(await page.textContent('#run'), 'Run');
        // A reload repeats nothing here.
        await page.reload();
        assert.equal(await page.isDisabled('#run'), false);
        await page.goBack();
        await page.waitForSelector('.cells');
        assert.equal(await page.textContent('#run'), 'Load');
      }));

    await test('second visit: axe-core finds nothing, in light and dark, wide and at phone width', () =>
      inChromium(async (page, browser) => {
        const axe = await readFile(at('node_modules/axe-core/axe.min.js'), 'utf8');
        const check = async (where) => {
          const found = await page.evaluate(async () => {
            const { violations } = await window.axe.run(document);
            return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
          });
          assert.deepEqual(found, [], where);
          const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(wider <= 0, `${where}: ${wider} px wider than the viewport`);
        };
        await page.evaluate(axe);
        await check('before a load');
        await load(page);
        for (const colorScheme of ['light', 'dark']) {
          for (const width of [1280, 390]) {
            await page.emulateMedia({ colorScheme });
            await browser.setViewport(width, 900);
            await check(`${colorScheme}, ${width}`);
          }
        }
      }));

    for (const name of ['firefox', 'webkit']) {
      await test(`second visit: ${name} answers from storage, too`, async () => {
        const browser = await launch(name);
        try {
          await browser.open(new URL('?scene=visit&delay=1', server.url).href);
          const counted = () =>
            browser.evaluate(() => {
              if (document.querySelector('.visit .state')?.textContent !== 'done') return undefined;
              const counts = {};
              for (const { dataset } of document.querySelectorAll('.cells i')) {
                counts[dataset.source] = (counts[dataset.source] ?? 0) + 1;
              }
              return counts;
            });
          const counts = () => until(counted, { ms: 30_000, complaint: () => `${name} does not come to an end` });
          // WebKit may be back before the scripts of the page have run.
          await until(() => browser.evaluate(() => document.querySelector('#run').disabled === false), {
            ms: 10_000,
            complaint: () => `${name} does not get ready`,
          });
          await browser.evaluate(() => document.querySelector('#run').click());
          assert.deepEqual(await counts(), { network: COUNT });
          await browser.evaluate(() => {
            document.querySelector('.visit .state').textContent = 'leaving';
            document.querySelector('#reload').click();
          });
          const after = await until(() => counted().catch(() => undefined), {
            ms: 30_000,
            complaint: () => `${name} does not load again`,
          });
          assert.deepEqual(after, { localStorage: SMALL, indexedDB: LARGE });
        } finally {
          await browser.close();
        }
      });
    }
  } finally {
    await server.close();
    await rm(site, { recursive: true });
  }
}
