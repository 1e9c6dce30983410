// Everything that must hold before a change goes in: the quick checks first, then all tests.
import { build, buildWasm, sizes } from './build.mjs';
import { at, TSC } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { main, step } from './lib/step.mjs';
import { runTests } from './lib/tests.mjs';
import { setup } from './setup.mjs';

const npm = (name) => at('node_modules/.bin', name);
const DENY = ['--', '-D', 'warnings'];

await main(async () => {
  await setup({ browsers: true });
  await step('biome', () => run(npm('biome'), ['ci', `--colors=${process.stdout.isTTY ? 'force' : 'off'}`]));
  await step('cargo fmt', () => run('cargo', ['fmt', '--all', '--check']));
  await buildWasm(); // The wrapper's types come from it.
  await step('tsc', () => run(process.execPath, [TSC, '-p', at()]));
  await step('clippy', () => run('cargo', ['clippy', '--workspace', '--all-targets', ...DENY]));
  await step('clippy (wasm)', () =>
    run('cargo', ['clippy', '-p', 'sixlane', '-p', 'sixlane-storage', '--target', 'wasm32-unknown-unknown', ...DENY]),
  );
  await step('cargo doc', () =>
    run('cargo', ['doc', '--no-deps', '--workspace'], { env: { RUSTDOCFLAGS: '-Dwarnings' } }),
  );
  await build();
  await step('publint', () => run(npm('publint'), ['--strict']));
  sizes();
  await runTests();
});
