import { setTimeout as sleep } from 'node:timers/promises';
import { findRunning } from '../src/database/embedded-server.ts';
import type { Random } from '../src/sandbox/random.ts';
import type { Fleet } from './fleet.ts';

const victims = ['worker-1', 'worker-2', 'api-1', 'api-2'] as const;
/** Between one process that runs again and the next that is killed, in milliseconds. */
const quiet = { least: 500, most: 3000 };
const down = { least: 0, most: 1500 };

/** How it went: processes killed, and databases. */
export type Losses = Readonly<{ kills: number; crashes: number }>;

/**
 * Kills workers and APIs, one every few seconds, each of them sooner or later, until `isOver()`; and once, as soon as
 * `isDatabaseDue()`, the database with everything that is connected to it. Ends with everything running again, and not
 * before a worker, an API and the database have each been killed once.
 */
export async function upheaval(
  fleet: Fleet,
  dataPath: string,
  random: Random,
  course: Readonly<{ isDatabaseDue: () => boolean; isOver: () => boolean }>,
): Promise<Losses> {
  const between = ({ least, most }: typeof quiet) => least + Math.floor(random() * (most - least));
  const unhurt = new Set<string>(victims);
  let kills = 0;
  let crashes = 0;
  const isDone = () => course.isOver() && crashes > 0 && unhurt.size <= 2 && bothKindsHurt(unhurt);
  for (;;) {
    await sleep(between(quiet));
    if (isDone()) return { kills, crashes };
    if (crashes === 0 && course.isDatabaseDue()) {
      crashDatabase(dataPath);
      crashes += 1;
      continue;
    }
    const victim = victims[Math.floor(random() * victims.length)]!;
    // Once the load is over, only what is still missing.
    if (course.isOver() && !unhurt.has(victim)) continue;
    await fleet.kill(victim);
    kills += 1;
    unhurt.delete(victim);
    await sleep(between(down));
    await fleet.restart(victim);
  }
}

function bothKindsHurt(unhurt: ReadonlySet<string>): boolean {
  return ['worker', 'api'].every((kind) =>
    victims.some((victim) => victim.startsWith(kind) && !unhurt.has(victim)),
  );
}

/** As a power cut would: without a word to anybody, and with recovery at the next start, which its owner sees to. */
function crashDatabase(dataPath: string): void {
  const running = findRunning(dataPath);
  if (!running) throw new Error('The database is not running.');
  process.kill(running.pid, 'SIGQUIT');
}
