import { type Kysely, sql } from 'kysely';

/** Why a message was given up, where no attempt says so: too-large, inactive-service, no-provider, error; else null. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table notification_history add column given_up text`.execute(db);
}
