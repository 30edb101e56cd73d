import { startEmbedded } from '../../embedded-postgres/embedded.ts';
import type { Config } from '../config/config.ts';
import { type Connection, connect, waitForDatabase, writeConnections } from '../database/connection.ts';
import { createReads, type Reads, readConnections } from '../database/reads.ts';
import type { Log } from '../ground/log.ts';

/**
 * Connects to this installation's database: the one of `DATABASE_URL`, else the embedded server, started here or
 * adopted. Reads of services have a pool of their own, so that they cannot hold up sending. Clean-up steps are registered
 * with `onStop` as they arise, so that nothing is left running if a later step fails. Throws a ConfigError if the database
 * does not answer in time.
 */
export async function openDatabase(
  config: Config,
  log: Log,
  onStop: (undo: () => Promise<unknown>) => void,
): Promise<{ connection: Connection; reading: Connection; reads: Reads }> {
  let url = config.database.url;
  if (!url) {
    const embedded = await startEmbedded({ dataDir: config.installation.dataDir, log });
    onStop(() => embedded.stop());
    url = embedded.url;
  }
  const { poolSize, readPoolSize, waitSeconds } = config.database;
  const forReading = readPoolSize ?? Math.floor(poolSize / 4);
  const connection = connect(url, Math.max(4, poolSize - forReading), log, writeConnections);
  onStop(() => connection.close());
  const reading = connect(url, forReading, log, readConnections);
  onStop(() => reading.close());
  await waitForDatabase(connection, waitSeconds, log);
  return { connection, reading, reads: createReads(reading.pool, connection, Math.ceil(forReading / 2)) };
}
