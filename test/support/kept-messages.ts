import { ensurePartitions } from '../../src/database/partitions.ts';
import type { NotificationStatus, NotificationType } from '../../src/database/tables.ts';
import { createIdSource, idFloor } from '../../src/ground/id.ts';
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

/** Stores messages with an attempt, a receipt, and a callback with an attempt each; returns their ids. */
export async function storeKept(
  { connection: { db, pool }, tenant: owner }: Pick<World, 'connection' | 'tenant'>,
  messages: readonly KeptMessage[],
): Promise<string[]> {
  const ids: string[] = [];
  for (const {
    at,
    tenant = owner,
    type = 'sms',
    status = 'delivered',
    scheduledFor = null,
    calledBackAt = at,
  } of messages) {
    const [time, called] = [Date.parse(at), Date.parse(calledBackAt)];
    const newId = createIdSource({ now: () => time });
    const [id, callback] = [newId(), createIdSource({ now: () => called })()];
    await ensurePartitions(db, time, time);
    await ensurePartitions(db, called, called);
    const one = async (text: string, values: readonly unknown[]) =>
      void (await pool.query(text, [...values]));
    await one(
      `insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type,
        status, created_at, scheduled_for, sent_by) values ($1, $2, $3, 1, 'normal', $4, $5, $6, $7, 'sandbox')`,
      [id, tenant.id, tenant.templates[type], type, status, at, scheduledFor],
    );
    await one(
      `insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
       values ($1, $2, '07700900123', '447700900123', '\\x00')`,
      [id, tenant.id],
    );
    await one(
      `insert into attempts (notification_id, number, provider, started_at, billable_units) values ($1, 1, 'sandbox', $2, 1)`,
      [id, at],
    );
    await one(
      `insert into receipts (notification_id, provider, received_at, raw_status, status)
       values ($1, 'sandbox', $2, '3', 'delivered')`,
      [id, at],
    );
    await one(
      `insert into service_callbacks (id, service_id, callback_type, notification_id, payload, created_at, queued_at, state)
       values ($1, $2, 'delivery_status', $3, '\\x00', $4, $4, 'delivered')`,
      [callback, tenant.id, id, calledBackAt],
    );
    await one('insert into service_callback_attempts (callback_id, number, started_at) values ($1, 1, $2)', [
      callback,
      calledBackAt,
    ]);
    ids.push(id);
  }
  return ids;
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
