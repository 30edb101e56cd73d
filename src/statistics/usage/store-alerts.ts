import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';

/** An amount at which the people of a service are told, in the month or in the financial year. */
export type CostAlert = Readonly<{
  serviceId: string;
  period: AlertPeriod;
  /** Pounds. */
  amount: number;
  updatedAt: Date;
  /** When they were told of this amount last; null if they never were. */
  toldAt: Date | null;
}>;
export type AlertPeriod = 'month' | 'year';

/** The first days of the present month and of the financial year. */
export type Starts = Readonly<Record<AlertPeriod, string>>;

export async function findCostAlerts(db: DbOrTrx, serviceId: string): Promise<readonly CostAlert[]> {
  const { rows } = await sql<CostAlert>`
    select service_id as "serviceId", period, amount::float8 as amount, updated_at as "updatedAt", (
      select max(told_at) from cost_alerts_told t
      where t.service_id = a.service_id and t.period = a.period and t.amount = a.amount
    ) as "toldAt"
    from cost_alerts a where service_id = ${serviceId} order by period`.execute(db);
  return rows;
}

/** `amount` null: there is none any more. */
export async function setCostAlert(
  trx: Trx,
  serviceId: string,
  { period, amount, at }: Readonly<{ period: AlertPeriod; amount: number | null; at: Date }>,
): Promise<void> {
  if (amount === null)
    await sql`delete from cost_alerts where service_id = ${serviceId} and period = ${period}`.execute(trx);
  else
    await sql`
      insert into cost_alerts (service_id, period, amount, updated_at)
      values (${serviceId}, ${period}, ${amount}::numeric, ${at})
      on conflict (service_id, period) do update set amount = excluded.amount, updated_at = excluded.updated_at`.execute(
      trx,
    );
}

export type OpenAlert = Pick<CostAlert, 'serviceId' | 'period' | 'amount'> &
  Readonly<{ serviceName: string }>;

/** Amounts of which nobody has been told in the present periods, of at most `limit` services after one, in order. */
export async function findOpenAlerts(
  db: DbOrTrx,
  starts: Starts,
  after: string | null,
  limit: number,
): Promise<readonly OpenAlert[]> {
  const { rows } = await sql<OpenAlert>`
    with open_ones as (
      select a.service_id, a.period, a.amount from cost_alerts a
      where ${after === null ? sql`true` : sql`a.service_id > ${after}`} and not exists (
        select from cost_alerts_told t where t.service_id = a.service_id and t.period = a.period
          and t.amount = a.amount and t.starts_on = ${startOf(starts)})
    ), chosen as (select distinct service_id from open_ones order by service_id limit ${limit})
    select s.id as "serviceId", s.name as "serviceName", a.period, a.amount::float8 as amount
    from open_ones a join chosen using (service_id) join services s on s.id = a.service_id
    order by s.id, a.period`.execute(db);
  return rows;
}

const startOf = (starts: Starts) =>
  sql`case a.period when 'month' then ${starts.month}::date else ${starts.year}::date end`;

/**
 * Records that people are told; false if somebody else has done so, or the amount is not wanted any more. The transaction
 * also stores their messages, so each amount is told of once in a period, whoever crashes.
 */
export async function markTold(
  trx: Trx,
  { serviceId, period, amount }: Pick<CostAlert, 'serviceId' | 'period' | 'amount'>,
  starts: Starts,
  at: Date,
): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    insert into cost_alerts_told (service_id, period, starts_on, amount, told_at)
    select a.service_id, a.period, ${startOf(starts)}, a.amount, ${at} from cost_alerts a
    where a.service_id = ${serviceId} and a.period = ${period} and a.amount = ${amount}::numeric
    on conflict (service_id, period, starts_on, amount) do nothing`.execute(trx);
  return numAffectedRows > 0n;
}
