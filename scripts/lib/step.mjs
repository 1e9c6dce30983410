import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** An error whose message says it all: printed without a stack. */
export class Plain extends Error {}

/** Runs `work` between a line that announces it and a line with the time it took. */
export async function step(title, work) {
  console.log(`▸ ${title}`);
  const start = performance.now();
  const took = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  try {
    const result = await work();
    console.log(`✔ ${title} (${took()})`);
    return result;
  } catch (error) {
    console.log(`✘ ${title} (${took()})`);
    throw error;
  }
}

/** Whether the module at `url` is the program that was started, not one that is imported. */
export function isMain(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}

/** Prints what went wrong. */
export function complain(error) {
  console.error(error instanceof Plain ? `error: ${error.message}` : error);
}

/** Runs a program's main function; a failure is printed and becomes the exit code. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    complain(error);
    process.exitCode = 1;
  }
}
