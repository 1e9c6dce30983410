/** `<sixlane-panel>`: what an instance does, at a glance. */
import type { MonitorReport, SixlaneFetch, Status } from '../types.js';
import { count, element, pathOf, percent, rows, size, time, write } from './dom.js';
import { Calls, type Seen } from './model.js';
import { STYLE } from './style.js';

/** While it is seen, it looks so often, in milliseconds. */
const LOOK = 250;

/** What costs more is looked at each so many times: once a second, the calls each other second, and times by the sample. */
const SELDOM = 4;
const CALLS = 8;
const SAMPLES = 16;

/** Waiting calls that are shown. */
const MAX_WAITING = 50;

/** How tall a row of the waterfall is until one has been seen, in CSS pixels. */
const TALL = 23;

const LEVELS = ['critical', 'high', 'normal', 'low', 'background'] as const;

const TIERS = ['memory', 'localStorage', 'indexedDB'] as const;

type Row = { readonly root: HTMLTableRowElement; readonly cells: readonly HTMLElement[] };

/** The installed one, if what is in the place of fetch is an instance. */
function installed(): SixlaneFetch | undefined {
  const { fetch } = globalThis as { fetch?: Partial<SixlaneFetch> };
  return fetch?.monitor && fetch.events ? (fetch as SixlaneFetch) : undefined;
}

function row(columns: number): Row {
  const root = element('tr');
  const cells = Array.from({ length: columns }, (_, n) => (n === 0 ? element('th', { scope: 'row' }) : element('td')));
  root.append(...cells);
  return { root, cells };
}

function table(caption: string, ...columns: readonly string[]): { root: HTMLTableElement; body: Element } {
  const body = element('tbody');
  const head = columns.map((textContent) => element('th', { scope: 'col', textContent }));
  const root = element('table', { 'aria-label': caption }, element('thead', {}, element('tr', {}, ...head)), body);
  return { root, body };
}

function section(title: string, ...children: readonly Node[]): HTMLElement {
  return element('section', { 'aria-label': title }, element('h2', { textContent: title }), ...children);
}

/** What may be wider or longer than there is room; the keyboard gets there. */
function scroll(inner: Node): HTMLElement {
  return element('div', { className: 'scroll', tabIndex: 0 }, inner);
}

/** Room for rows that are not there. */
function spacer(): HTMLTableRowElement {
  return element('tr', { 'aria-hidden': 'true' });
}

/** Where there is no page, as on a server that imports this, it is never made. */
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

export class SixlanePanel extends Base {
  /** Instances by name, to choose from; the installed one is there by itself. */
  #instances: Readonly<Record<string, SixlaneFetch>> = {};
  #shown: SixlaneFetch | undefined;
  readonly #calls = new Calls();
  #timer: ReturnType<typeof setInterval> | undefined;
  #sight: IntersectionObserver | undefined;
  #isSeen = false;
  #looks = 0;
  #drawn = -1;
  #paused = false;

