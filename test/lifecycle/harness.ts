import { randomUUID } from 'node:crypto';
import { defaultRates } from '../../src/content/recipient/international-rates.ts';
import { createTemplateCaches } from '../../src/content/template/store.ts';
import { createRender } from '../../src/content/template/template.ts';
import { createCaches } from '../../src/database/cache.ts';
import { createListener } from '../../src/database/connection.ts';
import type { NotificationStatus } from '../../src/database/tables.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { type Clock, dayOf } from '../../src/ground/clock.ts';
import { createIdSource } from '../../src/ground/id.ts';
import { createLog } from '../../src/ground/log.ts';
import { createMetrics } from '../../src/ground/metrics.ts';
import { createCallbackQueue } from '../../src/message/callback/enqueue.ts';
import { createClaims } from '../../src/message/delivery/claim.ts';
import { type DeliverPayload, sendSms } from '../../src/message/delivery/queue.ts';
import { createRecorder } from '../../src/message/delivery/record.ts';
import { retryPolicy } from '../../src/message/delivery/retry-policy.ts';
import { createDeliver } from '../../src/message/delivery/worker.ts';
import { createApply } from '../../src/message/receipt/apply.ts';
import { createCircuits } from '../../src/provider/circuit/circuits.ts';
import type { Provider, ReceiptOutcome, SendResult } from '../../src/provider/contract.ts';
import { createRateLimits } from '../../src/provider/rate-limit/rate-limit.ts';
import { addMissingProviders, createProviderCache } from '../../src/provider/store.ts';
import type { Task } from '../../src/queue/consume.ts';
import { openQueues } from '../../src/queue/queues.ts';
import { readyTasks } from '../../src/queue/store.ts';
import type { HeldTask } from '../../src/queue/tasks.ts';
import { type Drift, findDrift, rebuildDay } from '../../src/statistics/totals/store-recount.ts';
import { createServiceCache } from '../../src/tenant/service/store.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { createTimeOut } from '../../src/upkeep/time-out.ts';
import { salt, secretKey } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

/** A call to a provider, not yet answered. */
export type Call = Readonly<{
  provider: string;
  startedAt: number;
  answer: (result: SendResult) => void;
}>;

/** A worker that holds the message's task. `call` is the call it waits for, if any. */
export type Worker = { held: HeldTask; abort: AbortController; call: Call | null; ended: Promise<void> };

export type Seen = Readonly<{
  status: NotificationStatus;
  attempts: readonly Readonly<{ number: number; provider: string; outcome: string | null }>[];
  receipts: number;
  tasks: number;
}>;

export const providerTimeoutSeconds = 10;
export const timeoutHours = 72;
export const providers = ['one', 'two'] as const;

