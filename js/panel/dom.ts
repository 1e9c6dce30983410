/** Elements without markup in text: a strict policy allows these. */

type Child = Node | string;
type Properties = Readonly<Record<string, unknown>>;

/** Names with a dash, and `role`, are attributes; the others are properties. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-') || key === 'role') node.setAttribute(key, String(value));
    else (node as unknown as Record<string, unknown>)[key] = value;
  }
  node.append(...children);
  return node;
}

const written = new WeakMap<Element, Text>();

/** The one text of an element. What is the same stays: what is written is laid out again. */
export function write(element: Element, text: string): void {
  const node = written.get(element);
  if (!node) {
    const made = document.createTextNode(text);
    element.replaceChildren(made);
    written.set(element, made);
  } else if (node.data !== text) node.data = text;
}

/** Keeps as many rows as there are things, and fills each. */
export function rows<T, R extends { readonly root: Element }>(
  body: Element,
  made: R[],
  things: readonly T[],
  make: () => R,
  fill: (row: R, thing: T) => void,
): void {
  while (made.length > things.length) made.pop()?.root.remove();
  while (made.length < things.length) {
    const row = make();
    made.push(row);
    body.append(row.root);
  }
  for (const [n, thing] of things.entries()) fill(made[n] as R, thing);
}

const whole = new Intl.NumberFormat('en');

export const count = (value: number): string => whole.format(value);

/** 4.2 ms, 31 ms, 4.21 s; a dash for nothing. */
export function time(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9995 ? 2 : 1)} s`;
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

export const percent = (share: number | null): string => (share === null ? '–' : `${Math.round(share * 100)} %`);

/** What of an address tells it from others. */
export function pathOf(url: string): string {
  try {
    return new URL(url).pathname;
  } catch {
    return url;
  }
}
