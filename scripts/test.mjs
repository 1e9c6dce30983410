// Installs what is missing and runs every test; with `--quick`, the native ones and Chromium's suites alone. The last line
// is `N passed, N failed`.
import { main } from './lib/step.mjs';
import { runTests, summary } from './lib/tests.mjs';

await main(async () => {
  console.log(summary(await runTests({ quick: process.argv.includes('--quick') })));
});
