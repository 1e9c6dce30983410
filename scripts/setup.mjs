// Installs what is missing, and nothing else. It runs before `npm ci`, so it and scripts/lib/ import
// only what Node brings along.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { at } from './lib/paths.mjs';
import { capture, run, which } from './lib/run.mjs';
import { isMain, main, Plain, step } from './lib/step.mjs';

const WASM_PACK = '0.15.1';

/** The programs of the browser tests, with the Debian package of each; any one of the names will do. */
const BROWSERS = [
  { names: ['chromium'], package: 'chromium' },
  { names: ['firefox-esr', 'firefox'], package: 'firefox-esr' },
  { names: ['WebKitWebDriver'], package: 'webkit2gtk-driver' },
  { names: ['Xvfb'], package: 'xvfb' },
];

export async function setup({ browsers = false } = {}) {
  await installModules();
  checkRust();
  await installWasmTarget();
  await installRustSource();
  await installWasmTools();
  if (browsers) await installBrowsers();
}

async function installModules() {
  const lock = at('package-lock.json');
  // npm writes this file at the end of every install.
  const installed = at('node_modules/.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  await step('npm ci', () => run('npm', ['ci']));
}

function checkRust() {
  const found = capture('rustc', ['--version'])?.split(' ')[1];
  const wanted = /^rust-version = "(.+)"$/m.exec(readFileSync(at('Cargo.toml'), 'utf8'))?.[1] ?? '0';
  if (!found) throw new Plain('there is no Rust: install it as https://rustup.rs says');
  if (found.localeCompare(wanted, 'en', { numeric: true }) < 0) {
    throw new Plain(`Rust ${found} is too old, ${wanted} is needed: run \`rustup update stable\``);
  }
  if (!which('cc')) throw new Plain('there is no C compiler (cc): Rust links with it, and SQLite is written in C');
}

async function installWasmTarget() {
  const target = 'wasm32-unknown-unknown';
  const library = capture('rustc', ['--print', 'target-libdir', '--target', target]);
  if (library && existsSync(library)) return;
  if (!which('rustup')) throw new Plain(`the Rust target ${target} is missing, and there is no rustup to add it`);
  await step(`rustup target add ${target}`, () => run('rustup', ['target', 'add', target]));
}

/** The module is built with a standard library of its own: see scripts/build.mjs. */
async function installRustSource() {
  const sysroot = capture('rustc', ['--print', 'sysroot']);
  if (sysroot && existsSync(join(sysroot, 'lib/rustlib/src/rust/library/std'))) return;
  if (!which('rustup')) throw new Plain('the component rust-src is missing, and there is no rustup to add it');
  await step('rustup component add rust-src', () => run('rustup', ['component', 'add', 'rust-src']));
}

async function installWasmTools() {
  // The generated code and the crate speak a format of their own: their versions must be the same.
  const lock = readFileSync(at('Cargo.lock'), 'utf8');
  const bindgen = /name = "wasm-bindgen"\nversion = "(.+)"/.exec(lock)?.[1];
  if (!bindgen) throw new Plain('Cargo.lock has no wasm-bindgen');
  await installCrate('wasm-bindgen-cli', 'wasm-bindgen', bindgen, []);
  await installCrate('wasm-pack', 'wasm-pack', WASM_PACK, ['--locked']);
}

async function installCrate(crate, program, version, flags) {
  if (capture(program, ['--version'])?.split(' ')[1] === version) return;
  await step(`cargo install ${crate} ${version} into .tools (a few minutes, once)`, () =>
    run('cargo', ['install', crate, '--version', version, '--root', at('.tools'), ...flags]),
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
