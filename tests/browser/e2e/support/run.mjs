/** Does what begins a run in the demo, and waits for its end: on a busy machine it may be over before anybody looks. */
export async function throughRun(page, begin) {
  await page.evaluate(() => {
    window.runIsOver = false;
    const button = document.querySelector('#run');
    new MutationObserver((_, observer) => {
      if (button.disabled) return;
      window.runIsOver = true;
      observer.disconnect();
    }).observe(button, { attributeFilter: ['disabled'] });
  });
  await begin();
  await page.waitForFunction(() => window.runIsOver, null, { timeout: 120_000 });
}
