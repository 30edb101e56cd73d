import { type Migration, Migrator } from 'kysely';
import type { Log } from '../log.ts';
import type { Db } from './connection.ts';
import { up as messages } from './migrations/0001-messages.ts';

/** In order. A migration that has run anywhere is never changed; the next one gets the next number. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-messages': { up: messages },
};

/** Brings the database to the newest migration. Takes a lock, so that any number of processes may start at once. */
export async function migrate(db: Db, log: Log): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  for (const result of results ?? [])
    if (result.status === 'Success') log.info({ migration: result.migrationName }, 'Migrated the database');
  if (error) throw new Error('The database could not be migrated.', { cause: error });
}

/** Name of the newest migration that has run; null before the first. */
export async function schemaVersion(db: Db): Promise<string | null> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const ran = (await migrator.getMigrations()).filter(({ executedAt }) => executedAt !== undefined);
  return ran.at(-1)?.name ?? null;
}
