import type { AddressInfo } from 'node:net';
import { bootstrap } from './bootstrap/bootstrap.ts';
import {
  type Credentials,
  checkSecretKey,
  collectCredentials,
  keptSecret,
  writeCredentials,
} from './bootstrap/credentials.ts';
import { createCipher } from './cipher.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Config, ConfigError } from './config.ts';
import { createCaches } from './database/cache.ts';
import { type Connection, connect, waitForDatabase } from './database/connection.ts';
import { startEmbedded } from './database/embedded.ts';
import { createListener } from './database/listener.ts';
import { migrate } from './database/migrate.ts';
import { ensurePartitions } from './database/partitions.ts';
import type { NotificationType } from './database/tables.ts';
import { createClaims } from './delivery/claim.ts';
import { notifyInternal, researchMode, sendEmail, sendSms } from './delivery/queue.ts';
import { createRecorder } from './delivery/record.ts';
import { createDeliver } from './delivery/worker.ts';
import { documentRoutes } from './document/routes.ts';
import { databaseStorage, deleteExpiredDocuments } from './document/store.ts';
import { startSchedule } from './housekeeping/schedule.ts';
import { docsRoutes } from './http/docs.ts';
import { closeServer, createServer } from './http/server.ts';
import { statusRoutes } from './http/status.ts';
import { createIdSource } from './identifier.ts';
import { inboundRoutes } from './inbound/routes.ts';
import { requireKey } from './key/hook.ts';
import { createKeyCache } from './key/store.ts';
import { createLog, type Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { notificationRoutes } from './notification/routes.ts';
import { notificationRoutesV1 } from './notification/routes-v1.ts';
import type { Provider, ProviderDetails, ReceiptDoor } from './provider/contract.ts';
import { firetextFakeReceipts, firetextReceipts } from './provider/firetext/receipt.ts';
import { firetextProvider } from './provider/firetext/send.ts';
import { loadtestingProvider } from './provider/loadtesting/send.ts';
import { mmgReceipts } from './provider/mmg/receipt.ts';
import { mmgProvider } from './provider/mmg/send.ts';
import { sandboxReceipts } from './provider/sandbox/receipt.ts';
import { sandboxProvider } from './provider/sandbox/send.ts';
import { sesReceipts } from './provider/ses/receipt.ts';
import { createProviderCache } from './provider/store.ts';
import { openQueues } from './queue/boss.ts';
import { consume } from './queue/consume.ts';
import type { QueueName } from './queue/names.ts';
import { createApply } from './receipt/apply.ts';
import { processReceipt } from './receipt/queue.ts';
import { receiptRoutes } from './receipt/routes.ts';
import { createReceiptWork } from './receipt/worker.ts';
import { readRates } from './recipient/rates-file.ts';
import { simulatedRecipients } from './recipient/simulator.ts';
import { researchReceipts } from './research/queue.ts';
import { createResearch } from './research/worker.ts';
import { resumeReceipts } from './sandbox/resume.ts';
import { type Sandbox, startSandbox } from './sandbox/server.ts';
import { createServiceCache } from './service/store.ts';
import { createAccepting } from './submission/accepting.ts';
import { createAdmission } from './submission/admission.ts';
import { cancelRoute } from './submission/cancel.ts';
import { startPersisting } from './submission/persist.ts';
import { submissionRoutes } from './submission/routes.ts';
import { submissionRoutesV1 } from './submission/routes-v1.ts';
import { deleteAnswers } from './submission/store.ts';
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
/** Of the platform's own messages, one process sends this many at once. */
const internalConcurrency = 50;

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

    const apply = createApply({ db, clock, log, metrics, rates });
    const doors = doorsOf(config, clock);
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
        notificationRoutes(v2, {
          db,
          metrics,
          cipher,
          templates,
          publicUrl: config.publicUrl,
        });
      });
      await app.listen({ host: config.host, port: config.port }).catch((error: unknown) => {
        throw portProblem(error, 'PORT', config.port);
      });
      stops.push(() => closeServer(app));
      const { port } = app.server.address() as AddressInfo;
      url = `http://${config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host}:${port}`;
    }

    if (has.includes('worker')) {
      const report = (notificationId: string) =>
        queues.send(researchReceipts, [
          {
            id: notificationId,
            payload: {
              notificationId,
              type: 'sms',
              provider: 'loadtesting',
              reference: notificationId,
              outcome: 'delivered',
            },
          },
        ]);
      const clients = new Map<string, Provider>();
      stops.push(() => Promise.all([...clients.values()].map((client) => client.close?.())));
      for (const { open } of suppliers) {
        const client = await open({ sandboxUrl, ownUrl, report });
        clients.set(client.identifier, client);
      }
      const provider = (identifier: string) => clients.get(identifier);
      const persisting = {
        db,
        clock,
        queues,
        log,
        metrics,
        retries: { limit: config.persistRetries, seconds: config.persistRetrySeconds },
      };
      const deliver = createDeliver({
        clock,
        log,
        metrics,
        claims: createClaims({
          cipher,
          templates,
          fromNumber: config.fromNumber,
          emailDomain: config.emailDomain,
          db,
          clock,
          metrics,
          services,
          providers,
          providerTimeoutSeconds: config.providerTimeoutSeconds,
        }),
        recorder: createRecorder({ metrics, queues }),
        provider,
        retries: { limit: config.deliverRetries, seconds: config.deliverRetrySeconds },
      });
      const deps = { db, queues, log, metrics };
      const concurrency = config.deliverConcurrency;
      const starters: Readonly<Record<QueueName, () => { stop(milliseconds: number): Promise<void> }>> = {
        'db-sms': () => startPersisting(persisting, 'sms'),
        'db-email': () => startPersisting(persisting, 'email'),
        'send-sms': () => consume(deps, { queue: sendSms, concurrency, work: deliver }),
        'send-email': () => consume(deps, { queue: sendEmail, concurrency, work: deliver }),
        'notify-internal': () =>
          consume(deps, { queue: notifyInternal, concurrency: internalConcurrency, work: deliver }),
        'research-mode': () => consume(deps, { queue: researchMode, concurrency, work: deliver }),
        'research-receipts': () =>
          consume(deps, {
            queue: researchReceipts,
            concurrency: 50,
            work: createResearch({ log, cipher, provider, ownUrl }),
          }),
        receipts: () =>
          consume(deps, {
            queue: processReceipt,
            concurrency: 50,
            work: createReceiptWork({ clock, log, doors, apply }),
          }),
      };
      const consumers = Object.entries(starters)
        .filter(([name]) => options.queues === null || options.queues.includes(name as QueueName))
        .map(([, start]) => start());
      stops.push(() => Promise.all(consumers.map((consumer) => consumer.stop(graceMilliseconds))));
    }

    if (has.includes('scheduler')) {
      const schedule = startSchedule({ db, log }, [
        {
          name: 'make-partitions',
          everySeconds: 3600,
          run: () => ensurePartitions(db, clock.now(), clock.now() + 7 * day),
        },
        {
          name: 'delete-expired-documents',
          everySeconds: 3600,
          run: () => deleteExpiredDocuments({ db, storage }, clock.now()),
        },
        {
          name: 'forget-idempotency-keys',
          everySeconds: 600,
          run: () => deleteAnswers(db, new Date(clock.now() - day), 50_000),
        },
      ]);
      stops.push(() => schedule.stop());
    }

    const credentials = await collectCredentials(
      db,
      cipher,
      config.publicUrl ?? ownUrl(),
      adminSecret(config),
    );
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

