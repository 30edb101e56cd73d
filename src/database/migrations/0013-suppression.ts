import { type Kysely, sql } from 'kysely';

/** Recipients whom a service sends less or nothing (docs/decisions/0017), and templates with an unsubscribe link. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table template_versions add column has_unsubscribe_link boolean not null default false`,

    // why it was not sent: a reason as below; null: it was not suppressed
    sql`alter table notification_history add column suppressed text`,

    sql`create table suppressions (
      id uuid primary key,
      service_id uuid not null,
      notification_type text not null,
      -- normalised
      recipient text not null,
      -- unsubscribed, complaint, permanent-failure, manual
      reason text not null,
      -- the message that led to it; null: added by hand
      notification_id uuid,
      created_at timestamptz not null,
      -- null: never
      expires_at timestamptz,
      unique (service_id, notification_type, recipient, reason)
    )`,
    sql`create index suppressions_service on suppressions (service_id, id)`,
    sql`create index suppressions_expiry on suppressions (expires_at) where expires_at is not null`,
  ];
  for (const statement of statements) await statement.execute(db);
}
