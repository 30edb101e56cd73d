import { type Kysely, sql } from 'kysely';

/** Each process reads the senders of a service anew every few seconds while the service sends: not those of all others. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ['service_sms_senders', 'service_email_reply_to'])
    await sql`create index ${sql.id(`${table}_service`)} on ${sql.table(table)} (service_id, created_at)`.execute(
      db,
    );
}