  readonly #mode = element('span');
  readonly #choice = element('select', { 'aria-label': 'Instance', hidden: true, onchange: () => this.#choose() });
  readonly #pauseButton = element('button', { type: 'button', onclick: () => this.#pause() });
  readonly #level = element(
    'select',
    { 'aria-label': 'Level of degradation', onchange: () => this.#setLevel() },
    ...[0, 1, 2, 3, 4, 5].map((level) => element('option', { value: `${level}`, textContent: `Level ${level}` })),
  );
  readonly #figures = element('p', { role: 'status' });
  readonly #totals = element('p');
  #summary: MonitorReport['summary'] | undefined;
  #standing: ReturnType<SixlaneFetch['degradation']['status']> | undefined;
  readonly #origins = table('Origins', 'Origin', 'Protocol', 'Slots', 'In use', 'Waiting', 'Breaker', 'Paused', 'Shed');
  readonly #originRows: (Row & { meter: HTMLMeterElement })[] = [];
  readonly #levels = table('Levels', 'Level', 'Waiting', 'Running', 'Queue p95', 'Response p95');
  readonly #levelRows: Row[] = [];
  readonly #waiting = table('Waiting calls', 'Waits', 'Call', 'Level', 'Cancel');
  readonly #waitingRows: (Row & { select: HTMLSelectElement; id: number })[] = [];
  readonly #more = element('p');
  readonly #chart = element('canvas', { role: 'img' });
  readonly #chartNote = element('p');
  readonly #cache = table('Cache', 'Tier', 'Entries', 'Bytes', 'Hits');
  readonly #cacheRows: Row[] = [];
  readonly #cacheNote = element('p');
  readonly #alerts = element('ul');
  readonly #waterfall = table(
    'The last calls',
    'Call',
    'Level',
    'From',
    'Status',
    'Retries',
    'Waited',
    'Headers',
    'In all',
    'Over time',
  );
  readonly #waterfallRows: (Row & { bars: readonly HTMLElement[] })[] = [];
  /** Of the calls, only those have rows that are in sight; these are as tall as those above and below. */
  readonly #list = scroll(this.#waterfall.root);
  readonly #above = spacer();
  readonly #below = spacer();
  #tall = TALL;
  #isListSeen = false;
  /** What was last known of sizes: to ask for one makes the browser lay all out at once. */
  readonly #sizes = new WeakMap<Element, DOMRectReadOnly>();
  readonly #resized = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      this.#sizes.set(target, contentRect);
      if (target === this.#chart) this.#charted = undefined;
      // A row that was taken out has no height.
      else if (target !== this.#list && contentRect.height > 0) this.#tall = contentRect.height;
    }
  });
  #scrolled = 0;
  /** The newest sample in the chart. */
  #charted: number | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const button = (textContent: string, onclick: () => void): HTMLButtonElement =>
      element('button', { type: 'button', textContent, onclick });
    write(this.#pauseButton, 'Pause');
    const wide = section('Calls', this.#list);
    wide.dataset.wide = '';
    this.#list.dataset.list = '';
    this.#list.onscroll = () => {
      this.#scrolled = this.#list.scrollTop;
      this.#drawCalls();
    };
    for (const one of [this.#list, this.#chart]) this.#resized.observe(one);
    this.#waterfall.root.append(element('tbody', {}, this.#below));
    this.#waterfall.body.before(element('tbody', {}, this.#above));
    root.append(
      element(
        'div',
        { className: 'head', role: 'toolbar', 'aria-label': 'Instance' },
        element('b', {}, 'sixlane ', this.#mode),
        this.#choice,
        this.#level,
        this.#pauseButton,
        button('Clear queue', () => this.instance?.clear()),
        button('Purge cache', () => this.instance?.cache.purge().catch(() => {})),
        button('HAR', () => this.#save('har', this.instance?.monitor.har())),
        button('JSON', () => this.#save('json', this.#report())),
      ),
      element(
        'div',
        { className: 'sections' },
        section('Origins', this.#figures, this.#totals, scroll(this.#origins.root)),
        section('Levels', this.#levels.root),
        section('Waiting', scroll(this.#waiting.root), this.#more),
        section('Times', this.#chart, this.#chartNote),
        section('Cache', this.#cache.root, this.#cacheNote),
        section('Alerts', this.#alerts),
        wide,
      ),
    );
  }

  /** What it shows. */
  get instance(): SixlaneFetch | undefined {
    return this.#shown;
  }

  set instance(instance: SixlaneFetch | undefined) {
    this.instances = instance ? { instance } : {};
  }

  get instances(): Readonly<Record<string, SixlaneFetch>> {
    return this.#instances;
  }

  set instances(instances: Readonly<Record<string, SixlaneFetch>>) {
    this.#instances = { ...instances };
    this.#offer();
  }

  connectedCallback(): void {
    // What was said of it before it was defined hides what it would do.
    for (const name of ['instance', 'instances'] as const) {
      if (!Object.hasOwn(this, name)) continue;
      const { [name]: said } = this;
      delete (this as Partial<Record<typeof name, unknown>>)[name];
      Object.assign(this, { [name]: said });
    }
    this.#offer();
    this.#sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (target === this) this.#see(isIntersecting);
        else this.#seeList(isIntersecting);
      }
    });
    this.#sight.observe(this);
    this.#sight.observe(this.#list);
    document.addEventListener('visibilitychange', this.#onVisibility);
  }

  disconnectedCallback(): void {
    this.#sight?.disconnect();
    document.removeEventListener('visibilitychange', this.#onVisibility);
    this.#see(false);
    this.#show(undefined);
  }

  readonly #onVisibility = (): void => this.#see(this.#isSeen);

  #all(): [string, SixlaneFetch][] {
    const global = installed();
    const given = Object.entries(this.#instances);
    const known = given.some(([, instance]) => instance === global);
    return global && !known ? [['installed', global], ...given] : given;
  }

  #offer(): void {
    const all = this.#all();
    this.#choice.replaceChildren(...all.map(([name]) => element('option', { value: name, textContent: name })));
    this.#choice.hidden = all.length < 2;
    const kept = all.find(([, instance]) => instance === this.#shown) ?? all.at(-1);
    if (kept) this.#choice.value = kept[0];
    this.#show(this.isConnected ? kept?.[1] : undefined);
  }

  #choose(): void {
    this.#show(this.#all().find(([name]) => name === this.#choice.value)?.[1]);
  }

  #show(instance: SixlaneFetch | undefined): void {
    if (instance === this.#shown) return;
    this.#shown = instance;
    this.#paused = false;
    this.#calls.forget();
    if (this.#timer !== undefined) this.#calls.follow(instance?.events);
    this.#look(true);
  }

  #see(isSeen: boolean): void {
    this.#isSeen = isSeen;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const looks = isSeen && !document.hidden;
    this.#calls.follow(looks ? this.#shown?.events : undefined);
    if (!looks) return;
    this.#look(true);
    this.#timer = setInterval(() => this.#look(false), LOOK);
  }

  #seeList(isSeen: boolean): void {
    this.#isListSeen = isSeen;
    if (isSeen) this.#drawCalls();
  }

  // ── what it does

  #pause(): void {
    this.#paused = !this.#paused;
    if (this.#paused) this.instance?.pause();
    else this.instance?.resume();
    write(this.#pauseButton, this.#paused ? 'Resume' : 'Pause');
  }

  #setLevel(): void {
    const level = Number(this.#level.value);
    const { degradation } = this.instance ?? {};
    if (!degradation) return;
    if (level < degradation.level) degradation.reset();
    if (level > 0) degradation.trigger('queued', level as 1 | 2 | 3 | 4 | 5);
    this.#look(true);
  }

  #report(): object {
    const { instance } = this;
    return {
      status: instance?.status(),
      cache: instance?.cache.stats(),
      degradation: instance?.degradation.status(),
      report: instance?.monitor.report(),
      waiting: instance?.waiting(),
    };
  }

  #save(kind: string, what: unknown): void {
    const url = URL.createObjectURL(new Blob([JSON.stringify(what, null, 2)], { type: 'application/json' }));
    element('a', { href: url, download: `sixlane.${kind}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  // ── what it shows

  #look(all: boolean): void {
    const { instance } = this;
    if (!instance) {
      write(this.#mode, '· no instance: install() one, or give it to the element');
      return;
    }
    this.#looks += 1;
    const isTime = (each: number): boolean => all || this.#looks % each === 0;
    const status = instance.status();
    if (isTime(SAMPLES)) this.#drawMonitor(instance);
    if (isTime(SELDOM)) {
      this.#standing = instance.degradation.status();
      this.#drawTotals(status);
      this.#drawCache(instance);
    }
    // What waits is of most interest while it does.
    if (isTime(SELDOM) || status.queued > 0 || this.#waitingRows.length > 0) {
      this.#drawLevels(status);
      this.#drawWaiting(instance);
    }
    this.#drawOrigins(status);
    if (isTime(CALLS) && this.#isListSeen && this.#drawn !== this.#calls.version) this.#drawCalls();
  }

  #drawTotals({ mode, reason, completed, failed, cancelled, shed, retries, deduplicated, batched }: Status): void {
    write(this.#mode, reason ? `· ${mode}: ${reason}` : `· ${mode}`);
    const totals = { failed, cancelled, shed, retries, joined: deduplicated, 'in batches': batched };
    const parts = Object.entries(totals).flatMap(([name, value]) => (value > 0 ? [`${count(value)} ${name}`] : []));
    write(this.#totals, [`${count(completed)} completed`, ...parts].join(' · '));
    if (!this.#level.matches(':focus')) this.#level.value = `${this.#standing?.level ?? 0}`;
  }

  #drawOrigins(status: Status): void {
    write(this.#figures, `${count(status.queued)} waiting · ${count(status.running)} running`);
    const shares = this.#standing?.shares ?? {};
    rows(
      this.#origins.body,
      this.#originRows,
      status.origins,
      () => {
        const made = row(8);
        const meter = element('meter', { 'aria-label': 'Slots in use' });
        made.cells[3]?.append(meter);
        return { ...made, meter };
      },
      ({ root, cells, meter }, origin) => {
        const { key, protocol, limit, running: held, queued: waits, breaker, pausedFor } = origin;
        const share = shares[key] ?? 0;
        const texts = [
          key.replace(/^https?:\/\//, ''),
          protocol ?? '–',
          `${held} of ${limit === Number.POSITIVE_INFINITY ? '∞' : limit}`,
          undefined,
          count(waits),
          breaker,
          pausedFor > 0 ? time(pausedFor) : '–',
          share > 0 ? percent(share) : '–',
        ];
        for (const [n, text] of texts.entries()) if (text !== undefined) write(cells[n] as Element, text);
        meter.max = Number.isFinite(limit) ? Math.max(1, limit) : Math.max(1, held);
        meter.value = held;
        root.toggleAttribute('data-bad', breaker !== 'closed' || share > 0);
      },
    );
  }

  #drawWaiting(instance: SixlaneFetch): void {
    const waiting = instance.waiting();
    const now = performance.now();
    rows(
      this.#waiting.body,
      this.#waitingRows,
      waiting.slice(0, MAX_WAITING),
      () => {
        const made = row(4);
        const select = element(
          'select',
          { 'aria-label': 'Level of this call' },
          ...LEVELS.map((level) => element('option', { value: level, textContent: level })),
        );
        const own = { ...made, select, id: -1 };
        select.onchange = () => this.instance?.setPriority(own.id, select.value as (typeof LEVELS)[number]);
        const cancel = element('button', { type: 'button', textContent: 'Cancel' });
        cancel.onclick = () => {
          this.instance?.cancel(own.id);
          this.#look(true);
        };
        made.cells[1]?.setAttribute('data-long', '');
        made.cells[2]?.append(select);
        made.cells[3]?.append(cancel);
        return own;
      },
      (own, { id, method, url, priority, since }) => {
        own.id = id;
        write(own.cells[0] as Element, time(now - since));
        write(own.cells[1] as Element, `${method} ${pathOf(url)}`);
        // What somebody is about to choose is not chosen for him.
        if (!own.select.matches(':focus')) own.select.value = priority;
      },
    );
    const others = waiting.length - MAX_WAITING;
    write(this.#more, waiting.length === 0 ? 'Nothing waits.' : others > 0 ? `and ${count(others)} more` : '');
  }

  #drawLevels(status: Status): void {
    rows(
      this.#levels.body,
      this.#levelRows,
      LEVELS,
      () => row(5),
      ({ cells }, level) => {
        const { queued, running } = status.byPriority[level];
        const { queueTime, responseTime } = this.#summary?.byPriority[level] ?? {};
        const texts = [level, count(queued), count(running), time(queueTime?.p95), time(responseTime?.p95)];
        for (const [n, text] of texts.entries()) write(cells[n] as Element, text);
      },
    );
  }

  #drawMonitor(instance: SixlaneFetch): void {
    const { samples, summary, alerts } = instance.monitor.report(300_000);
    this.#summary = summary;
    const { level, rule, healthy } = instance.degradation.status();
    const { responseTime, errorRate } = summary;
    const words = [
      `p50 ${time(responseTime.p50)}, p95 ${time(responseTime.p95)}, p99 ${time(responseTime.p99)} to headers`,
      `${percent(errorRate)} failed`,
    ];
    if (level > 0) words.push(`level ${level}${rule ? `, ${rule}` : ''}, ${healthy ? 'getting better' : 'in trouble'}`);
    write(this.#chartNote, `${words.join(' · ')}, of ${count(summary.requests)} in 5 min`);
    this.#chart.setAttribute('aria-label', `The 95 % quantile to headers by sample: ${words[0]}`);
    const newest = samples.at(-1)?.at ?? 0;
    if (this.#charted !== newest) this.#drawChart(samples.map(({ responseTime: { p95 } }) => p95));
    this.#charted = newest;
    const lines = alerts.slice(-5).map(({ message }) => message);
    const text = lines.length > 0 ? lines : ['None.'];
    if (this.#alerts.textContent !== text.join('')) {
      this.#alerts.replaceChildren(...text.map((textContent) => element('li', { textContent })));
    }
  }

  #drawChart(values: readonly (number | null)[]): void {
    const size = this.#sizes.get(this.#chart);
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round((size?.width ?? 0) * ratio), Math.round((size?.height ?? 0) * ratio)];
    if (this.#chart.width !== width || this.#chart.height !== height) {
      Object.assign(this.#chart, { width, height });
    }
    const context = this.#chart.getContext('2d');
    if (!context || width === 0) return;
    context.clearRect(0, 0, width, height);
    const most = Math.max(1, ...values.map((value) => value ?? 0));
    const step = width / Math.max(1, values.length);
    context.fillStyle = getComputedStyle(this.#chart).color;
    for (const [n, value] of values.entries()) {
      if (value === null) continue;
      const tall = Math.max(ratio, (height * value) / most);
      context.fillRect(n * step, height - tall, Math.max(1, step - ratio), tall);
    }
  }

  #drawCache(instance: SixlaneFetch): void {
    const stats = instance.cache.stats();
    rows(
      this.#cache.body,
      this.#cacheRows,
      TIERS,
      () => row(4),
      ({ root, cells }, tier) => {
        const { entries, bytes } = stats[tier];
        const off = stats.disabled[tier as 'localStorage'];
        const texts = [tier, count(entries), off ? `off: ${off}` : size(bytes), count(stats.hits[tier])];
        for (const [n, text] of texts.entries()) write(cells[n] as Element, text);
        root.toggleAttribute('data-bad', off !== undefined);
      },
    );
    const { hitRate, misses, stale, evictions } = stats;
    write(
      this.#cacheNote,
      `${percent(hitRate)} hits · ${count(misses)} misses · ${count(stale)} stale · ${count(evictions)} evicted`,
    );
  }

  #drawCalls(): void {
    this.#drawn = this.#calls.version;
    const calls = [...this.#calls.all].reverse();
    const room = this.#sizes.get(this.#list)?.height ?? 0;
    const shown = Math.ceil(room / this.#tall) + 2;
    const first = Math.max(0, Math.min(Math.floor(this.#scrolled / this.#tall) - 1, calls.length - shown));
    const seen = calls.slice(first, first + shown);
    this.#above.style.height = `${first * this.#tall}px`;
    this.#below.style.height = `${(calls.length - first - seen.length) * this.#tall}px`;
    this.#waterfall.root.setAttribute('aria-rowcount', `${calls.length + 1}`);
    const from = Math.min(...seen.map(({ queued }) => queued));
    const to = Math.max(...seen.map(({ queued, granted, headers, ended }) => ended ?? headers ?? granted ?? queued));
    const span = Math.max(1, to - from);
    let place = first + 2;
    rows(
      this.#waterfall.body,
      this.#waterfallRows,
      seen,
      () => {
        const made = row(9);
        const bars = [0, 1, 2].map(() => element('i'));
        made.cells[8]?.append(element('span', { className: 'bar', 'aria-hidden': 'true' }, ...bars));
        made.cells[0]?.setAttribute('data-long', '');
        this.#resized.observe(made.root);
        return { ...made, bars };
      },
      ({ root, cells, bars }, call) => {
        const { method, url, priority, queued, granted, headers, ended, status, error, retries, source } = call;
        const texts = [
          `${method} ${pathOf(url)}`,
          priority,
          source ?? '–',
          status ? `${status}` : (error?.split(':', 1)[0] ?? '–'),
          retries > 0 ? count(retries) : '–',
          time(granted === undefined ? undefined : granted - queued),
          time(headers === undefined || granted === undefined ? undefined : headers - granted),
          time(ended === undefined ? undefined : ended - queued),
        ];
        for (const [n, text] of texts.entries()) write(cells[n] as Element, text);
        root.toggleAttribute('data-bad', error !== undefined || (status ?? 0) >= 400);
        root.setAttribute('aria-rowindex', `${place++}`);
        draw(bars, call, from, span, to);
      },
    );
  }
}

/** Where each part of a call stands in the time of all. */
function draw(bars: readonly HTMLElement[], call: Seen, from: number, span: number, now: number): void {
  const { queued, granted = now, headers = now, ended = headers } = call;
  const ends = [queued, granted, Math.max(granted, headers), Math.max(headers, ended)];
  for (const [n, bar] of bars.entries()) {
    const [start, end] = [ends[n] as number, ends[n + 1] as number];
    bar.style.setProperty('left', `${(100 * (start - from)) / span}%`);
    bar.style.setProperty('width', `${(100 * (end - start)) / span}%`);
  }
}
