// Everything that must hold before a change goes in: the quick checks first, then all tests, also when a check failed.
// The last line is `N passed, N failed`, of the tests.
import { readFileSync } from 'node:fs';
import { build, buildWasm } from './build.mjs';
import { checkCrates } from './lib/crates.mjs';
import { at, TSC } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { checkBudget } from './lib/sizes.mjs';
import { complain, main, step } from './lib/step.mjs';
import { runTests, summary } from './lib/tests.mjs';
import { setup } from './setup.mjs';

const npm = (name, ...args) => run(at('node_modules/.bin', name), args);
const cargo = (args, env) => run('cargo', args, { env });
const DENY = ['--', '-D', 'warnings'];
const OF_WASM = ['-p', 'sixlane', '-p', 'sixlane-storage', '--target', 'wasm32-unknown-unknown'];

const CHECKS = {
  biome: () => npm('biome', 'ci', `--colors=${process.stdout.isTTY ? 'force' : 'off'}`),
  typos: () => run('typos', ['--format', 'brief']),
  'licences and sources': checkCrates,
  'cargo fmt': () => cargo(['fmt', '--all', '--check']),
  // The wrapper's types come from it.
  wasm: () => buildWasm(),
  tsc: () => run(process.execPath, [TSC, '-p', at()]),
  clippy: () => cargo(['clippy', '--workspace', '--all-targets', ...DENY]),
  'clippy (wasm)': () => cargo(['clippy', ...OF_WASM, ...DENY]),
  'cargo doc': () => cargo(['doc', '--no-deps', '--workspace'], { RUSTDOCFLAGS: '-Dwarnings' }),
  build,
  // The tests import what is built.
  knip: () => npm('knip'),
  publint: () => npm('publint', '--strict'),
  arethetypeswrong: checkPackedTypes,
  sizes: checkBudget,
};

/** In the package as it would be published. Its one format is the standard's own, which `require` is not. */
async function checkPackedTypes() {
  const { name, version } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  await run('npm', ['pack', '--silent', '--pack-destination', at('target')]);
  const skipped = ['--exclude-entrypoints', 'sixlane.wasm', 'storage.wasm', '--ignore-rules', 'cjs-resolves-to-esm'];
  await npm('attw', at(`target/${name}-${version}.tgz`), '--no-emoji', '--format', 'ascii', ...skipped);
}

await main(async () => {
  await setup({ browsers: true, checks: true });
  const failed = [];
  for (const [title, work] of Object.entries(CHECKS)) {
    try {
      await step(title, () => work());
    } catch (error) {
      complain(error);
      process.exitCode = 1;
      failed.push(title);
    }
  }
  const sum = await runTests();
  if (failed.length > 0) console.log(`checks that failed: ${failed.join(', ')}`);
  console.log(summary(sum));
});
