import { StatsD } from 'hot-shots';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { stopwatch } from './clock.ts';
import type { Log } from './log.ts';

/**
 * Counters and timers, named without prefix (spec 06, section 4.2). They go to StatsD if it is configured, and to the
 * Prometheus registry behind `/metrics` (dots and hyphens become underscores).
 */
export type Metrics = {
  count(stat: string, by?: number): void;
  /** `milliseconds` may have a fraction. */
  timing(stat: string, milliseconds: number): void;
  /**
   * Counts and times `<namespace>.<name>`; an error is logged and rethrown, without a metric (spec 06, section 4.3).
   */
  timed<T>(namespace: 'dao' | 'tasks', name: string, work: () => Promise<T>): Promise<T>;
  /** Shows at `/metrics` how many items the flushes of a batcher have. */
  batch(batcher: string, items: number): void;
  /** Shows a value at `/metrics`, read whenever somebody looks. `name` is the full name there. */
  gauge(name: string, help: string, read: () => number): void;
  /**
   * Shows values of the database at `/metrics`, by a label. However many look, one `read` runs at a time, and none
   * within 5 seconds of the one before. If it fails or takes more than 3 seconds, the values are left out.
   */
  gauges<Name extends string>(
    helps: Readonly<Record<Name, string>>,
    label: string,
    read: () => Promise<ReadonlyMap<string, Readonly<Record<Name, number>>>>,
  ): void;
  /** Also shows at `/metrics` how the process itself does: event loop, memory, CPU. */
  watchProcess(): void;
  readonly registry: Registry;
  stop(): Promise<void>;
};

export type StatsdSettings = Readonly<{ host: string; port: number; prefix: string }> | null;

const batchBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const freshMilliseconds = 5000;
const longestRead = 3000;
const buckets = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000, 600_000];

export function createMetrics(statsd: StatsdSettings, log: Log): Metrics {
  const client = statsd
    ? new StatsD({
        host: statsd.host,
        port: statsd.port,
        prefix: statsd.prefix,
        cacheDns: true,
        // Fire and forget: metrics must never fail a caller.
        errorHandler: (error) => log.debug({ err: error }, 'A metric could not be sent to StatsD'),
      })
    : null;
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const timers = new Map<string, Histogram>();
  const batches = new Histogram({
    name: 'despatch_batch_items',
    help: 'Items written in one transaction, by batcher.',
    labelNames: ['batcher'],
    buckets: batchBuckets,
    registers: [registry],
  });
  const promName = (stat: string) => `despatch_${stat.replace(/[^a-zA-Z0-9_]/g, '_')}`;

  function count(stat: string, by = 1): void {
    client?.increment(stat, by);
    let counter = counters.get(stat);
    if (!counter) {
      const name = `${promName(stat)}_total`;
      // Two stats may have the same name in Prometheus, which allows fewer characters.
      counter =
        (registry.getSingleMetric(name) as Counter) ??
        new Counter({ name, help: stat, registers: [registry] });
      counters.set(stat, counter);
    }
    counter.inc(by);
  }

  function timing(stat: string, milliseconds: number): void {
    client?.timing(stat, milliseconds);
    let timer = timers.get(stat);
    if (!timer) {
      const name = `${promName(stat)}_milliseconds`;
      timer =
        (registry.getSingleMetric(name) as Histogram) ??
        new Histogram({ name, help: stat, buckets, registers: [registry] });
      timers.set(stat, timer);
    }
    timer.observe(milliseconds);
  }

  return {
    count,
    timing,
    registry,
    batch: (batcher, items) => batches.observe({ batcher }, items),
    gauges(helps, label, read) {
      const rows = sharedRead(read, (error) =>
        log.warn({ err: error, metrics: Object.keys(helps) }, 'Values for /metrics could not be read'),
      );
      for (const name of Object.keys(helps) as (keyof typeof helps)[])
        new Gauge({
          ...{ name, help: helps[name], labelNames: [label], registers: [registry] },
          async collect() {
            this.reset();
            for (const [value, row] of (await rows()) ?? []) this.set({ [label]: value }, row[name]);
          },
        });
    },
    gauge(name, help, read) {
      new Gauge({
        ...{ name, help, registers: [registry] },
        collect() {
          this.set(read());
        },
      });
    },
    watchProcess: () => collectDefaultMetrics({ register: registry }),
    async timed(namespace, name, work) {
      const elapsed = stopwatch();
      let result: Awaited<ReturnType<typeof work>>;
      try {
        result = await work();
      } catch (error) {
        log.error({ err: error }, `${namespace} call ${name} failed`);
        throw error;
      }
      const took = elapsed();
      count(`${namespace}.${name}`);
      timing(`${namespace}.${name}`, took);
      log.debug(`${namespace} call ${name} took ${(took / 1000).toFixed(4)}`);
      return result;
    },
    async stop() {
      await new Promise<void>((resolve) => (client ? client.close(() => resolve()) : resolve()));
    },
  };
}

/** The last result of `read` as `Metrics.gauges` describes it; null if there is none. Never rejects. */
function sharedRead<T>(read: () => Promise<T>, failed: (error: unknown) => void): () => Promise<T | null> {
  let last: { age: () => number; value: T | null } | null = null;
  let running: Promise<T | null> | null = null;
  const run = () =>
    read()
      .catch((error: unknown) => {
        failed(error);
        return null;
      })
      .then((value) => {
        last = { age: stopwatch(), value };
        running = null;
        return value;
      });
  return async () => {
    if (last && last.age() < freshMilliseconds) return last.value;
    running ??= run();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), longestRead);
    });
    return await Promise.race([running, late]).finally(() => clearTimeout(timer));
  };
}
