// Every test of the project, in the order in which a failure is cheapest to find.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { build, buildPlain } from '../build.mjs';
import { setup } from '../setup.mjs';
import { buildServer } from './cargo.mjs';
import { at } from './paths.mjs';
import { tee } from './run.mjs';
import { complain, Plain, step } from './step.mjs';

/** Installs what is missing and runs the tests, also after a failure. Returns how many passed and failed. */
export async function runTests({ quick = false } = {}) {
  const sum = { passed: 0, failed: 0 };
  /** Runs one part; what breaks before it can count its tests counts as one that failed. */
  const part = async (title, work) => {
    let counts;
    try {
      counts = await step(title, async () => successful(await work()));
    } catch (error) {
      complain(error);
      process.exitCode = 1;
      counts = error.counts ?? { passed: 0, failed: 1 };
    }
    sum.passed += counts?.passed ?? 0;
    sum.failed += counts?.failed ?? 0;
    return !counts?.failed;
  };

  if (await part('setup', () => setup({ browsers: true }))) {
    await part('cargo test', cargoTests);
    if (await part('build', build)) {
      if (quick) {
        await part('Chromium', () => browserTests(['chromium']));
      } else {
        await part('declarations', declarationTests);
        // Without it, its one test fails, and is counted.
        await step('plain build', buildPlain).catch(complain);
        await part('browsers', () => browserTests());
      }
    }
  }
  return sum;
}

export const summary = ({ passed, failed }) => `${passed} passed, ${failed} failed`;

function successful(counts) {
  if (counts?.failed) throw Object.assign(new Plain(`${counts.failed} failed`), { counts });
  return counts;
}

async function cargoTests() {
  const { code, output } = await tee('cargo', ['test', '--workspace', '--no-fail-fast']);
  return count(code, output, /^test result: .*? (\d+) passed; (\d+) failed/gm);
}

/** A user's program against the declarations that are published, by old and new compilers and ways to find modules. */
async function declarationTests() {
  const project = installedPackage();
  const sum = { passed: 0, failed: 0 };
  for (const [compiler, flags] of USERS) {
    const tsc = at('node_modules', compiler, 'bin/tsc');
    const { code } = await tee(process.execPath, [tsc, '-p', project, ...flags]);
    sum[code === 0 ? 'passed' : 'failed'] += 1;
    if (code !== 0) console.log(`  ✘ ${compiler} ${flags.join(' ')}`);
  }
  return sum;
}

/** As the package lies in a user's project: the older way to find modules does not look for a package in itself. */
function installedPackage() {
  const project = at('target/package');
  const installed = `${project}/node_modules/sixlane`;
  rmSync(project, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  cpSync(at('tests/package'), project, { recursive: true });
  cpSync(at('dist'), `${installed}/dist`, { recursive: true });
  cpSync(at('package.json'), `${installed}/package.json`);
  return project;
}

const CLASSIC = ['--module', 'commonjs', '--moduleResolution', 'node10'];
const BUNDLER = ['--module', 'esnext', '--moduleResolution', 'bundler'];

const USERS = [
  ['typescript-5.0', []],
  ['typescript-5.0', BUNDLER],
  ['typescript-5.0', CLASSIC],
  ['typescript-5.8', []],
  ['typescript-5.8', BUNDLER],
  ['typescript-5.8', CLASSIC],
  ['typescript', []],
  ['typescript', BUNDLER],
];

async function browserTests(only) {
  // The same profile as `cargo test`: all that it compiled is used again.
  const server = await buildServer('test');
  const { runBrowsers } = await import('../../tests/browser/run.mjs');
  return runBrowsers({ server, only });
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
