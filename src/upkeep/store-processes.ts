import { sql } from 'kysely';
import type { DbOrTrx } from '../database/connection.ts';
import type { ProcessRow } from '../database/tables.ts';

/** What a process tells of itself. */
export type ProcessFacts = Readonly<{
  roles: readonly string[];
  /** The queues that it serves; empty without the role `worker`. */
  queues: readonly string[];
  version: string;
  gitCommit: string;
}>;

/** Processes that one answer shows. */
const mostShown = 1000;
/** A process that has not been seen for longer is gone: three heartbeats. */
const aliveSeconds = 30;

type Beat = ProcessFacts & Readonly<{ id: string; host: string; pid: number; clockSkewSeconds: number }>;

/** Writes that the process is alive now, by the database's time. */
export async function beatProcess(db: DbOrTrx, process: Beat): Promise<void> {
  const { id, roles, queues, host, pid, version, gitCommit, clockSkewSeconds } = process;
  await sql`
    insert into processes (id, roles, queues, host, pid, version, git_commit, clock_skew_seconds, started_at, seen_at)
    values (${id}, ${roles}, ${queues}, ${host}, ${pid}, ${version}, ${gitCommit}, ${clockSkewSeconds}, now(), now())
    on conflict (id) do update set seen_at = now(), clock_skew_seconds = excluded.clock_skew_seconds`.execute(
    db,
  );
}

export async function deleteProcess(db: DbOrTrx, id: string): Promise<void> {
  await db.deleteFrom('processes').where('id', '=', id).execute();
}

/** The processes that are alive, the oldest first; at most 1,000. */
export async function findProcesses(db: DbOrTrx): Promise<readonly ProcessRow[]> {
  const { rows } = await sql<ProcessRow>`
    select * from processes where seen_at > now() - ${aliveSeconds}::int * interval '1 second'
    order by started_at, id limit ${mostShown}`.execute(db);
  return rows;
}

/** Deletes the rows of processes that ended without a word more than a day ago. Returns how many. */
export async function deleteLostProcesses(db: DbOrTrx): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from processes where seen_at < now() - interval '1 day'`.execute(db);
  return Number(numAffectedRows);
}
