import type { Batcher } from '../batcher.ts';
import { createPoster } from '../callback/post.ts';
import type { CallbackQueue } from '../callback/queue.ts';
import { startCallbacks } from '../callback/worker.ts';
import type { Cipher } from '../cipher.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Cache } from '../database/cache.ts';
import type { Connection } from '../database/connection.ts';
import { createClaims } from '../delivery/claim.ts';
import { retryCourse } from '../delivery/course.ts';
import { notifyInternal, providedQueueNames, researchMode, sendEmail, sendSms } from '../delivery/queue.ts';
import { createRecorder } from '../delivery/record.ts';
import { createDeliver } from '../delivery/worker.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Standing } from '../provider/circuit.ts';
import { createCircuits } from '../provider/circuits.ts';
import type { Provider, ReceiptDoor, ReceiptOutcome } from '../provider/contract.ts';
import { createPaces } from '../provider/pace.ts';
import type { Shifting } from '../provider/shifting.ts';
import type { Queues } from '../queue/boss.ts';
import { consume } from '../queue/consume.ts';
import type { QueueName } from '../queue/names.ts';
import type { IncomingReceipt } from '../receipt/apply.ts';
import { processReceipt } from '../receipt/queue.ts';
import { createReceiptWork } from '../receipt/worker.ts';
import { researchReceipts } from '../research/queue.ts';
import { createResearch } from '../research/worker.ts';
import type { Service } from '../service/service.ts';
import { startPersisting } from '../submission/persist.ts';
import type { TemplateCaches } from '../template/store.ts';
import { platformUserId } from '../user/user.ts';
import { internalConcurrency, type Supplier } from './suppliers.ts';

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
  providers: Cache<readonly Standing[]>;
  suppliers: readonly Supplier[];
  shifting: Pick<Shifting, 'onErrors'>;
  doors: readonly ReceiptDoor[];
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
  callbacks: CallbackQueue;
  sandboxUrl: string;
  /** Our own API. */
  ownUrl: () => string;
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
    suppliers,
    doors,
    apply,
    callbacks,
  } = given;
  const { sandboxUrl, ownUrl, only } = given;
  const { db } = given.connection;
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
  const circuits = createCircuits({
    db,
    clock,
    log,
    providers,
    rules: {
      windowSeconds: config.circuitWindowSeconds,
      leastFailures: config.circuitLeastFailures,
      failurePercent: config.circuitFailurePercent,
      openSeconds: config.circuitOpenSeconds,
      // The call, and as much before it as a claim may take (delivery/claim.ts).
      probeSeconds: config.providerTimeoutSeconds + 10,
    },
    by: platformUserId,
    release: (type, limit) => queues.makeDue(providedQueueNames, type, limit),
    onFailures: (failing) => given.shifting.onErrors(failing),
    rememberSeconds: config.smsProviderErrorIntervalSeconds,
  });
  const paces = createPaces({ db, log, providers });
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
      circuits,
      smsStrategy: config.smsProviderStrategy,
      draw: Math.random,
      providerTimeoutSeconds: config.providerTimeoutSeconds,
    }),
    recorder: createRecorder({ metrics, queues, callbacks }),
    provider,
    circuits,
    paces,
    retries: retryCourse({
      retries: config.deliverRetries,
      seconds: config.deliverRetrySeconds,
      delays: config.deliverRetryDelays,
      smsFirstImmediate: config.smsFirstRetryImmediate,
    }),
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
    'service-callbacks': () =>
      startCallbacks({
        ...deps,
        clock,
        cipher,
        poster: createPoster({
          clock,
          timeoutSeconds: config.callbackTimeoutSeconds,
          allowPrivate: config.callbackAllowPrivate,
        }),
        timeoutSeconds: config.callbackTimeoutSeconds,
        concurrency: config.callbackConcurrency,
        retries: config.callbackRetries,
        retrySeconds: config.callbackRetrySeconds,
      }),
  };
  const consumers = Object.entries(starters)
    .filter(([name]) => only === null || only.includes(name as QueueName))
    .map(([, start]) => start());

  return {
    async stop(milliseconds) {
      paces.stop();
      await Promise.all(consumers.map((consumer) => consumer.stop(milliseconds)));
      await circuits.stop();
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.close?.()));
    },
  };
}
