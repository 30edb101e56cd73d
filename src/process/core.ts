import manifest from '../../package.json' with { type: 'json' };
import { keptSecret } from '../bootstrap/credentials.ts';
import type { Config } from '../config/config.ts';
import { type DocumentStorage, databaseStorage } from '../content/document/store.ts';
import { type Rates, readRates } from '../content/recipient/international-rates.ts';
import { startRenderThreads } from '../content/template/render-threads.ts';
import { createTemplateCaches, type TemplateCaches } from '../content/template/store.ts';
import { createRender, type Render } from '../content/template/template.ts';
import { type Cache, createCaches } from '../database/cache.ts';
import { type Connection, createListener, type Db, databaseTime } from '../database/connection.ts';
import { migrate } from '../database/migrate.ts';
import { ensurePartitions } from '../database/partitions.ts';
import type { Reads } from '../database/reads.ts';
import type { Batcher } from '../ground/batcher.ts';
import { type Cipher, createCipher } from '../ground/cipher.ts';
import { type Clock, createMeasuredClock, systemClock } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import { createMetrics, type Metrics } from '../ground/metrics.ts';
import type { Traces } from '../ground/traces.ts';
import { type CallbackQueue, createCallbackQueue } from '../message/callback/enqueue.ts';
import { createUnitRates, type UnitRates } from '../message/rate/store.ts';
import { createApply, type IncomingReceipt } from '../message/receipt/apply.ts';
import type { Balancing } from '../provider/balancing/balancing.ts';
import type { ReceiptEndpoint, ReceiptOutcome } from '../provider/contract.ts';
import type { ProviderState } from '../provider/state.ts';
import { createProviderCache } from '../provider/store.ts';
import { openQueues, type Queues } from '../queue/queues.ts';
import type { ApiKey } from '../tenant/key/key.ts';
import { createKeyCache } from '../tenant/key/store.ts';
import type { Service } from '../tenant/service/service.ts';
import { createServiceCache } from '../tenant/service/store.ts';
import { openDatabase } from './database.ts';
import type { OnStop } from './stoppable.ts';
import { openBalancing, providerRows, receiptEndpointsOf } from './suppliers.ts';

/** What every role needs. Each part takes from it exactly what it uses. */
export type Core = Readonly<{
  config: Config;
  /** The version of the product. */
  version: string;
  clock: Clock;
  /** By how many milliseconds this machine's clock is ahead of the database's; negative: behind. */
  clockSkew: () => number;
  log: Log;
  metrics: Metrics;
  /** null: none are made. */
  traces: Traces | null;
  cipher: Cipher;
  /** SECRET_KEY, or the one that is kept in the data directory. */
  secretKeys: readonly string[];
  rates: Rates;
  connection: Connection;
  db: Db;
  reads: Reads;
  queues: Queues;
  services: Cache<Service | null>;
  keys: Cache<readonly ApiKey[]>;
  templates: TemplateCaches;
  render: Render;
  unitRates: UnitRates;
  providers: Cache<readonly ProviderState[]>;
  storage: DocumentStorage;
  balancing: Balancing;
  callbacks: CallbackQueue;
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
  endpoints: readonly ReceiptEndpoint[];
}>;

export type CoreOptions = Readonly<{
  config: Config;
  /** Instead of the database's time. */
  clock: Clock | undefined;
  log: Log;
  onStop: OnStop;
}>;

const day = 86_400_000;

/** Opens the database, brings it up to date, and builds everything that does not depend on the roles. */
export async function openCore({ config, clock: givenClock, log, onStop }: CoreOptions): Promise<Core> {
  const rates = readRates(config.delivery.smsRatesFile);
  const metrics = createMetrics(statsdOf(config), log);
  onStop(() => metrics.stop());
  const traces = await openTracesOf(config, log);
  onStop(() => traces?.stop());
  const { connection, reading, reads } = await openDatabase(config, log, onStop);
  const { db } = connection;
  watchPools(metrics, [connection, reading]);
  const { clock, clockSkew } = await goByDatabase(givenClock, { connection, log, metrics, onStop });
  await migrate(db, log);
  await ensurePartitions(db, clock.now() - day, clock.now() + 7 * day);
  const secretKeys = config.secrets.keys ?? [keptSecret(config.installation.dataDir, 'secret-key')];
  const cipher = createCipher(secretKeys, config.secrets.salt);

  const listener = createListener(connection.url, log);
  onStop(() => listener.stop());
  const caches = await createCaches(listener);
  onStop(() => caches.stop());
  const queues = await openQueues(connection, listener, {
    prefix: config.installation.queuePrefix,
    log,
  });
  onStop(() => queues.stop());

  const threads = startRenderThreads();
  onStop(() => threads.close());

  const callbacks = createCallbackQueue({ db, clock, cipher, caches });
  return {
    version: manifest.version,
    ...{
      config,
      clock,
      clockSkew,
      log,
      metrics,
      traces,
      cipher,
      secretKeys,
      rates,
      connection,
      db,
      reads,
      queues,
      callbacks,
    },
    services: createServiceCache(db, caches),
    keys: createKeyCache(db, cipher, caches),
    templates: createTemplateCaches(db, caches),
    render: createRender(threads),
    unitRates: createUnitRates(db, caches),
    providers: createProviderCache(db, caches, providerRows(config)),
    storage: databaseStorage(db),
    balancing: await openBalancing(config, { db, clock, log, metrics }),
    apply: createApply({ queues, clock, log, metrics, rates, callbacks, traces }),
    endpoints: receiptEndpointsOf(config, clock),
  };
}

