// Imports the suites that the address names (?suite=a.test.js&suite=b.test.js&grep=text), runs them,
// and leaves what happened on window.__results, where tests/browser/run.mjs reads it.
import { config } from 'chai';

// A failure shows all of what was compared.
config.truncateThreshold = 0;

const results = {
  done: false,
  /** The test that runs now: what to look at when it never ends. */
  current: 'importing the suites',
  passed: 0,
  failed: 0,
  skipped: 0,
  failures: [],
  durations: [],
};
window.__results = results;

/** The longest time in which no timer of the page fired since the test began: a machine that stands still is no fault of ours. */
const stood = { longest: 0, last: performance.now() };
setInterval(() => {
  const now = performance.now();
  stood.longest = Math.max(stood.longest, now - stood.last);
  stood.last = now;
}, 50);

function fail(title, error) {
  const still = Math.max(stood.longest, performance.now() - stood.last);
  const note = still > 1_000 ? ` (no timer of the page fired for ${Math.round(still)} ms)` : '';
  results.failed += 1;
  results.failures.push({ title, message: `${error?.message ?? error}${note}`, stack: `${error?.stack ?? ''}` });
}

class Recorder {
  constructor(runner) {
    const title = (test) => test.titlePath().join(' › ');
    runner.on('test', (test) => {
      results.current = title(test);
      stood.longest = 0;
    });
    runner.on('pass', (test) => {
      results.passed += 1;
      results.durations.push({ title: title(test), ms: test.duration });
    });
    runner.on('pending', () => {
      results.skipped += 1;
    });
    // Also the failures of hooks.
    runner.on('fail', (test, error) => fail(title(test), error));
  }
}

const query = new URLSearchParams(location.search);
mocha.setup({
  ui: 'bdd',
  reporter: Recorder,
  // For slow and busy machines; no test waits this long when all is well.
  timeout: 20_000,
  forbidOnly: true,
  ...(query.has('grep') && { grep: query.get('grep') }),
});

for (const suite of query.getAll('suite')) {
  try {
    await import(new URL(suite, new URL('/tests/browser/suite/', location.origin)));
  } catch (error) {
    fail(suite, error);
  }
}

try {
  mocha.run(() => {
    results.done = true;
  });
} catch (error) {
  fail('mocha', error);
  results.done = true;
}
