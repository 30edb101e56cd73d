import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { Period } from '../totals/periods.ts';
import { costUnits } from '../totals/store.ts';

/**
 * How many units each service has free in a financial year: those of the last year up to it for which they are set, else
 * `usual`. `serviceIds` null: of all that have any of their own.
 */
export async function findAllowances(
  db: DbOrTrx,
  serviceIds: readonly string[] | null,
  year: number,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ id: string; units: number }>`
    select distinct on (service_id) service_id as id, units from free_allowances
    where year <= ${year} ${serviceIds === null ? sql`` : sql`and service_id = any(${serviceIds}::uuid[])`}
    order by service_id, year desc`.execute(db);
  return new Map(rows.map(({ id, units }) => [id, units]));
}

/** Units that one service has free in each of these financial years. `usual`: without any that are set. */
export async function findAllowancesOf(
  db: DbOrTrx,
  serviceId: string,
  years: readonly number[],
  usual: number,
): Promise<ReadonlyMap<number, number>> {
  const { rows } = await sql<{ year: number; units: number | null }>`
    select asked.year, (
      select units from free_allowances where service_id = ${serviceId} and year <= asked.year order by year desc limit 1
    ) as units from unnest(${years}::int[]) asked (year)`.execute(db);
  return new Map(rows.map(({ year, units }) => [year, units ?? usual]));
}

/** Sets the units of a financial year, and of later ones that are set already. */
export async function setAllowance(
  trx: Trx,
  serviceId: string,
  {
    year,
    units,
    current,
    usual,
    at,
  }: Readonly<Record<'year' | 'units' | 'current' | 'usual', number>> & {
    at: Date;
  },
): Promise<void> {
  // What is set for a year that is over does not change this one.
  if (year < current) await keepAllowances(trx, { year: current, usual, at, serviceId });
  await sql`
    insert into free_allowances (service_id, year, units, updated_at) values (${serviceId}, ${year}, ${units}, ${at})
    on conflict (service_id, year) do update set units = excluded.units, updated_at = excluded.updated_at`.execute(
    trx,
  );
  if (year >= current)
    await sql`
      update free_allowances set units = ${units}, updated_at = ${at} where service_id = ${serviceId} and year > ${year}`.execute(
      trx,
    );
}

/**
 * Writes down what services have free in a financial year, if it is not yet: as much as in the year before. Returns how
 * many were written. `serviceId`: only of that one.
 */
export async function keepAllowances(
  db: DbOrTrx,
  { year, usual, at, serviceId }: Readonly<{ year: number; usual: number; at: Date; serviceId?: string }>,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    insert into free_allowances (service_id, year, units, updated_at)
    select s.id, ${year}, coalesce((
      select units from free_allowances a where a.service_id = s.id and a.year < ${year} order by a.year desc limit 1
    ), ${usual}::int), ${at}
    from services s where not exists (select from free_allowances a where a.service_id = s.id and a.year = ${year})
      ${serviceId === undefined ? sql`` : sql`and s.id = ${serviceId}`}
    on conflict (service_id, year) do nothing`.execute(db);
  return Number(numAffectedRows);
}

export type JobUnits = Readonly<{
  id: string;
  name: string;
  type: 'sms' | 'email';
  /** On which it began, in the business zone. */
  day: string;
  messages: number;
  units: number;
}>;

/**
 * What the messages of jobs count as, of those that began in a period and were paid for; latest first, at most `limit`.
 * The log of the release before, `job_changes`, has no units.
 */
export async function findJobUnits(
  db: DbOrTrx,
  serviceId: string,
  { from, to, statuses, limit }: Period & Readonly<{ statuses: readonly string[]; limit: number }>,
): Promise<readonly JobUnits[]> {
  const began = sql`coalesce(j.scheduled_for, j.created_at)`;
  const start = (day: string) => sql`(${day}::date::timestamp at time zone 'Europe/London')`;
  const { rows } = await sql<JobUnits>`
    select j.id, j.original_file_name as name, j.template_type as type,
      (${began} at time zone 'Europe/London')::date::text as day, counted.messages, counted.units
    from jobs j join lateral (
      select sum(count)::float8 as messages, sum(cost_units)::float8 as units from (
        select count, cost_units from job_totals where job_id = j.id and status = any(${statuses}::text[])
        union all
        select count, ${costUnits} from status_changes where job_id = j.id and status = any(${statuses}::text[])
      ) both_parts
    ) counted on counted.messages > 0
    where j.service_id = ${serviceId} and j.key_type <> 'test' and ${began} >= ${start(from)}
      and ${began} < ${sql`((${to}::date + 1)::timestamp at time zone 'Europe/London')`}
    order by ${began} desc, j.id limit ${limit}`.execute(db);
  return rows;
}
