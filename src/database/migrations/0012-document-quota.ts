import { type Kysely, sql } from 'kysely';

/** How many files, and bytes of files, a service has sent on a day in the business time zone. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table document_counts (
    service_id uuid not null,
    day date not null,
    files bigint not null,
    bytes bigint not null,
    primary key (service_id, day)
  ) with (fillfactor = 30)`.execute(db);
}
