import { type Kysely, sql } from 'kysely';

/** Lists and statistics walk the messages of one service, whatever other services send. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // About a second for each million messages.
    sql`set local statement_timeout = 0`,
    // Statuses are in no index, so that their updates stay on their page: a status is looked for in this order.
    sql`create index notification_history_service on notification_history (service_id, id)`,
    // A service that reads must not pass what others have scheduled or have waiting.
    sql`create index accepted_service on accepted (service_id, id)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
