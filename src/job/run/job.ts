import { Type } from 'typebox';
import type { JobStatus, KeyType, NotificationType } from '../../database/tables.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';

/** A job: the messages of a file, or of rows that came in another way. */
export type Job = Readonly<{
  /** Also of its upload. */
  id: string;
  serviceId: string;
  templateId: string;
  templateVersion: number;
  templateType: NotificationType;
  originalFileName: string;
  /** Its rows. */
  notificationCount: number;
  status: JobStatus;
  /** The sender or reply-to address of its messages; null: the service's default one. */
  replyToText: string | null;
  /** Of each message whose row has none. */
  reference: string | null;
  keyType: KeyType;
  apiKeyId: string | null;
  createdBy: string | null;
  createdAt: Date;
  updatedAt: Date | null;
  scheduledFor: Date | null;
  /** The first row is not made before. */
  holdUntil: Date | null;
  processingStarted: Date | null;
  /** When all rows had been made, or it was stopped. */
  processingFinished: Date | null;
  /** When every message had its final status. */
  finalAt: Date | null;
  /** The job whose messages it repeats. */
  resentFrom: string | null;
  /** The contact list that its rows are of, even if that is deleted. */
  contactListId: string | null;
}>;

/** A job with the names that are shown with it. */
export type JobRecord = Job &
  Readonly<{ serviceName: string; templateName: string; creatorName: string | null }>;

/** How many messages of a job have a status. */
export type StatusCount = Readonly<{ status: string; count: number }>;

/** Rows of one lot: one transaction makes them. */
export const rowsPerLot = 500;

/** The number of the lot of a row that was taken out of its own; no other lot of the job has it. */
export function numberOfSingle({ notificationCount }: Pick<Job, 'notificationCount'>, row: number): number {
  return Math.ceil(notificationCount / rowsPerLot) + row;
}

/** Rows wait this long at most before they are made, so that a job can still be stopped as if nothing had happened. */
export const longestHold = 3600;

const jobStatuses = [
  'scheduled',
  'pending',
  'in progress',
  'paused',
  'finished',
  'finished all notifications created',
  'sending limits exceeded',
  'cancelled',
  'error',
] as const satisfies readonly JobStatus[];

export const jobSchema = Type.Object(
  {
    id: uuid('Also of the upload that it was made of.'),
    original_file_name: Type.String(),
    service: uuid(),
    service_name: Type.Object({ name: Type.String() }),
    template: uuid(),
    template_version: Type.Integer(),
    template_name: Type.String(),
    template_type: oneOf(['sms', 'email']),
    notification_count: Type.Integer({ description: 'Its rows.' }),
    reference: orNull(Type.String(), 'What the service that sent it calls it.'),
    job_status: oneOf(
      jobStatuses,
      '`finished`: every row is a message, whether sent or not; `cancelled`: also of one that was stopped.',
    ),
    created_at: time,
    updated_at: orNull(time),
    scheduled_for: orNull(time),
    hold_until: orNull(time, 'Its first row is not made before.'),
    processing_started: orNull(time),
    processing_finished: orNull(time),
    final_at: orNull(time, 'When every message had its final status.'),
    paused: Type.Boolean(),
    resent_from: orNull(
      uuid(),
      'The job whose messages it sends again; null also if they are of several jobs, or of none.',
    ),
    contact_list_id: orNull(uuid(), 'The contact list that it sends to, which may be deleted by now.'),
    created_by: orNull(Type.Object({ id: uuid(), name: Type.String() })),
    statistics: Type.Array(Type.Object({ status: Type.String(), count: Type.Integer() }), {
      description: 'Its messages by status, each that there is.',
    }),
    rows_total: Type.Integer(),
    rows_done: Type.Integer({
      description: 'Rows that are messages by now, also those that may not be sent.',
    }),
  },
  { $id: 'Job' },
);

/** The job object of spec 04, section 6.2. `counts`: of `findJobCounts`. */
export function showJob(job: JobRecord, counts: readonly StatusCount[]) {
  const shown = (at: Date | null) => at && isoMicroseconds(at);
  return {
    id: job.id,
    original_file_name: job.originalFileName,
    service: job.serviceId,
    service_name: { name: job.serviceName },
    template: job.templateId,
    template_version: job.templateVersion,
    template_name: job.templateName,
    template_type: job.templateType,
    notification_count: job.notificationCount,
    reference: job.reference,
    job_status: job.status,
    created_at: isoMicroseconds(job.createdAt),
    updated_at: shown(job.updatedAt),
    scheduled_for: shown(job.scheduledFor),
    hold_until: shown(job.holdUntil),
    processing_started: shown(job.processingStarted),
    processing_finished: shown(job.processingFinished),
    final_at: shown(job.finalAt),
    paused: job.status === 'paused',
    resent_from: job.resentFrom,
    contact_list_id: job.contactListId,
    created_by: job.createdBy === null ? null : { id: job.createdBy, name: job.creatorName ?? '' },
    statistics: counts.map(({ status, count }) => ({ status, count })),
    rows_total: job.notificationCount,
    rows_done: rowsDone(counts),
  };
}

/** Every row is one message, so the messages that there are say how far a job is. */
export function rowsDone(counts: readonly StatusCount[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

/** What people do to a job. */
export type Step = 'cancel' | 'stop' | 'pause' | 'resume';

/** The status that a job gets, or null if this cannot be done to it. Pure. */
export function steered(
  step: Step,
  job: Pick<Job, 'status' | 'finalAt' | 'processingStarted' | 'processingFinished'>,
): JobStatus | null {
  const { status } = job;
  const isLive = job.finalAt === null;
  const isUnderWay = status === 'pending' || status === 'in progress' || hasFinished(status);
  switch (step) {
    case 'cancel':
      return status === 'scheduled' ? 'cancelled' : null;
    case 'stop':
      return isLive && (isUnderWay || status === 'scheduled' || status === 'paused') ? 'cancelled' : null;
    case 'pause':
      return isLive && isUnderWay ? 'paused' : null;
    case 'resume':
      if (status !== 'paused') return null;
      if (job.processingStarted === null) return 'pending';
      return job.processingFinished === null ? 'in progress' : 'finished';
  }
}

/** Whether all rows of a job are messages. */
export function hasFinished(status: JobStatus): boolean {
  return status === 'finished' || status === 'finished all notifications created';
}
