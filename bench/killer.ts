import { setTimeout as sleep } from 'node:timers/promises';
import { findRunning } from '../embedded-postgres/server.ts';
import { type Random, seededRandom } from '../sandbox/behaviour.ts';
import type { Fleet } from './fleet.ts';

/** Milliseconds from one process that runs again to the next of its kind that is killed, and while it is down. */
const quiet = { least: 1000, most: 5000 };
const down = { least: 0, most: 1500 };

export type Course = Readonly<{
  /** From when on the database is to crash. */
  isDatabaseDue: () => boolean;
  isOver: () => boolean;
}>;

/** How it went: processes killed, and databases. */
export type Losses = Readonly<{ kills: number; crashes: number }>;

/**
 * Kills one of the two workers every few seconds, and one of the two APIs, and starts it again, until it is over; and
 * once the database, with everything that is connected to it. Ends with everything running again, and not before each
 * of the three has been killed.
 */
export async function upheaval(
  fleet: Fleet,
  dataPath: string,
  seed: number,
  course: Course,
): Promise<Losses> {
  const [workers, apis, crashes] = await Promise.all([
    killAtRandom(fleet, 'worker', seededRandom(seed), course),
    killAtRandom(fleet, 'api', seededRandom(seed + 1), course),
    crashOnce(dataPath, course),
  ]);
  return { kills: workers + apis, crashes };
}

async function killAtRandom(
  fleet: Fleet,
  kind: 'worker' | 'api',
  random: Random,
  { isOver }: Course,
): Promise<number> {
  const wait = ({ least, most }: typeof quiet) => sleep(least + Math.floor(random() * (most - least)));
  for (let kills = 0; ; kills++) {
    await wait(quiet);
    if (isOver() && kills > 0) return kills;
    const victim = `${kind}-${random() < 0.5 ? 1 : 2}`;
    await fleet.kill(victim);
    await wait(down);
    await fleet.restart(victim);
  }
}

/** As a power cut would: without a word to anybody, and with recovery at the next start, which its owner sees to. */
async function crashOnce(dataPath: string, { isDatabaseDue, isOver }: Course): Promise<number> {
  while (!isDatabaseDue() && !isOver()) await sleep(50);
  const running = findRunning(dataPath);
  if (!running) throw new Error('The database is not running.');
  process.kill(running.pid, 'SIGQUIT');
  return 1;
}
