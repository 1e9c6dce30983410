import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { at, root } from './paths.mjs';
import { Plain } from './step.mjs';

// Tools that setup.mjs installed for this project come before those of the machine, also for the
// programs that we start: wasm-pack looks for wasm-bindgen by itself.
process.env.PATH = [at('.tools/bin'), at('.tools/typos/bin'), process.env.PATH].join(delimiter);

/** The full path of a program, or undefined. */
export function which(name) {
  return process.env.PATH.split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    });
}

/** What a program prints on its standard output, or undefined when it cannot be run or fails. */
export function capture(command, args, env) {
  const { status, stdout } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** Runs a program to its end, with its output shown; throws when it fails. */
export async function run(command, args, options) {
  const { code } = await start(command, args, 'inherit', options);
  if (code !== 0) throw new Plain(`\`${[command, ...args].join(' ')}\` ended with ${code}`);
}

/** Runs a program to its end, with its output shown and also returned; a failure is for the caller to judge. */
export function tee(command, args, options) {
  return start(command, args, 'pipe', options);
}

function start(command, args, stdout, { env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', stdout, 'inherit'],
    });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
      process.stdout.write(text);
    });
    child.on('error', (error) => reject(new Plain(`cannot run ${command}: ${error.message}`)));
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output }));
  });
}
