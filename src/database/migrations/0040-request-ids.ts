import { type Kysely, sql } from 'kysely';

/**
 * The id of the request that brought a message stays with it as long as its recipient does, and goes on to its callbacks,
 * so that one id finds them all in the log (docs/decisions/0026).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table notifications add column request_id text`.execute(db);
  await sql`alter table service_callbacks add column request_id text`.execute(db);
}