/** One that messages can be handed to: its rows in the table of providers, and how its client is made. */
type Supplier = Readonly<{
  details: readonly (ProviderDetails & { displayName: string })[];
  open: (needs: SupplierNeeds) => Provider | Promise<Provider>;
}>;

type SupplierNeeds = Readonly<{
  sandboxUrl: string;
  ownUrl: () => string;
  /** Queues a receipt for a text that nobody got. */
  report: (notificationId: string) => Promise<void>;
}>;

function isSameProvider(a: ProviderDetails, b: ProviderDetails): boolean {
  return a.identifier === b.identifier && a.notificationType === b.notificationType;
}

const usesMmg = (config: Config) => config.mmgApiKey !== null;
const usesFiretext = (config: Config) => config.firetextApiKey !== null;
const usesSes = (config: Config) => config.sesEnabled;
const usesSmtp = (config: Config) => config.smtpUrl !== null;

/** The types of message for which no real provider is configured (DESIGN, section 4). */
function sandboxTypes(config: Config): readonly NotificationType[] {
  const sms = usesMmg(config) || usesFiretext(config) ? [] : (['sms'] as const);
  return usesSes(config) || usesSmtp(config) ? sms : [...sms, 'email'];
}

/** The suppliers that the configuration has keys for, and the sandbox for what they leave; the only place that names them. */
function suppliersOf(config: Config): readonly Supplier[] {
  const { providerTimeoutSeconds: timeoutSeconds } = config;
  // As many as there are senders: of the queue of the type, and of the platform's own messages.
  const limits = { timeoutSeconds, connections: config.deliverConcurrency + internalConcurrency };
  const details = (
    [identifier, displayName, notificationType]: readonly [string, string, NotificationType],
    priority: number,
    rest: Partial<ProviderDetails> = {},
  ) => ({
    identifier,
    displayName,
    notificationType,
    priority,
    active: true,
    supportsInternational: false,
    ...rest,
  });
  const firetext = (identifier: string, url: string, apiKey: string) =>
    firetextProvider({
      identifier,
      url,
      apiKey,
      internationalApiKey: identifier === 'firetext' ? config.firetextInternationalApiKey : null,
      receiptUrl: config.firetextReceiptUrl,
      receiptCredentials: config.firetextReceiptAuth,
      ...limits,
    });
  const suppliers: Supplier[] = [];
  const { mmgApiKey, firetextApiKey, loadtestingUrl, smtpUrl, awsAccessKeyId, awsSecretAccessKey } = config;
  if (mmgApiKey !== null)
    suppliers.push({
      details: [details(['mmg', 'MMG', 'sms'], 10, { supportsInternational: true })],
      open: () =>
        mmgProvider({
          url: config.mmgUrl,
          apiKey: mmgApiKey,
          receiptUrl: config.mmgReceiptUrl,
          receiptCredentials: config.mmgReceiptAuth,
          ...limits,
        }),
    });
  if (firetextApiKey !== null)
    suppliers.push({
      details: [
        details(['firetext', 'Firetext', 'sms'], 20, {
          supportsInternational: config.firetextInternationalApiKey !== null,
        }),
      ],
      open: () => firetext('firetext', config.firetextUrl, firetextApiKey),
    });
  suppliers.push({
    details: [details(['loadtesting', 'Load testing', 'sms'], 30, { active: false })],
    open: ({ report }) =>
      loadtestingUrl !== null
        ? firetext('loadtesting', loadtestingUrl, config.loadtestingApiKey ?? '')
        : loadtestingProvider({
            latencyMilliseconds: config.loadtestingLatencyMilliseconds,
            report,
            fakeReceipts: firetextFakeReceipts,
          }),
  });
  if (usesSes(config))
    suppliers.push({
      details: [details(['ses', 'Amazon SES', 'email'], 10)],
      open: async () => {
        // Loaded where it is used: the SDK takes time and memory.
        const { sesProvider } = await import('./provider/ses/send.ts');
        const { awsSessionToken: sessionToken } = config;
        const credentials =
          awsAccessKeyId !== null && awsSecretAccessKey !== null
            ? {
                accessKeyId: awsAccessKeyId,
                secretAccessKey: awsSecretAccessKey,
                ...(sessionToken && { sessionToken }),
              }
            : null;
        return sesProvider({ region: config.awsRegion, url: config.sesUrl, credentials, ...limits });
      },
    });
  if (smtpUrl !== null)
    suppliers.push({
      details: [details(['smtp', 'SMTP', 'email'], 20)],
      open: async () => {
        const { smtpProvider } = await import('./provider/smtp/send.ts');
        return smtpProvider({ url: smtpUrl, timeoutSeconds, connections: config.smtpConnections });
      },
    });
  const left = sandboxTypes(config);
  if (left.length > 0)
    suppliers.push({
      details: left.map((type) =>
        details(['sandbox', 'Sandbox', type], 100, { supportsInternational: true }),
      ),
      // It takes both types, and each type's queue sends so many at once.
      open: ({ sandboxUrl, ownUrl }) =>
        sandboxProvider({
          url: sandboxUrl,
          receiptUrl: ownUrl,
          timeoutSeconds,
          connections: 2 * config.deliverConcurrency,
        }),
    });
  return suppliers;
}

/**
 * Where receipts arrive. The doors of the real suppliers are always open, so that receipts still under way find one when
 * a key is taken out; the sandbox's, which anybody on the network may use, only while something is sent through it.
 */
function doorsOf(config: Config, clock: Clock): readonly ReceiptDoor[] {
  return [
    mmgReceipts(config.mmgReceiptAuth),
    firetextReceipts(config.firetextReceiptAuth),
    sesReceipts({ clock, topicArns: config.sesTopicArns }),
    ...sandboxTypes(config).map(sandboxReceipts),
  ];
}

function adminSecret(config: Config): string {
  return (
    config.clientSecrets?.['notify-admin']?.[0] ??
    config.adminSecret ??
    keptSecret(config.dataDir, 'admin-secret')
  );
}

function portProblem(error: unknown, variable: string, port: number): unknown {
  return (error as { code?: string }).code === 'EADDRINUSE'
    ? new ConfigError(
        `Port ${port} is taken by another program. Stop that, or choose another with ${variable}.`,
      )
    : error;
}