/** The product's own parts around one message, with the time and the clients of providers given. */
async function openParts(world: World, clock: Clock, clients: ReadonlyMap<string, Provider>) {
  const { connection } = world;
  const { db, pool } = connection;
  const log = createLog('silent');
  const metrics = createMetrics(null, log);
  const cipher = createCipher([secretKey], salt);
  const listener = createListener(world.databaseUrl, log);
  const caches = await createCaches(listener);
  const queues = await openQueues(connection, listener, { prefix: '', log });
  await pool.query('delete from providers');
  const rows = providers.map((identifier, index) => ({
    ...{ id: randomUUID(), identifier, displayName: identifier, notificationType: 'sms' as const },
    ...{ priority: 10 * (index + 1), active: true, supportsInternational: true },
  }));
  await addMissingProviders(db, rows);
  const available = createProviderCache(db, caches, rows);
  const circuits = createCircuits({
    ...{ db, clock, log, providers: available, by: platformUserId, release: async () => 0 },
    // Circuits never open: all stories share the rows of the providers.
    rules: {
      ...{ windowSeconds: 60, leastFailures: 1_000_000, failurePercent: 100 },
      ...{ openSeconds: 15, probeSeconds: 20 },
    },
  });
  const rateLimits = createRateLimits({ db, log, providers: available });
  const callbacks = createCallbackQueue({ db, clock, cipher, caches });
  // All texts of the stories are short.
  const render = createRender({ render: () => Promise.reject(new Error('No thread is needed')) });
  const deliver = createDeliver({
    clock,
    log,
    metrics,
    claims: createClaims({
      cipher,
      templates: createTemplateCaches(db, caches),
      render,
      fromNumber: 'DESPATCH',
      emailDomain: 'example.com',
      apiUrl: 'https://despatch.example',
      db,
      clock,
      metrics,
      services: createServiceCache(db, caches),
      providers: available,
      circuits,
      smsStrategy: 'ordered',
      draw: Math.random,
      providerTimeoutSeconds,
    }),
    composeLarge: () => Promise.reject(new Error('No message is large')),
    recorder: createRecorder({ metrics, queues, callbacks }),
    clients,
    circuits,
    rateLimits,
    retries: retryPolicy({ retries: 4, seconds: 300, delays: null, smsFirstImmediate: false }),
    traces: null,
  });
  const apply = createApply({ queues, clock, log, metrics, rates: defaultRates, callbacks, traces: null });
  const timeOut = createTimeOut({
    ...{ db, queues, clock, log, metrics, callbacks, timeoutSeconds: timeoutHours * 3600 },
  });
  return {
    queues,
    metrics,
    cipher,
    deliver,
    apply,
    timeOut,
    async stop() {
      rateLimits.stop();
      await circuits.stop();
      caches.stop();
      await queues.stop();
      await listener.stop();
    },
  };
}

/**
 * The product's own parts around one message (queue, delivery, receipts, PostgreSQL). The test controls everything outside
 * them: the time, the providers' answers, and which worker is alive.
 */
