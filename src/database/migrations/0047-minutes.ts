import { type Kysely, sql } from 'kysely';

/** How many messages of all services came and went in each minute, for operators (docs/decisions/0023). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table minute_totals (
    -- in which the changes were folded, which is seconds after they were made
    minute timestamptz not null,
    notification_type text not null,
    accepted integer not null,
    sent integer not null,
    delivered integer not null,
    failed integer not null,
    primary key (minute, notification_type)
  ) with (fillfactor = 80)`.execute(db);
}
