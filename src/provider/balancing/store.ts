import { sql } from 'kysely';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import { idFloor } from '../../ground/id.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { keepVersions } from '../store.ts';
import type { BalancedProvider, Shift, Slowness } from './shift.ts';

export type StoreDeps = Readonly<{ metrics: Metrics }>;

const day = 86_400_000;

const textProviders = (db: DbOrTrx) =>
  db
    .selectFrom('providers')
    .select([
      'id',
      'identifier',
      'notification_type as notificationType',
      'priority',
      'active',
      'updated_at as changedAt',
    ])
    .where('notification_type', '=', 'sms')
    .orderBy('id');

export async function findTextProviders(db: DbOrTrx): Promise<readonly BalancedProvider[]> {
  return await textProviders(db).execute();
}

/** The same, locked until the transaction ends, so that shifts cannot overlap. */
export async function lockTextProviders(trx: Trx): Promise<readonly BalancedProvider[]> {
  return await textProviders(trx).forUpdate().execute();
}

/** Writes shifts, each as a version. `by`: the id of the user who made them, ignored if there is none. */
export async function applyShifts(
  trx: Trx,
  shifts: readonly Shift[],
  { by, now }: Readonly<{ by: string; now: Date }>,
): Promise<void> {
  const column = <T>(pick: (shift: Shift) => T) => shifts.map(pick);
  await sql`
    update providers p set priority = input.priority, reason = input.reason, version = p.version + 1, updated_at = ${now},
      created_by = (select id from users where id = ${by})
    from unnest(${column(({ id }) => id)}::uuid[], ${column(({ priority }) => priority)}::int[],
      ${column(({ reason }) => reason)}::text[]) as input (id, priority, reason)
    where p.id = input.id`.execute(trx);
  await keepVersions(
    trx,
    column(({ id }) => id),
  );
}

/** The texts that `ordered` checks for slowness. */
export type SlowCheck = Readonly<{
  serviceId: string;
  templateId: string;
  provider: string;
  /** Sent at or after this. */
  since: Date;
  /** A text is slow if its delivery took this long or longer. */
  seconds: number;
}>;

/** How many of these texts were slow (spec 05, section 4). A text is sent within a day of its creation. */
export function countSlowTexts({ metrics }: StoreDeps, db: Db, check: SlowCheck): Promise<number> {
  return metrics.timed('dao', 'is_delivery_slow_for_provider', async () => {
    const { rows } = await sql<{ count: number }>`
      select count(*) from notifications n join notification_history h on h.id = n.id
      where n.service_id = ${check.serviceId} and n.id >= ${idFloor(check.since.getTime() - day)}::uuid
        and h.id >= ${idFloor(check.since.getTime() - day)}::uuid
        and h.template_id = ${check.templateId} and h.sent_by = ${check.provider} and h.status = 'delivered'
        and h.sent_at >= ${check.since} and h.updated_at - h.sent_at >= ${check.seconds} * interval '1 second'`.execute(
      db,
    );
    return rows[0]!.count;
  });
}

/**
 * By provider, how many texts created since `since` took `seconds` or longer, or are still waiting after that
 * (`weighted`).
 */
export function findSlowness(
  { metrics }: StoreDeps,
  db: Db,
  since: Date,
  seconds: number,
  now: Date,
): Promise<readonly Slowness[]> {
  return metrics.timed('dao', 'get_slow_text_message_delivery_reports_by_provider', async () => {
    const { rows } = await sql<Slowness>`
      select sent_by as identifier, count(*) as "all", count(*) filter (
          where (case when status = 'delivered' then updated_at else ${now}::timestamptz end) - sent_at >= ${seconds} * interval '1 second'
        ) as slow
      from notification_history
      where id >= ${idFloor(since.getTime())}::uuid and notification_type = 'sms' and sent_at is not null
        and sent_by is not null and status in ('delivered', 'pending', 'sending') and key_type <> 'test'
      group by sent_by`.execute(db);
    return rows;
  });
}

const longestMilliseconds = 2000;

/** The share of a provider's texts that was not delivered within so many seconds of the hand-over. */
export type NotDelivered = Readonly<{ identifier: string; seconds: number; ratio: number }>;

/** Of the texts created since `since`, as in `findSlowness`. Throws after 2 seconds. */
export function findNotDelivered(
  { metrics }: StoreDeps,
  db: Db,
  since: Date,
  seconds: readonly number[],
  now: Date,
): Promise<readonly NotDelivered[]> {
  return metrics.timed('dao', 'get_slow_text_message_delivery_reports_by_provider', () =>
    db.transaction().execute(async (trx) => {
      await sql`select set_config('statement_timeout', ${String(longestMilliseconds)}, true)`.execute(trx);
      const { rows } = await sql<NotDelivered>`
        select h.sent_by as identifier, w.seconds,
          (count(*) filter (where h.took >= w.seconds * interval '1 second'))::float8 / count(*) as ratio
        from (
          select sent_by, (case when status = 'delivered' then updated_at else ${now}::timestamptz end) - sent_at as took
          from notification_history
          where id >= ${idFloor(since.getTime())}::uuid and notification_type = 'sms' and sent_at is not null
            and sent_by is not null and status in ('delivered', 'pending', 'sending') and key_type <> 'test'
        ) h cross join unnest(${seconds}::int[]) as w (seconds)
        group by h.sent_by, w.seconds`.execute(trx);
      return rows;
    }),
  );
}
