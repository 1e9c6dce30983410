import { at } from './paths.mjs';
import { run } from './run.mjs';
import { step } from './step.mjs';

/** Where cargo puts what it builds with a profile. */
const FOLDERS = { test: 'debug', release: 'release' };

/** Builds sixlane-server and returns the path of the program. */
export async function buildServer(profile) {
  await step(`cargo build --profile ${profile} -p sixlane-server`, () =>
    run('cargo', ['build', '--profile', profile, '-p', 'sixlane-server']),
  );
  return at('target', FOLDERS[profile], 'sixlane-server');
}
