import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { findRunning } from '../embedded-postgres/server.ts';
import { type Random, seededRandom } from '../sandbox/behaviour.ts';
import { type Child, unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { type Server, startServer } from './installation.ts';

/** How one process of the installation is started. */
type Configuration = Readonly<{ name: string; roles: string; environment: Readonly<Record<string, string>> }>;

const maxStarts = 5;

/**
 * Two APIs, two workers and a scheduler: one installation on one database. A killed process is restarted with its old
 * settings, an API on its old port, to which providers send their receipts.
 */
export class Fleet {
  readonly #harness: Harness;
  readonly #databaseUrl: string;
  readonly #configurations = new Map<string, Configuration>();
  readonly #children = new Map<string, Child>();
  #starts = 0;

  private constructor(harness: Harness, databaseUrl: string) {
    this.#harness = harness;
    this.#databaseUrl = databaseUrl;
  }

  /** Starts all processes. `apis`: the base URLs of the APIs. */
  static async start(
    harness: Harness,
    databaseUrl: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<{ fleet: Fleet; apis: readonly string[] }> {
    const fleet = new Fleet(harness, databaseUrl);
    const apis: string[] = [];
    // One after another: the first sets up the installation, and starting all at once is no faster.
    for (const number of [1, 2]) {
      const ownEnvironment = { ...environment, PORT: String(await lowPort()) };
      const { url } = await fleet.#start({
        name: `api-${number}`,
        roles: 'api',
        environment: ownEnvironment,
      });
      apis.push(url);
    }
    for (const number of [1, 2])
      await fleet.#start({
        name: `worker-${number}`,
        roles: 'worker',
        environment: { ...environment, API_HOST_NAME: apis[number - 1]! },
      });
    await fleet.#start({ name: 'scheduler', roles: 'scheduler', environment });
    return { fleet, apis };
  }

  async #start(configuration: Configuration): Promise<Server> {
    this.#configurations.set(configuration.name, configuration);
    this.#starts += 1;
    const server = await startServer(this.#harness, {
      ...configuration,
      name: `${configuration.name}.${this.#starts}`,
      databaseUrl: this.#databaseUrl,
    });
    this.#children.set(configuration.name, server.child);
    return server;
  }

  /**
   * Kills the process with SIGKILL.
   *
   * @throws if it had already ended
   */
  async kill(name: string): Promise<void> {
    await this.#take(name).kill();
  }

  /**
   * Stops the process with SIGTERM, as a deploy does.
   *
   * @throws if it had already ended, or has to be killed, or ends with an error
   */
  async stop(name: string): Promise<void> {
    const child = this.#take(name);
    if (!(await child.stop()))
      throw new Error(
        `The ${name} process did not stop when asked to. Its last lines:\n${child.lastLines()}`,
      );
  }

  #take(name: string): Child {
    const child = this.#children.get(name)!;
    const [fault] = unexpectedEnds([child]);
    if (fault) throw new Error(fault);
    this.#children.delete(name);
    return child;
  }

  /**
   * Restarts a stopped process and waits until it is ready. If the database fails during the start the process ends, and
   * is restarted as a service manager would.
   */
  async restart(name: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#start(this.#configurations.get(name)!);
        return;
      } catch (error) {
        if (tries === maxStarts) throw error;
      }
    }
  }

  /** The lines of the log of a process, since it was last started, that match. */
  linesOf(name: string, pattern: RegExp): readonly string[] {
    return this.#children.get(name)!.linesWith(pattern);
  }

  /** A sentence for each process that ended without being killed or stopped. */
  faults(): string[] {
    return unexpectedEnds([...this.#children.values()]);
  }
}

/**
 * A free port below those that systems give to outgoing connections. One of those could be taken while its API is down:
 * also by a client that connects to it and, finding nobody, by chance to itself.
 */
async function lowPort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const server = createServer().listen({ host: '127.0.0.1', port });
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree) return port;
  }
}

/** Milliseconds from the restart of a process to the next kill of its kind, and for which it stays down. */
const upTime = { min: 1000, max: 5000 };
const downTime = { min: 0, max: 1500 };

/** How far the load has got. */
type Progress = Readonly<{
  /** Whether it is time to crash the database. */
  isDatabaseDue: () => boolean;
  isOver: () => boolean;
}>;

/** How many processes, and databases, were killed or stopped. */
export type Losses = Readonly<{ kills: number; crashes: number }>;

/**
 * Every few seconds kills and restarts one of the two workers, and one of the two APIs, until the load is over; crashes
 * the database once. Returns when everything is running again and a worker, an API and the database have each been
 * killed.
 */
export async function killAndRestart(
  fleet: Fleet,
  dataPath: string,
  seed: number,
  progress: Progress,
): Promise<Losses> {
  const [workers, apis, crashes] = await Promise.all([
    killAtRandom(fleet, 'worker', seededRandom(seed), progress),
    killAtRandom(fleet, 'api', seededRandom(seed + 1), progress),
    crashOnce(dataPath, progress),
  ]);
  return { kills: workers + apis, crashes };
}

const deployEveryMilliseconds = 10_000;

/**
 * Every 10 seconds, or as soon as the previous ones run again if that takes longer, asks one of the two workers and one
 * of the two APIs to stop and restarts them, until `isOver()`. Returns how many were stopped.
 */
export async function deployRepeatedly(fleet: Fleet, isOver: () => boolean): Promise<Losses> {
  const replace = async (name: string) => {
    await fleet.stop(name);
    await fleet.restart(name);
  };
  for (let deploys = 0; ; deploys++) {
    const next = performance.now() + deployEveryMilliseconds;
    while (!isOver() && performance.now() < next) await sleep(50);
    if (isOver()) return { kills: 2 * deploys, crashes: 0 };
    const number = 1 + (deploys % 2);
    await Promise.all([replace(`worker-${number}`), replace(`api-${number}`)]);
  }
}

async function killAtRandom(
  fleet: Fleet,
  kind: 'worker' | 'api',
  random: Random,
  { isOver }: Progress,
): Promise<number> {
  const wait = ({ min, max }: typeof upTime) => sleep(min + Math.floor(random() * (max - min)));
  for (let kills = 0; ; kills++) {
    await wait(upTime);
    if (isOver() && kills > 0) return kills;
    const victim = `${kind}-${random() < 0.5 ? 1 : 2}`;
    await fleet.kill(victim);
    await wait(downTime);
    await fleet.restart(victim);
  }
}

/** Crashes the database as a power cut would: it recovers when its owner restarts it. */
async function crashOnce(dataPath: string, { isDatabaseDue, isOver }: Progress): Promise<number> {
  while (!isDatabaseDue() && !isOver()) await sleep(50);
  const running = findRunning(dataPath);
  if (!running) throw new Error('The database is not running.');
  process.kill(running.pid, 'SIGQUIT');
  return 1;
}
