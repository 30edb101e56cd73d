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
  /** Shows a value at `/metrics`, read whenever somebody looks. `name` is the full name there. */
  gauge(name: string, help: string, read: () => number): void;
  /** Also shows at `/metrics` how the process itself does: event loop, memory, CPU. */
  watchProcess(): void;
  readonly registry: Registry;
  stop(): Promise<void>;
};

export type StatsdSettings = Readonly<{ host: string; port: number; prefix: string }> | null;

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
