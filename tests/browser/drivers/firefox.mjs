import puppeteer from 'puppeteer-core';
import { call, program, VIEWPORT } from './common.mjs';

const PREFERENCES = {
  // No requests but those of the tests.
  'app.normandy.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.http.http3.enable': false,
};

export async function start(preferences) {
  const browser = await puppeteer.launch({
    acceptInsecureCerts: true, // That of our own server, which nobody signed.
    browser: 'firefox',
    protocol: 'webDriverBiDi',
    executablePath: program('firefox-esr', 'firefox'),
    headless: true,
    defaultViewport: VIEWPORT,
    extraPrefsFirefox: { ...PREFERENCES, ...preferences },
  });
  const [page] = await browser.pages();

  return {
    name: 'firefox',
    version: (await browser.version()).replace(/^firefox\//i, ''),
    page,
    open: async (url) => {
      await page.goto(url);
    },
    evaluate: (fn, ...args) => page.evaluate(call(fn, args)),
    screenshot: (path) => page.screenshot({ path }),
    setViewport: (width, height) => page.setViewport({ width, height }),
    onConsole: (listener) => page.on('console', (message) => listener(message.text())),
    onPageError: (listener) => page.on('pageerror', (error) => listener(`${error.stack ?? error}`)),
    close: () => browser.close(),
  };
}
