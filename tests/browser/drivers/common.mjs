import { which } from '../../../scripts/lib/run.mjs';

/** The path of the first of these programs that is installed. */
export function program(...names) {
  const path = names.map(which).find(Boolean);
  if (!path) throw new Error(`${names.join(' or ')} is not installed: run \`node scripts/setup.mjs --browsers\``);
  return path;
}

/** The source of an expression that calls `fn` with these arguments. */
export function call(fn, args) {
  return `(${fn})(${args.map((arg) => JSON.stringify(arg) ?? 'undefined').join(', ')})`;
}

export const VIEWPORT = { width: 1280, height: 800 };
