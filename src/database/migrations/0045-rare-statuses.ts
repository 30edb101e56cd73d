import { type Kysely, sql } from 'kysely';

/** Lists of the messages that failed walk an index of those alone (spec 01, section 3.8). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // A few seconds for each million messages.
    sql`set local statement_timeout = 0`,
    // An index of `status` itself would be written at every move of every message, and so would all other indexes.
    sql`alter table notification_history add column rare_status text`,
    sql`update notification_history set rare_status = status
      where status not in ('created', 'sending', 'pending', 'sent', 'delivered')
        and id >= (select id from notifications order by id limit 1)`,
    sql`create index notification_history_rare_status on notification_history (service_id, rare_status, id)
      where rare_status is not null`,
    // What fails in processes of the release before is put right when they are gone.
    sql`insert into figures_due (day, due_at)
      select (now() at time zone 'Europe/London')::date - ago, now() + interval '1 day'
      from generate_series(0, 12) ago
      where exists (select from notification_history) on conflict do nothing`,
  ];
  for (const statement of statements) await statement.execute(db);
}
