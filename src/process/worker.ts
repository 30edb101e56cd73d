import { processReport } from '../job/report/queue.ts';
import { createReportWork } from '../job/report/worker.ts';
import { createLotWork } from '../job/run/lot-worker.ts';
import { bulkQueues, processJob } from '../job/run/queue.ts';
import { createProcessJob } from '../job/run/worker.ts';
import { createPoster } from '../message/callback/post.ts';
import { startCallbacks } from '../message/callback/worker.ts';
import { createClaims } from '../message/delivery/claim.ts';
import { composeLarge } from '../message/delivery/compose.ts';
import {
  type DeliverPayload,
  notifyInternal,
  providedQueueNames,
  researchMode,
  sendEmail,
  sendSms,
} from '../message/delivery/queue.ts';
import { createRecorder } from '../message/delivery/record.ts';
import { retryPolicy } from '../message/delivery/retry-policy.ts';
import { createDeliver } from '../message/delivery/worker.ts';
import { processReceipt } from '../message/receipt/queue.ts';
import { researchReceipts } from '../message/receipt/research/queue.ts';
import { createResearch } from '../message/receipt/research/worker.ts';
import { createReceiptWork } from '../message/receipt/worker.ts';
import { createFairOrder } from '../message/submission/fair-order.ts';
import { startPersisting } from '../message/submission/persist.ts';
import { type Circuits, createCircuits } from '../provider/circuit/circuits.ts';
import type { Provider } from '../provider/contract.ts';
import { createRateLimits, type RateLimits } from '../provider/rate-limit/rate-limit.ts';
import { type Consumer, consume } from '../queue/consume.ts';
import type { Queue, QueueName } from '../queue/define.ts';
import { platformUserId } from '../tenant/user/store.ts';
import type { Core } from './core.ts';
import { suppliersOf } from './suppliers.ts';

/** How many of the platform's own messages one process sends at once. */
const internalConcurrency = 50;
const receiptConcurrency = 50;
const jobConcurrency = 4;
/** Reports that a process writes at once. */
const reportConcurrency = 2;
/** Lots of one type that a process makes at once: one reads its rows while the other is written. */
const lotConcurrency = 2;

export type WorkerOptions = Readonly<{
  sandboxUrl: string;
  /** Base URL of our own API. */
  ownUrl: string;
  /** The queues to serve; null: all. */
  only: readonly QueueName[] | null;
}>;

export type Workers = Readonly<{
  /** Stops taking tasks, and finishes or returns those in progress. */
  stop(milliseconds: number): Promise<void>;
  /** Closes the connections to suppliers. */
  close(): Promise<void>;
}>;

