import { documentRoutes } from '../content/document/routes.ts';
import { templateRoutes } from '../content/template/routes.ts';
import { adminGuard } from '../http/auth/admin.ts';
import { createSpecification, docsRoutes, readDocsFiles } from '../http/openapi/docs-routes.ts';
import { closeServer } from '../http/server/connection.ts';
import { plainErrors, v2Errors } from '../http/server/error-format.ts';
import { createServer, type Guard, type Mount, type MountedRoute } from '../http/server/server.ts';
import { statusRoutes } from '../http/server/status.ts';
import { bulkRoutes } from '../job/run/bulk-routes.ts';
import { startCheckThreads } from '../job/upload/check-threads.ts';
import { callbackLogRoutes } from '../message/callback/routes-log.ts';
import { notificationRoutesV1 } from '../message/reading/v1/routes.ts';
import { notificationRoutes } from '../message/reading/v2/routes.ts';
import { inboundEndpoint, inboundRoutes } from '../message/receipt/inbound/routes.ts';
import { receiptEndpoint } from '../message/receipt/routes.ts';
import { submissionRoutesV1 } from '../message/submission/v1/routes.ts';
import { submissionRoutes } from '../message/submission/v2/routes.ts';
import { suppressionRoutes } from '../message/suppression/routes.ts';
import { unsubscribeRoutes } from '../message/suppression/unsubscribe-routes.ts';
import { findUsedProviders } from '../provider/store.ts';
import { createRequestMemory } from '../tenant/idempotency/store.ts';
import { createKeyUses, keyGuard } from '../tenant/key/authenticate.ts';
import { actingGuard } from '../tenant/permission/acting.ts';
import { createLateCount, deliveryStatusRoutes } from '../upkeep/delivery-status-routes.ts';
import { mountAdmin } from './admin-routes.ts';
import type { Core } from './core.ts';
import { listen } from './metrics.ts';
import { openSending, type RouteDeps, routeDeps } from './route-deps.ts';
import { checkReceiptProofs, isOpenTo } from './suppliers.ts';
import { watchDatabase } from './watch.ts';

export type Api = Readonly<{
  /** Base URL, as this machine reaches it. */
  url: string;
  routes: readonly MountedRoute[];
  /** Stops accepting requests, and lets those in progress finish. */
  close(): Promise<void>;
}>;

/**
 * The role `api`: every route, in the scope that sets its error format. The admin client signs its tokens with one of
 * `adminSecrets`. `sandboxUrl`: base URL of the sandbox. `stopping`: aborted when the process begins to stop. Throws a ConfigError if the port is taken, or if anybody could
 * post receipts of a provider.
 */
export async function startApi(
  core: Core,
  adminSecrets: readonly string[],
  sandboxUrl: string,
  stopping: AbortSignal,
): Promise<Api> {
  const { config, clock } = core;
  const { publicUrl } = config.api;
  checkReceiptProofs(config);
  watchDatabase(core);
  const admin = adminGuard({ clock, issuer: config.secrets.adminUserName, secrets: adminSecrets });
  const { server, deps, reachedAt, close } = await buildServer(core, admin, sandboxUrl);
  const specification = createSpecification(server.routes);
  server.scope(plainErrors, (mount) => {
    mount(docsRoutes, { specification, files: readDocsFiles(), publicUrl });
    mountOpen(mount, { ...deps, stopping });
  });
  server.scope(v2Errors, (mount) => mountV2(mount, deps));
  server.scope(plainErrors, (mount) => {
    mount(submissionRoutesV1, deps);
    mount(notificationRoutesV1, deps);
  });
  server.scope(plainErrors, (mount) => mountAdmin(mount, deps));
  await server.app.ready();
  // Built now, so that a defective document fails the start instead of a reader's request.
  specification('');
  const url = await listen(server.app, { ...config.api, variable: 'PORT' });
  reachedAt(url);
  return { url, routes: server.routes, close };
}

/** The admin API without a port. */
export type AdminApi = Readonly<{
  /** `body`: JSON, or a file. `text`: the answer's body, empty if there is none. */
  inject(method: string, path: string, body?: string | Buffer): Promise<{ status: number; text: string }>;
  close(): Promise<void>;
}>;

/** The admin API for this process itself, which needs no token. */
export async function openAdminApi(core: Core): Promise<AdminApi> {
  const { sandbox } = core.config;
  const sandboxUrl = sandbox.url ?? `http://127.0.0.1:${sandbox.port}`;
  const { server, deps, close } = await buildServer(core, (_request, _reply, done) => done(), sandboxUrl);
  server.scope(plainErrors, (mount) => mountAdmin(mount, deps));
  await server.app.ready();
  return {
    async inject(method, path, body) {
      const answer = await server.app.inject({
        method: method as 'GET',
        url: path,
        ...(body !== undefined && { payload: body }),
      });
      return { status: answer.statusCode, text: answer.body };
    },
    close,
  };
}

/**
 * A server without routes, and what their handlers take. `admin`: who is the admin client. `reachedAt`: tells at which
 * address providers reach it.
 */
async function buildServer(core: Core, admin: Guard, sandboxUrl: string) {
  const { db, clock } = core;
  const used = await findUsedProviders(db);
  const uses = createKeyUses(core);
  const sending = openSending(core, sandboxUrl);
  const checks = startCheckThreads();
  const server = createServer({
    ...core,
    guards: {
      'service key': keyGuard({ ...core, uses }),
      admin: actingGuard({ db, clock, admin }),
    },
    requests: createRequestMemory(core),
  });
  return {
    server,
    deps: { ...core, ...routeDeps(core, used), ...sending.deps, checks },
    reachedAt: sending.use,
    async close() {
      await sending.stop();
      await closeServer(server.app);
      await checks.close();
      await uses.stop();
    },
  };
}

/** Routes that need no Despatch token: status, files and unsubscribing for recipients, and providers' endpoints. */
function mountOpen(mount: Mount, deps: RouteDeps & Readonly<{ stopping: AbortSignal }>): void {
  mount(statusRoutes, deps);
  const { sendingTimeoutSeconds } = deps.config.delivery;
  const { alertMinutes } = deps.config.api;
  mount(deliveryStatusRoutes, {
    ...{ ...deps, alertMinutes },
    countLate: createLateCount({ ...deps, alertMinutes, sendingTimeoutSeconds }),
  });
  mount(documentRoutes, deps);
  mount(unsubscribeRoutes, deps);
  const { config, used, endpoints, receiving } = deps;
  for (const endpoint of endpoints) {
    const isOpen = isOpenTo(config, used, endpoint);
    // Where another supplier reports too, which may be made active at any time, our own receipts for it are taken.
    if (isOpen || endpoint.alsoFor) mount([receiptEndpoint(endpoint, isOpen)], deps);
  }
  // Credentials alone configure a supplier for received texts; without them it is refused.
  const open = receiving.filter(
    ({ identifier, credentials }) => used.has(identifier) || credentials.length > 0,
  );
  mount(open.map(inboundEndpoint), deps);
}

/** Routes that services call with their keys. */
function mountV2(mount: Mount, deps: RouteDeps): void {
  mount(submissionRoutes, deps);
  mount(bulkRoutes, deps);
  mount(templateRoutes, deps);
  mount(inboundRoutes, deps);
  mount(callbackLogRoutes, deps);
  mount(suppressionRoutes, deps);
  mount(notificationRoutes, deps);
}
