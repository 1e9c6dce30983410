import { chromium } from 'playwright-core';
import { call, program, VIEWPORT } from './common.mjs';

const ARGS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
];

export async function start() {
  const browser = await chromium.launch({
    executablePath: program('chromium', 'chromium-browser', 'google-chrome'),
    headless: true,
    chromiumSandbox: false, // It refuses to run as root, as containers do.
    args: ARGS,
  });
  const context = await browser.newContext({ viewport: VIEWPORT, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const protocol = await context.newCDPSession(page);

  return {
    name: 'chromium',
    version: browser.version(),
    page,
    context,
    open: async (url) => {
      await page.goto(url);
    },
    // Not page.evaluate: that needs eval, which the policy of a page may forbid.
    async evaluate(fn, ...args) {
      const { result, exceptionDetails } = await protocol.send('Runtime.evaluate', {
        expression: call(fn, args),
        awaitPromise: true,
        returnByValue: true,
        userGesture: true,
        // The policy holds for what the function does, too.
        allowUnsafeEvalBlockedByCSP: false,
      });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    },
    screenshot: (path) => page.screenshot({ path }),
    setViewport: (width, height) => page.setViewportSize({ width, height }),
    onConsole: (listener) => page.on('console', (message) => listener(message.text())),
    onPageError: (listener) => page.on('pageerror', (error) => listener(`${error.stack ?? error}`)),
    close: () => browser.close(),
  };
}
