import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import { idFloor } from '../../ground/id.ts';
import type { Circumstances } from '../../message/reading/admin/store.ts';
import { fetchedBytes } from '../../message/reading/store.ts';
import {
  factColumns,
  notificationColumns,
  type StoredNotification,
} from '../../message/status/notification.ts';
import type { Job, JobRecord } from '../run/job.ts';
import { jobColumns, jobTables } from '../run/store.ts';

/** Which jobs of a service are listed; null means no filter. */
export type JobFilter = Readonly<{
  serviceId: string;
  /** Created at this time or later. */
  since: Date | null;
  statuses: readonly string[] | null;
  templateId: string | null;
  createdBy: string | null;
  contactListId: string | null;
  /** A part of the name of the file, in any case. */
  name: string | null;
}>;

/** Jobs with these names are tests of a service's settings, and are not listed (spec 04, section 6.3). */
const unlisted = ['Test message', 'Report'];
/** The newest jobs that a list is made of: it is sorted by when they began. */
const mostListed = 10_000;

/** One page of jobs in the order of spec 04, section 6.3, and how many there are on all pages. */
export async function findJobs(
  db: DbOrTrx,
  { serviceId, since, statuses, templateId, createdBy, contactListId, name }: JobFilter,
  { page, pageSize }: Readonly<{ page: number; pageSize: number }>,
): Promise<{ total: number; jobs: readonly JobRecord[] }> {
  const { rows } = await sql<{ total: number; ids: readonly string[] }>`
    with matching as materialized (
      select j.id, j.processing_started, j.created_at from jobs j
      where j.service_id = ${serviceId} and j.original_file_name <> all(${unlisted}::text[])
        ${since === null ? sql`` : sql`and j.created_at >= ${since}`}
        ${statuses === null ? sql`` : sql`and j.status = any(${statuses}::text[])`}
        ${templateId === null ? sql`` : sql`and j.template_id = ${templateId}`}
        ${createdBy === null ? sql`` : sql`and j.created_by = ${createdBy}`}
        ${contactListId === null ? sql`` : sql`and j.contact_list_id = ${contactListId}`}
        ${name === null ? sql`` : sql`and strpos(lower(j.original_file_name), lower(${name})) > 0`}
      order by j.service_id desc, j.created_at desc, j.id desc limit ${mostListed}
    )
    select (select count(*)::int from matching) as total, array(
      select id from matching order by processing_started desc nulls first, created_at desc, id desc
      limit ${pageSize} offset ${(page - 1) * pageSize}
    ) as ids`.execute(db);
  const { total, ids } = rows[0]!;
  const found = await sql<JobRecord>`
    select ${jobColumns} from ${jobTables} where j.id = any(${ids}::uuid[])`.execute(db);
  const byId = new Map(found.rows.map((job) => [job.id, job]));
  return { total, jobs: ids.flatMap((id) => byId.get(id) ?? []) };
}

/** How many jobs of a service wait for their time, and when the first of them is due. */
export async function countScheduled(
  db: DbOrTrx,
  serviceId: string,
): Promise<Readonly<{ count: number; soonest: Date | null }>> {
  const { rows } = await sql<{ count: number; soonest: Date | null }>`
    select count(*)::int as count, min(scheduled_for) as soonest from jobs
    where status = 'scheduled' and service_id = ${serviceId}`.execute(db);
  return rows[0]!;
}

/** Which messages of a job are read: row numbers from `from` to before `until`, of these statuses. */
export type RowRange = Readonly<{
  from: number;
  until: number | null;
  /** null: all. */
  statuses: readonly string[] | null;
  limit: number;
  /** Whether their values are read too, which may be large; else they are empty. */
  withValues: boolean;
}>;

/** No job has so many rows. */
const lastRow = 2_147_483_647;
/** Clocks may differ by so much; a message of a job is not made before the job. */
const skewMilliseconds = 3_600_000;

/**
 * Messages of a job that are kept, by row number, as far as one statement may fetch: at most `limit`, fewer if they are
 * large, and none only if there is nothing more. It walks the index over jobs and rows; a job has at most 100,000.
 */
export async function findRows(
  db: DbOrTrx,
  { id, createdAt }: Pick<Job, 'id' | 'createdAt'>,
  { from, until, statuses, limit, withValues }: RowRange,
): Promise<readonly StoredNotification[]> {
  const floor = idFloor(createdAt.getTime() - skewMilliseconds);
  const columns = withValues
    ? notificationColumns
    : sql`${factColumns}, ''::bytea as personalisation, null as "createdBy"`;
  const { rows } = await sql<StoredNotification>`
    with found as materialized (
      select h.id from notification_history h
        cross join lateral (select from notifications where id = h.id limit 1) n
      where h.job_id = ${id} and h.job_row_number >= ${from} and h.job_row_number < ${until ?? lastRow}
        and h.id >= ${floor} ${statuses === null ? sql`` : sql`and h.status = any(${statuses}::text[])`}
      order by h.job_id, h.job_row_number limit ${limit}
    ), sized as (
      select shown.*, sum(octet_length(personalisation)) over (order by "jobRowNumber")
        - octet_length(personalisation) as preceding
      from (
        select ${columns} from found
        cross join lateral (select * from notifications where id = found.id limit 1) n
        cross join lateral (select * from notification_history where id = found.id limit 1) h
      ) shown
    )
    select * from sized where preceding < ${fetchedBytes} order by "jobRowNumber"`.execute(db);
  return rows;
}

/** So many messages that failed alike. */
export type FailureCount = Pick<Circumstances, 'suppressed' | 'givenUp' | 'isReported'> &
  Pick<StoredNotification, 'status'> &
  Readonly<{ wasTried: boolean; count: number }>;

/**
 * How many of the first `most` failed messages of a job that are kept failed in which way. It walks the index over jobs and
 * rows, and looks at the attempts and receipts of those that failed.
 */
export async function countFailures(
  db: DbOrTrx,
  { id, createdAt }: Pick<Job, 'id' | 'createdAt'>,
  statuses: readonly string[],
  most: number,
): Promise<readonly FailureCount[]> {
  const floor = idFloor(createdAt.getTime() - skewMilliseconds);
  const { rows } = await sql<FailureCount>`
    with failed as materialized (
      select h.id, h.status, h.suppressed, h.given_up from notification_history h
        cross join lateral (select from notifications where id = h.id limit 1) n
      where h.job_id = ${id} and h.id >= ${floor} and h.status = any(${statuses}::text[])
      order by h.job_id, h.job_row_number limit ${most}
    )
    select status, suppressed, given_up as "givenUp", tries.count > 0 as "wasTried",
      tries.refused or exists (select from receipts where notification_id = failed.id and ignored is null) as "isReported",
      count(*)::int as count
    from failed cross join lateral (
      select count(*), coalesce(bool_or(outcome = 'rejected'), false) as refused from attempts
      where notification_id = failed.id
    ) tries
    group by 1, 2, 3, 4, 5`.execute(db);
  return rows;
}
