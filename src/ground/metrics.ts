import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { stopwatch } from './clock.ts';
import type { Log } from './log.ts';
import { openStatsd, type StatsdSettings } from './statsd.ts';

/**
 * Counters and timers, named without prefix (spec 06, section 4.2). They go to StatsD if it is configured, and to the
 * Prometheus registry behind `/metrics` (dots and hyphens become underscores). Everything else is only at `/metrics`,
 * under the full name that it is given (spec 06, section 4.4).
 */
export type Metrics = {
  /** With 0, `/metrics` has the counter from now on: the rise from nothing to 1 is not seen there. */
  count(stat: string, by?: number): void;
  /** `milliseconds` may have a fraction. */
  timing(stat: string, milliseconds: number): void;
  /**
   * Counts and times `<namespace>.<name>`; an error is logged and rethrown, without a metric (spec 06, section 4.3).
   * `tasks`: how many there were, where one call does many; if there were none, nothing is counted.
   */
  timed<T>(
    namespace: 'dao' | 'tasks',
    name: string,
    work: () => Promise<T>,
    tasks?: (result: T) => number,
  ): Promise<T>;
  /** Shows at `/metrics` how many items the flushes of a batcher have. */
  batch(batcher: string, items: number): void;
  /**
   * A histogram; a second call with the same name gives the same one. Each combination of label values is a series, so
   * they must be few: never ids, never text from outside.
   */
  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Observe;
  /** A counter with labels, likewise. */
  counter(name: string, help: string, labels: readonly string[]): (...values: readonly string[]) => void;
  /** Shows a value, read whenever somebody looks. */
  gauge(name: string, help: string, read: () => number): void;
  /**
   * Shows values of the database, by labels; null is left out. However many look, one `read` runs at a time, and none
   * within `freshSeconds` (5) of the one before. If it fails or takes more than 3 seconds, all are left out.
   */
  gauges<Name extends string>(
    helps: Readonly<Record<Name, string>>,
    labels: readonly string[],
    read: () => Promise<Rows<Name>>,
    freshSeconds?: number,
  ): void;
  /**
   * All of them as Prometheus reads them, and how the process itself does: event loop, memory, CPU. That is watched from
   * the first time on, since it takes a hundred timers a second.
   */
  scrape(): Promise<string>;
  readonly registry: Registry;
  stop(): Promise<void>;
};

/** The values of the labels, in their order, are strings; no value is ''. An empty one is a label that is absent. */
export type Observe = (value: number, ...labels: readonly string[]) => void;

/** A row: the values of its labels, and of its metrics. */
export type Rows<Name extends string> = Iterable<
  readonly [labels: readonly string[], values: Readonly<Record<Name, number | null>>]
>;

const batchBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const longestRead = 3000;
const buckets = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000, 600_000];
/** Series of one histogram; further ones are counted together, with `other` as the value of every label. */
const mostSeries = 1000;

