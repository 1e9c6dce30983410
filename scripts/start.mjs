// Builds everything and serves the demo. Arguments go on to sixlane-server: `npm start -- --port 9000`.
import { build } from './build.mjs';
import { buildServer } from './lib/cargo.mjs';
import { at } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { startServer } from './lib/server.mjs';
import { main, Plain, step } from './lib/step.mjs';
import { together } from './lib/wait.mjs';
import { installRust, setup } from './setup.mjs';

async function buildSite() {
  await setup();
  await build();
  await step('vite build', () => run(at('node_modules/.bin/vite'), ['build', at('www'), '--logLevel', 'warn']));
}

await main(async () => {
  await installRust();
  // The server needs nothing of the rest: while one links or waits for the network, the other compiles.
  // Of the profile of the tests, which compiles a quarter faster and is there for them, too.
  const [binary] = await together(buildServer('test'), buildSite());
  const server = await startServer(binary, ['--site', at('www/dist'), ...process.argv.slice(2)]);
  console.log(`\nsixlane demo: ${server.url}\nCtrl-C stops it.`);
  const code = await server.ended;
  if (code !== 0) throw new Plain(`the server ended with ${code}`);
});
