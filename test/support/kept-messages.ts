import { sql } from 'kysely';
import { ensurePartitions } from '../../src/database/partitions.ts';
import type { NotificationStatus, NotificationType } from '../../src/database/tables.ts';
import { dayOf } from '../../src/ground/clock.ts';
import { createIdSource, idFloor } from '../../src/ground/id.ts';
import { countStored, rareStatusOf, storedColumns } from '../../src/message/status/status.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

/** A message with everything that is kept of it; times as ISO 8601. */
export type KeptMessage = Readonly<{
  at: string;
  tenant?: Tenant;
  type?: NotificationType;
  status?: NotificationStatus;
  scheduledFor?: string;
  /** When its callback was queued, if that was not at once. */
  calledBackAt?: string;
}>;

/**
 * Stores messages with an attempt, a receipt, and a callback with an attempt each, and counts them as the product does; returns
 * their ids.
 */
export async function storeKept(
  { connection: { db }, tenant: owner }: Pick<World, 'connection' | 'tenant'>,
  messages: readonly KeptMessage[],
): Promise<string[]> {
  const rows = messages.map((message) => {
    const { at, tenant = owner, type = 'sms', status = 'delivered', scheduledFor = null } = message;
    const calledBackAt = message.calledBackAt ?? at;
    const [id, callback] = [at, calledBackAt].map((time) =>
      createIdSource({ now: () => Date.parse(time) })(),
    );
    const template = tenant.templates[type];
    return { id: id!, callback, service: tenant.id, template, type, status, at, scheduledFor, calledBackAt };
  });
  const days = new Map(
    rows.flatMap(({ at, calledBackAt }) =>
      [at, calledBackAt].map((time) => [dayOf(Date.parse(time)), Date.parse(time)] as const),
    ),
  );
  for (const time of days.values()) await ensurePartitions(db, time, time);
  await sql`with given as (
      select * from json_to_recordset(${JSON.stringify(rows)}) as g (id uuid, callback uuid, service uuid, template uuid, type text, status text,
        at timestamptz, "scheduledFor" timestamptz, "calledBackAt" timestamptz)
    ), facts as (
      insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type, status,
        created_at, scheduled_for, rare_status)
      select id, service, template, 1, 'normal', type, status, at, "scheduledFor", ${rareStatusOf(sql`status`)} from given
      returning ${storedColumns}
    ), ${countStored('facts')}, personal as (
      insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
      select id, service, '07700900123', '447700900123', '\\x00' from given
    ), tried as (
      insert into attempts (notification_id, number, provider, started_at, billable_units)
      select id, 1, 'sandbox', at, 1 from given
    ), reported as (
      insert into receipts (notification_id, provider, received_at, raw_status, status)
      select id, 'sandbox', at, '3', 'delivered' from given
    ), told as (
      insert into service_callbacks (id, service_id, callback_type, notification_id, payload, created_at, queued_at, state)
      select callback, service, 'delivery_status', id, '\\x00', "calledBackAt", "calledBackAt", 'delivered' from given
    )
    insert into service_callback_attempts (callback_id, number, started_at) select callback, 1, "calledBackAt" from given`.execute(
    db,
  );
  return rows.map(({ id }) => id);
}

/** How many rows of these messages each table has: all the same for a message that is whole, or gone. */
export async function countKept(
  { connection: { pool } }: Pick<World, 'connection'>,
  ids: readonly string[],
): Promise<Readonly<Record<'notifications' | 'attempts' | 'receipts' | 'callbacks' | 'tries', number>>> {
  const { rows } = await pool.query(
    `select (select count(*)::int from notifications where id = any($1)) as notifications,
      (select count(*)::int from attempts where notification_id = any($1)) as attempts,
      (select count(*)::int from receipts where notification_id = any($1)) as receipts,
      (select count(*)::int from service_callbacks where notification_id = any($1)) as callbacks,
      (select count(*)::int from service_callback_attempts
        where callback_id in (select id from service_callbacks where notification_id = any($1))) as tries`,
    [ids],
  );
  return rows[0];
}

/** The names of the partitions of a table that hold ids of a day (UTC). */
export async function partitionsOn(
  { connection: { pool } }: Pick<World, 'connection'>,
  table: string,
  day: string,
): Promise<readonly string[]> {
  const { rows } = await pool.query(
    `select inhrelid::regclass::text as name, pg_get_expr(relpartbound, inhrelid) as bounds
     from pg_inherits join pg_class c on c.oid = inhrelid where inhparent = $1::regclass`,
    [table],
  );
  const noon = idFloor(Date.parse(`${day}T12:00:00Z`));
  return rows
    .filter(({ bounds }) => {
      const [, from, until] = /FROM \('(.*)'\) TO \('(.*)'\)/.exec(bounds)!;
      return from! <= noon && noon < until!;
    })
    .map(({ name }) => name);
}
