import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { JobRow } from '../../database/tables.ts';
import type { Job, JobRecord } from './job.ts';

/** The columns of a JobRecord, of `j` (jobs), `s`, `v` and `u` as `jobTables` joins them. */
export const jobColumns = sql`
  j.id, j.service_id as "serviceId", j.template_id as "templateId", j.template_version as "templateVersion",
  j.template_type as "templateType", j.original_file_name as "originalFileName",
  j.notification_count as "notificationCount", j.status, j.reply_to_text as "replyToText", j.reference, j.key_type as "keyType",
  j.api_key_id as "apiKeyId", j.created_by as "createdBy", j.created_at as "createdAt", j.updated_at as "updatedAt",
  j.scheduled_for as "scheduledFor", j.hold_until as "holdUntil", j.processing_started as "processingStarted",
  j.processing_finished as "processingFinished", j.final_at as "finalAt", j.resent_from as "resentFrom",
  j.contact_list_id as "contactListId", s.name as "serviceName",
  v.name as "templateName", u.name as "creatorName"`;
export const jobTables = sql`
  jobs j join services s on s.id = j.service_id
  join template_versions v on v.template_id = j.template_id and v.version = j.template_version
  left join users u on u.id = j.created_by`;

const one = async (db: DbOrTrx, condition: RawBuilder<unknown>): Promise<JobRecord | null> => {
  const { rows } = await sql<JobRecord>`select ${jobColumns} from ${jobTables} where ${condition}`.execute(
    db,
  );
  return rows[0] ?? null;
};

/** A job of a service; null if it has none with this id. */
export function findJob(db: DbOrTrx, serviceId: string, id: string): Promise<JobRecord | null> {
  return one(db, sql`j.id = ${id} and j.service_id = ${serviceId}`);
}

/** A job of any service; null if there is none. */
export function findAnyJob(db: DbOrTrx, id: string): Promise<JobRecord | null> {
  return one(db, sql`j.id = ${id}`);
}

/** A job of any service. Until the end of the transaction its status stays, and no lot of it is made. */
export function lockJob(trx: Trx, id: string): Promise<JobRecord | null> {
  return one(trx, sql`j.id = ${id} for no key update of j`);
}

/** A job of any service. Until the end of the transaction its status stays; lots can be made side by side. */
export function holdJob(trx: Trx, id: string): Promise<JobRecord | null> {
  return one(trx, sql`j.id = ${id} for share of j`);
}

export type NewJob = Omit<Job, 'updatedAt' | 'processingStarted' | 'processingFinished' | 'finalAt'>;

/** Adds the job of an upload that has none. */
export async function addJob(trx: Trx, job: NewJob): Promise<void> {
  await trx
    .insertInto('jobs')
    .values({
      ...{ id: job.id, service_id: job.serviceId, template_id: job.templateId },
      ...{ template_version: job.templateVersion, template_type: job.templateType },
      ...{ original_file_name: job.originalFileName, notification_count: job.notificationCount },
      ...{ status: job.status, reply_to_text: job.replyToText, key_type: job.keyType },
      ...{ api_key_id: job.apiKeyId, created_by: job.createdBy, created_at: job.createdAt },
      ...{ scheduled_for: job.scheduledFor, hold_until: job.holdUntil, updated_at: null },
      ...{ processing_started: null, processing_finished: null, final_at: null },
      ...{ resent_from: job.resentFrom, contact_list_id: job.contactListId, reference: job.reference },
    })
    .execute();
}

/** Keeps an upload at least until then. */
export async function keepUpload(trx: Trx, id: string, until: Date): Promise<void> {
  await sql`update uploads set expires_at = greatest(expires_at, ${until}) where id = ${id}`.execute(trx);
}

/** Changes a job that the transaction has locked. */
export async function setJob(
  trx: Trx,
  id: string,
  changes: Partial<Pick<JobRow, 'status' | 'processing_started' | 'processing_finished' | 'final_at'>>,
  at: Date,
): Promise<void> {
  await trx
    .updateTable('jobs')
    .set({ ...changes, updated_at: at })
    .where('id', '=', id)
    .execute();
}

/** Divides the rows of a job into lots. Returns their numbers. */
export async function addLots(
  trx: Trx,
  id: string,
  rowCount: number,
  rowsPerLot: number,
): Promise<readonly number[]> {
  const { rows } = await sql<{ number: number }>`
    insert into job_lots (job_id, number, first_row, row_count)
    select ${id}::uuid, number, number * ${rowsPerLot}::int, least(${rowsPerLot}::int, ${rowCount}::int - number * ${rowsPerLot}::int)
    from generate_series(0, (${rowCount}::int - 1) / ${rowsPerLot}::int) as number where ${rowCount}::int > 0
    returning number`.execute(trx);
  return rows.map(({ number }) => number);
}

/** Adds lots of one row each. */
export async function addSingleLots(
  trx: Trx,
  id: string,
  lots: readonly Readonly<{ row: number; number: number }>[],
): Promise<void> {
  if (lots.length === 0) return;
  await trx
    .insertInto('job_lots')
    .values(lots.map(({ row, number }) => ({ job_id: id, number, first_row: row, row_count: 1 })))
    .execute();
}

/** A lot that is about to be made. */
export type Lot = Readonly<{ firstRow: number; rowCount: number; beganAt: Date }>;

