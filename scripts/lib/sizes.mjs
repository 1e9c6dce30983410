// What a page has to download, against what scripts/budget.json allows.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { at } from './paths.mjs';
import { Plain } from './step.mjs';

/** Prints the sizes; returns what is over its limit. */
export function measure() {
  const { budgets } = JSON.parse(readFileSync(at('scripts/budget.json'), 'utf8'));
  const line = (...cells) =>
    console.log(cells.map((cell, i) => (i ? `${cell}`.padStart(9) : cell.padEnd(18))).join(''));
  line('bytes', 'raw', 'gzip', 'limit', 'brotli', 'limit');
  return budgets.flatMap(({ name, files, gzip, brotli }) => {
    const sum = { raw: 0, gzip: 0, brotli: 0 };
    for (const file of files) {
      const bytes = readFileSync(at('dist', file));
      sum.raw += bytes.length;
      sum.gzip += gzipSync(bytes, { level: 9 }).length;
      sum.brotli += brotliCompressSync(bytes).length;
    }
    line(name, sum.raw, sum.gzip, gzip, sum.brotli, brotli);
    const over = [];
    if (sum.gzip > gzip) over.push(`${name} has ${sum.gzip} bytes by gzip, ${gzip} are allowed`);
    if (sum.brotli > brotli) over.push(`${name} has ${sum.brotli} bytes by brotli, ${brotli} are allowed`);
    return over;
  });
}

/** Throws when something is over its limit. */
export function checkBudget() {
  const over = measure();
  if (over.length > 0)
    throw new Plain(`${over.join('\n')}\n(a limit is raised in scripts/budget.json, with its reason)`);
}
