// Writes js/codes.ts: the numbers by which JavaScript and the core speak of options, events, actions and figures. They
// are read from the lists in Rust, so that there is one of each.
import { readFileSync, writeFileSync } from 'node:fs';
import { at } from './lib/paths.mjs';
import { Plain } from './lib/step.mjs';

export const CODE_SOURCES = ['src/web/codes.rs', 'src/option.rs', 'src/retry_after.rs'];
export const CODES = 'js/codes.ts';

const LIST = /codes! \{\n((?:.*\n)*?)\}\n/g;

export function writeCodes() {
  const [codes, options, pauses] = CODE_SOURCES.map((file) => readFileSync(at(file), 'utf8'));
  const lists = [...codes.matchAll(LIST)].map(([, body]) => listOf(body));
  const [fields] = [...pauses.matchAll(LIST)].map(([, body]) => listOf(body));
  const rows = /^numbers! \{\n((?:.*\n)*?)\}\n/m.exec(options)?.[1];
  if (lists.length === 0 || !rows || !fields)
    throw new Plain('the lists of codes are not where scripts/codes.mjs looks for them');
  lists.push({ name: 'Option', about: ' An option that is a number, or is read as one.\n', names: namesOf(rows) });
  const text = lists.map(({ name, about, names }) => {
    const lines = names.map(({ doc, variant }, number) => `${comment(doc, '  ')}  ${variant} = ${number},\n`);
    return `\n${comment(about, '')}export const enum ${name} {\n${lines.join('')}}\n`;
  });
  const count = lists.at(-1).names.length;
  const names = fields.names.map(({ variant }) => `  '${headerName(variant)}',\n`);
  writeFileSync(
    at(CODES),
    [
      `// Written by scripts/codes.mjs from ${CODE_SOURCES.join(', ')}.\n`,
      ...text,
      `\n/** Options that are numbers. */\nexport const OPTIONS = ${count};\n`,
      `\n${comment(fields.about, '')}export const PAUSE_FIELDS = [\n${names.join('')}] as const;\n`,
    ].join(''),
  );
}

/** As `RetryAfter` stands for `retry-after`. */
function headerName(variant) {
  return variant.replace(/\B[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

/** The enum of one `codes!`. */
function listOf(body) {
  const [, about, name, variants] =
    /^((?: *\/\/\/.*\n)+) *pub(?:\(super\))? enum (\w+) \{\n((?:.*\n)*?) {4}\}/.exec(body) ?? [];
  if (!name) throw new Plain(`this is no list of codes:\n${body}`);
  return { name, about: docOf(about), names: namesOf(variants) };
}

function namesOf(text) {
  const found = text.matchAll(/((?: *\/\/\/.*\n)*) *(\w+)(?:,| ".*;)\n/g);
  return [...found].map(([, doc, variant]) => ({ doc: docOf(doc), variant }));
}

function docOf(lines) {
  return lines.replace(/^ *\/\/\//gm, '');
}

function comment(text, indent) {
  const lines = text.trimEnd().split('\n');
  if (lines.length === 1) return `${indent}/**${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} *${line}\n`).join('')}${indent} */\n`;
}
