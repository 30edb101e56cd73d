import type { Db } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Queues } from '../../queue/queues.ts';
import { bulkQueues, jobTask, lotTask, lotTaskId, processJob } from './queue.ts';
import { findAnyJob, findLate, findOpenLots, type LiveJob, releaseScheduled } from './store.ts';
import { foldCounts, settleCounts } from './store-counts.ts';
import { reportFinished } from './worker.ts';

export type ScheduleDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  queues: Pick<Queues, 'transaction' | 'send' | 'waiting'>;
}>;

type Run = Readonly<{ signal: AbortSignal }>;

const batchSize = 500;

/** The task `run-scheduled-jobs` (spec 05, section 2.1). Jobs are pending and queued in the same transaction. */
export async function runScheduledJobs(
  { clock, log, queues }: ScheduleDeps,
  { signal }: Run,
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const ids = await queues.transaction(async ({ trx, send }) => {
      const due = await releaseScheduled(trx, new Date(clock.now()), batchSize);
      await send(
        processJob,
        due.map((id) => jobTask(id)),
      );
      return due;
    });
    for (const jobId of ids) log.info({ jobId }, `Job ID ${jobId} added to process job queue`);
    total += ids.length;
    if (ids.length < batchSize) break;
  }
  return total;
}

/** A job whose tasks have been gone for so long is queued again. */
const lateMilliseconds = 60_000;

/**
 * The tasks `check-job-status`, `process-incomplete-jobs` and `check-for-missing-rows-in-completed-jobs` (spec 05,
 * section 9.3): what a job has still to do, and has no task for, is queued again, however old it is. Returns how many
 * jobs it was.
 */
export async function resumeLateJobs(deps: ScheduleDeps, { signal }: Run): Promise<number> {
  const before = new Date(deps.clock.now() - lateMilliseconds);
  let count = 0;
  let after = '00000000-0000-0000-0000-000000000000';
  while (!signal.aborted) {
    const jobs = await findLate(deps.db, before, after, batchSize);
    for (const job of jobs) if (await resumeLate(deps, job)) count += 1;
    if (jobs.length < batchSize) break;
    after = jobs.at(-1)!.id;
  }
  return count;
}

async function resumeLate(deps: ScheduleDeps, { id, status, templateType }: LiveJob): Promise<boolean> {
  const { db, log, queues } = deps;
  if (status === 'pending') {
    if ((await queues.waiting([processJob.name], [id])).has(id)) return false;
    // Or it has begun between the two looks.
    if ((await findAnyJob(db, id))?.status !== 'pending') return false;
    log.warn({ jobId: id }, `Job ${id} has not completed`);
    await queues.send(processJob, [jobTask(id)]);
    return true;
  }
  const queue = bulkQueues[templateType];
  const open = await findOpenLots(db, id);
  const lost = await withoutTask(deps, queue, id, open);
  if (open.length > 0 && lost.length === 0) return false;
  log.warn({ jobId: id, lots: lost.length }, `Job ${id} has not completed`);
  await queues.send(
    queue,
    lost.map((number) => lotTask(id, number)),
  );
  await reportFinished(deps, id);
  return true;
}

/** Those of these open lots that have no task. A lot that was made between the two looks has none either. */
async function withoutTask(
  { db, queues }: ScheduleDeps,
  queue: (typeof bulkQueues)[NotificationType],
  id: string,
  open: readonly number[],
): Promise<readonly number[]> {
  const waiting = await queues.waiting(
    [queue.name],
    open.map((number) => lotTaskId(id, number)),
  );
  const without = open.filter((number) => !waiting.has(lotTaskId(id, number)));
  if (without.length === 0) return without;
  const stillOpen = new Set(await findOpenLots(db, id));
  return without.filter((number) => stillOpen.has(number));
}

const foldBatch = 50_000;

/** Folds the changed counts of jobs, and does what the counts say. Returns how many changes there were. */
export async function keepJobCounts({ db, clock }: ScheduleDeps, { signal }: Run): Promise<number> {
  let total = 0;
  for (let count = foldBatch; count === foldBatch && !signal.aborted; total += count)
    count = await foldCounts(db, foldBatch);
  return total + (await settleCounts(db, openJobStatuses, new Date(clock.now())));
}

/** Statuses that change again of themselves; `sent` does where the country's networks report delivery. */
const openJobStatuses = ['created', 'sending', 'pending'];
