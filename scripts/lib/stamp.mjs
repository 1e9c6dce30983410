import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { at } from './paths.mjs';

/**
 * Does `work` only when the content of `inputs` (files and folders) is not what it was when it last
 * succeeded, or when one of `outputs` is gone. Returns whether it worked.
 */
export async function whenChanged(name, { inputs, outputs }, work) {
  // In target/, since everything in dist/ is published.
  const stamp = at('target/stamps', name);
  const now = digest(inputs);
  const before = existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined;
  if (now === before && outputs.every((path) => existsSync(at(path)))) return false;
  await work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
  return true;
}

function digest(inputs) {
  const hash = createHash('sha256');
  for (const file of inputs.flatMap(files)) {
    hash.update(`${file}\0`).update(readFileSync(at(file)));
  }
  return hash.digest('hex');
}

/** The files at or below a path, in an order that is always the same. */
function files(path) {
  if (!existsSync(at(path))) return [];
  if (!statSync(at(path)).isDirectory()) return [path];
  return readdirSync(at(path))
    .sort()
    .flatMap((name) => files(join(path, name)));
}
