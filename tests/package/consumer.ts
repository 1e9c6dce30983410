// What a user's program says, compiled against the declarations that are published. It is never run.
import {
  type Alert,
  type Batcher,
  type BatchItem,
  type BatchRule,
  type BreakerOptions,
  type BreakerState,
  type Cache,
  type CacheStats,
  type CacheTier,
  createBatcher,
  createCache,
  createCircuitBreaker,
  createDegradation,
  createFetch,
  createMonitor,
  createQueue,
  createRateLimiter,
  createRetry,
  type Degradation,
  type DegradationRule,
  init,
  install,
  isSixlaneError,
  type LaneInit,
  type Monitor,
  type MonitorReport,
  type RateLimitOptions,
  type RetryOptions,
  type SixlaneErrorCode,
  type SixlaneFetch,
  type SixlaneOptions,
  type Status,
  uninstall,
} from 'sixlane';
import 'sixlane/disk';

export async function program(): Promise<unknown[]> {
  const instance: SixlaneFetch = createFetch({
    queue: { perOrigin: 'auto', aging: false },
    timeout: { total: 5 },
    routes: [{ match: '/a', method: ['GET'], priority: 'high' }],
  });
  const dropIn: typeof fetch = instance;
  const tiers: readonly CacheTier[] = ['memory', 'localStorage', 'indexedDB'];
  const stored = createFetch({
    cache: {
      tiers,
      localStorage: { maxBytes: 1e6, maxEntryBytes: 1e4 },
      indexedDB: { maxBytes: 1e8, database: 'mine' },
      persistPrivate: true,
    },
  });
  await stored('/x', { lane: { cache: { tiers: ['memory'] } } });
  await stored.cache.close();
  const off: string | undefined = stored.cache.stats().disabled.indexedDB;
  await instance('/x', {
    method: 'POST',
    lane: { priority: 3, emergency: true, slot: 'headers', key: 'a', timeout: 5 },
  });
  await dropIn(new Request('/x'));
  // The global one knows `lane`, too: it may be the installed one.
  await fetch('/x', { lane: { priority: 'low' } });

  // Options are built up step by step, and left undefined.
  const options: SixlaneOptions = {};
  options.timeout = 5;
  const lane: LaneInit | undefined = Math.random() < 0.5 ? { priority: 'low' } : undefined;
  await instance('/x', { lane });

  await init(new URL('https://example.org/sixlane.wasm'));
  const queue = createQueue({ concurrency: 2, perKey: 1, highWater: 3, strategy: 'drop-lowest' });
  const one: number = await queue.add(async ({ signal }) => (signal.aborted ? 1 : 2), {
    priority: 'critical',
    id: 'a',
  });
  const all: string[] = await queue.addAll([() => 'a', async () => 'b']);
  queue.start().pause();
  queue.concurrency = 5;

  const retry: RetryOptions = {
    jitter: 0.1,
    budget: false,
    shouldRetry: ({ request, response, error, attempt }) => attempt < 3 && !error && !!response && request.url !== '',
  };
  const breaker: BreakerOptions = { consecutive: 3 };
  const rateLimit: RateLimitOptions = { algorithm: 'sliding-window', limit: 5, window: 1000 };
  await createFetch({ retry, breaker, rateLimit, seed: 1 })('/x', { lane: { retry: 2 } });
  const circuit = createCircuitBreaker(breaker);
  circuit.events.addEventListener('breaker', () => circuit.reset());
  const state: BreakerState = circuit.status().state;
  const limiter = createRateLimiter(rateLimit);
  await limiter.acquire('user', { weight: 2, signal: AbortSignal.timeout(5) });
  const wait: number = limiter.allow().retryAfter;
  const tried: string = await createRetry({ ...retry, seed: 1 }).execute(({ attempt, signal }) =>
    circuit.execute(async () => `${attempt} ${signal.aborted} ${state} ${wait}`),
  );

  const cached = createFetch({ cache: { ttl: 'http', memory: { maxBytes: 1e6 }, partition: 'a' }, dedupe: true });
  await cached('/x', { lane: { cache: { ttl: 5, tags: ['t'], key: 'k' }, dedupe: 'storable' } });
  await cached.preload('/x', { lane: { cache: false } });
  const cache: Cache = createCache({ ttl: 5, staleIfError: 5 });
  await cache.set('k', { n: 1 }, { ttl: 5 });
  const kept: { n: number } | undefined = await cache.get<{ n: number }>('k');
  const loaded: string = await cache.getWithFallback('l', async ({ signal }) => `${signal.aborted} ${kept?.n}`);
  const stats: CacheStats = cached.cache.stats();
  const gone: number = (await cache.invalidateTag('t')) + stats.hits.memory + loaded.length;
  await cache.purge();

  const rule: BatchRule = { match: '/api/users/:id', endpoint: '/api/batch', maxWait: 5 };
  const own: BatchRule = {
    ...rule,
    endpoint: new URL('https://example.org/batch'),
    key: ({ url }) => url,
    encode: (keys) => ({ body: keys.join() }),
    decode: (body, keys) => new Map<string, BatchItem>(keys.map((key) => [key, { status: 200, body }])),
  };
  await createFetch({ batch: [rule, own] })('/api/users/7', { lane: { batch: false } });
  const batcher: Batcher<number, string> = createBatcher(
    async (keys: readonly number[], { group, signal }) =>
      keys.map((key) => (signal.aborted ? new Error(group) : `${key}`)),
    { maxSize: 5, maxWait: 1, keyOf: (key) => `${key}` },
  );
  const many: (string | Error)[] = await batcher.loadMany([1, 2], { group: 'a', signal: AbortSignal.timeout(5) });
  const seven: string = await batcher.load(7);
  batcher.flush('a');

  const rules: DegradationRule[] = [
    {
      level: 2,
      name: 'slow',
      triggers: ['response-time', 'breaker-open'],
      actions: [
        { do: 'shed', priority: 'low' },
        { do: 'limit-concurrency', to: 0.5 },
        { do: 'static-response', match: '/x', response: () => new Response() },
        { do: 'call', enter: () => {}, leave: () => {} },
      ],
    },
  ];
  const watched = createFetch({
    monitor: { interval: 1000, thresholds: { cpuPressure: 'fair' } },
    degradation: { rules, recoverAfter: 5, share: { k: 2 } },
    trace: true,
    timeout: { wait: 5 },
  });
  const alerts: Alert[] = [];
  watched.monitor.onAlert((alert) => alerts.push(alert))();
  watched.monitor.otel({ createHistogram: () => ({ record: () => {} }) })();
  const report: MonitorReport = watched.monitor.report(5);
  const p95: number | null = report.summary.byPriority.high.responseTime.p95;
  const archive: object = watched.monitor.har({ secrets: true });
  watched.degradation.trigger('memory', 2);
  const shares: Readonly<Record<string, number>> = watched.degradation.status().shares;
  const lone = createMonitor({ minimum: 1 });
  lone.record({ duration: 1, ok: true, priority: 'high' });
  const monitor: Monitor = lone;
  const ladder: Degradation = createDegradation({ monitor, recoverAfter: 5 });

  const status: Status = instance.status();
  const queued: number = status.byPriority.high.queued;
  let code: SixlaneErrorCode | undefined;
  try {
    await instance.emergency('/x');
  } catch (error) {
    if (isSixlaneError(error)) code = error.code;
  }
  install();
  uninstall();
  await instance.ready;
  const cleared: number = instance.clear();
  await instance.close();
  return [
    alerts,
    p95,
    archive,
    shares,
    ladder.level,
    status.shed,
    many,
    seven,
    status.batched,
    off,
    gone,
    one,
    all,
    tried,
    queued,
    code,
    cleared,
    status.origins[0]?.utilization,
  ];
}
