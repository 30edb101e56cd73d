import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Report } from './report.ts';

const columns = sql`id, service_id as "serviceId", user_id as "userId", notification_type as "notificationType",
  notification_status as "notificationStatus", job_id as "jobId", filter, status, reason, parts, row_count as "rowCount",
  created_at as "createdAt", updated_at as "updatedAt"`;

export type NewReport = Omit<Report, 'status' | 'reason' | 'parts' | 'rowCount' | 'updatedAt'>;

/** Until the end of the transaction, no other one adds reports to the service. Returns how many it keeps. */
export async function lockReports(trx: Trx, serviceId: string): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended('despatch.report_requests ' || ${serviceId}::text, 0))`.execute(
    trx,
  );
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from report_requests
    where service_id = ${serviceId} and status <> 'failed'`.execute(trx);
  return rows[0]!.count;
}

/** The same request of the same person that is under way, and was touched since then; null if there is none. */
export async function findSameReport(db: DbOrTrx, asked: NewReport, since: Date): Promise<Report | null> {
  const { rows } = await sql<Report>`
    select ${columns} from report_requests
    where service_id = ${asked.serviceId} and user_id = ${asked.userId} and status in ('pending', 'in progress')
      and notification_type = ${asked.notificationType} and notification_status = ${asked.notificationStatus}
      and job_id is not distinct from ${asked.jobId}::uuid and filter = ${JSON.stringify(asked.filter)}::jsonb
      and coalesce(updated_at, created_at) > ${since}
    order by created_at desc limit 1`.execute(db);
  return rows[0] ?? null;
}

export async function addReport(trx: Trx, report: NewReport): Promise<Report> {
  const { rows } = await sql<Report>`
    insert into report_requests (id, service_id, user_id, notification_type, notification_status, job_id, filter, status,
      parts, row_count, characters, created_at)
    values (${report.id}, ${report.serviceId}, ${report.userId}, ${report.notificationType}, ${report.notificationStatus},
      ${report.jobId}, ${JSON.stringify(report.filter)}::jsonb, 'pending', 0, 0, 0, ${report.createdAt})
    returning ${columns}`.execute(trx);
  return rows[0]!;
}

/** A report of a service; null if it has none with this id. */
export async function findReport(db: DbOrTrx, serviceId: string, id: string): Promise<Report | null> {
  const { rows } = await sql<Report>`
    select ${columns} from report_requests where id = ${id} and service_id = ${serviceId}`.execute(db);
  return rows[0] ?? null;
}

/** The reports of a service, the newest first; those that failed count too, at most `limit`. */
export async function findReports(db: DbOrTrx, serviceId: string, limit: number): Promise<readonly Report[]> {
  const { rows } = await sql<Report>`
    select ${columns} from report_requests where service_id = ${serviceId}
    order by service_id desc, created_at desc limit ${limit}`.execute(db);
  return rows;
}

/** A report whose file is to be written, and where it goes on: null at the beginning. */
export type OpenReport = Report & Readonly<{ characters: number; place: unknown }>;

/** Sets a report in progress, or finds it so after a crash. null if there is nothing to write. */
export async function beginReport(db: DbOrTrx, id: string, at: Date): Promise<OpenReport | null> {
  const { rows } = await sql<OpenReport>`
    update report_requests set status = 'in progress', updated_at = ${at}
    where id = ${id} and status in ('pending', 'in progress')
    returning ${columns}, characters::float8 as characters, place`.execute(db);
  return rows[0] ?? null;
}

/** The next part of a report. `place`: where it goes on after it; null: it is the last. `content`: packed. */
export type NewPart = Readonly<{ content: string; messages: number; characters: number; place: unknown }>;

/**
 * Adds part `number`, with where to go on, in one statement. Returns false if it is there already, because another
 * process writes the report too, or if the report was deleted.
 */
export async function addPart(
  db: DbOrTrx,
  cipher: Cipher,
  id: string,
  number: number,
  { content, messages, characters, place }: NewPart,
  at: Date,
): Promise<boolean> {
  const { rows } = await sql`
    with moved as (
      update report_requests set parts = parts + 1, row_count = row_count + ${messages}::int, updated_at = ${at},
        characters = characters + ${characters}::bigint, place = ${place === null ? null : JSON.stringify(place)}::jsonb,
        status = ${place === null ? 'stored' : 'in progress'}
      where id = ${id} and status = 'in progress' and parts = ${number} returning id
    )
    insert into report_parts (report_id, number, content)
    select id, ${number}::int, ${cipher.seal(content, partContext(id, number))} from moved returning number`.execute(
    db,
  );
  return rows.length > 0;
}

/** The content of a part, packed; null if the report was deleted. */
export async function findPart(
  db: DbOrTrx,
  cipher: Cipher,
  id: string,
  number: number,
): Promise<string | null> {
  const { rows } = await sql<{ content: Buffer }>`
    select content from report_parts where report_id = ${id} and number = ${number}`.execute(db);
  return rows[0] ? cipher.open(rows[0].content, partContext(id, number)) : null;
}

/** Ends a report that cannot be written, and deletes what there is of it. */
export async function failReport(trx: Trx, id: string, reason: string, at: Date): Promise<void> {
  const { numAffectedRows = 0n } = await sql`
    update report_requests set status = 'failed', reason = ${reason}, parts = 0, row_count = 0, characters = 0, place = null,
      updated_at = ${at}
    where id = ${id} and status = 'in progress'`.execute(trx);
  if (numAffectedRows > 0n) await sql`delete from report_parts where report_id = ${id}`.execute(trx);
}

/** Returns false if there is no such report. */
export async function deleteReport(trx: Trx, serviceId: string, id: string): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    delete from report_requests where id = ${id} and service_id = ${serviceId}`.execute(trx);
  return numAffectedRows > 0n;
}

/** Deletes at most `limit` reports from before `before`. Returns how many. */
export async function deleteOldReports(db: DbOrTrx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from report_requests where id = any(array(
      select id from report_requests where created_at < ${before} limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

function partContext(id: string, number: number): string {
  return `${id} ${number} report`;
}
