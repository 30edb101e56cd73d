import type { Template } from '../../content/template/template.ts';
import type { Db } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import type { Queues } from '../../queue/queues.ts';
import type { QueueTransaction } from '../../queue/tasks.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import type { ApiKey } from '../../tenant/key/key.ts';
import type { Service } from '../../tenant/service/service.ts';
import { lockUpload, type Upload } from '../upload/store.ts';
import type { JobRecord } from './job.ts';
import { jobTask, processJob } from './queue.ts';
import { addJob, findJob, keepUpload, type NewJob } from './store.ts';

export type CreateDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  queues: Pick<Queues, 'transaction'>;
}>;

/** A job that may be made: everything about it has been checked. */
export type Order = Readonly<{
  service: Service;
  template: Template;
  upload: Pick<Upload, 'id' | 'originalFileName' | 'rowCount' | 'contactListId'>;
  originalFileName: string | null;
  createdBy: string | null;
  /** The key of a job that a service sends itself; null for one that a person made. */
  key: Pick<ApiKey, 'id' | 'keyType'> | null;
  /** Of each message whose row has none. */
  reference: string | null;
  replyToText: string | null;
  scheduledFor: Date | null;
  holdSeconds: number;
  /** Of the request, for the tasks. */
  requestId: string;
}>;

const day = 86_400_000;
export const notValid = "File is not valid, can't create job";

/**
 * Makes a job of an upload, with its task. Of several requests for the same upload, one makes it. Returns it, whoever
 * made it. Throws a Problem: 404 if the upload is gone, 400 if it is not valid any more.
 */
export async function createJob(
  { db, clock, cipher, queues }: CreateDeps,
  order: Order,
): Promise<Readonly<{ job: JobRecord; isNew: boolean }>> {
  const { service, upload } = order;
  const { id } = upload;
  const now = new Date(clock.now());
  const isNew = await queues.transaction(async (transaction) => {
    const { trx } = transaction;
    // Whoever mends rows has done so by now, or finds the job.
    const locked = await lockUpload(trx, cipher, service.id, id);
    if (!locked) throw noResultFound();
    if (locked.hasJob) return false;
    if (!locked.valid) throw badRequest(notValid);
    // An upload with a job is kept; this keeps it from those that look for expired ones at this moment.
    await keepUpload(trx, id, new Date(now.getTime() + day));
    await orderJob(transaction, { ...order, upload: locked }, now);
    return true;
  });
  return { job: (await findJob(db, service.id, id))!, isNew };
}

/** Adds the job of an upload that has none, with its task and its event. */
export async function orderJob(
  { trx, send }: Pick<QueueTransaction, 'trx' | 'send'>,
  order: Order,
  now: Date,
): Promise<void> {
  const { service, key, scheduledFor, holdSeconds } = order;
  const job = newJob(order, now);
  await addJob(trx, job);
  if (scheduledFor === null) await send(processJob, [jobTask(job.id, holdSeconds, order.requestId)]);
  const after = {
    ...{ original_file_name: job.originalFileName, notification_count: job.notificationCount },
    ...{ template: job.templateId, template_version: job.templateVersion, job_status: job.status },
    scheduled_for: scheduledFor,
    ...(key && { api_key: key.id }),
  };
  const event = { type: 'create_job', serviceId: service.id, userId: order.createdBy, subjectId: job.id };
  await recordEvent(trx, { ...event, data: { before: null, after } }, now);
}

function newJob(order: Order, now: Date): NewJob {
  const { service, template, upload, scheduledFor, holdSeconds } = order;
  return {
    ...{ id: upload.id, serviceId: service.id, templateId: template.id, templateType: template.type },
    templateVersion: template.current.version,
    originalFileName: order.originalFileName ?? upload.originalFileName,
    notificationCount: upload.rowCount,
    status: scheduledFor === null ? 'pending' : 'scheduled',
    ...{ replyToText: order.replyToText, reference: order.reference },
    ...{ contactListId: upload.contactListId, resentFrom: null },
    ...{ keyType: order.key?.keyType ?? 'normal', apiKeyId: order.key?.id ?? null },
    ...{ createdBy: order.createdBy, createdAt: now, scheduledFor },
    holdUntil: holdSeconds > 0 ? new Date(now.getTime() + holdSeconds * 1000) : null,
  };
}
