import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import { idFloor } from '../../ground/id.ts';

/** A message that was sent again: the row of the job that repeats it. */
export type Resent = Readonly<{ id: string; job: string; jobRowNumber: number }>;

/** Waits until no other request sends messages of a service again; until the end of the transaction none does. */
export async function lockResends(trx: Trx, serviceId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('despatch.resend ' || ${serviceId}::text, 0))`.execute(
    trx,
  );
}

/** Which of these messages have been sent again. */
export async function findResent(db: DbOrTrx, ids: readonly string[]): Promise<readonly Resent[]> {
  const { rows } = await sql<Resent>`
    select message_id as id, job_id as job, job_row_number as "jobRowNumber" from resends
    where message_id = any(${ids}::uuid[])`.execute(db);
  return rows;
}

/** Records which messages the rows of a job repeat, in their order. A message is repeated once: a second time throws. */
export async function addResends(trx: Trx, jobId: string, ids: readonly string[], at: Date): Promise<void> {
  await sql`
    insert into resends (message_id, job_id, job_row_number, created_at)
    select id, ${jobId}::uuid, place - 1, ${at}::timestamptz
    from unnest(${ids}::uuid[]) with ordinality as given (id, place)`.execute(trx);
}

/** Deletes at most `limit` records of messages from before `before`, which are no longer kept. Returns how many. */
export async function deleteResends(db: DbOrTrx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from resends where message_id in (
      select message_id from resends where message_id < ${idFloor(before.getTime())} order by message_id limit ${limit}
    )`.execute(db);
  return Number(numAffectedRows);
}
