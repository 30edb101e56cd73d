import { adminBaseUrlOf } from '../config/config.ts';
import { simulatedRecipients } from '../content/recipient/simulator.ts';
import { createIdSource } from '../ground/id.ts';
import type { CheckThreads } from '../job/upload/check-threads.ts';
import { createPoster } from '../message/callback/post.ts';
import { createAcceptBatcher } from '../message/submission/accept-batch.ts';
import { createAcceptWithFiles } from '../message/submission/accept-with-files.ts';
import { createFairOrder } from '../message/submission/fair-order.ts';
import { createKnownLimits } from '../message/submission/submit.ts';
import { createRateLimits } from '../provider/rate-limit/rate-limit.ts';
import type { Core } from './core.ts';
import { inboundEndpointsOf, openClient, sandboxTypes, unprovidedTypes } from './suppliers.ts';

/** The routes' dependencies: the core, and what only the API needs. */
export type RouteDeps = Core &
  ReturnType<typeof routeDeps> &
  ReturnType<typeof openSending>['deps'] &
  Readonly<{ checks: CheckThreads }>;

/** Of `/_status` and `/metrics`. */
export function statusDeps({ config, db, metrics }: Core) {
  const { gitCommit, buildTime } = config.api;
  return { db, gitCommit, buildTime, metrics, sandboxTypes: sandboxTypes(config) };
}

/** Shared by v1 and v2, which count against the same limits. */
export function routeDeps(core: Core, used: ReadonlySet<string>) {
  const { config, clock, db, connection, queues, storage, metrics } = core;
  const { publicUrl, invitationDays } = config.api;
  const { fromNumber, emailDomain } = config.delivery;
  const { maxBytes, baseUrl, dailyFiles, dailyBytes } = config.documents;
  const documentLimits = { files: dailyFiles, file_bytes: dailyBytes };
  const accepting = { db, pool: connection.pool, clock, metrics, queues, fairOrder: createFairOrder(clock) };
  return {
    ...statusDeps(core),
    ...{ publicUrl, invitationDays, fromNumber, emailDomain },
    adminBaseUrl: adminBaseUrlOf(config),
    used,
    receiving: inboundEndpointsOf(config),
    unprovided: unprovidedTypes(config),
    newId: createIdSource(clock),
    acceptance: createAcceptBatcher(accepting),
    acceptWithFiles: createAcceptWithFiles({ ...accepting, storage, limits: documentLimits }),
    documentLimits,
    knownLimits: createKnownLimits(clock),
    simulated: simulatedRecipients(config.api.simulatedRecipients ?? undefined),
    files: { maxBytes, baseUrl },
    allowPrivate: config.callbacks.allowPrivate,
  };
}

/** The longest that a test of a callback address takes. */
const mostTestSeconds = 10;

/**
 * For test messages of operators and test callbacks, which the API makes itself. `use`: the address that receipts go
 * to.
 */
export function openSending(core: Core, sandboxUrl: string) {
  const { config, clock } = core;
  const rateLimits = createRateLimits(core);
  const { timeoutSeconds, allowPrivate } = config.callbacks;
  const poster = createPoster({
    ...{ clock, allowPrivate },
    timeoutSeconds: Math.min(timeoutSeconds, mostTestSeconds),
  });
  let ownUrl = config.api.publicUrl ?? '';
  const open = (identifier: string) =>
    openClient(config, identifier, {
      ...{ connections: 1, sandboxUrl, ownUrl },
      // A test message has no row that a receipt could change.
      reportDelivered: async () => undefined,
    });
  return {
    deps: { poster, rateLimits, openClient: open, providerTimeoutSeconds: config.providers.timeoutSeconds },
    use(url: string): void {
      ownUrl = url;
    },
    async stop() {
      rateLimits.stop();
      await poster.close();
    },
  };
}
