// Makes dist/: the wrapper as one module and three parts that are loaded on demand, the WebAssembly beside them, the declarations.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { CODE_SOURCES, CODES, writeCodes } from './codes.mjs';
import { at, TSC } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { measure } from './lib/sizes.mjs';
import { whenChanged } from './lib/stamp.mjs';
import { isMain, main, Plain, step } from './lib/step.mjs';

/**
 * What the module may use: what rustc turns on by default for this target, all of which the
 * supported browsers have. Named one by one, since `--all-features` would let in what they lack.
 */
const FEATURES = [
  'bulk-memory',
  'bulk-memory-opt',
  'call-indirect-overlong',
  'multivalue',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
];

/**
 * What is published. The standard library is compiled with the crate, without the texts of panics: a panic is a trap
 * either way, and the texts are a tenth of the module. The options for it are not stable. RUSTC_BOOTSTRAP lets the stable
 * compiler take them, and rust-toolchain.toml pins the one version that they are known to work in.
 */
const SMALL = {
  name: '',
  dist: 'dist',
  pkgs: 'js',
  cargo: ['--', '-Z', 'build-std=std,panic_abort'],
  env: {
    RUSTC_BOOTSTRAP: '1',
    RUSTFLAGS: [
      '-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none',
      // A function is put into its callers where that makes them no longer, also where it says that it is to be.
      '-Cllvm-args=-inline-threshold=20 -Cllvm-args=-inlinehint-threshold=20',
    ].join(' '),
  },
};

/**
 * The same of what is stable alone, larger by a fifth: the way out, should a newer compiler not take the options above.
 * tests/browser/e2e/plain.test.mjs shows that it works.
 */
const PLAIN = { name: 'plain ', dist: 'target/plain', pkgs: 'target/plain-pkgs', cargo: [], env: {} };

/**
 * Two modules, so that who does not keep anything in IndexedDB does not load what that takes: where the crate is, where
 * wasm-bindgen's part for JavaScript goes, and the name of both.
 */
const MODULES = [
  { name: 'sixlane', crate: '.', pkg: 'pkg', sources: ['src'] },
  { name: 'storage', crate: 'storage', pkg: 'pkg-storage', sources: ['src', 'storage'] },
];

export async function build() {
  const made = [await buildWasm(), await buildModules(SMALL), await declare()];
  if (!made.includes(true)) console.log('dist/ is up to date');
}

/** Into target/plain/, without declarations. */
export async function buildPlain() {
  await buildWasm(PLAIN);
  await buildModules(PLAIN);
}

/** What the wrapper's types come from, too. */
export async function buildWasm(variant = SMALL) {
  const codes = { inputs: [...CODE_SOURCES, 'scripts/codes.mjs'], outputs: [CODES] };
  const made = [await whenChanged('codes', codes, writeCodes)];
  for (const module of MODULES) made.push(await bindWasm(module, variant));
  return made.includes(true);
}

async function buildModules(variant) {
  const made = [];
  for (const module of MODULES) made.push(await optimizeWasm(module, variant));
  made.push(await bundle(variant));
  return made.includes(true);
}

/** Cargo and wasm-bindgen. */
function bindWasm({ name, crate, pkg: folder, sources }, { name: which, pkgs, cargo, env }) {
  const pkg = `${pkgs}/${folder}`;
  const files = {
    inputs: ['Cargo.toml', 'Cargo.lock', 'rust-toolchain.toml', ...sources, 'scripts/build.mjs'],
    outputs: ['_bg.wasm', '_bg.js', '_bg.d.ts'].map((end) => `${pkg}/${name}${end}`),
  };
  return whenChanged(`${which}wasm ${name}`, files, () =>
    step(`${which}wasm-pack build ${crate}`, async () => {
      rmSync(at(pkg), { recursive: true, force: true });
      const output = ['--out-dir', at(pkg), '--out-name', name, '--no-pack'];
      // no-install: setup.mjs installed everything, nothing is downloaded behind its back.
      const how = ['--target', 'bundler', '--profile', 'wasm', '--no-opt', '--mode', 'no-install'];
      await run('wasm-pack', ['build', crate, ...how, ...output, ...cargo], { env });
      // wasm-bindgen declares the module that imports the .wasm file as one. No browser does
      // that yet, so the wrapper imports the file behind it and hands it the instance.
      writeFileSync(
        at(`${pkg}/${name}_bg.d.ts`),
        `export * from './${name}.js';\nexport function __wbg_set_wasm(exports: WebAssembly.Exports): void;\n`,
      );
    }),
  );
}

