import { sql } from 'kysely';
import type { DbOrTrx } from '../database/connection.ts';

export type DatabaseFacts = Readonly<{
  /** Of PostgreSQL. */
  version: string;
  bytes: number;
}>;

/** The version and size of the database. It asks the file system, and reads no rows. */
export async function findDatabaseFacts(db: DbOrTrx): Promise<DatabaseFacts> {
  const { rows } = await sql<DatabaseFacts>`
    select current_setting('server_version') as version, pg_database_size(current_database()) as bytes`.execute(
    db,
  );
  return rows[0]!;
}
