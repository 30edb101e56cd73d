import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { bootstrap } from '../bootstrap/bootstrap.ts';
import {
  type Credentials,
  checkSecretKey,
  collectCredentials,
  keptSecret,
  writeCredentials,
} from '../bootstrap/credentials.ts';
import type { Config } from '../config/config.ts';
import { databaseStorage } from '../content/document/store.ts';
import { readRates } from '../content/recipient/international-rates.ts';
import { createTemplateCaches } from '../content/template/store.ts';
import { createCaches } from '../database/cache.ts';
import { createListener } from '../database/listener.ts';
import { migrate } from '../database/migrate.ts';
import { ensurePartitions } from '../database/partitions.ts';
import { createCipher } from '../ground/cipher.ts';
import { type Clock, systemClock } from '../ground/clock.ts';
import { createLog, type Log } from '../ground/log.ts';
import { createMetrics } from '../ground/metrics.ts';
import type { MountedRoute } from '../http/server/server.ts';
import { createCallbackQueue } from '../message/callback/enqueue.ts';
import { createApply } from '../message/receipt/apply.ts';
import { createProviderCache } from '../provider/store.ts';
import { openQueues } from '../queue/boss.ts';
import type { QueueName } from '../queue/define.ts';
import { createKeyCache } from '../tenant/key/store.ts';
import { createServiceCache } from '../tenant/service/store.ts';
import { startSchedule } from '../upkeep/schedule.ts';
import { startApi } from './api.ts';
import { openDatabase } from './database.ts';
import { resumeReceipts } from './owed-receipts.ts';
import { periodicTasks } from './periodic.ts';
import { openBalancing, providerRows, receiptEndpointsOf, sandboxTypes } from './suppliers.ts';
import { startWorkers } from './worker.ts';

/** What a process does: answer HTTP, work the queues, run what is periodic, be the provider in the box. */
export const roles = ['api', 'worker', 'scheduler', 'sandbox'] as const;
export type Role = (typeof roles)[number];

export type PlatformOptions = Readonly<{
  config: Config;
  /** null: all, the sandbox only while something is sent through it and it runs nowhere else. */
  roles: readonly Role[] | null;
  /** The queues a worker serves; null: all. */
  queues: readonly QueueName[] | null;
  clock?: Clock;
  log?: Log;
}>;

export type Platform = Readonly<{
  /** Base URL of the API of this process, null without that role. */
  url: string | null;
  /** Every route of that API; none without that role. */
  routes: readonly MountedRoute[];
  sandboxUrl: string | null;
  databaseUrl: string;
  credentials: Credentials;
  /** Where the credentials were written; null without the role api. */
  credentialsPath: string | null;
  roles: readonly Role[];
  /** Takes nothing more, finishes or gives back what is under way within 10 seconds, and closes everything. */
  stop(): Promise<void>;
}>;

/** Time for what is under way when a process stops; the rest of the 10 seconds is for closing. */
const graceMilliseconds = 5000;
const day = 86_400_000;

