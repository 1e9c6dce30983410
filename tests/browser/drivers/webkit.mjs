// WebKitGTK through the W3C WebDriver protocol, spoken directly: it is plain JSON over HTTP.
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startChild, stop } from '../../../scripts/lib/children.mjs';
import { until, within } from '../../../scripts/lib/wait.mjs';
import { call, program, VIEWPORT } from './common.mjs';

export async function start() {
  const children = [];
  try {
    const display = await startDisplay(children);
    const driver = await startDriver(children, display);
    const { sessionId, capabilities } = await command(driver, 'POST', '/session', {
      capabilities: { alwaysMatch: { acceptInsecureCerts: true, 'webkitgtk:browserOptions': browserOptions() } },
    });
    const session = (method, path, body) => command(driver, method, `/session/${sessionId}${path}`, body);
    await session('POST', '/timeouts', { script: 300_000, pageLoad: 60_000, implicit: 0 });

    const browser = {
      name: 'webkit',
      version: capabilities.browserVersion,
      open: (url) => session('POST', '/url', { url }),
      async evaluate(fn, ...args) {
        // Asynchronous, so that promises are awaited; an Error would arrive as {}.
        const script = `
          const done = arguments[arguments.length - 1];
          (async () => ${call(fn, args)})().then(
            (value) => done({ value }),
            (error) => done({ error: \`\${error}\\n\${error?.stack ?? ''}\` }),
          );`;
        const { value, error } = await session('POST', '/execute/async', { script, args: [] });
        if (error !== undefined) throw new Error(error);
        return value ?? undefined;
      },
      async screenshot(path) {
        await writeFile(path, Buffer.from(await session('GET', '/screenshot'), 'base64'));
      },
      async setViewport(width, height) {
        // WebDriver knows the size of the window only: what the frame takes is measured. A window
        // changes its size some time after it was told to.
        const inner = () => browser.evaluate(() => [window.innerWidth, window.innerHeight]);
        await until(
          async () => {
            const [w, h] = await inner();
            if (w === width && h === height) return true;
            const rect = await session('GET', '/window/rect');
            await session('POST', '/window/rect', { width: rect.width + width - w, height: rect.height + height - h });
          },
          { ms: 10_000, every: 100, complaint: () => `the viewport of WebKit does not become ${width}×${height}` },
        );
      },
      // Classic WebDriver has no events: nothing of the console reaches us.
      onConsole() {},
      onPageError() {},
      async close() {
        await session('DELETE', '').catch(() => {}); // It may have crashed; its processes end below.
        await stopAll(children);
      },
    };
    await browser.setViewport(VIEWPORT.width, VIEWPORT.height);
    return browser;
  } catch (error) {
    await stopAll(children);
    throw error;
  }
}

async function stopAll(children) {
  // The display last: a browser that loses it complains.
  for (const child of children.reverse()) await stop(child);
}

async function startDisplay(children) {
  // With -displayfd the server picks a free display and writes its number once it is ready.
  const args = ['-displayfd', '3', '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'];
  const child = await startChild(program('Xvfb'), args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  children.push(child);
  const [line] = await within(
    20_000,
    once(createInterface({ input: child.stdio[3] }), 'line'),
    () => 'Xvfb did not get ready in 20 s',
  );
  return `:${line}`;
}

async function startDriver(children, display) {
  const port = await freePort();
  const child = await startChild(program('WebKitWebDriver'), [`--port=${port}`], {
    env: { DISPLAY: display, GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1', LIBGL_ALWAYS_SOFTWARE: '1' },
    stdio: 'ignore',
  });
  children.push(child);
  const driver = `http://127.0.0.1:${port}`;
  await until(
    () =>
      command(driver, 'GET', '/status').then(
        (status) => status.ready,
        () => false,
      ),
    {
      ms: 20_000,
      complaint: () => 'WebKitWebDriver did not get ready in 20 s',
    },
  );
  return driver;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function browserOptions() {
  return { binary: miniBrowser(), args: ['--automation'] };
}

/** MiniBrowser stands beside WebKit's own programs, in a folder that differs by system and version. */
function miniBrowser() {
  const folders = ['/usr/lib', '/usr/libexec', '/usr/lib64'].filter((path) => existsSync(path));
  const places = folders.flatMap((folder) => [folder, ...readdirSync(folder).map((name) => join(folder, name))]);
  const found = ['webkit2gtk-4.1', 'webkit2gtk-4.0', 'webkitgtk-6.0']
    .flatMap((version) => places.map((place) => join(place, version, 'MiniBrowser')))
    .find((path) => existsSync(path));
  return found ?? program('MiniBrowser');
}

async function command(driver, method, path, body) {
  const response = await fetch(`${driver}${path}`, { method, body: body && JSON.stringify(body) });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`WebDriver ${method} ${path}: ${value.error}: ${value.message}`);
  return value;
}
