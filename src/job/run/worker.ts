import type { Db } from '../../database/connection.ts';
import { type Clock, dayOf, isoMicroseconds } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { moveStatuses, type StatusDeps } from '../../message/status/status.ts';
import { takeWhole } from '../../message/submission/store-rows.ts';
import type { Task, Verdict } from '../../queue/consume.ts';
import type { Queues } from '../../queue/queues.ts';
import type { QueueTransaction } from '../../queue/tasks.ts';
import { findService } from '../../tenant/service/store.ts';
import { type JobRecord, rowsPerLot } from './job.ts';
import { bulkQueues, type JobPayload, lotTask } from './queue.ts';
import { addLots, findUnsent, finishJob, lockJob, setJob } from './store.ts';

export type ProcessDeps = StatusDeps &
  Readonly<{ db: Db; clock: Clock; log: Log; metrics: Metrics; queues: Pick<Queues, 'transaction'> }>;

/**
 * The `process-job` task (spec 05, section 2.1). At least once, and it takes effect once: one transaction takes the
 * daily limit for the whole job, sets it in progress, divides it into lots, queues a task for each and ends this one. A
 * job that is not pending is left alone; of one that was stopped, the messages that are still to be sent are cancelled.
 */
export function createProcessJob(deps: ProcessDeps): (task: Task<JobPayload>) => Promise<Verdict> {
  return (task) =>
    deps.metrics.timed('tasks', 'process_job', async () => {
      const { job_id: id } = task.payload;
      const outcome = await deps.queues.transaction(async (transaction) => {
        const begun = await begin(deps, transaction, task);
        if (begun.kind !== 'stopped')
          await transaction.settle([
            { queue: task.queue, held: task.held, settlement: begun.kind === 'held' ? begun : 'done' },
          ]);
        return begun;
      });
      if (outcome.kind === 'stopped') {
        await cancelUnsent(deps, id);
        return 'done';
      }
      if (outcome.kind === 'refused') deps.log[outcome.level]({ jobId: id }, outcome.line);
      // One without rows has no lot that would do it.
      if (outcome.kind === 'begun') await reportFinished(deps, id);
      return 'settled';
    });
}

type Begun =
  | Readonly<{ kind: 'begun' | 'left' | 'stopped' }>
  | Readonly<{ kind: 'held'; waitSeconds: number }>
  | Readonly<{ kind: 'refused'; level: 'warn' | 'info'; line: string }>;

async function begin(
  deps: ProcessDeps,
  { trx, send }: QueueTransaction,
  { payload: { job_id: id }, carried }: Task<JobPayload>,
): Promise<Begun> {
  const job = await lockJob(trx, id);
  if (job?.status === 'cancelled') return { kind: 'stopped' };
  if (job?.status !== 'pending') return { kind: 'left' };
  const now = new Date(deps.clock.now());
  const heldFor = (job.holdUntil?.getTime() ?? 0) - now.getTime();
  if (heldFor > 0) return { kind: 'held', waitSeconds: Math.ceil(heldFor / 1000) };
  const service = await findService(trx, job.serviceId);
  if (!service?.active) {
    await setJob(trx, id, { status: 'cancelled', final_at: now }, now);
    const line = `Job ${id} has been cancelled, service ${job.serviceId} is inactive`;
    return { kind: 'refused', level: 'warn', line };
  }
  const limit = service.limits[job.templateType];
  if (!(await takeLimit(trx, job, limit, now))) {
    const ended = { status: 'sending limits exceeded', processing_finished: now, final_at: now } as const;
    await setJob(trx, id, ended, now);
    const line = `Job ${id} size ${job.notificationCount} error. Sending limits ${limit} exceeded`;
    return { kind: 'refused', level: 'info', line };
  }
  await setJob(trx, id, { status: 'in progress', processing_started: now }, now);
  const lots = await addLots(trx, id, job.notificationCount, rowsPerLot);
  await send(
    bulkQueues[job.templateType],
    lots.map((number) => lotTask(id, number, carried)),
  );
  return { kind: 'begun' };
}

/** Messages of test keys do not count. */
async function takeLimit(
  trx: QueueTransaction['trx'],
  { serviceId, templateType: name, notificationCount: wanted, keyType }: JobRecord,
  limit: number,
  now: Date,
): Promise<boolean> {
  if (keyType === 'test') return true;
  return await takeWhole(trx, { serviceId, day: dayOf(now.getTime()), name, limit, wanted });
}

/** Sets a job finished whose rows are all made (spec 05, section 2.1). */
export async function reportFinished(
  { db, clock, log }: Pick<ProcessDeps, 'db' | 'clock' | 'log'>,
  id: string,
) {
  const finished = await finishJob(db, id, new Date(clock.now()));
  if (!finished) return;
  const [created, started, ended] = [
    finished.createdAt,
    finished.processingStarted,
    finished.processingFinished,
  ].map(isoMicroseconds);
  log.info({ jobId: id }, `Job ${id} created at ${created} started at ${started} finished at ${ended}`);
}

/** Messages that one transaction cancels. */
const cancelBatch = 1000;

/**
 * Cancels what a stopped job has still to send. Delivery hands nothing of it over any more; this reaches what waits for
 * its next try. A message that a provider may have already is left to its receipt.
 */
async function cancelUnsent(deps: ProcessDeps, jobId: string): Promise<void> {
  let after = -1;
  for (;;) {
    const unsent = await findUnsent(deps.db, jobId, after, cancelBatch);
    if (unsent.length === 0) return;
    const at = new Date(deps.clock.now());
    const event = { kind: 'cancelled' } as const;
    const moves = unsent.map(({ id }) => ({ id, event, at, handOver: null }));
    await deps.queues.transaction((transaction) =>
      moveStatuses(deps, transaction, 'dao_update_notification', moves),
    );
    after = unsent.at(-1)!.row;
  }
}
