import { type Static, Type } from 'typebox';
import type { NotificationType } from '../../database/tables.ts';
import { derivedId } from '../../ground/id.ts';
import { defineQueue } from '../../queue/define.ts';
import type { NewTask } from '../../queue/tasks.ts';

const job = Type.Object({ job_id: Type.String() });
export type JobPayload = Static<typeof job>;

/** Begins a job, or puts an end to what is left of one that was stopped. */
export const processJob = defineQueue('process-job', job);

const lot = Type.Object({ job_id: Type.String(), lot: Type.Integer({ minimum: 0 }) });
export type LotPayload = Static<typeof lot>;

/** Make the messages of one lot of a job. */
export const bulkQueues = {
  sms: defineQueue('bulk-sms', lot),
  email: defineQueue('bulk-email', lot),
} as const satisfies Record<NotificationType, unknown>;

/** The task of a job; while one waits, a second is not added. */
export function jobTask(jobId: string, startAfterSeconds = 0, requestId?: string): NewTask<JobPayload> {
  return { id: jobId, payload: { job_id: jobId }, startAfterSeconds, requestId };
}

/** The task of a lot, likewise. The first lots of a job go before the later ones of all others. */
export function lotTask(jobId: string, number: number, requestId?: string): NewTask<LotPayload> {
  return {
    ...{ id: lotTaskId(jobId, number), payload: { job_id: jobId, lot: number } },
    ...{ priority: -number, requestId },
  };
}

export function lotTaskId(jobId: string, number: number): string {
  return derivedId(0, 0, `${jobId} ${number}`);
}
