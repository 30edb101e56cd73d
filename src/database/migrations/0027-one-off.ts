import { type Kysely, sql } from 'kysely';

/** Who sent a message by hand (spec 04, section 7.2); null: it came with an API key. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table accepted add column created_by uuid`.execute(db);
  await sql`alter table notification_history add column created_by uuid`.execute(db);
}