/** A try of a lot that began so long ago has left nothing: its messages get ids of today, which are kept from today on. */
const oldestTrySeconds = 3600;

/**
 * Records when a lot is first tried, from which the ids of its messages are made. null if there is nothing to make: it
 * is done, or its job does not go on.
 */
export async function beginLot(db: DbOrTrx, jobId: string, number: number, now: Date): Promise<Lot | null> {
  const { rows } = await sql<Lot>`
    update job_lots l set began_at = case
        when l.began_at > ${now}::timestamptz - ${oldestTrySeconds}::int * interval '1 second' then l.began_at else ${now} end
    where l.job_id = ${jobId} and l.number = ${number} and l.done_at is null
      and exists (select from jobs j where j.id = l.job_id and j.status = 'in progress')
    returning l.first_row as "firstRow", l.row_count as "rowCount", l.began_at as "beganAt"`.execute(db);
  return rows[0] ?? null;
}

/** Ends a lot, within the transaction that makes its messages. Returns false if it has been made, or is tried anew. */
export async function endLot(
  trx: Trx,
  jobId: string,
  number: number,
  beganAt: Date,
  now: Date,
): Promise<boolean> {
  const { rows } = await sql`
    update job_lots set done_at = ${now}
    where job_id = ${jobId} and number = ${number} and done_at is null and began_at = ${beganAt}
    returning number`.execute(trx);
  return rows.length > 0;
}

/** Deletes at most `limit` lots of jobs that have been final since before `before`. Returns how many. */
export async function deleteOldLots(db: DbOrTrx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from job_lots where ctid = any(array(
      select l.ctid from job_lots l join jobs j on j.id = l.job_id where j.final_at < ${before} limit ${limit}))`.execute(
    db,
  );
  return Number(numAffectedRows);
}

/** The numbers of the lots of a job that are not made. */
export async function findOpenLots(db: DbOrTrx, jobId: string): Promise<readonly number[]> {
  const { rows } = await sql<{ number: number }>`
    select number from job_lots where job_id = ${jobId} and done_at is null order by number`.execute(db);
  return rows.map(({ number }) => number);
}

/**
 * A job in progress whose lots are all made has finished. Call it after the commit of a lot: of several that end at
 * once, the last one sees all others. Returns the job if it has.
 */
export async function finishJob(db: DbOrTrx, id: string, now: Date): Promise<JobTimes | null> {
  const { rows } = await sql<JobTimes>`
    update jobs j set status = 'finished', processing_finished = ${now}, updated_at = ${now}
    where id = ${id} and status = 'in progress'
      and not exists (select from job_lots where job_id = j.id and done_at is null)
    returning id, created_at as "createdAt", processing_started as "processingStarted",
      processing_finished as "processingFinished"`.execute(db);
  return rows[0] ?? null;
}

export type JobTimes = Readonly<{
  id: string;
  createdAt: Date;
  processingStarted: Date;
  processingFinished: Date;
}>;

/**
 * Makes scheduled jobs pending whose time has passed, at most `limit`, earliest first (spec 05, section 2.1). Returns
 * them in that order.
 */
export async function releaseScheduled(trx: Trx, now: Date, limit: number): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string; scheduledFor: Date }>`
    with due as materialized (
      select id from jobs where status = 'scheduled' and scheduled_for < ${now}
      order by scheduled_for, id limit ${limit} for no key update
    )
    update jobs j set status = 'pending', updated_at = ${now} from due where j.id = due.id
    returning j.id, j.scheduled_for as "scheduledFor"`.execute(trx);
  return rows
    .toSorted((a, b) => a.scheduledFor.getTime() - b.scheduledFor.getTime() || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
}

/** A job that should be under way. */
export type LiveJob = Pick<Job, 'id' | 'status' | 'templateType'>;

/**
 * At most `limit` jobs with ids after `after` that have been pending or in progress since before `before`, and those
 * held back until before then.
 */
export async function findLate(
  db: DbOrTrx,
  before: Date,
  after: string,
  limit: number,
): Promise<readonly LiveJob[]> {
  const { rows } = await sql<LiveJob>`
    select id, status, template_type as "templateType" from jobs
    where status in ('pending', 'in progress') and id > ${after}
      and greatest(coalesce(updated_at, created_at), hold_until) < ${before}
    order by id limit ${limit}`.execute(db);
  return rows;
}

/**
 * At most `limit` messages of a stopped job, with row numbers after `after`, that are still to be sent: those that a
 * provider may have already are left out.
 */
export async function findUnsent(
  db: DbOrTrx,
  jobId: string,
  after: number,
  limit: number,
): Promise<readonly { id: string; row: number }[]> {
  const { rows } = await sql<{ id: string; row: number }>`
    select h.id, h.job_row_number as row from notification_history h
    where h.job_id = ${jobId} and h.job_row_number > ${after} and h.status = 'created' and not exists (
      select from attempts a where a.notification_id = h.id and (a.outcome is null or a.outcome = 'unknown'))
    order by h.job_row_number limit ${limit}`.execute(db);
  return rows;
}

/** How many messages of a job are still `created`, and may be with a provider already. */
export async function countUnderWay(db: DbOrTrx, jobId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from notification_history h
    where h.job_id = ${jobId} and h.status = 'created' and exists (
      select from attempts a where a.notification_id = h.id and (a.outcome is null or a.outcome = 'unknown'))`.execute(
    db,
  );
  return rows[0]!.count;
}
