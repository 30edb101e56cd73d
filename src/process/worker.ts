import type { Config } from '../config/config.ts';
import type { TemplateCaches } from '../content/template/store.ts';
import type { Cache } from '../database/cache.ts';
import type { Connection } from '../database/connection.ts';
import type { Batcher } from '../ground/batcher.ts';
import type { Cipher } from '../ground/cipher.ts';
import type { Clock } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import type { CallbackQueue } from '../message/callback/enqueue.ts';
import { createPoster } from '../message/callback/post.ts';
import { startCallbacks } from '../message/callback/worker.ts';
import { createClaims } from '../message/delivery/claim.ts';
import {
  notifyInternal,
  providedQueueNames,
  researchMode,
  sendEmail,
  sendSms,
} from '../message/delivery/queue.ts';
import { createRecorder } from '../message/delivery/record.ts';
import { retryPolicy } from '../message/delivery/retry-policy.ts';
import { createDeliver } from '../message/delivery/worker.ts';
import type { IncomingReceipt } from '../message/receipt/apply.ts';
import { processReceipt } from '../message/receipt/queue.ts';
import { researchReceipts } from '../message/receipt/research/queue.ts';
import { createResearch } from '../message/receipt/research/worker.ts';
import { createReceiptWork } from '../message/receipt/worker.ts';
import { startPersisting } from '../message/submission/persist.ts';
import type { Balancing } from '../provider/balancing/balancing.ts';
import { createCircuits } from '../provider/circuit/circuits.ts';
import type { Provider, ReceiptEndpoint, ReceiptOutcome } from '../provider/contract.ts';
import { createRateLimits } from '../provider/rate-limit/rate-limit.ts';
import type { ProviderState } from '../provider/state.ts';
import type { Queues } from '../queue/boss.ts';
import { consume } from '../queue/consume.ts';
import type { QueueName } from '../queue/define.ts';
import type { Service } from '../tenant/service/service.ts';
import { platformUserId } from '../tenant/user/user.ts';
import { suppliersOf } from './suppliers.ts';

/** How many of the platform's own messages one process sends at once. */
const internalConcurrency = 50;

export type WorkerDeps = Readonly<{
  config: Config;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  cipher: Cipher;
  connection: Connection;
  queues: Queues;
  services: Cache<Service | null>;
  templates: TemplateCaches;
  providers: Cache<readonly ProviderState[]>;
  balancing: Pick<Balancing, 'onErrors'>;
  endpoints: readonly ReceiptEndpoint[];
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
  callbacks: CallbackQueue;
  sandboxUrl: string;
  /** Our own API. */
  ownUrl: string;
  /** The queues to serve; null: all. */
  only: readonly QueueName[] | null;
}>;

export type Workers = {
  /** Takes nothing more, and finishes what is under way or gives it back. */
  stop(milliseconds: number): Promise<void>;
  /** Ends the connections to suppliers. */
  close(): Promise<void>;
};

/** The role `worker`: a client for every supplier, and a consumer for every queue. */
export async function startWorkers(given: WorkerDeps): Promise<Workers> {
  const {
    config,
    clock,
    log,
    metrics,
    cipher,
    queues,
    services,
    templates,
    providers,
    endpoints,
    apply,
    callbacks,
  } = given;
  const { sandboxUrl, ownUrl, only } = given;
  const { db } = given.connection;
  const reportDelivered = (notificationId: string) =>
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
  const connections = config.delivery.concurrency + internalConcurrency;
  for (const { identifier, open } of suppliersOf(config))
    clients.set(identifier, await open(config, { connections, sandboxUrl, ownUrl, reportDelivered }));
  const persisting = {
    db,
    clock,
    queues,
    log,
    metrics,
    retries: { limit: config.delivery.persistRetries, seconds: config.delivery.persistRetrySeconds },
  };
  const circuits = createCircuits({
    db,
    clock,
    log,
    providers,
    rules: {
      windowSeconds: config.circuit.windowSeconds,
      leastFailures: config.circuit.leastFailures,
      failurePercent: config.circuit.failurePercent,
      openSeconds: config.circuit.openSeconds,
      // The call, and as much before it as a claim may take (delivery/claim.ts).
      probeSeconds: config.providers.timeoutSeconds + 10,
    },
    by: platformUserId,
    release: (type, limit) => queues.makeDue(providedQueueNames, type, limit),
    onFailures: (failing) => given.balancing.onErrors(failing),
    rememberSeconds: config.providers.errorIntervalSeconds,
  });
  const rateLimits = createRateLimits({ db, log, providers });
  const deliver = createDeliver({
    clock,
    log,
    metrics,
    claims: createClaims({
      cipher,
      templates,
      fromNumber: config.delivery.fromNumber,
      emailDomain: config.delivery.emailDomain,
      db,
      clock,
      metrics,
      services,
      providers,
      circuits,
      smsStrategy: config.providers.smsStrategy,
      draw: Math.random,
      providerTimeoutSeconds: config.providers.timeoutSeconds,
    }),
    recorder: createRecorder({ metrics, queues, callbacks }),
    clients,
    circuits,
    rateLimits,
    retries: retryPolicy({
      retries: config.delivery.retries,
      seconds: config.delivery.retrySeconds,
      delays: config.delivery.retryDelays,
      smsFirstImmediate: config.delivery.smsFirstRetryImmediate,
    }),
  });
  const deps = { db, queues, log, metrics };
  const concurrency = config.delivery.concurrency;
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
        work: createResearch({ log, cipher, clients, ownUrl }),
      }),
    receipts: () =>
      consume(deps, {
        queue: processReceipt,
        concurrency: 50,
        work: createReceiptWork({ clock, log, endpoints, apply }),
      }),
    'service-callbacks': () =>
      startCallbacks({
        ...deps,
        clock,
        cipher,
        poster: createPoster({
          clock,
          timeoutSeconds: config.callbacks.timeoutSeconds,
          allowPrivate: config.callbacks.allowPrivate,
        }),
        timeoutSeconds: config.callbacks.timeoutSeconds,
        concurrency: config.callbacks.concurrency,
        retries: config.callbacks.retries,
        retrySeconds: config.callbacks.retrySeconds,
      }),
  };
  const consumers = Object.entries(starters)
    .filter(([name]) => only === null || only.includes(name as QueueName))
    .map(([, start]) => start());

  return {
    async stop(milliseconds) {
      rateLimits.stop();
      await Promise.all(consumers.map((consumer) => consumer.stop(milliseconds)));
      await circuits.stop();
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.close?.()));
    },
  };
}
