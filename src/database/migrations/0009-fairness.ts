import { type Kysely, sql } from 'kysely';

/**
 * The fair order in which accepted messages are stored, so that a service that sends many delays no other
 * (docs/decisions/0014).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table accepted
      -- its place among all that is due: earlier goes first; null: it is not due, see due_at
      add column turn_at timestamptz,
      -- milliseconds by which it goes later than it came, since its service has sent much lately
      add column behind integer not null default 0`,
    sql`update accepted set turn_at = due_at where due_at <= now()`,
    sql`create index accepted_turn on accepted (notification_type, turn_at) where turn_at is not null`,
    sql`create index accepted_waiting on accepted (notification_type, due_at) where turn_at is null`,
    sql`drop index accepted_due`,
  ];
  for (const statement of statements) await statement.execute(db);
}
