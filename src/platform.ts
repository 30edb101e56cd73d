import type { AddressInfo } from 'node:net';
import { bootstrap } from './bootstrap/bootstrap.ts';
import {
  type Credentials,
  checkSecretKey,
  collectCredentials,
  keptSecret,
  writeCredentials,
} from './bootstrap/credentials.ts';
import { createCallbackQueue } from './callback/queue.ts';
import { callbackApiRoutes } from './callback/routes.ts';
import { adminCallbackLogRoutes, callbackLogRoutes } from './callback/routes-log.ts';
import { createCipher } from './cipher.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { createCaches } from './database/cache.ts';
import { type Connection, connect, waitForDatabase } from './database/connection.ts';
import { startEmbedded } from './database/embedded.ts';
import { createListener } from './database/listener.ts';
import { migrate } from './database/migrate.ts';
import { ensurePartitions } from './database/partitions.ts';
import { deliverRoute } from './delivery/routes.ts';
import { documentRoutes } from './document/routes.ts';
import { databaseStorage } from './document/store.ts';
import { startSchedule } from './housekeeping/schedule.ts';
import { requireAdmin } from './http/admin.ts';
import { docsRoutes } from './http/docs.ts';
import { closeServer, createServer } from './http/server.ts';
import { statusRoutes } from './http/status.ts';
import { createIdSource } from './identifier.ts';
import { inboundDoors } from './inbound/doors.ts';
import { numberRoutes } from './inbound/number-routes.ts';
import { inboundRoutes } from './inbound/routes.ts';
import { requireKey } from './key/hook.ts';
import { createKeyCache } from './key/store.ts';
import { createLog, type Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { notificationRoutes } from './notification/routes.ts';
import { notificationRoutesV1 } from './notification/routes-v1.ts';
import { periodicTasks } from './platform/periodic.ts';
import { openShifting } from './platform/shifting.ts';
import { doorsOf, inboundDoorsOf, isSameProvider, sandboxTypes, suppliersOf } from './platform/suppliers.ts';
import { startWorkers } from './platform/worker.ts';
import { providerRoutes } from './provider/routes.ts';
import { createProviderCache } from './provider/store.ts';
import { openQueues } from './queue/boss.ts';
import type { QueueName } from './queue/names.ts';
import { createApply } from './receipt/apply.ts';
import { receiptRoutes } from './receipt/routes.ts';
import { readRates } from './recipient/rates-file.ts';
import { simulatedRecipients } from './recipient/simulator.ts';
import { resumeReceipts } from './sandbox/resume.ts';
import { type Sandbox, startSandbox } from './sandbox/server.ts';
import { retentionRoutes } from './service/retention-routes.ts';
import { createServiceCache } from './service/store.ts';
import { ConfigError } from './setting.ts';
import { createAccepting } from './submission/accepting.ts';
import { createAdmission } from './submission/admission.ts';
import { cancelRoute } from './submission/cancel.ts';
import { submissionRoutes } from './submission/routes.ts';
import { submissionRoutesV1 } from './submission/routes-v1.ts';
import { templateRoutes } from './template/routes.ts';
import { createTemplateCaches } from './template/store.ts';

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
  const log = options.log ?? createLog(config.logLevel, { environment: config.environment });
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
    const rates = readRates(config.smsRatesFile);
    const statsd =
      config.statsdHost && config.statsdEnabled
        ? {
            host: config.statsdHost,
            port: config.statsdPort,
            prefix: `${config.statsdPrefix && `${config.statsdPrefix}.`}${config.environment}.notifications.api.`,
          }
        : null;
    const metrics = createMetrics(statsd, log);
    stops.push(() => metrics.stop());

    const connection = await openDatabase();
    const { db } = connection;
    await migrate(db, log);
    await ensurePartitions(db, clock.now() - day, clock.now() + 7 * day);
    const cipher = createCipher(config.secretKeys ?? [keptSecret(config.dataDir, 'secret-key')], config.salt);

    const listener = createListener(connection.url, log);
    stops.push(() => listener.stop());
    const caches = await createCaches(listener, clock);
    stops.push(() => caches.stop());
    const services = createServiceCache(db, caches);
    const keys = createKeyCache(db, cipher, caches);
    const templates = createTemplateCaches(db, caches);
    const suppliers = suppliersOf(config);
    const providers = createProviderCache(db, caches, (row) =>
      suppliers.some(({ details }) => details.some((own) => isSameProvider(own, row))),
    );
    const shifting = openShifting({ config, db, clock, log, metrics, suppliers });

    const storage = databaseStorage(db);

    const queues = await openQueues(connection, listener, {
      prefix: config.queuePrefix,
      supervise: has.includes('worker') || has.includes('scheduler'),
      log,
    });
    stops.push(() => queues.stop());

    let url: string | null = null;
    /** Our own API, as this machine reaches it: its own process first, since a public name may not resolve in here. */
    const ownUrl = () => url ?? config.publicUrl ?? `http://127.0.0.1:${config.port}`;
    let sandbox: Sandbox | null = null;
    if (has.includes('sandbox')) {
      sandbox = await startSandbox({
        host: config.sandboxHost,
        port: config.sandboxPort,
        log,
        allowAnyReceiptHost: config.publicUrl !== null,
      });
      stops.push(() => sandbox?.stop());
    }
    const sandboxUrl = config.sandboxUrl ?? sandbox?.url ?? `http://127.0.0.1:${config.sandboxPort}`;
    await checkSecretKey(db, cipher);
    await bootstrap(
      { db, cipher, log },
      { demo: config.demo, providers: suppliers.flatMap(({ details }) => details) },
    );
    if (sandbox) {
      const owed = await resumeReceipts(db, queues, clock.now());
      if (owed > 0)
        log.info({ count: owed }, 'The sandbox owed receipts from an earlier run and posts them now');
    }

    const callbacks = createCallbackQueue({ db, clock, cipher, caches, queues });
    const apply = createApply({ db, clock, log, metrics, rates, callbacks });
    const doors = doorsOf(config, clock);
    const inbound = inboundDoorsOf(config);
    if (has.includes('api')) {
      const accepting = createAccepting({ db, pool: connection.pool, clock, queues });
      const app = createServer({ log, metrics });
      // Before the routes that it tells of.
      docsRoutes(app, { publicUrl: config.publicUrl });
      statusRoutes(app, {
        db,
        registry: metrics.registry,
        gitCommit: config.gitCommit,
        buildTime: config.buildTime,
      });
      documentRoutes(app, { db, storage, cipher, clock, services });
      receiptRoutes(app, { clock, log, cipher, queues, doors, apply });
      inboundDoors(app, {
        db,
        clock,
        log,
        metrics,
        cipher,
        callbacks,
        doors: inbound,
      });
      app.register(async (v2) => {
        requireKey(v2, { clock, services, keys });
        const sending = {
          cipher,
          clock,
          newId: createIdSource(clock),
          metrics,
          rates,
          templates,
          db,
          accepting,
          admission: createAdmission(clock),
          simulated: simulatedRecipients(config.simulatedRecipients ?? undefined),
          fromNumber: config.fromNumber,
          emailDomain: config.emailDomain,
          publicUrl: config.publicUrl,
          adminBaseUrl: config.adminBaseUrl,
          files: { db, storage, clock, maxBytes: config.documentMaxBytes },
        };
        submissionRoutes(v2, sending);
        submissionRoutesV1(v2, sending);
        notificationRoutesV1(v2, { db, clock, metrics, cipher, templates });
        cancelRoute(v2, { db, clock, metrics, cipher, templates, publicUrl: config.publicUrl });
        templateRoutes(v2, { db, templates });
        inboundRoutes(v2, { db, cipher, publicUrl: config.publicUrl });
        callbackLogRoutes(v2, { db, clock, queues, publicUrl: config.publicUrl });
        notificationRoutes(v2, {
          db,
          metrics,
          cipher,
          templates,
          publicUrl: config.publicUrl,
        });
      });
      app.register(async (admin) => {
        requireAdmin(admin, { clock, issuer: config.adminUserName, secrets: adminSecrets(config) });
        providerRoutes(admin, { db, clock });
        retentionRoutes(admin, { db, clock });
        deliverRoute(admin, { db, metrics, queues });
        numberRoutes(admin, { db, clock, providers: inbound.map(({ identifier }) => identifier) });
        callbackApiRoutes(admin, { db, clock, cipher, queues, allowPrivate: config.callbackAllowPrivate });
        adminCallbackLogRoutes(admin, { db, clock, queues, publicUrl: config.publicUrl });
      });
      await app.listen({ host: config.host, port: config.port }).catch((error: unknown) => {
        throw portProblem(error, 'PORT', config.port);
      });
      stops.push(() => closeServer(app));
      const { port } = app.server.address() as AddressInfo;
      url = `http://${config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host}:${port}`;
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
        suppliers,
        shifting,
        doors,
        apply,
        callbacks,
        sandboxUrl,
        ownUrl,
        only: options.queues,
      });
      stops.push(() => started.close());
      stops.push(() => started.stop(graceMilliseconds));
    }

    if (has.includes('scheduler')) {
      const schedule = startSchedule(
        { db, clock, log },
        periodicTasks({
          ...{ config, db, clock, log, metrics, queues, storage, shifting, callbacks },
        }),
      );
      stops.push(() => schedule.stop());
    }

    const credentials = await collectCredentials(db, cipher, config.publicUrl ?? ownUrl(), {
      issuer: config.adminUserName,
      secret: adminSecrets(config)[0]!,
    });
    const credentialsPath = url === null ? null : writeCredentials(config.dataDir, credentials);
    return {
      url,
      sandboxUrl: sandbox?.url ?? null,
      databaseUrl: connection.url,
      credentials,
      credentialsPath,
      roles: has,
      stop,
    };
  }

  async function openDatabase(): Promise<Connection> {
    let url = config.databaseUrl;
    if (!url) {
      const embedded = await startEmbedded({ dataDir: config.dataDir, log });
      stops.push(() => embedded.stop());
      url = embedded.url;
    }
    const connection = connect(url, config.databasePoolSize, log);
    stops.push(() => connection.close());
    await waitForDatabase(connection, config.databaseWaitSeconds, log);
    return connection;
  }
}

function rolesOf({ config, roles: wanted }: PlatformOptions): readonly Role[] {
  if (wanted) return wanted;
  const isSandboxNeeded = config.sandboxUrl === null && sandboxTypes(config).length > 0;
  return roles.filter((role) => role !== 'sandbox' || isSandboxNeeded);
}

/** The secrets that sign tokens of the admin client; at least one. */
function adminSecrets(config: Config): readonly string[] {
  const given = [
    ...(config.clientSecrets?.[config.adminUserName] ?? []),
    ...(config.adminSecret === null ? [] : [config.adminSecret]),
  ];
  return given.length > 0 ? given : [keptSecret(config.dataDir, 'admin-secret')];
}

function portProblem(error: unknown, variable: string, port: number): unknown {
  return (error as { code?: string }).code === 'EADDRINUSE'
    ? new ConfigError(
        `Port ${port} is taken by another program. Stop that, or choose another with ${variable}.`,
      )
    : error;
}
