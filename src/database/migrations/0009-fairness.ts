import { type Kysely, sql } from 'kysely';

/**
 * Accepted messages are stored service by service, so that one that sends many keeps no other waiting: the index leads
 * from one service and priority to the next, and within each to what is due first (docs/decisions/0014).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create index accepted_fair on accepted (notification_type, service_id, priority, due_at)`,
    sql`drop index accepted_due`,
  ];
  for (const statement of statements) await statement.execute(db);
}
