import { type Kysely, sql } from 'kysely';

/** What people may do, and what happened, for the admin API. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table users
      -- may do everything that concerns the installation, and everything in every service
      add column platform_admin boolean not null default false`,
    sql`alter table service_users
      -- what the person may do in the service (tenant/permission/permission.ts)
      add column permissions text[] not null default '{}',
      add column created_at timestamptz not null default now()`,

    // Written in the transaction of what it tells of, and never changed.
    sql`create table events (
      id uuid primary key,
      event_type text not null,
      service_id uuid,
      -- who did it; null: nobody said
      user_id uuid,
      -- what it happened to: a user, key, template and so on
      subject_id uuid,
      -- as it was written: any JSON, of which jsonb would refuse some
      data json not null,
      created_at timestamptz not null
    )`,
    sql`create index events_service on events (service_id, id)`,
    sql`create index events_user on events (user_id, id)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
