import { readConfig } from '../config.ts';
import { connect, waitForDatabase } from '../database/connection.ts';
import { startEmbedded } from '../database/embedded.ts';
import { migrate } from '../database/migrate.ts';
import { createLog } from '../log.ts';
import { readOptions } from './arguments.ts';

/** `despatch migrate`: brings the database to the newest version and ends. */
export async function migrateOnly(args: readonly string[]): Promise<void> {
  readOptions(args, []);
  const config = readConfig(process.env);
  const log = createLog(config.logLevel);
  const embedded = config.databaseUrl ? null : await startEmbedded({ dataDir: config.dataDir, log });
  const connection = connect(config.databaseUrl ?? embedded?.url ?? '', 4, log);
  try {
    await waitForDatabase(connection, config.databaseWaitSeconds, log);
    await migrate(connection.db, log);
    console.log('The database is at the newest version.');
  } finally {
    await connection.close();
    await embedded?.stop();
  }
}
