import { type Kysely, sql } from 'kysely';

/** Messages that were sent again, each once (spec 04, section 7.2). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table resends (
    message_id uuid primary key,
    -- the row of the job that repeats it
    job_id uuid not null references jobs on delete cascade,
    job_row_number integer not null,
    created_at timestamptz not null,
    unique (job_id, job_row_number)
  )`.execute(db);
}
