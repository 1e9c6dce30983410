// Installs what is missing and runs every test. The last line is `N passed, N failed`.
import { main } from './lib/step.mjs';
import { runTests } from './lib/tests.mjs';

await main(runTests);