export function createMetrics(statsd: StatsdSettings | null, log: Log): Metrics {
  const client = statsd && openStatsd(statsd, log);
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const timers = new Map<string, Observe>();
  const histograms = new Map<string, Observe>();
  let isWatched = false;
  const promName = (stat: string) => `despatch_${stat.replace(/[^a-zA-Z0-9_]/g, '_')}`;

  function count(stat: string, by = 1): void {
    if (by !== 0) client?.increment(stat, by);
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

  function histogram(name: string, help: string, labels: readonly string[], bounds: readonly number[]) {
    let observe = histograms.get(name);
    if (!observe) {
      observe = addHistogram(registry, { name, help, labels, bounds });
      histograms.set(name, observe);
    }
    return observe;
  }

  function timing(stat: string, milliseconds: number): void {
    client?.timing(stat, milliseconds);
    let timer = timers.get(stat);
    if (!timer) {
      timer = histogram(`${promName(stat)}_milliseconds`, stat, [], buckets);
      timers.set(stat, timer);
    }
    timer(milliseconds);
  }

  const batches = histogram(
    'despatch_batch_items',
    'Items written in one transaction, by batcher.',
    ['batcher'],
    batchBuckets,
  );
  return {
    count,
    timing,
    registry,
    histogram,
    batch: (batcher, items) => batches(items, batcher),
    counter(name, help, labelNames) {
      const counter =
        (registry.getSingleMetric(name) as Counter) ??
        new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
      return (...values) => counter.labels(...values).inc();
    },
    gauges(helps, labels, read, freshSeconds = 5) {
      const rows = sharedRead(read, freshSeconds * 1000, (error) =>
        log.warn({ err: error, metrics: Object.keys(helps) }, 'Values for /metrics could not be read'),
      );
      for (const name of Object.keys(helps) as (keyof typeof helps)[])
        new Gauge({
          ...{ name, help: helps[name], labelNames: [...labels], registers: [registry] },
          async collect() {
            this.reset();
            // A gauge without labels shows 0 after a reset.
            if (labels.length === 0) this.remove();
            for (const [values, row] of (await rows()) ?? []) {
              const value = row[name];
              if (value !== null)
                this.set(Object.fromEntries(labels.map((one, i) => [one, values[i]!])), value);
            }
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
    scrape() {
      if (!isWatched) collectDefaultMetrics({ register: registry });
      isWatched = true;
      return registry.metrics();
    },
    async timed(namespace, name, work, tasks = () => 1) {
      const elapsed = stopwatch();
      let result: Awaited<ReturnType<typeof work>>;
      try {
        result = await work();
      } catch (error) {
        log.error({ err: error }, `${namespace} call ${name} failed`);
        throw error;
      }
      const took = elapsed();
      const by = tasks(result);
      if (by > 0) {
        count(`${namespace}.${name}`, by);
        timing(`${namespace}.${name}`, took);
      }
      if (log.isLevelEnabled('debug'))
        log.debug(`${namespace} call ${name} took ${(took / 1000).toFixed(4)}`);
      return result;
    },
    async stop() {
      await new Promise<void>((resolve) => (client ? client.close(() => resolve()) : resolve()));
    },
  };
}

type HistogramOptions = Readonly<{
  name: string;
  help: string;
  labels: readonly string[];
  bounds: readonly number[];
}>;

type Series = { labels: Record<string, string>; counts: Float64Array; sum: number };

/**
 * A histogram of our own in prom-client's registry: an observation is a look-up and an addition, where prom-client's
 * checks and hashes the labels each time, which takes ten times as long, several times for every message.
 */
function addHistogram(registry: Registry, { name, help, labels, bounds }: HistogramOptions): Observe {
  const series = new Map<string, Series>();
  function add(values: readonly string[], key: string): Series {
    if (series.size >= mostSeries && values.some((value) => value !== 'other'))
      return find(values.map(() => 'other'));
    const named = labels.flatMap((label, index) => (values[index] ? [[label, values[index]]] : []));
    const one = {
      ...{ labels: Object.fromEntries(named), counts: new Float64Array(bounds.length + 1), sum: 0 },
    };
    series.set(key, one);
    return one;
  }
  function find(values: readonly string[]): Series {
    const key = values.join('\n');
    return series.get(key) ?? add(values, key);
  }
  function shown({ labels: own, counts, sum }: Series) {
    let total = 0;
    const within = [...bounds, '+Inf'].map((le, index) => {
      total += counts[index]!;
      return { metricName: `${name}_bucket`, labels: { ...own, le: String(le) }, value: total };
    });
    return [
      ...within,
      { metricName: `${name}_sum`, labels: own, value: sum },
      { metricName: `${name}_count`, labels: own, value: total },
    ];
  }
  const described = { name, help, type: 'histogram', aggregator: 'sum' };
  const get = async () => ({ ...described, values: [...series.values()].flatMap(shown) });
  registry.registerMetric({ ...described, get } as unknown as Metric<string>);
  return (value, ...values) => {
    const one = find(values);
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index += 1;
    one.counts[index]! += 1;
    one.sum += value;
  };
}

/** The last result of `read` as `Metrics.gauges` describes it; null if there is none. Never rejects. */
function sharedRead<T>(
  read: () => Promise<T>,
  freshMilliseconds: number,
  failed: (error: unknown) => void,
): () => Promise<T | null> {
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
