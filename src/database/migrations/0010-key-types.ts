import { type Kysely, sql } from 'kysely';

/**
 * An Idempotency-Key belongs to a service and a type of API key. The primary key stays (service_id, key), because the
 * release before expects at most one row for each; store.ts of the submission room says how other types are kept apart.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table idempotency_keys
      -- the type of the API key; null: written by the release before, so any
      add column key_type text`,
  ];
  for (const statement of statements) await statement.execute(db);
}
