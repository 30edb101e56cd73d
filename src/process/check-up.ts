import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkSecretKey, keptSecret } from '../bootstrap/credentials.ts';
import { platformProblems, repairPlatform } from '../bootstrap/platform-check.ts';
import type { Config } from '../config/config.ts';
import { type Connection, databaseTime } from '../database/connection.ts';
import { migrationGap } from '../database/migrate.ts';
import { ensurePartitions, missingPartitions } from '../database/partitions.ts';
import { type Cipher, createCipher } from '../ground/cipher.ts';
import { createMeasuredClock, systemClock } from '../ground/clock.ts';
import { ConfigError } from '../ground/problem.ts';
import { findProviders } from '../provider/store.ts';
import { isDue } from '../upkeep/due.ts';
import { countSealed, oldIn } from '../upkeep/rotate.ts';
import { sealedColumns } from '../upkeep/sealed-columns.ts';
import { findTaskRuns } from '../upkeep/store.ts';
import { countParked } from '../upkeep/store-parked.ts';
import { periodicTimings } from './periodic.ts';
import { providerRows, sandboxTypes, unprovidedTypes } from './suppliers.ts';

/** What a check found. `detail`: a remark, or if it is not `ok`, what is wrong and what to do. */
export type Finding = Readonly<{ check: string; ok: boolean; detail: string; repaired: boolean }>;

/** `wrong`: sentences; none if all is well. */
type Look = Readonly<{ wrong: readonly string[]; remark?: string }>;

type Check = Readonly<{
  name: string;
  look: () => Promise<Look>;
  repair?: () => Promise<void>;
  /** The others cannot be made if this one is wrong. */
  isNeeded?: boolean;
}>;

const day = 86_400_000;
const mostSkewMilliseconds = 2000;
/** A scheduler looks every second, and the most frequent task runs every minute. */
const aliveMilliseconds = 15 * 60_000;
/** A nightly task may itself take a while before it counts as run. */
const lateMilliseconds = 60 * 60_000;
/** Most that is counted of each queue. */
const mostParked = 100_000;
/** How many days ahead must have partitions; the schedule makes those of a week. */
const partitionDays = 3;

export type CheckUpDeps = Readonly<{ config: Config; connection: Connection }>;

/**
 * Checks an installation, whether or not it runs (docs/operations.md, "Checking an installation"). With `repair` it puts
 * right what it can, and reports what is left. It changes nothing otherwise.
 */
export async function checkUp(deps: CheckUpDeps, repair: boolean): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of checksOf(deps)) {
    const look = () => check.look().catch(cannotLook);
    let found = await look();
    const isRepaired = found.wrong.length > 0 && repair && check.repair !== undefined;
    if (isRepaired) {
      await check.repair!();
      found = await look();
    }
    const ok = found.wrong.length === 0;
    const hint = !ok && check.repair && !repair ? ['Run `despatch doctor --repair`.'] : [];
    findings.push({
      ...{ check: check.name, ok, repaired: isRepaired && ok },
      detail: ok ? (found.remark ?? '') : [...found.wrong, ...hint].join(' '),
    });
    if (!ok && check.isNeeded) break;
  }
  return findings;
}

/** A check that itself fails is a finding, too. */
function cannotLook(error: unknown): Look {
  return { wrong: [`It could not be checked (${error instanceof Error ? error.message : error}).`] };
}

function checksOf({ config, connection }: CheckUpDeps): readonly Check[] {
  const { db } = connection;
  const clock = createMeasuredClock(systemClock, () => databaseTime(connection));
  return [
    { name: 'migrations', look: () => checkMigrations(connection), isNeeded: true },
    {
      name: 'clock',
      async look() {
        await clock.measure();
        const seconds = (Math.abs(clock.skew) / 1000).toFixed(1);
        const direction = clock.skew > 0 ? 'ahead of' : 'behind';
        return Math.abs(clock.skew) <= mostSkewMilliseconds
          ? { wrong: [] }
          : {
              wrong: [
                `The clock of this machine is ${seconds} seconds ${direction} the database's: set both by NTP.`,
              ],
            };
      },
    },
    { name: 'secret key', look: () => checkSecret(config, connection) },
    {
      name: 'platform',
      async look() {
        const problems = await platformProblems(db, new Date(clock.now()));
        return { wrong: problems.map((problem) => `${problem[0]!.toUpperCase()}${problem.slice(1)}.`) };
      },
      repair: () => repairPlatform(db, new Date(clock.now())),
    },
    { name: 'providers', look: () => checkProviderRows(config, connection) },
    { name: 'schedule', look: () => checkSchedule(config, connection, clock.now()) },
    {
      name: 'parked',
      async look() {
        const { queuePrefix } = config.installation;
        const parked = [...(await countParked(db, queuePrefix, mostParked))];
        const sum = (isMessages: boolean) =>
          parked
            .filter(([queue]) => queue.startsWith('db-') === isMessages)
            .reduce((total, [, count]) => total + count, 0);
        const [messages, tasks] = [sum(true), sum(false)];
        return messages + tasks === 0
          ? { wrong: [] }
          : {
              wrong: [
                `${messages} messages and ${tasks} tasks are parked: find out why and release them (docs/operations.md, "Parked messages and tasks").`,
              ],
            };
      },
    },
    {
      name: 'partitions',
      async look() {
        const now = clock.now();
        const missing = await missingPartitions(db, now, now + partitionDays * day);
        return missing.length === 0
          ? { wrong: [] }
          : {
              wrong: [
                `${missing.length} partitions of the next ${partitionDays} days are missing: a process with the role scheduler makes them.`,
              ],
            };
      },
      repair: async () => void (await ensurePartitions(db, clock.now() - day, clock.now() + 7 * day)),
    },
  ];
}

