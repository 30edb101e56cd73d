import { setImmediate } from 'node:timers/promises';
import { readRow } from '../../content/recipient/csv/row.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { Render } from '../../content/template/template.ts';
import type { Cache } from '../../database/cache.ts';
import { type Db, isTransient, isUnreachable } from '../../database/connection.ts';
import { createPartitionGuard } from '../../database/partitions.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, dayOf, stopwatch } from '../../ground/clock.ts';
import { derivedId } from '../../ground/id.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { deliverQueueFor, priorities, sendDeliveries, taskPriority } from '../../message/delivery/queue.ts';
import { type FairOrder, stepMilliseconds } from '../../message/submission/fair-order.ts';
import { type RowMessage, storeRows, takeFitting } from '../../message/submission/store-rows.ts';
import type { Queues, QueueTransaction } from '../../queue/boss.ts';
import type { Task, Verdict } from '../../queue/consume.ts';
import { defaultSender, platformServiceId, type Service } from '../../tenant/service/service.ts';
import { columnsOf } from '../upload/row-check.ts';
import { findRecords, findUpload } from '../upload/store.ts';
import type { JobRecord } from './job.ts';
import type { LotPayload } from './queue.ts';
import { type ReadMessage, readMessage } from './rows.ts';
import { beginLot, endLot, findAnyJob, holdJob, type Lot } from './store.ts';
import { reportFinished } from './worker.ts';

export type LotDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  log: Log;
  metrics: Metrics;
  queues: Pick<Queues, 'transaction'>;
  services: Cache<Service | null>;
  templates: TemplateCaches;
  rates: Rates;
  render: Render;
  fairOrder: FairOrder;
  fromNumber: string;
  retries: Readonly<{ limit: number; seconds: number }>;
}>;

/**
 * The `bulk-sms` and `bulk-email` tasks: `send_sms` and `send_email` of spec 05, section 2.2, for a lot of rows. At
 * least once, and it takes effect once: one transaction makes all messages of the lot, queues their delivery, ends the
 * lot and this task. The ids of the messages come from the first try of the lot, so whatever happens, a row is one
 * message (docs/decisions/0020).
 */
export function createLotWork(deps: LotDeps): (task: Task<LotPayload>) => Promise<Verdict> {
  const ensureDays = createPartitionGuard(deps.db);
  return async (task) => {
    const { job_id: jobId, lot: number } = task.payload;
    const job = await findAnyJob(deps.db, jobId);
    const lot = job && (await beginLot(deps.db, jobId, number, new Date(deps.clock.now())));
    if (!lot) return 'done';
    const name = `send_${job.templateType}`;
    try {
      return await deps.metrics.timed('tasks', name, async (): Promise<Verdict> => {
        const service = await deps.services.get(job.serviceId);
        if (!service) throw new Error(`Job ${jobId} lacks its service`);
        const messages = await prepare(deps, { job, lot, service }, task.signal);
        await ensureDays(messages.slice(0, 1).map(({ id }) => id));
        await store(deps, { job, lot, service }, task, messages);
        await reportFinished(deps, jobId);
        return 'settled';
      });
    } catch (error) {
      if (isUnreachable(error) || task.signal.aborted) throw error;
      if (isTransient(error)) return { waitSeconds: 0 };
      const isLast = task.attempt >= deps.retries.limit;
      const rows = `job ${jobId} row numbers ${lot.firstRow} to ${lot.firstRow + lot.rowCount - 1}`;
      deps.log.error(
        { err: error, jobId, lot: number, requestId: task.requestId },
        isLast ? `RETRY FAILED: task ${name} failed for ${rows}` : `RETRY: ${name} for ${rows}`,
      );
      return isLast ? 'parked' : { retryAfterSeconds: deps.retries.seconds };
    }
  };
}

/** A message of a row, ready to be stored. */
type Prepared = RowMessage & Pick<ReadMessage, 'isAbroad'>;

/** The event loop is free again after reading and sealing rows for this long. */
const pauseMilliseconds = 10;

type Work = Readonly<{ job: JobRecord; lot: Lot; service: Service }>;

