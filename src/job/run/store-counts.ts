import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import type { StatusCount } from './job.ts';

/**
 * The counts of jobs (docs/decisions/0023): whoever makes or changes messages appends the net changes to
 * `status_changes`, `statistics/totals` adds those of jobs to `job_totals`, and a reader adds both. `job_changes` holds
 * what processes of the release before append while they still run.
 */

/** What every one of these jobs has, by status; jobs without messages are left out. One statement sees one moment. */
export async function findJobCounts(
  db: DbOrTrx,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, readonly StatusCount[]>> {
  const { rows } = await sql<StatusCount & { jobId: string }>`
    select job_id as "jobId", status, sum(count)::int as count from (
      select job_id, status, count from job_totals where job_id = any(${jobIds}::uuid[])
      union all
      select job_id, status, count from status_changes where job_id = any(${jobIds}::uuid[])
      union all
      select job_id, status, change from job_changes where job_id = any(${jobIds}::uuid[])
    ) both_parts group by job_id, status having sum(count) <> 0 order by job_id, status`.execute(db);
  const counts = new Map<string, StatusCount[]>();
  for (const { jobId, status, count } of rows) {
    const known = counts.get(jobId);
    if (known) known.push({ status, count });
    else counts.set(jobId, [{ status, count }]);
  }
  return counts;
}

/**
 * Adds at most `limit` changes of the release before to the totals. Several may run at once: a change is taken by one of
 * them, and a reader sees it before or after. Returns how many.
 */
export async function foldCounts(db: DbOrTrx, limit: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with chosen as materialized (
      select id from job_changes order by id limit ${limit} for update skip locked
    ), taken as (
      delete from job_changes c using chosen where c.id = chosen.id returning c.job_id, c.status, c.change
    ), folded as (
      insert into job_totals as t (job_id, status, count)
      select job_id, status, sum(change) from taken group by job_id, status order by job_id, status
      on conflict (job_id, status) do update set count = t.count + excluded.count
    )
    select count(*)::int as count from taken`.execute(db);
  return rows[0]!.count;
}

/** Statuses of jobs whose rows no longer change. */
const ended = sql.raw(`('finished', 'finished all notifications created', 'cancelled')`);

/** Whether `foldCounts` or `settleCounts` may have something to do. */
export const hasCounts = sql<boolean>`exists (select from job_changes) or exists (
  select from jobs where final_at is null and status in ${ended})`;

/**
 * What the counts of jobs say about them: one whose rows are all stored has the status that says so (spec 05, section
 * 9.3), and one whose messages all have their final status is final. Returns how many changed.
 */
export async function settleCounts(db: DbOrTrx, open: readonly string[], now: Date): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    with counted as (
      select j.id, coalesce(sum(c.count), 0) as made,
        coalesce(sum(c.count) filter (where c.status = any(${open}::text[])), 0) as still_open
      from jobs j left join lateral (
        select status, count from job_totals where job_id = j.id
        union all
        select status, count from status_changes where job_id = j.id
        union all
        select status, change from job_changes where job_id = j.id
      ) c on true
      where j.final_at is null and j.status in ${ended}
      group by j.id
    )
    update jobs j set
      status = case when j.status = 'finished' and counted.made = j.notification_count
        then 'finished all notifications created' else j.status end,
      final_at = case when counted.still_open = 0 then ${now}::timestamptz end
    from counted where j.id = counted.id and j.status in ${ended}
      and (counted.still_open = 0 or (j.status = 'finished' and counted.made = j.notification_count))`.execute(
    db,
  );
  return Number(numAffectedRows);
}