async function checkMigrations({ db }: Connection): Promise<Look> {
  const { missing, unknown } = await migrationGap(db);
  if (unknown !== null)
    return { wrong: [`The database is at ${unknown}, which a newer release made: use that release.`] };
  return missing.length === 0
    ? { wrong: [] }
    : {
        wrong: [`${missing.length} migrations have not run: run \`despatch migrate\`, or start the server.`],
      };
}

/** Few, and what has not been rotated is among them: values of messages go by themselves. */
const credentials = sealedColumns.filter(({ table }) => ['api_keys', 'service_callback_api'].includes(table));

async function checkSecret({ secrets, installation }: Config, { db }: Connection): Promise<Look> {
  const path = join(installation.dataDir, 'secret-key');
  // Looking must not make one.
  if (secrets.keys === null && !existsSync(path))
    return { wrong: [`There is no ${path}: put it back from a backup, or set SECRET_KEY.`] };
  const cipher: Cipher = createCipher(
    secrets.keys ?? [keptSecret(installation.dataDir, 'secret-key')],
    secrets.salt,
  );
  try {
    await checkSecretKey(db, cipher);
    const counts = await countSealed({ db }, credentials);
    const old = counts.reduce((sum, { values }) => sum + oldIn(values, cipher), 0);
    return {
      wrong: [],
      ...(old > 0 && {
        remark: `${old} secrets of keys and callbacks are not encrypted under the first secret: run \`despatch keys rotate\` and keep all secrets until it says otherwise`,
      }),
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { wrong: [error.message] };
  }
}

async function checkProviderRows(config: Config, { db }: Connection): Promise<Look> {
  const configured = providerRows(config);
  const unprovided = unprovidedTypes(config);
  const rows = await findProviders(db);
  const name = { sms: 'text messages', email: 'emails', letter: 'letters' };
  const wrong = (['sms', 'email'] as const).flatMap((type) => {
    const own = configured.filter(({ notificationType }) => notificationType === type);
    if (unprovided.includes(type))
      return [`No provider of ${name[type]} is configured: see docs/operations.md, "Settings".`];
    const active = rows.filter(
      ({ identifier, notificationType, active }) =>
        active && notificationType === type && own.some((one) => one.identifier === identifier),
    );
    if (active.length === 0)
      return [
        `No provider of ${name[type]} is active: start the server, or activate one of ${own.map(({ identifier }) => identifier).join(', ')}.`,
      ];
    return active.every(({ circuit }) => circuit.state !== 'closed')
      ? [`Every provider of ${name[type]} is failing: see docs/operations.md, "When something is wrong".`]
      : [];
  });
  const sandboxed = sandboxTypes(config).map((type) => name[type]);
  return {
    wrong,
    ...(sandboxed.length > 0 && {
      remark: `the sandbox stands in for ${sandboxed.join(' and ')}: nobody receives them`,
    }),
  };
}

async function checkSchedule(config: Config, { db }: Connection, now: number): Promise<Look> {
  const runs = await findTaskRuns(db);
  const lastRunOf = (name: string) => runs.get(name)?.last_run?.getTime() ?? null;
  const newest = Math.max(0, ...[...runs.keys()].map((name) => lastRunOf(name) ?? 0));
  if (now - newest > aliveMilliseconds)
    return {
      wrong: ['No process with the role scheduler has run a task in the last 15 minutes: start one.'],
    };
  const late = periodicTimings(config).filter((task) =>
    isDue(task, lastRunOf(task.name), now - lateMilliseconds),
  );
  return late.length === 0
    ? { wrong: [] }
    : {
        wrong: [
          `Late for more than an hour: ${late.map(({ name }) => name).join(', ')}. The lines \`Failed to …\` of the log say why.`,
        ],
      };
}