export async function createHarness() {
  const world = await createWorld({ roles: [] });
  const { tenant } = world;
  const { pool } = world.connection;
  let shift = 0;
  let jump = 0;
  const clock = {
    now: () => {
      shift += jump;
      return Date.now() + shift;
    },
  };
  /** Called with the next call to a provider. */
  let onCall: ((call: Call) => void) | null = null;
  const clients = new Map(
    providers.map((identifier): [string, Provider] => [
      identifier,
      {
        identifier,
        receipts: 'posted',
        simulatedReceipts: () => [],
        send: () =>
          new Promise((answer) => onCall?.({ provider: identifier, startedAt: clock.now(), answer })),
      },
    ]),
  );
  const parts = await openParts(world, clock, clients);
  const { queues, metrics, cipher, deliver, apply, timeOut } = parts;
  const newId = createIdSource(clock);
  let day = '';

  /** Runs until the worker calls a provider or is done with its task. */
  async function untilNext(worker: Worker, start: () => void): Promise<void> {
    worker.call = null;
    const called = new Promise<void>((resolve) => {
      onCall = (call) => {
        worker.call = call;
        resolve();
      };
    });
    start();
    await Promise.race([called, worker.ended]);
    onCall = null;
  }

  return {
    world,
    now: clock.now,

    /** From now on the worker stalls this long whenever it looks at the clock, until the next message. */
    stall(milliseconds: number): void {
      jump = milliseconds;
    },

    /** A counter of the product's metrics; 0 before the first count. */
    async counted(name: string): Promise<number> {
      const { values = [] } = (await metrics.registry.getSingleMetric(name)?.get()) ?? {};
      return values[0]?.value ?? 0;
    },

    /** Advances the time of the clock and of the queue. */
    async advance(seconds: number): Promise<void> {
      shift += seconds * 1000;
      await pool.query(
        `update tasks set due_at = due_at - $1 * interval '1 second' where state = 'waiting'`,
        [seconds],
      );
      await readyTasks(world.connection.db, [sendSms.name]);
    },

    /** Creates a message in status `created` with its task. `prefix`: the country prefix abroad, null for the UK. */
    async newMessage(prefix: string | null): Promise<string> {
      shift = 0;
      jump = 0;
      const id = newId();
      await pool.query('delete from tasks; delete from notification_history');
      await pool.query(
        `with personal as (
           insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
           values ($1, $2, $3, $3, $4))
         insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type,
           status, created_at, international, phone_prefix, rate_multiplier)
         values ($1, $2, $5, 1, 'normal', 'sms', 'created', $6, $7, $8, 1)`,
        [
          id,
          tenant.id,
          prefix === null ? '447700900123' : `${prefix}612345678`,
          cipher.seal('{"name":"Rowan","time":"14:05"}', id),
          tenant.templates.sms,
          new Date(clock.now()),
          prefix !== null,
          prefix,
        ],
      );
      await pool.query('delete from status_changes; delete from delay_changes');
      day = dayOf(clock.now());
      await rebuildDay(world.connection.db, day);
      await queues.send(sendSms, [{ id, payload: { type: 'sms' } }]);
      return id;
    },

    /** What the figures of the day on which the message was made differ in from its history. */
    async drift(): Promise<readonly Drift[]> {
      return (await findDrift(world.connection.db, day)).examples;
    },

    /** A worker takes the task, if it is due, and runs until it calls a provider or is done. */
    async take(): Promise<Worker | null> {
      const [held] = await queues.fetch('send-sms', 1);
      if (!held) return null;
      const abort = new AbortController();
      const task: Task<DeliverPayload> = {
        ...{ id: held.id, queue: 'send-sms', held, signal: abort.signal },
        stopping: new AbortController().signal,
        ...{ payload: held.payload as DeliverPayload, attempt: held.attempt },
        ...{ priority: 0, earlySeconds: 0, requestId: undefined, carried: undefined },
      };
      const worker: Worker = { held, abort, call: null, ended: Promise.resolve() };
      await untilNext(worker, () => {
        worker.ended = deliver(task).then(async (verdict) => {
          if (verdict !== 'settled' && verdict !== 'put back')
            await queues.transaction(({ settle }) =>
              settle([{ queue: 'send-sms', held, settlement: verdict }]),
            );
        });
      });
      return worker;
    },

    /** The provider answers; the worker runs until it calls the next one or is done. */
    async answer(worker: Worker, result: SendResult): Promise<void> {
      const { call } = worker;
      if (call) await untilNext(worker, () => call.answer(result));
    },

    /** Releases the task for another process: its worker is gone, or is thought to be. */
    async release(worker: Worker): Promise<void> {
      await queues.handBack('send-sms', [worker.held]);
    },

    receive(id: string, provider: string, status: NotificationStatus): Promise<ReceiptOutcome> {
      return apply.add({
        endpoint: { identifier: provider, type: 'sms' },
        receipt: { found: { by: 'id', value: id }, status, rawStatus: status, detail: '' },
      });
    },

    /** The nightly time-out. */
    timeOut: () => timeOut({ lastRun: null, signal: new AbortController().signal }),

    async look(id: string): Promise<Seen> {
      const [history, attempts, receipts, tasks] = await Promise.all([
        pool.query<{ status: NotificationStatus }>('select status from notification_history where id = $1', [
          id,
        ]),
        pool.query(
          'select number, provider, outcome from attempts where notification_id = $1 order by number',
          [id],
        ),
        pool.query('select count(*)::int as count from receipts where notification_id = $1', [id]),
        pool.query(`select count(*)::int as count from tasks where queue = 'send-sms'`),
      ]);
      return {
        status: history.rows[0]!.status,
        attempts: attempts.rows,
        receipts: receipts.rows[0].count,
        tasks: tasks.rows[0].count,
      };
    },

    async stop(): Promise<void> {
      await parts.stop();
      await world.stop();
    },
  };
}

export type Harness = Awaited<ReturnType<typeof createHarness>>;
