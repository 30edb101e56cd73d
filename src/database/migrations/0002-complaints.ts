import { type Kysely, sql } from 'kysely';

/** Recipients' complaints (spec 05, section 5.7). They hold no recipient, so they outlive the message. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table complaints (
      id uuid primary key,
      notification_id uuid not null,
      service_id uuid not null,
      -- the provider's id: the same complaint may be posted twice
      ses_feedback_id text not null unique,
      complaint_type text,
      complaint_date timestamptz not null,
      created_at timestamptz not null
    )`,
    sql`create index complaints_service on complaints (service_id, created_at)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
