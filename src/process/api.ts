import type { AddressInfo } from 'node:net';
import type { Config } from '../config/config.ts';
import { documentRoutes } from '../content/document/routes.ts';
import type { DocumentStorage } from '../content/document/store.ts';
import type { Rates } from '../content/recipient/international-rates.ts';
import { simulatedRecipients } from '../content/recipient/simulator.ts';
import { templateRoutes } from '../content/template/routes.ts';
import type { TemplateCaches } from '../content/template/store.ts';
import type { Cache } from '../database/cache.ts';
import type { Connection } from '../database/connection.ts';
import type { Batcher } from '../ground/batcher.ts';
import type { Cipher } from '../ground/cipher.ts';
import type { Clock } from '../ground/clock.ts';
import { ConfigError } from '../ground/config-error.ts';
import { createIdSource } from '../ground/id.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import { requireAdmin } from '../http/auth/admin.ts';
import { docsRoutes } from '../http/openapi/docs.ts';
import { closeServer, createServer } from '../http/server/server.ts';
import { statusRoutes } from '../http/server/status.ts';
import type { CallbackQueue } from '../message/callback/enqueue.ts';
import { callbackApiRoutes } from '../message/callback/routes.ts';
import { adminCallbackLogRoutes, callbackLogRoutes } from '../message/callback/routes-log.ts';
import { deliverRoute } from '../message/delivery/routes.ts';
import { notificationRoutesV1 } from '../message/reading/v1/routes.ts';
import { cancelRoute } from '../message/reading/v2/cancel.ts';
import { notificationRoutes } from '../message/reading/v2/routes.ts';
import type { IncomingReceipt } from '../message/receipt/apply.ts';
import { inboundEndpoints } from '../message/receipt/inbound/endpoints.ts';
import { numberRoutes } from '../message/receipt/inbound/number-routes.ts';
import { inboundRoutes } from '../message/receipt/inbound/routes.ts';
import { receiptRoutes } from '../message/receipt/routes.ts';
import { createAcceptBatcher } from '../message/submission/accept-batch.ts';
import { createKnownLimits } from '../message/submission/submit.ts';
import { submissionRoutesV1 } from '../message/submission/v1/routes.ts';
import { submissionRoutes } from '../message/submission/v2/routes.ts';
import type { ReceiptEndpoint, ReceiptOutcome } from '../provider/contract.ts';
import { providerRoutes } from '../provider/routes.ts';
import type { Queues } from '../queue/boss.ts';
import { requireKey } from '../tenant/key/hook.ts';
import type { ApiKey } from '../tenant/key/key.ts';
import { retentionRoutes } from '../tenant/service/retention-routes.ts';
import type { Service } from '../tenant/service/service.ts';
import { inboundEndpointsOf } from './suppliers.ts';

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
  endpoints: readonly ReceiptEndpoint[];
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

/** The role `api`: every route, each behind the endpoint it needs. Throws a ConfigError where the port is taken. */
export async function startApi(deps: ApiDeps): Promise<Api> {
  const { config, clock, log, metrics, cipher, queues, storage, callbacks } = deps;
  const { db } = deps.connection;
  const { publicUrl } = config.api;
  const inbound = inboundEndpointsOf(config);
  const app = createServer({ log, metrics });
  // Before the routes that it tells of.
  docsRoutes(app, { publicUrl });
  statusRoutes(app, {
    db,
    registry: metrics.registry,
    gitCommit: config.api.gitCommit,
    buildTime: config.api.buildTime,
  });
  documentRoutes(app, { db, storage, cipher, clock, services: deps.services });
  receiptRoutes(app, { clock, log, cipher, queues, endpoints: deps.endpoints, apply: deps.apply });
  inboundEndpoints(app, { db, queues, clock, log, metrics, cipher, callbacks, endpoints: inbound });
  app.register(async (v2) => serviceRoutes(v2, deps));
  app.register(async (admin) => {
    requireAdmin(admin, { clock, issuer: config.secrets.adminUserName, secrets: deps.adminSecrets });
    providerRoutes(admin, { db, clock });
    retentionRoutes(admin, { db, clock });
    deliverRoute(admin, { db, metrics, queues });
    numberRoutes(admin, { db, clock, providers: inbound.map(({ identifier }) => identifier) });
    callbackApiRoutes(admin, { db, clock, cipher, queues, allowPrivate: config.callbacks.allowPrivate });
    adminCallbackLogRoutes(admin, { db, clock, queues, publicUrl });
  });
  await app.listen({ host: config.api.host, port: config.api.port }).catch((error: unknown) => {
    throw portProblem(error, 'PORT', config.api.port);
  });
  const { port } = app.server.address() as AddressInfo;
  const host = config.api.host === '0.0.0.0' || config.api.host === '::' ? '127.0.0.1' : config.api.host;
  return { url: `http://${host}:${port}`, close: () => closeServer(app) };
}

/** What services call, with their keys. */
function serviceRoutes(app: Parameters<typeof requireKey>[0], deps: ApiDeps): void {
  const { config, clock, metrics, cipher, rates, connection, queues, services, templates, storage } = deps;
  const { db } = connection;
  const { publicUrl } = config.api;
  requireKey(app, { clock, services, keys: deps.keys });
  const sending = {
    ...{ cipher, clock, metrics, rates, templates, db, publicUrl },
    newId: createIdSource(clock),
    acceptance: createAcceptBatcher({ db, pool: connection.pool, clock, queues }),
    knownLimits: createKnownLimits(clock),
    simulated: simulatedRecipients(config.api.simulatedRecipients ?? undefined),
    fromNumber: config.delivery.fromNumber,
    emailDomain: config.delivery.emailDomain,
    adminBaseUrl: config.api.adminBaseUrl,
    files: { db, storage, clock, maxBytes: config.documents.maxBytes },
  };
  submissionRoutes(app, sending);
  submissionRoutesV1(app, sending);
  notificationRoutesV1(app, { db, clock, metrics, cipher, templates });
  cancelRoute(app, { db, queues, clock, metrics, cipher, templates, publicUrl, callbacks: deps.callbacks });
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
