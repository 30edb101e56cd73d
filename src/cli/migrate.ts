import { readConfig } from '../config/config.ts';
import { migrate } from '../database/migrate.ts';
import { createLog } from '../ground/log.ts';
import { openDatabase } from '../process/database.ts';
import { readOptions } from './arguments.ts';

/** `despatch migrate`: brings the database to the newest version and ends. */
export async function migrateOnly(args: readonly string[]): Promise<void> {
  readOptions(args, []);
  const config = readConfig(process.env);
  const log = createLog(config.installation.logLevel);
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const { db } = await openDatabase(config, log, (undo) => stops.push(undo));
    await migrate(db, log);
    console.log('The database is at the newest version.');
  } finally {
    for (const undo of stops.reverse()) await undo();
  }
}
