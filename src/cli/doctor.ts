import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../config/config.ts';
import { databaseTime } from '../database/connection.ts';
import { createLog } from '../ground/log.ts';
import { ConfigError } from '../ground/problem.ts';
import { type CheckUpDeps, checkUp, type Finding } from '../process/check-up.ts';
import { openDatabase } from '../process/database.ts';
import { endOf } from '../upkeep/retention/ends.ts';
import { findTableSizes } from '../upkeep/retention/store-sizes.ts';
import { readOptions } from './arguments.ts';

/** The database answers at once or is in trouble, so it is not waited for as long as by a start. */
const longestWaitSeconds = 5;

/**
 * `despatch doctor [--repair] [--json]`: checks the installation, one line for each check, while it runs or not. Exit
 * code 1 if something is wrong, also after a repair. `despatch doctor --tables [--json]`: every table with its size, how
 * much that has grown, and what ends its rows.
 */
export async function doctor(args: readonly string[]): Promise<void> {
  const options = readOptions(args, [], ['repair', 'json', 'tables']);
  if (options['tables'] !== undefined) return await showTables(options['json'] !== undefined);
  const findings = await examine(options['repair'] !== undefined);
  if (options['json'] !== undefined) console.log(JSON.stringify(findings, null, 2));
  else for (const finding of findings) console.log(lineOf(finding));
  if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
}

function lineOf({ check, ok, detail, repaired }: Finding): string {
  if (!ok) return `${check}: wrong: ${detail}`;
  const remarks = [...(repaired ? ['repaired'] : []), ...(detail === '' ? [] : [detail])];
  return `${check}: ok${remarks.length > 0 ? ` (${remarks.join('; ')})` : ''}`;
}

async function showTables(asJson: boolean): Promise<void> {
  await withDatabase(async ({ connection }) => {
    const sizes = await findTableSizes(connection.db, new Date(await databaseTime(connection)));
    const tables = sizes.map(({ name, bytes, bytesBefore, rows }) => ({
      ...{ name, bytes, bytes_a_week_ago: bytesBefore, rows },
      ends: endOf(name),
    }));
    if (asJson) console.log(JSON.stringify(tables, null, 2));
    else
      for (const { name, bytes, bytes_a_week_ago: before, rows, ends } of tables) {
        const grown = before === null ? '' : `, ${bytes < before ? '' : '+'}${mib(bytes - before)} in a week`;
        console.log(
          `${name}: ${mib(bytes)}${grown}, about ${rows} rows; ${ends ?? 'unknown to this release'}`,
        );
      }
  });
}

const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

async function examine(repair: boolean): Promise<readonly Finding[]> {
  const finding = (ok: boolean, detail: string) => ({ check: 'database', ok, detail, repaired: false });
  try {
    return await withDatabase(async (opened) => [finding(true, ''), ...(await checkUp(opened, repair))]);
  } catch (error) {
    // Whatever prevents it from being opened says what to do.
    if (!(error instanceof Error)) throw error;
    return [finding(false, error.message)];
  }
}

/** Opens the installation's database for as long as `use` takes. Throws an error that says what to do if it cannot be. */
async function withDatabase<T>(use: (opened: CheckUpDeps) => Promise<T>): Promise<T> {
  const config = readConfig(process.env);
  const { database, installation } = config;
  // Looking must not make one.
  if (!database.url && !existsSync(join(installation.dataDir, 'postgres')))
    throw new ConfigError(
      `There is no database in ${installation.dataDir}: start the server once, or set DATABASE_URL or DESPATCH_DATA_DIR.`,
    );
  const patient = {
    ...config,
    database: { ...database, waitSeconds: Math.min(database.waitSeconds, longestWaitSeconds) },
  };
  // What is wrong is printed; the log would be in between.
  const log = createLog('silent');
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const { connection } = await openDatabase(patient, log, (undo) => stops.push(undo));
    return await use({ config, connection });
  } finally {
    for (const undo of stops.reverse()) await undo();
  }
}
