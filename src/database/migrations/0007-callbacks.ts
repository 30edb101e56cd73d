import { type Kysely, sql } from 'kysely';

/**
 * Callbacks to services: their addresses (spec 04, section 1.13), and each callback with its attempts (spec 05, section
 * 8).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table service_callback_api (
      id uuid primary key,
      service_id uuid not null references services,
      callback_type text not null check (callback_type in ('delivery_status', 'complaint', 'inbound_sms')),
      url text not null,
      -- sealed
      bearer_token bytea not null,
      updated_by_id uuid not null references users,
      created_at timestamptz not null,
      updated_at timestamptz,
      -- callbacks that failed since the last one that did not
      failures integer not null default 0,
      -- pauses since then
      pauses integer not null default 0,
      -- nothing is sent before, and then one callback alone; null: it is not paused
      paused_until timestamptz,
      unique (service_id, callback_type)
    )`,

    // The callback queue and its log in one table (docs/decisions/0011).
    sql`create table service_callbacks (
      id uuid primary key,
      service_id uuid not null,
      callback_type text not null,
      -- the message it is about; null for a text that was received
      notification_id uuid,
      -- the complaint or the received text; null for a delivery status
      subject_id uuid,
      -- sealed: the JSON body, as things were when it was queued
      payload bytea not null,
      created_at timestamptz not null,
      -- when its course began: at first created_at, later that of the last replay
      queued_at timestamptz not null,
      -- when it is made next, or taken from a worker that is gone; null: it is finished
      due_at timestamptz,
      -- number of the last attempt
      attempt integer not null default 0,
      -- tries of this course that failed
      tries integer not null default 0,
      state text not null check (state in ('pending', 'delivered', 'failed')),
      -- HTTP status or name of an error of the last attempt
      last_code text,
      finished_at timestamptz
    ) partition by range (id)`,
    sql`create index service_callbacks_due on service_callbacks (service_id, callback_type, due_at) where due_at is not null`,
    sql`create index service_callbacks_service on service_callbacks (service_id, id)`,
    sql`create index service_callbacks_notification on service_callbacks (notification_id) where notification_id is not null`,

    sql`create table service_callback_attempts (
      callback_id uuid not null,
      number integer not null,
      started_at timestamptz not null,
      finished_at timestamptz,
      -- null while it is under way, and for ever where its worker ended
      outcome text check (outcome in ('delivered', 'retry', 'failed')),
      code text,
      detail text,
      primary key (callback_id, number)
    ) partition by range (callback_id)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
