// Runs the suites of tests/browser/suite in each browser, then the tests of tests/browser/e2e, which
// drive browsers from Node. Builds nothing.
//
//   node tests/browser/run.mjs [--only chromium]... [--only e2e] [--grep TEXT] [--server PROGRAM]
import { existsSync, readdirSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { at } from '../../scripts/lib/paths.mjs';
import { isMain, main, Plain } from '../../scripts/lib/step.mjs';
import { until } from '../../scripts/lib/wait.mjs';
import { BROWSERS, launch } from './drivers.mjs';
import { startSite } from './site.mjs';

const PARTS = [...BROWSERS, 'e2e'];

/** How long one browser may take for all suites. */
const LIMIT_MS = 300_000;

/** As many as that fail because something is broken, not because a machine was busy. */
const MOST_TRIED_AGAIN = 8;

/** Runs all, or only the named parts, and returns how many tests passed and failed. */
export async function runBrowsers({ server: binary, only = PARTS, grep }) {
  const unknown = only.find((part) => !PARTS.includes(part));
  if (unknown) throw new Plain(`there is no part ${unknown}, only ${PARTS.join(', ')}`);
  const server = await startSite(binary);
  const sum = { passed: 0, failed: 0 };
  try {
    for (const part of PARTS.filter((name) => only.includes(name))) {
      const start = performance.now();
      const result = await (part === 'e2e' ? runE2e(server, binary, grep) : runSuites(part, server, grep)).catch(
        (error) => ({
          passed: 0,
          failed: 1,
          failures: [{ title: `${part} could not run`, message: error.message, stack: error.stack }],
        }),
      );
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const skipped = result.skipped ? `, ${result.skipped} skipped` : '';
      console.log(`  ${result.title ?? part}: ${result.passed} ok, ${result.failed} not ok${skipped} (${seconds} s)`);
      for (const { title, message } of result.unsteady ?? []) {
        console.log(`    ! only at the second try: ${title}\n        ${message.split('\n', 1)[0]}`);
      }
      result.failures.forEach(report);
      sum.passed += result.passed;
      sum.failed += result.failed;
    }
  } finally {
    await server.close();
  }
  return sum;
}

function report({ title, message, stack }) {
  console.log(`    ✘ ${title}`);
  // The stacks of Chromium begin with the message, those of the others do not.
  const text = stack?.includes(message) ? stack : `${message}\n${stack ?? ''}`;
  console.log(text.trimEnd().replace(/^/gm, '        '));
}

/**
 * What fails is tried once more, in a browser of its own, and told of: on a busy machine WebKit sometimes never closes
 * the connections of requests that were aborted, and all that comes after them waits for a minute.
 */
async function runSuites(name, server, grep) {
  const result = await runOnce(name, server, grep).catch((error) => {
    // The engine itself may end: that is told of, too.
    console.log(`  ! ${name} ended early, once more: ${error.message}`);
    return runOnce(name, server, grep);
  });
  if (result.failed > MOST_TRIED_AGAIN) return result;
  const unsteady = [];
  const failures = [];
  for (const failure of result.failures) {
    const { passed, failed } = await runOnce(name, server, failure.title.replaceAll(' › ', ' '));
    (passed > 0 && failed === 0 ? unsteady : failures).push(failure);
  }
  return { ...result, passed: result.passed + unsteady.length, failed: failures.length, failures, unsteady };
}

async function runOnce(name, server, grep) {
  const url = new URL('/tests/browser/page/index.html', server.url);
  for (const suite of testFiles('suite', '.test.js')) url.searchParams.append('suite', suite);
  if (grep) url.searchParams.set('grep', grep);

  const browser = await launch(name);
  let results;
  try {
    const errors = [];
    browser.onPageError((text) => errors.push(text));
    await browser.open(url.href);
    await until(
      async () => {
        results = await browser.evaluate(() => window.__results);
        return results?.done;
      },
      {
        ms: LIMIT_MS,
        every: 200,
        complaint: () => [`not done in ${LIMIT_MS / 1000} s, at: ${results?.current}`, ...errors].join('\n'),
      },
    );
    return { ...results, title: `${name} ${browser.version}` };
  } catch (error) {
    throw new Error(`${error.message}, at: ${results?.current}`, { cause: error });
  } finally {
    await browser.close();
  }
}

/**
 * Each file exports `default async function ({ launch, server, startServer, test })` and awaits `test(title, body)`.
 * `startServer(…flags)` starts one more, which the test closes.
 */
async function runE2e(server, binary, grep = '') {
  const startServer = (...flags) => startSite(binary, ...flags);
  const result = { passed: 0, failed: 0, failures: [] };
  const attempt = async (title, body) => {
    try {
      await body();
      return true;
    } catch (error) {
      result.failed += 1;
      result.failures.push({ title, message: `${error?.message ?? error}`, stack: error?.stack });
      return false;
    }
  };
  const test = async (title, body) => {
    if (title.includes(grep) && (await attempt(title, body))) result.passed += 1;
  };
  for (const file of testFiles('e2e', '.test.mjs')) {
    await attempt(file, async () => {
      const { default: tests } = await import(`./e2e/${file}`);
      await tests({ launch, server, startServer, test });
    });
  }
  return result;
}

function testFiles(folder, ending) {
  const path = at('tests/browser', folder);
  return existsSync(path)
    ? readdirSync(path)
        .filter((name) => name.endsWith(ending))
        .sort()
    : [];
}

/** The server that was built last. */
function newestServer() {
  const age = (path) => statSync(path).mtimeMs;
  const [newest] = ['target/debug/sixlane-server', 'target/release/sixlane-server']
    .map((path) => at(path))
    .filter((path) => existsSync(path))
    .sort((a, b) => age(b) - age(a));
  if (!newest) throw new Plain('there is no sixlane-server: run `cargo build -p sixlane-server`');
  return newest;
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        grep: { type: 'string' },
        server: { type: 'string' },
      },
    });
    const { passed, failed } = await runBrowsers({ ...values, server: values.server ?? newestServer() });
    if (failed > 0) process.exitCode = 1;
    console.log(`${passed} passed, ${failed} failed`);
  });
}