/** The libraries of OpenTelemetry are loaded only where the settings ask for traces. */
async function openTracesOf({ traces, installation }: Config, log: Log): Promise<Traces | null> {
  const { exporter, endpoint, headers, serviceName, sampler, samplerShare: share } = traces;
  const url = traces.url ?? (endpoint && `${endpoint}/v1/traces`);
  if (exporter === 'none' || (exporter === null && url === null)) return null;
  const { openTraces } = await import('../ground/traces.ts');
  const isParentBased = sampler.startsWith('parentbased_');
  const root = sampler.replace('parentbased_', '');
  return await openTraces(
    {
      url: url ?? 'http://localhost:4318/v1/traces',
      ...{ headers: headers ?? {}, serviceName, version: manifest.version, isParentBased, share },
      environment: installation.environment,
      sampler: root === 'traceidratio' ? 'share' : root === 'always_on' ? 'on' : 'off',
    },
    log,
  );
}

const measureMilliseconds = 10_000;
/** Skew that is worth a line in the log. */
const reportedMilliseconds = 2000;

/**
 * The clock of the process goes by the database's, which is the same for all processes (docs/decisions/0018), and its
 * own machine's skew is reported. A clock that is given, by a test, is used as it is.
 */
async function goByDatabase(
  given: Clock | undefined,
  {
    connection,
    log,
    metrics,
    onStop,
  }: Pick<CoreOptions, 'log' | 'onStop'> & Pick<Core, 'connection' | 'metrics'>,
): Promise<Pick<Core, 'clock' | 'clockSkew'>> {
  const measured = createMeasuredClock(given ?? systemClock, () => databaseTime(connection));
  let reported = 0;
  const measure = async () => {
    await measured.measure();
    const seconds = measured.skew / 1000;
    const isReported = Math.abs(measured.skew - reported) <= reportedMilliseconds;
    if (Math.abs(measured.skew) <= reportedMilliseconds) reported = 0;
    else if (!isReported) {
      reported = measured.skew;
      log.warn(
        { skewSeconds: seconds },
        `The clock of this machine is ${Math.abs(seconds).toFixed(1)} seconds ${seconds > 0 ? 'ahead of' : 'behind'} the database's, which counts: set both by NTP`,
      );
    }
  };
  await measure();
  const timer = setInterval(() => {
    measure().catch((error: unknown) => log.debug({ err: error }, 'The clock could not be compared'));
  }, measureMilliseconds);
  onStop(() => clearInterval(timer));
  metrics.gauge(
    'despatch_clock_skew_seconds',
    'How far the clock of this machine is ahead of the one of the database; negative: behind.',
    () => measured.skew / 1000,
  );
  return { clock: given ?? measured, clockSkew: () => measured.skew };
}

function watchPools({ gauge }: Metrics, [main, reading]: readonly [Connection, Connection]): void {
  const both = [main.pool, reading.pool];
  const sum = (of: (pool: Connection['pool']) => number) => both.reduce((total, pool) => total + of(pool), 0);
  gauge('despatch_database_connections_open', 'Open connections.', () => sum((pool) => pool.totalCount));
  gauge('despatch_database_connections_used', 'Those in use.', () =>
    sum((pool) => pool.totalCount - pool.idleCount),
  );
  gauge('despatch_database_connections_max', 'Most that may be open.', () => sum((pool) => pool.options.max));
  gauge('despatch_database_waiting', 'Work that waits for a connection.', () => main.pool.waitingCount);
  gauge(
    'despatch_database_reads_waiting',
    'Reads that wait for a connection.',
    () => reading.pool.waitingCount,
  );
}

function statsdOf({ statsd: { host, port, prefix, enabled }, installation: { environment } }: Config) {
  if (!host || !enabled) return null;
  return { host, port, prefix: `${prefix && `${prefix}.`}${environment}.notifications.api.` };
}
