import type { AddressInfo } from 'node:net';
import type { Batcher } from '../batcher.ts';
import type { CallbackQueue } from '../callback/queue.ts';
import { callbackApiRoutes } from '../callback/routes.ts';
import { adminCallbackLogRoutes, callbackLogRoutes } from '../callback/routes-log.ts';
import type { Cipher } from '../cipher.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Cache } from '../database/cache.ts';
import type { Connection } from '../database/connection.ts';
import { deliverRoute } from '../delivery/routes.ts';
import { documentRoutes } from '../document/routes.ts';
import type { DocumentStorage } from '../document/storage.ts';
import { requireAdmin } from '../http/admin.ts';
import { docsRoutes } from '../http/docs.ts';
import { closeServer, createServer } from '../http/server.ts';
import { statusRoutes } from '../http/status.ts';
import { createIdSource } from '../identifier.ts';
import { inboundDoors } from '../inbound/doors.ts';
import { numberRoutes } from '../inbound/number-routes.ts';
import { inboundRoutes } from '../inbound/routes.ts';
import { requireKey } from '../key/hook.ts';
import type { ApiKey } from '../key/key.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { notificationRoutes } from '../notification/routes.ts';
import { notificationRoutesV1 } from '../notification/routes-v1.ts';
import type { ReceiptDoor, ReceiptOutcome } from '../provider/contract.ts';
import { providerRoutes } from '../provider/routes.ts';
import type { Queues } from '../queue/boss.ts';
import type { IncomingReceipt } from '../receipt/apply.ts';
import { receiptRoutes } from '../receipt/routes.ts';
import type { Rates } from '../recipient/international-rates.ts';
import { simulatedRecipients } from '../recipient/simulator.ts';
import { retentionRoutes } from '../service/retention-routes.ts';
import type { Service } from '../service/service.ts';
import { ConfigError } from '../setting.ts';
import { createAccepting } from '../submission/accepting.ts';
import { createAdmission } from '../submission/admission.ts';
import { cancelRoute } from '../submission/cancel.ts';
import { submissionRoutes } from '../submission/routes.ts';
import { submissionRoutesV1 } from '../submission/routes-v1.ts';
import { templateRoutes } from '../template/routes.ts';
import type { TemplateCaches } from '../template/store.ts';
import { inboundDoorsOf } from './suppliers.ts';

export type ApiDeps = Readonly<{
  config: Config;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  cipher: Cipher;
  rates: Rates;
  connection: Connection;
  queues: Queues;
  services: Cache<Service | null>;
  keys: Cache<readonly ApiKey[]>;
  templates: TemplateCaches;
  storage: DocumentStorage;
  doors: readonly ReceiptDoor[];
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
  callbacks: CallbackQueue;
  /** They sign tokens of the admin client. */
  adminSecrets: readonly string[];
}>;

export type Api = Readonly<{
  /** Base URL, as this machine reaches it. */
  url: string;
  /** Takes no more requests, and lets those under way finish. */
  close(): Promise<void>;
}>;

/** The role `api`: every route, each behind the door it needs. Throws a ConfigError where the port is taken. */
export async function startApi(deps: ApiDeps): Promise<Api> {
  const { config, clock, log, metrics, cipher, queues, storage, callbacks } = deps;
  const { db } = deps.connection;
  const { publicUrl } = config;
  const inbound = inboundDoorsOf(config);
  const app = createServer({ log, metrics });
  // Before the routes that it tells of.
  docsRoutes(app, { publicUrl });
  statusRoutes(app, {
    db,
    registry: metrics.registry,
    gitCommit: config.gitCommit,
    buildTime: config.buildTime,
  });
  documentRoutes(app, { db, storage, cipher, clock, services: deps.services });
  receiptRoutes(app, { clock, log, cipher, queues, doors: deps.doors, apply: deps.apply });
  inboundDoors(app, { db, clock, log, metrics, cipher, callbacks, doors: inbound });
  app.register(async (v2) => serviceRoutes(v2, deps));
  app.register(async (admin) => {
    requireAdmin(admin, { clock, issuer: config.adminUserName, secrets: deps.adminSecrets });
    providerRoutes(admin, { db, clock });
    retentionRoutes(admin, { db, clock });
    deliverRoute(admin, { db, metrics, queues });
    numberRoutes(admin, { db, clock, providers: inbound.map(({ identifier }) => identifier) });
    callbackApiRoutes(admin, { db, clock, cipher, queues, allowPrivate: config.callbackAllowPrivate });
    adminCallbackLogRoutes(admin, { db, clock, queues, publicUrl });
  });
  await app.listen({ host: config.host, port: config.port }).catch((error: unknown) => {
    throw portProblem(error, 'PORT', config.port);
  });
  const { port } = app.server.address() as AddressInfo;
  const host = config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host;
  return { url: `http://${host}:${port}`, close: () => closeServer(app) };
}

/** What services call, with their keys. */
function serviceRoutes(app: Parameters<typeof requireKey>[0], deps: ApiDeps): void {
  const { config, clock, metrics, cipher, rates, connection, queues, services, templates, storage } = deps;
  const { db } = connection;
  const { publicUrl } = config;
  requireKey(app, { clock, services, keys: deps.keys });
  const sending = {
    ...{ cipher, clock, metrics, rates, templates, db, publicUrl },
    newId: createIdSource(clock),
    accepting: createAccepting({ db, pool: connection.pool, clock, queues }),
    admission: createAdmission(clock),
    simulated: simulatedRecipients(config.simulatedRecipients ?? undefined),
    fromNumber: config.fromNumber,
    emailDomain: config.emailDomain,
    adminBaseUrl: config.adminBaseUrl,
    files: { db, storage, clock, maxBytes: config.documentMaxBytes },
  };
  submissionRoutes(app, sending);
  submissionRoutesV1(app, sending);
  notificationRoutesV1(app, { db, clock, metrics, cipher, templates });
  cancelRoute(app, { db, clock, metrics, cipher, templates, publicUrl });
  templateRoutes(app, { db, templates });
  inboundRoutes(app, { db, cipher, publicUrl });
  callbackLogRoutes(app, { db, clock, queues, publicUrl });
  notificationRoutes(app, { db, metrics, cipher, templates, publicUrl });
}

function portProblem(error: unknown, variable: string, port: number): unknown {
  return (error as { code?: string }).code === 'EADDRINUSE'
    ? new ConfigError(
        `Port ${port} is taken by another program. Stop that, or choose another with ${variable}.`,
      )
    : error;
}
