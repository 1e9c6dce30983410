// Every test of the project, in the order in which a failure is cheapest to find.
import { existsSync, readdirSync } from 'node:fs';
import { build } from '../build.mjs';
import { buildServer } from './cargo.mjs';
import { at } from './paths.mjs';
import { tee } from './run.mjs';
import { step } from './step.mjs';

/** Runs them all, also after a failure, and prints the sums. */
export async function runTests() {
  const sum = { passed: 0, failed: 0 };
  const suite = async (title, work) => {
    try {
      await step(title, async () => {
        const { passed, failed } = await work();
        sum.passed += passed;
        sum.failed += failed;
        if (failed > 0) throw new Error(`${failed} failed`);
      });
    } catch (error) {
      // What broke before it could count its tests counts as one that failed.
      if (!/^\d+ failed$/.test(error.message)) {
        sum.failed += 1;
        console.error(error);
      }
    }
  };

  await suite('cargo test', cargoTests);
  await suite('build', async () => {
    await build();
    return { passed: 0, failed: 0 };
  });
  await suite('node --test', nodeTests);
  await suite('browsers', async () => {
    // The same profile as `cargo test`: all that it compiled is used again.
    const server = await buildServer('test');
    const { runBrowsers } = await import('../../tests/browser/run.mjs');
    return runBrowsers({ server });
  });

  if (sum.failed > 0) process.exitCode = 1;
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
}

async function cargoTests() {
  const { code, output } = await tee('cargo', ['test', '--workspace', '--no-fail-fast']);
  return count(code, output, /^test result: .*? (\d+) passed; (\d+) failed/gm);
}

async function nodeTests() {
  const folder = 'tests/js';
  const files = existsSync(at(folder)) ? readdirSync(at(folder)).filter((name) => name.endsWith('.test.mjs')) : [];
  if (files.length === 0) return { passed: 0, failed: 0 };
  const paths = files.sort().map((name) => `${folder}/${name}`);
  const { code, output } = await tee(process.execPath, ['--test', '--test-reporter=spec', ...paths]);
  return count(code, output, /^ℹ pass (\d+)\nℹ fail (\d+)$/gm);
}

/** Adds up what a program printed about its tests. */
function count(code, output, pattern) {
  const sum = { passed: 0, failed: 0 };
  for (const [, passed, failed] of output.matchAll(pattern)) {
    sum.passed += Number(passed);
    sum.failed += Number(failed);
  }
  // It did not compile, or was killed.
  if (code !== 0 && sum.failed === 0) sum.failed = 1;
  return sum;
}