function optimizeWasm({ name, pkg }, { name: which, dist, pkgs }) {
  const from = `${pkgs}/${pkg}/${name}_bg.wasm`;
  const to = `${dist}/${name}.wasm`;
  const files = { inputs: [from, 'scripts/build.mjs', 'package-lock.json'], outputs: [to] };
  return whenChanged(`${which}wasm-opt ${name}`, files, () =>
    step(`wasm-opt -Os ${to}`, async () => {
      mkdirSync(at(dist), { recursive: true });
      const flags = [
        '-Os',
        '-ocimfs',
        '0',
        '--converge',
        '--strip-debug',
        '--strip-producers',
        ...FEATURES.map((feature) => `--enable-${feature}`),
      ];
      await run(process.execPath, [at('node_modules/binaryen/bin/wasm-opt'), at(from), '-o', at(to), ...flags]);
    }),
  );
}

const SOURCES = ['js', 'tsconfig.json', 'package-lock.json', 'scripts/build.mjs'];

function bundle({ name: which, dist, pkgs }) {
  const outputs = ['index', ...PARTS.map(({ name }) => name), 'disk', 'panel'].map((name) => `${dist}/${name}.js`);
  return whenChanged(`${which}bundle`, { inputs: [...SOURCES, ...(pkgs === 'js' ? [] : [pkgs])], outputs }, () =>
    step(`${which}esbuild, terser`, async () => {
      // Imported here: when this file is loaded, `npm ci` may still have to run.
      const esbuild = await import('esbuild');
      const options = {
        absWorkingDir: at(),
        outdir: dist,
        bundle: true,
        format: 'esm',
        target: 'es2022',
        minify: true,
        sourcemap: true,
        logLevel: 'warning',
      };
      await esbuild.build({ ...options, entryPoints: ['js/index.ts'], plugins: [onDemand, first] });
      for (const part of PARTS) {
        await esbuild.build({
          ...options,
          entryPoints: [`js/${part.name}.ts`],
          plugins: [shared(part)],
          ...wrapped(part),
        });
      }
      // It imports nothing of the first file: a page may have that from elsewhere.
      await esbuild.build({ ...options, entryPoints: ['js/panel.ts'] });
      // Whoever imports this one gets what uses it, too.
      const banner = { js: "import './tiers.js';" };
      await esbuild.build({ ...options, entryPoints: ['js/cache/disk.ts'], plugins: [bindingsIn(pkgs)], banner });
      for (const output of outputs) await shrink(output);
    }),
  );
}

/** A second pass over what esbuild has written takes 3 % off: see docs/size.md. */
async function shrink(output) {
  const { minify } = await import('terser');
  const [path, map] = [at(output), at(`${output}.map`)];
  const shrunk = await minify(readFileSync(path, 'utf8'), {
    module: true,
    ecma: 2022,
    compress: { passes: 3 },
    sourceMap: { content: readFileSync(map, 'utf8'), url: basename(map), includeSources: true },
  });
  writeFileSync(path, shrunk.code);
  writeFileSync(map, shrunk.map);
}

/** What wasm-bindgen wrote for the variant that is built. */
const bindingsIn = (pkgs) => ({
  name: 'bindings',
  setup({ onResolve }) {
    onResolve({ filter: /\/storage_bg\.js$/ }, () => ({ path: at(pkgs, 'pkg-storage/storage_bg.js') }));
  },
});

/** A dynamic import stays one, of a file beside this one. */
const onDemand = {
  name: 'on-demand',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path: `./${basename(path)}`, external: true } : undefined,
    );
  },
};

/**
 * Files that take what they share with the first one from it, so that the page has one of each; `own`: what each has itself.
 * Codes are constants, of which nothing is left.
 */
const PARTS = [
  { name: 'blocks', own: /^(blocks|queue|limiter|breaker|retry|sleep|codes|batch\/.*)\.js$/ },
  { name: 'watch', own: /^(watch|watched|alone|degrading|extras|gauges|har|otel|trace|codes)\.js$/ },
  { name: 'tiers', own: /^(tiers|timeout|codes|cache\/.*)\.js$/ },
];

