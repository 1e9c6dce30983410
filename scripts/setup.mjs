// Installs what is missing, and nothing else. It runs before `npm ci`, so it and scripts/lib/ import
// only what Node brings along.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { at } from './lib/paths.mjs';
import { capture, run, which } from './lib/run.mjs';
import { isMain, main, Plain, step } from './lib/step.mjs';
import { together } from './lib/wait.mjs';

const WASM_PACK = '0.15.1';
const TYPOS = '1.52.0';

/** The programs of the browser tests, with the Debian package of each; any one of the names will do. */
const BROWSERS = [
  { names: ['chromium'], package: 'chromium' },
  { names: ['firefox-esr', 'firefox'], package: 'firefox-esr' },
  { names: ['WebKitWebDriver'], package: 'webkit2gtk-driver' },
  { names: ['Xvfb'], package: 'xvfb' },
];

/** Programs that our own build needs once, compiled as fast as they can be: what they work on is small. */
const FAST_BUILD = {
  CARGO_PROFILE_RELEASE_OPT_LEVEL: '0',
  CARGO_PROFILE_RELEASE_LTO: 'off',
  CARGO_PROFILE_RELEASE_DEBUG: 'false',
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
};

/** `checks` are what `npm run check` needs besides. */
export async function setup({ browsers = false, checks = false } = {}) {
  await installRust();
  // They wait for the network and for the processor in turns. cargo itself lets one build at a time into a folder.
  await together(installModules(), installWasmTools(), checks && installTypos());
  if (browsers) await installBrowsers();
}

async function installModules() {
  const lock = at('package-lock.json');
  // npm writes this file at the end of every install.
  const installed = at('node_modules/.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  await step('npm ci', () => run('npm', ['ci']));
}

/** The toolchain that rust-toolchain.toml names, with all that it lists. */
export async function installRust() {
  const { channel, components, targets } = pinnedToolchain();
  if (!isComplete(channel, targets)) {
    if (!which('rustup')) throw new Plain(`Rust ${channel} with ${[...components, ...targets].join(', ')} is needed`);
    const parts = [...components.flatMap((name) => ['-c', name]), ...targets.flatMap((name) => ['-t', name])];
    const args = ['toolchain', 'install', channel, '--profile', 'minimal', '--no-self-update', ...parts];
    await step(`rustup toolchain install ${channel}`, () => run('rustup', args)).catch((error) => {
      // Where it cannot be fetched, the same version may be there by another name.
      process.env.RUSTUP_TOOLCHAIN = 'stable';
      if (!isComplete(channel, targets)) throw error;
      console.log(`stable is ${channel}, too: that is taken`);
    });
  }
  if (!which('cc')) throw new Plain('there is no C compiler (cc): Rust links with it, and SQLite is written in C');
}

function pinnedToolchain() {
  const text = readFileSync(at('rust-toolchain.toml'), 'utf8');
  const field = (name) => new RegExp(`^${name} = (.+)$`, 'm').exec(text)?.[1] ?? '""';
  // Strings and lists of strings are JSON in TOML, too.
  const [channel, components, targets] = ['channel', 'components', 'targets'].map((name) => JSON.parse(field(name)));
  return { channel, components, targets };
}

function isComplete(version, targets) {
  // Asked without this, rustup would fetch it silently.
  const ask = (...args) => capture('rustc', args, { RUSTUP_AUTO_INSTALL: '0' });
  if (ask('--version')?.split(' ')[1] !== version) return false;
  const folders = targets.map((target) => ask('--print', 'target-libdir', '--target', target));
  const sysroot = ask('--print', 'sysroot');
  folders.push(sysroot && join(sysroot, 'lib/rustlib/src/rust/library/std'));
  return folders.every((folder) => folder && existsSync(folder));
}

async function installWasmTools() {
  // The generated code and the crate speak a format of their own: their versions must be the same.
  const lock = readFileSync(at('Cargo.lock'), 'utf8');
  const bindgen = /name = "wasm-bindgen"\nversion = "(.+)"/.exec(lock)?.[1];
  if (!bindgen) throw new Plain('Cargo.lock has no wasm-bindgen');
  // Its defaults are TLS for the runner of its tests, which is not installed either.
  const alone = ['--no-default-features', '--bin', 'wasm-bindgen'];
  await installCrate('wasm-bindgen-cli', 'wasm-bindgen', bindgen, alone);
  await installCrate('wasm-pack', 'wasm-pack', WASM_PACK, ['--locked']);
}

/** Only where the one on the PATH, if any, has another version. */
async function installCrate(crate, program, version, flags) {
  if (capture(program, ['--version'])?.split(' ')[1] === version) return;
  const args = ['install', crate, '--version', version, '--root', at('.tools'), ...flags];
  await step(`cargo install ${crate} ${version} into .tools (once)`, () => run('cargo', args, { env: FAST_BUILD }));
}

/** A program without needs, which PyPI has compiled. */
async function installTypos() {
  if (capture('typos', ['--version'])?.split(' ')[1] === TYPOS) return;
  if (!which('python3')) throw new Plain(`typos ${TYPOS} is missing, and there is no python3 to install it with`);
  await step(`pip install typos ${TYPOS} into .tools/typos`, () =>
    run('python3', ['-m', 'pip', 'install', '-q', '--upgrade', '--target', at('.tools/typos'), `typos==${TYPOS}`]),
  );
}

async function installBrowsers() {
  const packages = BROWSERS.filter(({ names }) => !names.some(which)).map((browser) => browser.package);
  if (packages.length === 0) return;
  const list = packages.join(' ');
  if (process.getuid?.() !== 0 || !which('apt-get')) {
    throw new Plain(`the browser tests need these Debian packages (or their like), installed by root: ${list}`);
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await step(`apt-get install ${list}`, async () => {
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { env });
  });
}

if (isMain(import.meta.url)) {
  await main(() => setup({ browsers: process.argv.includes('--browsers') }));
}
