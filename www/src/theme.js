/** Light, dark, or as the system has it; and the colours as a canvas needs them. */

const KEY = 'sixlane-theme';
const listeners = new Set();
const probe = document.createElement('i');
let cache = new Map();

/** A colour of the style sheet as it is now. */
export function colour(name) {
  if (!cache.has(name)) {
    if (!probe.isConnected) {
      probe.hidden = true;
      document.body.append(probe);
    }
    // A custom property keeps `light-dark()` as it is written: only a used colour is resolved.
    probe.style.color = `var(--${name})`;
    cache.set(name, getComputedStyle(probe).color);
  }
  return cache.get(name);
}

/** Calls back when the colours have changed. */
export const onTheme = (listener) => listeners.add(listener);

function changed() {
  cache = new Map();
  for (const listener of listeners) listener();
}

function stored(work) {
  try {
    return work(localStorage);
  } catch {
    return undefined; // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

/** Wires the radio buttons of a form. index.html has applied what was stored before the first paint. */
export function createTheme(radios) {
  const chosen = document.documentElement.dataset.theme ?? 'system';
  for (const radio of radios) {
    radio.checked = radio.value === chosen;
    radio.addEventListener('change', () => {
      if (radio.value === 'system') delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = radio.value;
      stored((storage) => storage.setItem(KEY, radio.value));
      changed();
    });
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}