/** Where the first file finds them is told by version: see js/ondemand.ts. */
const VERSION = JSON.parse(readFileSync(at('package.json'), 'utf8')).version;

/** What js/shared.ts lists, in its order: a list takes less room than an object with all the names. */
const SHARED = [...readFileSync(at('js/shared.ts'), 'utf8').matchAll(/^export \{([^}]*)\} from '(.*)';$/gm)].flatMap(
  ([, names, from]) => names.split(',').flatMap((name) => (name.trim() ? { name: name.trim(), from } : [])),
);

/** The first file: it hands that list over, and finds the others by version. */
const first = {
  name: 'first',
  setup({ onLoad }) {
    onLoad({ filter: /js[\\/]shared\.ts$/ }, () => ({
      contents: [
        ...SHARED.map(({ name, from }) => `import { ${name} } from '${from}';`),
        `export default [${SHARED.map(({ name }) => name).join()}];`,
      ].join('\n'),
      resolveDir: at('js'),
    }));
    onLoad({ filter: /js[\\/]version\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace('__VERSION__', VERSION),
      loader: 'ts',
    }));
    onLoad({ filter: /js[\\/]ondemand\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace('* as shared', 'shared'),
      loader: 'ts',
    }));
  },
};

/** The file leaves a function behind that makes all of it, of what it shares with the first file. */
function wrapped({ name }) {
  const symbol = `Symbol.for('sixlane.${name}.${VERSION}')`;
  return {
    format: 'iife',
    globalName: name,
    banner: { js: `Object.defineProperty(globalThis,${symbol},{configurable:true,value:(shared)=>{` },
    footer: { js: `return ${name}}});` },
  };
}

/** What it imports besides is what js/shared.ts lists, and comes as an argument. */
function shared({ own }) {
  return {
    name: 'shared',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
        if (kind === 'entry-point') return undefined;
        // Another such file stays one, beside this one.
        if (kind === 'dynamic-import') return { path: `./${basename(path)}`, external: true };
        const file = relative(at('js'), join(resolveDir, path)).replaceAll('\\', '/');
        return own.test(file) ? undefined : { path: file, namespace: 'shared' };
      });
      onLoad({ filter: /./, namespace: 'shared' }, ({ path }) => ({
        contents: SHARED.map(({ name, from }, place) =>
          from === `./${path}` ? `export const ${name} = shared[${place}];` : '',
        ).join(''),
      }));
    },
  };
}

/** Emits the declarations, and publishes those that can be reached from index.d.ts. */
function declare() {
  return whenChanged('declarations', { inputs: SOURCES, outputs: ['dist/index.d.ts'] }, () =>
    step('tsc (declarations)', async () => {
      const emitted = at('target/declarations');
      rmSync(emitted, { recursive: true, force: true });
      const emit = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly'];
      await run(process.execPath, [TSC, '-p', at(), ...emit, '--rootDir', at('js'), '--outDir', emitted]);

      // Also those of a former build that nothing refers to any more.
      for (const file of readdirSync(at('dist'), { recursive: true })) {
        if (file.endsWith('.d.ts')) rmSync(at('dist', file));
      }
      const reached = new Set(['index.d.ts', 'panel.d.ts']);
      for (const file of reached) {
        // Those of js/pkg are written by hand and by wasm-bindgen: tsc does not emit them again.
        const source = [join(emitted, file), at('js', file)].find((path) => existsSync(path));
        if (!source) throw new Plain(`a declaration refers to ${file}, which does not exist`);
        const target = at('dist', file);
        mkdirSync(dirname(target), { recursive: true });
        copyFileSync(source, target);
        for (const [, path] of readFileSync(source, 'utf8').matchAll(/(?:from|import\()\s*['"](\..+?)\.js['"]/g)) {
          reached.add(join(dirname(file), `${path}.d.ts`));
        }
      }
      // These are imported for what they do alone.
      for (const file of ['blocks', 'watch', 'tiers', 'disk']) writeFileSync(at(`dist/${file}.d.ts`), 'export {};\n');
    }),
  );
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { setup } = await import('./setup.mjs');
    await setup();
    if (process.argv.includes('--plain')) return buildPlain();
    await build();
    measure();
  });
}
