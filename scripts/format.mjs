// Formats everything, and fixes what Biome can fix safely.
import { at } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { main } from './lib/step.mjs';

await main(async () => {
  await run(at('node_modules/.bin/biome'), ['check', '--write']);
  await run('cargo', ['fmt', '--all']);
});
