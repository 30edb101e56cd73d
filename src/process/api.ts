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
import { adminGuard } from '../http/auth/admin.ts';
import { createSpecification, docsRoutes, readDocsFiles } from '../http/openapi/docs-routes.ts';
import { plainErrors, v2Errors } from '../http/server/error-format.ts';
import { closeServer, createServer, type Mount, type MountedRoute } from '../http/server/server.ts';
import { statusRoutes } from '../http/server/status.ts';
import type { CallbackQueue } from '../message/callback/enqueue.ts';
import { callbackApiRoutes } from '../message/callback/routes.ts';
import { adminCallbackLogRoutes, callbackLogRoutes } from '../message/callback/routes-log.ts';
import { deliverRoutes } from '../message/delivery/routes.ts';
import { notificationRoutesV1 } from '../message/reading/v1/routes.ts';
import { notificationRoutes } from '../message/reading/v2/routes.ts';
import type { IncomingReceipt } from '../message/receipt/apply.ts';
import { inboundEndpoint } from '../message/receipt/inbound/endpoints.ts';
import { numberRoutes } from '../message/receipt/inbound/number-routes.ts';
import { inboundRoutes } from '../message/receipt/inbound/routes.ts';
import { receiptEndpoint } from '../message/receipt/routes.ts';
import { createAcceptBatcher } from '../message/submission/accept-batch.ts';
import { createKnownLimits } from '../message/submission/submit.ts';
import { submissionRoutesV1 } from '../message/submission/v1/routes.ts';
import { submissionRoutes } from '../message/submission/v2/routes.ts';
import type { ReceiptEndpoint, ReceiptOutcome } from '../provider/contract.ts';
import { providerRoutes } from '../provider/routes.ts';
import type { Queues } from '../queue/boss.ts';
import { keyGuard } from '../tenant/key/hook.ts';
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
  routes: readonly MountedRoute[];
  /** Takes no more requests, and lets those in progress finish. */
  close(): Promise<void>;
}>;

/** The role `api`: every route, in the scope that says how its errors are shown. Throws a ConfigError if the port is taken. */
export async function startApi(deps: ApiDeps): Promise<Api> {
  const { config, clock, log, metrics, cipher, connection, templates } = deps;
  const server = createServer({
    log,
    metrics,
    guards: {
      'service key': keyGuard({ clock, services: deps.services, keys: deps.keys }),
      admin: adminGuard({ clock, issuer: config.secrets.adminUserName, secrets: deps.adminSecrets }),
    },
  });
  const specification = createSpecification(server.routes);
  const docs = { specification, files: readDocsFiles(), publicUrl: config.api.publicUrl };
  server.scope(plainErrors, (mount) => {
    mount(docsRoutes, docs);
    mountOpen(mount, deps);
  });
  const sending = sendingDeps(deps);
  server.scope(v2Errors, (mount) => mountV2(mount, deps, sending));
  server.scope(plainErrors, (mount) => {
    mount(submissionRoutesV1, sending);
    mount(notificationRoutesV1, { db: connection.db, clock, metrics, cipher, templates });
  });
  server.scope(plainErrors, (mount) => mountAdmin(mount, deps));
  const { app, routes } = server;
  await app.ready();
  // Built now, so that a document with a defect stops the start and not a reader.
  specification('');
  await app.listen({ host: config.api.host, port: config.api.port }).catch((error: unknown) => {
    throw portProblem(error, 'PORT', config.api.port);
  });
  const { port } = app.server.address() as AddressInfo;
  const host = config.api.host === '0.0.0.0' || config.api.host === '::' ? '127.0.0.1' : config.api.host;
  return { url: `http://${host}:${port}`, routes, close: () => closeServer(app) };
}

/** What needs no token of ours: status, files for recipients, and the endpoints of providers. */
function mountOpen(mount: Mount, deps: ApiDeps): void {
  const { config, clock, log, metrics, cipher, queues, storage, callbacks, services, apply } = deps;
  const { db } = deps.connection;
  mount(statusRoutes, {
    db,
    registry: metrics.registry,
    gitCommit: config.api.gitCommit,
    buildTime: config.api.buildTime,
  });
  mount(documentRoutes, { db, storage, cipher, clock, services });
  mount(deps.endpoints.map(receiptEndpoint), { clock, log, cipher, queues, apply });
  mount(inboundEndpointsOf(config).map(inboundEndpoint), {
    db,
    queues,
    clock,
    log,
    metrics,
    cipher,
    callbacks,
  });
}

/** What services call with their keys. */
function mountV2(mount: Mount, deps: ApiDeps, sending: ReturnType<typeof sendingDeps>): void {
  const { clock, metrics, cipher, queues, templates, callbacks } = deps;
  const { db } = deps.connection;
  const { publicUrl } = deps.config.api;
  mount(submissionRoutes, sending);
  mount(templateRoutes, { db, templates });
  mount(inboundRoutes, { db, cipher, publicUrl });
  mount(callbackLogRoutes, { db, clock, queues, publicUrl });
  mount(notificationRoutes, { db, queues, clock, metrics, cipher, templates, publicUrl, callbacks });
}

/** What the admin client calls. */
function mountAdmin(mount: Mount, deps: ApiDeps): void {
  const { config, clock, cipher, metrics, queues } = deps;
  const { db } = deps.connection;
  const { publicUrl } = config.api;
  const { allowPrivate } = config.callbacks;
  const providers = inboundEndpointsOf(config).map(({ identifier }) => identifier);
  mount(providerRoutes, { db, clock });
  mount(retentionRoutes, { db, clock });
  mount(deliverRoutes, { db, metrics, queues });
  mount(numberRoutes, { db, clock, providers });
  mount(callbackApiRoutes, { db, clock, cipher, queues, allowPrivate });
  mount(adminCallbackLogRoutes, { db, clock, queues, publicUrl });
}

/** What v1 and v2 send with: both count against the same limits. */
function sendingDeps(deps: ApiDeps) {
  const { config, clock, metrics, cipher, rates, connection, queues, templates, storage } = deps;
  const { db } = connection;
  return {
    ...{ cipher, clock, metrics, rates, templates, db, publicUrl: config.api.publicUrl },
    newId: createIdSource(clock),
    acceptance: createAcceptBatcher({ db, pool: connection.pool, clock, queues }),
    knownLimits: createKnownLimits(clock),
    simulated: simulatedRecipients(config.api.simulatedRecipients ?? undefined),
    fromNumber: config.delivery.fromNumber,
    emailDomain: config.delivery.emailDomain,
    adminBaseUrl: config.api.adminBaseUrl,
    files: { db, storage, clock, maxBytes: config.documents.maxBytes },
  };
}

function portProblem(error: unknown, variable: string, port: number): unknown {
  return (error as { code?: string }).code === 'EADDRINUSE'
    ? new ConfigError(
        `Port ${port} is taken by another program. Stop that, or choose another with ${variable}.`,
      )
    : error;
}
