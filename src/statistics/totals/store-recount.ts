import { type RawBuilder, sql } from 'kysely';
import { type Db, type DbOrTrx, isTransient, type Trx } from '../../database/connection.ts';
import { dayAfter, dayOf, dayStart } from '../../ground/clock.ts';
import { idFloor, idMarginMilliseconds } from '../../ground/id.ts';
import { delaysOf, fixedFacts, putRareStatusesRight } from '../../message/status/status.ts';
import { alone, costUnits, foldAll } from './store.ts';

/** Counts a day of the history again, to see whether the totals are right, or to put them right. */

/** The messages of a day, by the range of their ids and then by their time. */
const isOfDay = (day: string) => sql`h.id >= ${idFloor(dayStart(day) - idMarginMilliseconds)}
    and h.id < ${idFloor(dayStart(dayAfter(day, 1)) + idMarginMilliseconds)}
    and h.created_at >= ${new Date(dayStart(day))} and h.created_at < ${new Date(dayStart(dayAfter(day, 1)))}`;
const ofDay = (day: string) => sql`notification_history h where ${isOfDay(day)}`;

type Total = Readonly<{
  table: 'status_totals' | 'month_totals' | 'platform_totals' | 'job_totals' | 'delay_totals';
  key: readonly string[];
  values: readonly string[];
  /** Columns that are stored and not compared. */
  more: readonly string[];
  /** What the table holds of the day. */
  where: RawBuilder<unknown>;
  /** What is not folded yet, with the columns of `key` and `values`. */
  pending: RawBuilder<unknown>;
  /** What the history says, with all columns. */
  counted: RawBuilder<unknown>;
}>;

const list = (columns: readonly string[]) => sql.join(columns.map((column) => sql.ref(column)));

const kinds = [
  'day',
  'notification_type',
  'key_type',
  'via_api',
  'status',
  'provider',
  'international',
] as const;
const serviceKey = [...kinds, 'service_id', 'template_id', 'rate_multiplier'];
const monthKey = ['month', ...serviceKey.filter((one) => one !== 'day')];
const delayKey = ['day', 'notification_type', 'provider', 'via_api', 'measure', 'bucket'];

/** `jobs`: those with messages of the day; their totals are over all days. */
function totalsOf(day: string, jobs: readonly string[]): readonly Total[] {
  const where = sql`day = ${day}::date`;
  const month = `${day.slice(0, 7)}-01`;
  const ofMonth = sql`date_trunc('month', day)::date as month, ${list(monthKey.slice(1))}`;
  const ofJobs = sql`job_id = any(${jobs}::uuid[])`;
  const messages = sql`(select ${fixedFacts('h')}, h.status, h.sent_by as provider, h.billable_units as units, h.created_at
    from ${ofDay(day)}) m`;
  return [
    {
      ...{ table: 'status_totals', key: serviceKey, values: ['count', 'units'], more: ['last_at'], where },
      pending: sql`select ${list(serviceKey)}, count, units from status_changes where ${where}`,
      counted: sql`select ${list(serviceKey)}, count(*) as count, sum(units) as units, max(created_at) as last_at
        from ${messages} group by ${list(serviceKey)}`,
    },
    {
      // What is folded of its days, of which this one has been counted just before.
      ...{ table: 'month_totals', key: monthKey, values: ['count', 'units'], more: ['last_at'] },
      where: sql`month = ${month}::date`,
      pending: sql`select ${ofMonth}, count, units from status_changes where false`,
      counted: sql`select ${ofMonth}, sum(count) as count, sum(units) as units, max(last_at) as last_at
        from status_totals where day >= ${month}::date and day < ${month}::date + interval '1 month'
        group by ${list(monthKey)} having sum(count) <> 0 or sum(units) <> 0`,
    },
    {
      ...{ table: 'platform_totals', key: kinds, values: ['count', 'units', 'cost_units'], more: [], where },
      pending: sql`select ${list(kinds)}, count, units, ${costUnits} as cost_units from status_changes where ${where}`,
      counted: sql`select ${list(kinds)}, count(*) as count, sum(units) as units, sum(${costUnits}) as cost_units
        from ${messages} group by ${list(kinds)}`,
    },
    {
      ...{ table: 'job_totals', key: ['job_id', 'status'], values: ['count', 'cost_units'], more: [] },
      where: ofJobs,
      pending: sql`select job_id, status, count, ${costUnits} as cost_units from status_changes where ${ofJobs}
        union all select job_id, status, change, 0 from job_changes where ${ofJobs}`,
      counted: sql`select job_id, status, count(*) as count,
          sum(billable_units * coalesce(rate_multiplier, 1)) as cost_units
        from notification_history where ${ofJobs} group by job_id, status`,
    },
    {
      ...{ table: 'delay_totals', key: delayKey, values: ['count'], more: [], where },
      pending: sql`select ${list(delayKey)}, count from delay_changes where ${where}`,
      counted: sql`select ${list(delayKey)}, count(*) as count from (
          select ${fixedFacts('h')}, h.sent_by as provider, d.*
          from (select * from ${ofDay(day)} and h.key_type <> 'test' and h.sent_by is not null) h
          cross join lateral (values ${delaysOf('h')}) d (measure, bucket) where d.bucket is not null
        ) m group by ${list(delayKey)}`,
    },
  ];
}