/** Builds everything that the roles need, in order, and starts it. What was started is stopped again when a later step fails. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { config, clock = systemClock } = options;
  const log =
    options.log ?? createLog(config.installation.logLevel, { environment: config.installation.environment });
  const has = rolesOf(options);
  const stops: (() => Promise<unknown> | unknown)[] = [];
  const stop = async () => {
    for (const undo of stops.splice(0).reverse())
      await Promise.resolve(undo()).catch((error: unknown) =>
        log.warn({ err: error }, 'Something could not be stopped cleanly'),
      );
  };
  try {
    return await build();
  } catch (error) {
    await stop();
    throw error;
  }

  async function build(): Promise<Platform> {
    const rates = readRates(config.delivery.smsRatesFile);
    const statsd =
      config.statsd.host && config.statsd.enabled
        ? {
            host: config.statsd.host,
            port: config.statsd.port,
            prefix: `${config.statsd.prefix && `${config.statsd.prefix}.`}${config.installation.environment}.notifications.api.`,
          }
        : null;
    const metrics = createMetrics(statsd, log);
    stops.push(() => metrics.stop());

    const connection = await openDatabase(config, log, (undo) => stops.push(undo));
    const { db } = connection;
    await migrate(db, log);
    await ensurePartitions(db, clock.now() - day, clock.now() + 7 * day);
    const cipher = createCipher(
      config.secrets.keys ?? [keptSecret(config.installation.dataDir, 'secret-key')],
      config.secrets.salt,
    );

    const listener = createListener(connection.url, log);
    stops.push(() => listener.stop());
    const caches = await createCaches(listener, clock);
    stops.push(() => caches.stop());
    const services = createServiceCache(db, caches);
    const keys = createKeyCache(db, cipher, caches);
    const templates = createTemplateCaches(db, caches);
    const rows = providerRows(config);
    const providers = createProviderCache(db, caches, ({ identifier, notificationType: type }) =>
      rows.some((row) => row.identifier === identifier && row.notificationType === type),
    );
    const balancing = openBalancing(config, { db, clock, log, metrics });

    const storage = databaseStorage(db);

    const queues = await openQueues(connection, listener, {
      prefix: config.installation.queuePrefix,
      supervise: has.includes('worker') || has.includes('scheduler'),
      log,
    });
    stops.push(() => queues.stop());

    let url: string | null = null;
    let routes: readonly MountedRoute[] = [];
    /** Our own API, as this machine reaches it: its own process first, since a public name may not resolve in here. */
    const ownUrl = () => url ?? config.api.publicUrl ?? `http://127.0.0.1:${config.api.port}`;
    let sandbox: Sandbox | null = null;
    if (has.includes('sandbox')) {
      sandbox = await startSandbox({
        host: config.sandbox.host,
        port: config.sandbox.port,
        log,
        allowAnyReceiptHost: config.api.publicUrl !== null,
      });
      stops.push(() => sandbox?.stop());
    }
    const sandboxUrl = config.sandbox.url ?? sandbox?.url ?? `http://127.0.0.1:${config.sandbox.port}`;
    await checkSecretKey(db, cipher);
    await bootstrap({ db, cipher, log }, { demo: config.installation.demo, providers: rows });
    if (sandbox) {
      const owed = await resumeReceipts(db, queues, clock.now());
      if (owed > 0)
        log.info({ count: owed }, 'The sandbox owed receipts from an earlier run and posts them now');
    }

    const callbacks = createCallbackQueue({ db, clock, cipher, caches });
    const apply = createApply({ queues, clock, log, metrics, rates, callbacks });
    const endpoints = receiptEndpointsOf(config, clock);
    const secrets = adminSecrets(config);
    if (has.includes('api')) {
      const api = await startApi({
        ...{
          config,
          clock,
          log,
          metrics,
          cipher,
          rates,
          connection,
          queues,
          services,
          keys,
          templates,
          storage,
        },
        ...{ endpoints, apply, callbacks, adminSecrets: secrets },
      });
      stops.push(() => api.close());
      url = api.url;
      routes = api.routes;
    }

    if (has.includes('worker')) {
      const started = await startWorkers({
        config,
        clock,
        log,
        metrics,
        cipher,
        connection,
        queues,
        services,
        templates,
        providers,
        balancing,
        endpoints,
        apply,
        callbacks,
        sandboxUrl,
        // The API has started, so its address is known.
        ownUrl: ownUrl(),
        only: options.queues,
      });
      stops.push(() => started.close());
      stops.push(() => started.stop(graceMilliseconds));
    }

    if (has.includes('scheduler')) {
      const schedule = startSchedule(
        { db, clock, log },
        periodicTasks({
          ...{ config, db, clock, log, metrics, queues, storage, balancing, callbacks },
        }),
      );
      stops.push(() => schedule.stop());
    }

    const credentials = await collectCredentials(db, cipher, config.api.publicUrl ?? ownUrl(), {
      issuer: config.secrets.adminUserName,
      secret: secrets[0]!,
    });
    const credentialsPath = url === null ? null : writeCredentials(config.installation.dataDir, credentials);
    return {
      url,
      routes,
      sandboxUrl: sandbox?.url ?? null,
      databaseUrl: connection.url,
      credentials,
      credentialsPath,
      roles: has,
      stop,
    };
  }
}

function rolesOf({ config, roles: wanted }: PlatformOptions): readonly Role[] {
  if (wanted) return wanted;
  const isSandboxNeeded = config.sandbox.url === null && sandboxTypes(config).length > 0;
  return roles.filter((role) => role !== 'sandbox' || isSandboxNeeded);
}

/** The secrets that sign tokens of the admin client; at least one. */
function adminSecrets(config: Config): readonly string[] {
  const given = [
    ...(config.secrets.clients?.[config.secrets.adminUserName] ?? []),
    ...(config.secrets.adminSecret === null ? [] : [config.secrets.adminSecret]),
  ];
  return given.length > 0 ? given : [keptSecret(config.installation.dataDir, 'admin-secret')];
}