/** The role `worker`: a client for every supplier, and a consumer for every queue. */
export async function startWorkers(core: Core, options: WorkerOptions): Promise<Workers> {
  const clients = await openClients(core, options);
  const circuits = openCircuits(core);
  const rateLimits = createRateLimits(core);
  const work = deliverWith(core, options.ownUrl, { clients, circuits, rateLimits });
  const { concurrency, persistRetries, persistRetrySeconds } = core.config.delivery;
  const senders = new Map<QueueName, Consumer>();
  const send = (queue: Queue<DeliverPayload>, most: number) => {
    const consumer = consume(core, { queue, concurrency: most, work });
    senders.set(queue.name, consumer);
    return consumer;
  };
  const { queuePrefix } = core.config.installation;
  const retries = { limit: persistRetries, seconds: persistRetrySeconds };
  const persisting = { ...core, retries, queuePrefix, senders };
  const { ownUrl, only } = options;
  const { fromNumber } = core.config.delivery;
  const makeLot = createLotWork({ ...persisting, fromNumber, fairOrder: createFairOrder(core.clock) });

  const starters: Readonly<Record<QueueName, () => { stop(milliseconds: number): Promise<void> }>> = {
    'process-job': () =>
      consume(core, { queue: processJob, concurrency: jobConcurrency, work: createProcessJob(core) }),
    'process-report-request': () =>
      consume(core, { queue: processReport, concurrency: reportConcurrency, work: createReportWork(core) }),
    'bulk-sms': () => consume(core, { queue: bulkQueues.sms, concurrency: lotConcurrency, work: makeLot }),
    'bulk-email': () =>
      consume(core, { queue: bulkQueues.email, concurrency: lotConcurrency, work: makeLot }),
    'send-sms': () => send(sendSms, concurrency),
    'send-email': () => send(sendEmail, concurrency),
    'notify-internal': () => send(notifyInternal, internalConcurrency),
    'research-mode': () => send(researchMode, concurrency),
    // After those that they hand tasks to.
    'db-sms': () => startPersisting(persisting, 'sms'),
    'db-email': () => startPersisting(persisting, 'email'),
    'research-receipts': () =>
      consume(core, {
        queue: researchReceipts,
        concurrency: receiptConcurrency,
        work: createResearch({ ...core, clients, ownUrl }),
      }),
    receipts: () =>
      consume(core, {
        queue: processReceipt,
        concurrency: receiptConcurrency,
        work: createReceiptWork(core),
      }),
    'service-callbacks': () =>
      startCallbacks({
        ...core,
        ...core.config.callbacks,
        poster: createPoster({ clock: core.clock, ...core.config.callbacks }),
      }),
  };
  const started = Object.entries(starters)
    .filter(([name]) => only === null || only.includes(name as QueueName))
    .map(([name, start]) => ({ consumer: start(), isPersisting: name.startsWith('db-') }));
  const stopAll = (isPersisting: boolean, milliseconds: number) =>
    Promise.all(
      started
        .filter((one) => one.isPersisting === isPersisting)
        .map(({ consumer }) => consumer.stop(milliseconds)),
    );
  return {
    async stop(milliseconds) {
      rateLimits.stop();
      // First what hands tasks to the others, so that these know all that they have to end or give back.
      await stopAll(true, milliseconds);
      await stopAll(false, milliseconds);
      await circuits.stop();
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.close?.()));
    },
  };
}

/** A client for each configured supplier, by its identifier. */
async function openClients(
  { config, queues }: Core,
  { sandboxUrl, ownUrl }: WorkerOptions,
): Promise<ReadonlyMap<string, Provider>> {
  const reportDelivered = (id: string) =>
    queues.send(researchReceipts, [
      {
        id,
        payload: {
          ...{ notificationId: id, type: 'sms', provider: 'loadtesting', reference: id },
          outcome: 'delivered',
        },
      },
    ]);
  const connections = config.delivery.concurrency + internalConcurrency;
  const clients = new Map<string, Provider>();
  for (const { identifier, open } of suppliersOf(config))
    clients.set(identifier, await open(config, { connections, sandboxUrl, ownUrl, reportDelivered }));
  return clients;
}

function openCircuits({ config, db, clock, log, providers, queues, balancing }: Core): Circuits {
  const { timeoutSeconds } = config.providers;
  return createCircuits({
    ...{ db, clock, log, providers, by: platformUserId },
    // A probe lasts as long as the call and the claim before it may take together (delivery/claim.ts).
    rules: { ...config.circuit, probeSeconds: timeoutSeconds + 10 },
    release: (type, limit) => queues.makeDue(providedQueueNames, type, limit),
    onFailures: (failing) => balancing.onErrors(failing),
  });
}

/** The handler of the delivery queues. */
function deliverWith(
  core: Core,
  ownUrl: string,
  shared: Readonly<{
    clients: ReadonlyMap<string, Provider>;
    circuits: Circuits;
    rateLimits: RateLimits;
  }>,
) {
  const { fromNumber, emailDomain, retries, retrySeconds, retryDelays, smsFirstRetryImmediate } =
    core.config.delivery;
  const { smsStrategy, timeoutSeconds: providerTimeoutSeconds } = core.config.providers;
  const apiUrl = core.config.api.publicUrl ?? ownUrl;
  const composer = { ...core, fromNumber, emailDomain, apiUrl };
  return createDeliver({
    ...core,
    ...shared,
    claims: createClaims({
      ...{ ...composer, circuits: shared.circuits },
      ...{ smsStrategy, draw: Math.random, providerTimeoutSeconds },
    }),
    composeLarge: (notification, service) => composeLarge(composer, notification, service),
    recorder: createRecorder(core),
    retries: retryPolicy({
      ...{ retries, seconds: retrySeconds, delays: retryDelays },
      smsFirstImmediate: smsFirstRetryImmediate,
    }),
  });
}
