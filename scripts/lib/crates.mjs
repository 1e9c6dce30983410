// The licences and sources of all crates, by what deny.toml allows.
import { readFileSync } from 'node:fs';
import { at } from './paths.mjs';
import { capture, run, which } from './run.mjs';
import { Plain } from './step.mjs';

/** Throws when a crate of Cargo.lock is under another licence or from another place. */
export async function checkCrates() {
  const { allow } = lists();
  const text = capture('cargo', ['metadata', '--format-version', '1', '--locked']);
  if (!text) throw new Plain('`cargo metadata --locked` failed: is Cargo.lock as Cargo.toml wants it?');
  const { packages, workspace_members: members } = JSON.parse(text);
  // Cargo's own registry is where this one must come from: the project names no other.
  const { source: registry } = packages.find(({ name }) => name === 'wasm-bindgen') ?? {};
  const wrong = packages.flatMap(({ id, name, version, license, source }) => {
    const told = [];
    if (!isAllowed(license ?? '', allow)) told.push(`the licence ${license ?? '(none)'}`);
    if (!(source ? source === registry : members.includes(id))) told.push(`the source ${source ?? 'a folder'}`);
    return told.map((what) => `${name} ${version}: ${what} is not in deny.toml`);
  });
  if (wrong.length > 0) throw new Plain(wrong.join('\n'));
  console.log(`${packages.length} crates`);
  if (which('cargo-deny')) await run('cargo', ['deny', 'check', 'licenses', 'sources']);
}

/** Every list of strings in deny.toml, by its name. They are written as in JSON, but for a comma at the end. */
function lists() {
  const all = readFileSync(at('deny.toml'), 'utf8').matchAll(/^([\w-]+) = (\[[^\]]*\])/gm);
  return Object.fromEntries([...all].map(([, name, list]) => [name, JSON.parse(list.replace(/,\s*\]$/, ']'))]));
}

/** Whether the terms of an SPDX expression can be met with these licences; older crates write `/` for OR. */
function isAllowed(expression, allow) {
  const tokens = expression.replaceAll('/', ' OR ').match(/[()]|[^\s()]+/g) ?? [];
  const takes = (token) => tokens[0] === token && tokens.shift() !== undefined;
  const any = () => {
    let met = all();
    while (takes('OR')) met = all() || met;
    return met;
  };
  const all = () => {
    let met = one();
    while (takes('AND')) met = one() && met;
    return met;
  };
  const one = () => {
    if (takes('(')) {
      const met = any();
      return takes(')') && met;
    }
    const name = tokens.shift();
    return allow.includes(takes('WITH') ? `${name} WITH ${tokens.shift()}` : name);
  };
  return any() && tokens.length === 0;
}
