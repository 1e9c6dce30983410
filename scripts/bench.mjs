// Runs benches/browser/NAME.mjs: `npm run bench -- NAME`. Such a file exports
// `async function run({ launch, server, startServer })`; `startServer(…flags)` starts one more, which it closes.
import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { buildServer } from './lib/cargo.mjs';
import { at } from './lib/paths.mjs';
import { main, Plain, step } from './lib/step.mjs';
import { setup } from './setup.mjs';

await main(async () => {
  const folder = at('benches/browser');
  const names = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => file.slice(0, -'.mjs'.length));
  const [name] = process.argv.slice(2);
  if (!names.includes(name)) throw new Plain(`usage: npm run bench -- NAME, where NAME is one of: ${names.join(', ')}`);

  await setup({ browsers: true });
  await build();
  const binary = await buildServer('release');
  const { startSite } = await import('../tests/browser/site.mjs');
  const { launch } = await import('../tests/browser/drivers.mjs');
  const server = await startSite(binary);
  try {
    const { run } = await import(pathToFileURL(at('benches/browser', `${name}.mjs`)));
    await step(name, () => run({ launch, server, startServer: (...flags) => startSite(binary, ...flags) }));
  } finally {
    await server.close();
  }
});
