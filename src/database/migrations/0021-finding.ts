import { type Kysely, sql } from 'kysely';

/** Messages are found by the beginning and by the end of their recipient, received texts by their sender (spec 04, section 7). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // A few seconds for each million messages.
    sql`set local statement_timeout = 0`,
    // The id makes both answer without the rows, which are large.
    sql`create index notifications_recipient on notifications
      (service_id, normalised_recipient text_pattern_ops, id)`,
    sql`create index notifications_recipient_end on notifications
      (service_id, reverse(normalised_recipient) text_pattern_ops, id)`,
    // Lists have walked the history since 0011-reading, so nothing reads it; it pays for part of the two above.
    sql`drop index notifications_service`,
    // The texts from one number.
    sql`create index inbound_sms_sender on inbound_sms (service_id, user_number, created_at, id)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