async function prepare(
  deps: LotDeps,
  { job, lot: { firstRow, rowCount, beganAt }, service }: Work,
  signal: AbortSignal,
): Promise<Prepared[]> {
  const { db, cipher, rates, render } = deps;
  const [template, upload] = await Promise.all([
    deps.templates.version(job.templateId, job.templateVersion),
    findUpload(db, cipher, job.serviceId, job.id),
  ]);
  if (!template || !upload) throw new Error(`Job ${job.id} lacks its template or upload`);
  const records = await findRecords(db, cipher, job.id, firstRow, firstRow + rowCount);
  if (records.length !== rowCount) throw new Error(`Job ${job.id} lacks rows of its upload`);
  const columns = columnsOf(template.content, upload);
  const rules = { service, keyType: job.keyType, content: template.content, rates, render };
  const prepared: Prepared[] = [];
  let elapsed = stopwatch();
  for (const [index, cells] of records.entries()) {
    const row = readRow(columns, firstRow + index, { cells, width: columns.width });
    const { values, ...message } = await readMessage(rules, row);
    const id = derivedId(beganAt.getTime(), index, `${job.id} ${row.index}`);
    const clientReference = message.clientReference ?? job.reference;
    prepared.push({
      ...message,
      clientReference,
      id,
      personalisation: cipher.seal(JSON.stringify(values.source), id),
    });
    if (elapsed() < pauseMilliseconds) continue;
    await setImmediate();
    signal.throwIfAborted();
    elapsed = stopwatch();
  }
  return prepared;
}

/** Stores the messages of a lot, unless its job was stopped or paused meanwhile: then the lot is left as it is. */
async function store(
  deps: LotDeps,
  { job: { id: jobId }, lot: { beganAt }, service }: Work,
  task: Task<LotPayload>,
  prepared: readonly Prepared[],
): Promise<void> {
  await deps.queues.transaction(async (transaction) => {
    const { trx, settle } = transaction;
    await settle([{ queue: task.queue, held: task.held, settlement: 'done' }]);
    const job = await holdJob(trx, jobId);
    if (job?.status !== 'in progress') return;
    const now = new Date(deps.clock.now());
    if (!(await endLot(trx, jobId, task.payload.lot, beganAt, now))) return;
    const rows = await withinLimitAbroad(transaction, job, service, prepared, now);
    await storeAll(
      deps,
      transaction,
      { job, service, createdAt: beganAt, requestId: task.carried ?? null },
      rows,
    );
  });
}

/** Takes the daily limit of texts abroad. Those beyond it are not sent. */
async function withinLimitAbroad(
  { trx }: QueueTransaction,
  { serviceId, keyType }: JobRecord,
  { limits: { international_sms: limit } }: Service,
  prepared: readonly Prepared[],
  now: Date,
): Promise<readonly Prepared[]> {
  const isCounted = ({ isAbroad, givenUp }: Prepared) => isAbroad && givenUp === null;
  const wanted = prepared.filter(isCounted).length;
  if (wanted === 0 || keyType === 'test') return prepared;
  const day = dayOf(now.getTime());
  let left = await takeFitting(trx, { serviceId, day, name: 'international_sms', limit, wanted });
  return prepared.map((row) => {
    if (!isCounted(row)) return row;
    left -= 1;
    return left >= 0 ? row : { ...row, givenUp: 'international-limit' };
  });
}

async function storeAll(
  deps: LotDeps,
  transaction: QueueTransaction,
  {
    job,
    service,
    createdAt,
    requestId,
  }: Readonly<{ job: JobRecord; service: Service; createdAt: Date; requestId: string | null }>,
  rows: readonly Prepared[],
): Promise<void> {
  const { id: jobId, serviceId, templateId, templateVersion, templateType: type, apiKeyId, keyType } = job;
  const sender = type === 'sms' ? (defaultSender(service.smsSenders)?.text ?? deps.fromNumber) : null;
  const common = {
    jobId,
    serviceId,
    templateId,
    templateVersion,
    apiKeyId,
    keyType,
    type,
    createdAt,
    requestId,
  };
  const isNew = await storeRows(transaction.trx, { ...common, replyToText: job.replyToText ?? sender }, rows);
  const stored = rows.filter(({ id }) => isNew.has(id));
  const queue = deliverQueueFor({
    isPlatform: serviceId === platformServiceId,
    researchMode: service.researchMode,
    ...{ keyType, type },
  });
  const deliveries = stored
    .filter(({ givenUp }) => givenUp === null)
    .map(({ id }) => {
      const behind = deps.fairOrder.take(serviceId, priorities.csv);
      const priority = taskPriority(priorities.csv, Math.floor(behind / stepMilliseconds));
      return {
        queue,
        task: { id, payload: { notification_id: id, type }, priority, requestId: requestId ?? undefined },
      };
    });
  await sendDeliveries(transaction.send, deliveries);
}
