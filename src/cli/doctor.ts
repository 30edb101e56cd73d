import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../config/config.ts';
import { createLog } from '../ground/log.ts';
import { checkUp, type Finding } from '../process/check-up.ts';
import { openDatabase } from '../process/database.ts';
import { readOptions } from './arguments.ts';

/** The database answers at once or is in trouble, so it is not waited for as long as by a start. */
const longestWaitSeconds = 5;

/**
 * `despatch doctor [--repair] [--json]`: checks the installation, one line for each check, while it runs or not. Exit
 * code 1 if something is wrong, also after a repair.
 */
export async function doctor(args: readonly string[]): Promise<void> {
  const options = readOptions(args, [], ['repair', 'json']);
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

async function examine(repair: boolean): Promise<readonly Finding[]> {
  const config = readConfig(process.env);
  const { database, installation } = config;
  const finding = (ok: boolean, detail: string) => ({ check: 'database', ok, detail, repaired: false });
  // Looking must not make one.
  if (!database.url && !existsSync(join(installation.dataDir, 'postgres')))
    return [
      finding(
        false,
        `There is no database in ${installation.dataDir}: start the server once, or set DATABASE_URL or DESPATCH_DATA_DIR.`,
      ),
    ];
  const patient = {
    ...config,
    database: { ...database, waitSeconds: Math.min(database.waitSeconds, longestWaitSeconds) },
  };
  // What is wrong is printed; the log would be in between.
  const log = createLog('silent');
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const { connection } = await openDatabase(patient, log, (undo) => stops.push(undo));
    return [finding(true, ''), ...(await checkUp({ config, connection }, repair))];
  } catch (error) {
    // Whatever prevents it from being opened says what to do.
    if (!(error instanceof Error)) throw error;
    return [finding(false, error.message)];
  } finally {
    for (const undo of stops.reverse()) await undo();
  }
}
