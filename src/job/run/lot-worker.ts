import { setImmediate } from 'node:timers/promises';
import { readRow } from '../../content/recipient/csv/row.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { Render } from '../../content/template/template.ts';
import type { Cache } from '../../database/cache.ts';
import { type Db, isOfValues, isTransient, isUnreachable } from '../../database/connection.ts';
import { createPartitionGuard } from '../../database/partitions.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, dayOf, stopwatch } from '../../ground/clock.ts';
import { derivedId } from '../../ground/id.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { deliverQueueFor, priorities, sendDeliveries, taskPriority } from '../../message/delivery/queue.ts';
import { type FairOrder, stepMilliseconds } from '../../message/submission/fair-order.ts';
import {
  type RowMessage,
  type RowsInCommon,
  storeRows,
  takeFitting,
} from '../../message/submission/store-rows.ts';
import type { Task, Verdict } from '../../queue/consume.ts';
import type { Queues } from '../../queue/queues.ts';
import type { QueueTransaction } from '../../queue/tasks.ts';
import { defaultSender, platformServiceId, type Service } from '../../tenant/service/service.ts';
import { columnsOf } from '../upload/row-check.ts';
import { findRecords, findUpload } from '../upload/store.ts';
import { type JobRecord, numberOfSingle } from './job.ts';
import { bulkQueues, type LotPayload, lotTask } from './queue.ts';
import { type ReadMessage, readMessage, unread } from './rows.ts';
import { addSingleLots, beginLot, endLot, findAnyJob, holdJob, type Lot } from './store.ts';
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
 * message (docs/decisions/0020). A row of which no message can be made holds up no other: in the same transaction it
 * becomes a lot by itself, and after the last try of that it is stored as given up.
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
        await ensureDays([idOf(job, lot, 0)]);
        await make(deps, { job, lot, service, requestId: task.carried ?? null }, task);
        await reportFinished(deps, jobId);
        return 'settled';
      });
    } catch (error) {
      if (isUnreachable(error) || task.signal.aborted) throw error;
      if (isTransient(error)) return { waitSeconds: 0 };
      const isLast = task.attempt >= deps.retries.limit;
      const rows = rowsOf(job, lot);
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

/** A row that cannot be stored. `message`: as given up, with as much of the row as could be read. */
type Failed = Readonly<{ message: Prepared; error: unknown }>;

type Sifted = Readonly<{ good: readonly Prepared[]; bad: readonly Failed[] }>;

/** `requestId`: of the request that made the job, or null. */
type Work = Readonly<{ job: JobRecord; lot: Lot; service: Service; requestId: string | null }>;

/** `index`: of the row within the lot. */
function idOf({ id }: JobRecord, { firstRow, beganAt }: Lot, index: number): string {
  return derivedId(beganAt.getTime(), index, `${id} ${firstRow + index}`);
}

/** Makes the messages of a lot. Throws if there is none that could be made, unless this was the last try. */
async function make(deps: LotDeps, work: Work, task: Task<LotPayload>): Promise<void> {
  const read = await prepare(deps, work, task.signal);
  if (read.bad.length === 0)
    try {
      return await store(deps, work, task, read.good);
    } catch (error) {
      if (!isOfValues(error)) throw error;
    }
  const stored = await sift(deps, work, read.good, task.signal);
  const bad = [...read.bad, ...stored.bad];
  if (stored.good.length > 0 || bad.length === 0) {
    if (bad.length > 0)
      deps.log.error(
        { err: bad[0]!.error, jobId: work.job.id, lot: task.payload.lot, rows: bad.length },
        'Rows of a job could not be made messages and are tried again by themselves',
      );
    return await store(deps, work, task, stored.good, bad);
  }
  if (task.attempt < deps.retries.limit) throw bad[0]!.error;
  await storeGivenUp(deps, work, task, bad);
}

/** After the last try: a row that cannot be made a message is one that says so, never nothing. */
async function storeGivenUp(
  deps: LotDeps,
  work: Work,
  task: Task<LotPayload>,
  bad: readonly Failed[],
): Promise<void> {
  const { job, lot } = work;
  deps.log.error(
    { err: bad[0]!.error, jobId: job.id, lot: task.payload.lot, rows: bad.length },
    `RETRY FAILED: task send_${job.templateType} failed for ${rowsOf(job, lot)}: they are given up`,
  );
  const messages = bad.map(({ message }) => message);
  try {
    await store(deps, work, task, messages);
  } catch (error) {
    if (!isOfValues(error)) throw error;
    // What the database refuses may be in what the row says: then nothing of it is kept but its number.
    const blank = { recipient: '', normalisedRecipient: '', clientReference: null };
    await store(
      deps,
      work,
      task,
      messages.map((row) => ({ ...row, ...blank, personalisation: sealed(deps, row.id, {}) })),
    );
  }
}

const rowsOf = ({ id }: JobRecord, { firstRow, rowCount }: Lot) =>
  `job ${id} row numbers ${firstRow} to ${firstRow + rowCount - 1}`;

const sealed = ({ cipher }: LotDeps, id: string, values: unknown) => cipher.seal(JSON.stringify(values), id);

/** The event loop is free again after reading and sealing rows for this long. */
const pauseMilliseconds = 10;

/** Makes messages of the rows of a lot. One that cannot be read, whatever the reason, is no fault of the others. */
async function prepare(deps: LotDeps, { job, lot, service }: Work, signal: AbortSignal): Promise<Sifted> {
  const { db, cipher, rates, render } = deps;
  const { firstRow, rowCount } = lot;
  const [template, upload] = await Promise.all([
    deps.templates.version(job.templateId, job.templateVersion),
    findUpload(db, cipher, job.serviceId, job.id),
  ]);
  if (!template || !upload) throw new Error(`Job ${job.id} lacks its template or upload`);
  const records = await findRecords(db, cipher, job.id, firstRow, firstRow + rowCount);
  if (records.length !== rowCount) throw new Error(`Job ${job.id} lacks rows of its upload`);
  const columns = columnsOf(template.content, upload);
  const rules = { service, keyType: job.keyType, content: template.content, rates, render };
  const good: Prepared[] = [];
  const bad: Failed[] = [];
  let elapsed = stopwatch();
  for (const [index, cells] of records.entries()) {
    const row = readRow(columns, firstRow + index, { cells, width: columns.width });
    const id = idOf(job, lot, index);
    const complete = ({ values, ...message }: ReadMessage): Prepared => ({
      ...message,
      clientReference: message.clientReference ?? job.reference,
      id,
      personalisation: sealed(deps, id, values.source),
    });
    try {
      good.push(complete(await readMessage(rules, row)));
    } catch (error) {
      signal.throwIfAborted();
      bad.push({ message: complete(unread(job.templateType, row)), error });
    }
    if (elapsed() < pauseMilliseconds) continue;
    await setImmediate();
    signal.throwIfAborted();
    elapsed = stopwatch();
  }
  return { good, bad };
}

/**
 * Which rows the database takes, tried in halves, with nothing kept. Throws if it fails for another reason than what is
 * in a row.
 */
async function sift(
  deps: LotDeps,
  work: Work,
  rows: readonly Prepared[],
  signal: AbortSignal,
): Promise<Sifted> {
  signal.throwIfAborted();
  if (rows.length === 0) return { good: [], bad: [] };
  const trx = await deps.db.startTransaction().execute();
  try {
    await storeRows(trx, inCommon(deps, work), rows);
    return { good: rows, bad: [] };
  } catch (error) {
    if (!isOfValues(error)) throw error;
    if (rows.length === 1) return { good: [], bad: [{ message: { ...rows[0]!, givenUp: 'error' }, error }] };
  } finally {
    await trx.rollback().execute();
  }
  const middle = rows.length >> 1;
  const first = await sift(deps, work, rows.slice(0, middle), signal);
  const second = await sift(deps, work, rows.slice(middle), signal);
  return { good: [...first.good, ...second.good], bad: [...first.bad, ...second.bad] };
}

/**
 * Stores the messages of a lot, unless its job was stopped or paused meanwhile: then the lot is left as it is. Each row
 * of `apart` becomes a lot by itself.
 */
async function store(
  deps: LotDeps,
  work: Work,
  task: Task<LotPayload>,
  prepared: readonly Prepared[],
  apart: readonly Failed[] = [],
): Promise<void> {
  const { id: jobId } = work.job;
  await deps.queues.transaction(async (transaction) => {
    const { trx, settle, send } = transaction;
    await settle([{ queue: task.queue, held: task.held, settlement: 'done' }]);
    const job = await holdJob(trx, jobId);
    if (job?.status !== 'in progress') return;
    const now = new Date(deps.clock.now());
    if (!(await endLot(trx, jobId, task.payload.lot, work.lot.beganAt, now))) return;
    const singles = apart.map(({ message: { jobRowNumber: row } }) => ({
      row,
      number: numberOfSingle(job, row),
    }));
    await addSingleLots(trx, jobId, singles);
    await send(
      bulkQueues[job.templateType],
      singles.map(({ number }) => lotTask(jobId, number, work.requestId ?? undefined)),
    );
    const rows = await withinLimitAbroad(transaction, job, work.service, prepared, now);
    await storeAll(deps, transaction, work, rows);
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

function inCommon({ fromNumber }: LotDeps, { job, lot, service, requestId }: Work): RowsInCommon {
  const { id: jobId, serviceId, templateId, templateVersion, templateType: type, apiKeyId, keyType } = job;
  const sender = type === 'sms' ? (defaultSender(service.smsSenders)?.text ?? fromNumber) : null;
  const replyToText = job.replyToText ?? sender;
  return {
    ...{ jobId, serviceId, templateId, templateVersion, apiKeyId, keyType, type },
    ...{ createdAt: lot.beganAt, replyToText, requestId },
  };
}

async function storeAll(
  deps: LotDeps,
  { trx, send }: QueueTransaction,
  work: Work,
  rows: readonly Prepared[],
): Promise<void> {
  const common = inCommon(deps, work);
  const { serviceId, keyType, type, requestId } = common;
  const statuses = await storeRows(trx, common, rows);
  const queue = deliverQueueFor({
    isPlatform: serviceId === platformServiceId,
    researchMode: work.service.researchMode,
    ...{ keyType, type },
  });
  const deliveries = rows
    .filter(({ id }) => statuses.get(id) === 'created')
    .map(({ id }) => {
      const behind = deps.fairOrder.take(serviceId, priorities.csv);
      const priority = taskPriority(priorities.csv, Math.floor(behind / stepMilliseconds));
      return {
        queue,
        task: { id, payload: { type }, priority, requestId: requestId ?? undefined },
      };
    });
  await sendDeliveries(send, deliveries);
}