async function findJobs(trx: Trx, day: string): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select distinct h.job_id as id from ${ofDay(day)} and h.job_id is not null`.execute(trx);
  return rows.map(({ id }) => id);
}

/** A total that is not what the history says. `totals` null: it lacks; `history` null: there are no such messages. */
export type Drift = Readonly<{
  table: string;
  key: readonly unknown[];
  totals: readonly number[] | null;
  history: readonly number[] | null;
}>;

const mostShown = 20;

/**
 * The differences between totals and history for the messages of a day (YYYY-MM-DD), at most 20 of each table, and how
 * many there are. All at one moment; nothing has to stop for it.
 */
export async function findDrift(
  db: Db,
  day: string,
): Promise<Readonly<{ count: number; examples: readonly Drift[] }>> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      await sql`set local statement_timeout = '15min'`.execute(trx);
      let count = 0;
      const examples: Drift[] = [];
      for (const total of totalsOf(day, await findJobs(trx, day))) {
        const found = await compare(trx, total);
        count += found[0]?.all ?? 0;
        examples.push(...found.map(({ all: _, ...drift }) => ({ table: total.table, ...drift })));
      }
      return { count, examples };
    });
}

async function compare(trx: Trx, { table, key, values, where, pending, counted }: Total) {
  const sums = sql.join(values.map((column) => sql`sum(${sql.ref(column)}) as ${sql.ref(column)}`));
  const isSome = sql.join(
    values.map((column) => sql`${sql.ref(column)} <> 0`),
    sql` or `,
  );
  const pair = sql`jsonb_build_array(${list(key)}) as key, jsonb_build_array(${list(values)}) as value`;
  const { rows } = await sql<Omit<Drift, 'table'> & { all: number }>`
    with totals as (
      select ${list(key)}, ${sums} from (
        select ${list([...key, ...values])} from ${sql.table(table)} where ${where} union all ${pending}
      ) both_parts group by ${list(key)}
    ), kept as (
      select ${pair} from totals where ${isSome}
    ), counted as (
      select ${pair} from (${counted}) c
    )
    select coalesce(k.key, c.key) as key, k.value as totals, c.value as history, count(*) over () as all
    from kept k full join counted c on c.key = k.key
    where k.value is distinct from c.value limit ${mostShown}`.execute(trx);
  return rows;
}

/**
 * Replaces the totals of a day by what the history says, exactly, while messages flow: the transaction sees one moment
 * of the history and of the changes. What it sees of the changes is folded and then replaced; what comes later is folded
 * onto the new totals. `due`: it is entered in `figures_due` for that time or before, which is done with it.
 */
export async function rebuildDay(db: Db, day: string, due: Date | null = null): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await alone(db, (trx) => rebuild(trx, day, due));
    } catch (error) {
      // A process of the release before may have folded at the same time.
      if (!isTransient(error) || attempt === mostAttempts) throw error;
    }
  }
}

const mostAttempts = 5;

async function rebuild(trx: Trx, day: string, due: Date | null): Promise<void> {
  await foldAll(trx, null);
  const jobs = await findJobs(trx, day);
  await sql`delete from job_changes where job_id = any(${jobs}::uuid[])`.execute(trx);
  for (const { table, key, values, more, where, counted } of totalsOf(day, jobs)) {
    await sql`delete from ${sql.table(table)} where ${where}`.execute(trx);
    const columns = list([...key, ...values, ...more]);
    await sql`insert into ${sql.table(table)} (${columns}) select ${columns} from (${counted}) c`.execute(
      trx,
    );
  }
  // Processes of a release without it do not write this either.
  await putRareStatusesRight(trx, isOfDay(day));
  if (due) await sql`delete from figures_due where day = ${day}::date and due_at <= ${due}`.execute(trx);
}

/** The newest day that is due to be counted from the history; null if none is. */
export async function findDueDay(db: DbOrTrx, now: Date): Promise<string | null> {
  const { rows } = await sql<{ day: string }>`
    select day::text from figures_due where due_at <= ${now} order by figures_due.day desc limit 1`.execute(
    db,
  );
  return rows[0]?.day ?? null;
}

/** The business zone's day of the oldest message; null if there is none. */
export async function findFirstDay(db: DbOrTrx): Promise<string | null> {
  const row = await db
    .selectFrom('notification_history')
    .select('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return row ? dayOf(row.created_at.getTime()) : null;
}
