import type { Db } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import { deliverQueues } from '../../message/delivery/queue.ts';
import type { Queues } from '../../queue/queues.ts';
import type { QueueTransaction } from '../../queue/tasks.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { type JobRecord, type Step, steered } from './job.ts';
import { bulkQueues, jobTask, lotTask, processJob } from './queue.ts';
import { findOpenLots, lockJob, setJob } from './store.ts';
import { reportFinished } from './worker.ts';

export type SteerDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  queues: Pick<Queues, 'transaction' | 'makeDue'>;
}>;

/** What is left of a stopped job is cancelled after this: by then no worker is about to hand over what it read before. */
const sweepSeconds = 5;

/**
 * Takes a step with a job, with its event. Lots under way are waited for, so that none is made once a job is stopped or
 * paused. Returns false, and changes nothing, if the job cannot take it now.
 */
export async function steer(
  deps: SteerDeps,
  step: Step,
  { id }: Pick<JobRecord, 'id'>,
  userId: string | null,
): Promise<boolean> {
  const taken = await deps.queues.transaction(async (transaction) => {
    const { trx } = transaction;
    const job = await lockJob(trx, id);
    const status = job && steered(step, job);
    if (!status) return null;
    const now = new Date(deps.clock.now());
    const isUnmade = job.processingStarted === null;
    await setJob(
      trx,
      id,
      {
        status,
        ...(status === 'cancelled' && {
          processing_finished: job.processingFinished ?? (isUnmade ? null : now),
          ...(isUnmade && { final_at: now }),
        }),
      },
      now,
    );
    if (step === 'stop') await transaction.send(processJob, [jobTask(id, sweepSeconds)]);
    if (step === 'resume') await queueAgain(transaction, job, now);
    const event = { type: `${step}_job`, serviceId: job.serviceId, userId, subjectId: id };
    const data = { before: { job_status: job.status }, after: { job_status: status } };
    await recordEvent(trx, { ...event, data }, now);
    return status;
  });
  if (taken === null) return false;
  if (step === 'resume') {
    // Messages that were to be delivered meanwhile.
    await deps.queues.makeDue(
      deliverQueues.map(({ name }) => name),
      id,
      null,
    );
    // Its last lot may have been made just before it was paused.
    await reportFinished(deps, id);
  }
  return true;
}

/** Queues what a resumed job has still to do. */
async function queueAgain({ trx, send }: QueueTransaction, job: JobRecord, now: Date): Promise<void> {
  const { id, templateType, holdUntil } = job;
  if (job.processingStarted === null) {
    const heldFor = Math.ceil(Math.max(0, (holdUntil?.getTime() ?? 0) - now.getTime()) / 1000);
    await send(processJob, [jobTask(id, heldFor)]);
    return;
  }
  const lots = await findOpenLots(trx, id);
  await send(
    bulkQueues[templateType],
    lots.map((number) => lotTask(id, number)),
  );
}
