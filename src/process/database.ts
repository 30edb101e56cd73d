import { startEmbedded } from '../../embedded-postgres/embedded.ts';
import type { Config } from '../config/config.ts';
import { type Connection, connect, waitForDatabase } from '../database/connection.ts';
import type { Log } from '../ground/log.ts';

/**
 * Connects to this installation's database: the one of `DATABASE_URL`, else the embedded server, started here or
 * adopted. Clean-up steps are registered with `onStop` as they arise, so that nothing is left running if a later step
 * fails. Throws a ConfigError if the database does not answer in time.
 */
export async function openDatabase(
  config: Config,
  log: Log,
  onStop: (undo: () => Promise<unknown>) => void,
): Promise<Connection> {
  let url = config.database.url;
  if (!url) {
    const embedded = await startEmbedded({ dataDir: config.installation.dataDir, log });
    onStop(() => embedded.stop());
    url = embedded.url;
  }
  const connection = connect(url, config.database.poolSize, log);
  onStop(() => connection.close());
  await waitForDatabase(connection, config.database.waitSeconds, log);
  return connection;
}
