/**
 * Embedded PostgreSQL (docs/decisions/0004-embedded-postgresql.md): programs from npm, data in the data directory. One
 * process owns the server and stops it on exit; other processes on the same data directory attach to it. Ownership is a
 * lock that the operating system releases when its holder dies in any way, so it can neither be left behind nor be
 * confused with a process that was given the same pid. This part
 * imports nothing of `src/`.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Binaries, findBinaries } from './binaries.ts';
import { keepPassword, prepareData } from './data.ts';
import { findRunning, halt, haltSync, type Log, launch, type Place, type Running } from './server.ts';

/**
 * `url`: of the database `despatch`. `owner`: whether this process stops the server. `stop()` may be called twice; it
 * does nothing if this process is not the owner.
 */
export type Embedded = { url: string; owner: boolean; stop(): Promise<void> };

/** `dataDir`: its own folder. */
export type TemporaryEmbedded = Embedded & { dataDir: string };

export type EmbeddedOptions = {
  /** Created if absent. Contains `postgres/`, `postgres-password`, `postgres-port`, `postgres.log`, `postgres.lock`. */
  dataDir: string;
  log: Log;
  /** The preferred port; another is used if it is taken. Default: the last one used here, else 5433. */
  port?: number;
  /** Default true. False is for tests: a power cut may destroy the database. */
  durable?: boolean;
  /**
   * Default false. True is for commands that soon end: if a server process has attached meanwhile, `stop()` leaves the
   * server running, as a killed owner does.
   */
  brief?: boolean;
};

const attachMilliseconds = 120_000;
const adoptMilliseconds = 60_000;
const leaveMilliseconds = 1000;

/**
 * Starts PostgreSQL on the data directory, adopts the server that a killed process left running there, or attaches to
 * the server of a live process.
 *
 * @throws with a sentence that says what to do
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  // Others may traverse it but not list it: when we are root, the server runs as another user.
  mkdirSync(resolve(options.dataDir), { recursive: true, mode: 0o711 });
  const dataDir = realpathSync(resolve(options.dataDir));
  const place = { dataDir, dataPath: join(dataDir, 'postgres') };
  const lockFile = join(dataDir, 'postgres.lock');
  const patience = AbortSignal.timeout(attachMilliseconds);
  for (;;) {
    const unlock = lock(lockFile);
    if (unlock)
      return own(place, options, unlock).catch((error) => {
        unlock();
        throw error;
      });
    const attached = await attach(place);
    if (attached) {
      options.log.info({ port: attached.port }, 'Attached to the embedded PostgreSQL of another process');
      return { url: attached.url, owner: false, stop: async () => {} };
    }
    if (patience.aborted)
      throw new Error(
        `Another Despatch process has had ${lockFile} locked for two minutes, but its PostgreSQL does not answer. ` +
          `Stop that process and start again; ${join(dataDir, 'postgres.log')} may say more.`,
      );
    await sleep(50);
  }
}

/**
 * A throw-away server in a fresh temporary folder, on a free port; `stop()` removes everything. Not durable by default.
 * Also removes the temporary servers of this user's processes that ended without calling `stop()`.
 *
 * @public for tests and benchmarks
 */
export async function temporaryEmbedded(
  options: { durable?: boolean; log?: Log } = {},
): Promise<TemporaryEmbedded> {
  const { durable = false, log = { info: () => {}, warn: () => {} } } = options;
  await sweep(log);
  const dataDir = mkdtempSync(join(tmpdir(), temporaryPrefix));
  chmodSync(dataDir, 0o711);
  const remove = () => rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
  try {
    const embedded = await startEmbedded({ dataDir, log, port: 0, durable });
    return {
      ...embedded,
      dataDir,
      stop: async () => {
        await embedded.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

const temporaryPrefix = 'despatch-postgres-';

/** Removes temporary folders whose lock nobody holds. */
async function sweep(log: Log): Promise<void> {
  const root = realpathSync(tmpdir());
  for (const name of readdirSync(root).filter((each) => each.startsWith(temporaryPrefix))) {
    const dataDir = join(root, name);
    try {
      if (lstatSync(dataDir).uid !== (process.getuid?.() ?? 0)) continue;
      if (!existsSync(join(dataDir, 'postgres.lock'))) continue; // being created
      const unlock = lock(join(dataDir, 'postgres.lock'));
      if (!unlock) continue;
      const dataPath = join(dataDir, 'postgres');
      if (findRunning(dataPath)) await halt(dataPath, findBinaries(dataDir, dataPath), log);
      unlock();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
    } catch (error) {
      log.warn({ err: error, dataDir }, 'A leftover temporary database could not be removed');
    }
  }
}

/** Runs the server as its owner. The lock is kept until `stop()`. */
async function own(place: Place, options: EmbeddedOptions, unlock: () => void): Promise<Embedded> {
  const { log, durable = true, brief = false } = options;
  const { dataPath, dataDir } = place;
  const password = keepPassword(dataDir, dataPath);
  const binaries = findBinaries(dataDir, dataPath);
  await prepareData(dataDir, dataPath, password, binaries, durable);

  const onExit = () => haltSync(dataPath, binaries, durable ? 'fast' : 'immediate');
  if (!brief) process.on('exit', onExit);
  let stopping: Promise<void> | undefined;
  let restarting: Promise<unknown> = Promise.resolve();

  /** Starts the server, and restarts it on the same port if it is killed, so that clients only reconnect. */
  const start = async (port: number | undefined, fixedPort: boolean): Promise<number> => {
    const server = await launch(place, binaries, { port, fixedPort, durable });
    server.child.once('exit', (code, signal) => {
      if (stopping) return;
      log.warn({ code, signal }, 'Embedded PostgreSQL ended unexpectedly: restarting it');
      restarting = start(server.port, true).catch((error) => {
        if (!stopping)
          log.warn(
            { err: error },
            'Embedded PostgreSQL is down and could not be restarted: restart Despatch',
          );
      });
    });
    return server.port;
  };

  const stopOnce = async () => {
    if (brief && (await isUsed(dataPath, password))) {
      log.info({}, 'Leaving the embedded PostgreSQL to the processes that have attached to it');
      unlock();
      return;
    }
    await halt(dataPath, binaries, log);
    await restarting; // a restart in progress fails because of this halt, or is stopped by the next one
    await halt(dataPath, binaries, log);
    process.off('exit', onExit);
    unlock();
  };
  const stop = () => {
    stopping ??= stopOnce();
    return stopping;
  };

  try {
    const left = await adopt(place, password, binaries, log);
    const port = left?.port ?? (await start(options.port, false));
    const url = await makeDatabase(port, password);
    log.info(
      { port, version: binaries.version, adopted: left !== undefined },
      'Embedded PostgreSQL is running',
    );
    return { url, owner: true, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Adopts the server that a killed owner left running: others may be attached to it, and this is fastest. A server of
 * another version, or one that does not answer, is stopped instead; then the result is undefined.
 */
async function adopt(
  place: Place,
  password: string,
  binaries: Binaries,
  log: Log,
): Promise<Running | undefined> {
  const patience = AbortSignal.timeout(adoptMilliseconds);
  for (;;) {
    const running = findRunning(place.dataPath);
    if (!running) return undefined;
    if (running.status === 'ready') {
      const version = await serverVersion(running.port, password).catch(() => undefined);
      if (version === binaries.version) return running;
      if (version !== undefined || patience.aborted) break;
    }
    if (patience.aborted) break;
    await sleep(50);
  }
  log.info({}, 'Stopping the embedded PostgreSQL that a killed process left running');
  await halt(place.dataPath, binaries, log);
  return undefined;
}

/** The server of another live process, if it accepts connections. */
async function attach(place: Place): Promise<{ url: string; port: number } | undefined> {
  const running = findRunning(place.dataPath);
  if (running?.status !== 'ready') return undefined;
  const password = keepPassword(place.dataDir, place.dataPath);
  try {
    return { url: await makeDatabase(running.port, password), port: running.port };
  } catch (error) {
    // Being stopped or restarted.
    if (/^(ECONNREFUSED|ECONNRESET|57P0.)$/.test(String((error as { code?: string }).code))) return undefined;
    throw error;
  }
}

/**
 * Whether another process of ours is connected, for longer than connections of this one take to go away. A server
 * always listens for notices.
 */
async function isUsed(dataPath: string, password: string): Promise<boolean> {
  const patience = AbortSignal.timeout(leaveMilliseconds);
  for (;;) {
    const running = findRunning(dataPath);
    if (running?.status !== 'ready') return false;
    const count = await withClient(running.port, password, async (client) => {
      const { rows } = await client.query<{ count: number }>(
        "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name LIKE 'despatch%'",
      );
      return rows[0]?.count ?? 0;
    }).catch(() => 0);
    if (count === 0) return false;
    if (patience.aborted) return true;
    await sleep(50);
  }
}

function serverVersion(port: number, password: string): Promise<string | undefined> {
  return withClient(port, password, async (client) => {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]?.server_version;
  });
}

async function makeDatabase(port: number, password: string): Promise<string> {
  await withClient(port, password, async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = 'despatch'");
    if (found.rowCount === 0)
      await client.query('CREATE DATABASE despatch').catch((error) => {
        if (!/^(42P04|23505)$/.test(error.code)) throw error; // another process was first
      });
  });
  return `postgres://despatch:${password}@127.0.0.1:${port}/despatch?sslmode=disable`;
}

async function withClient<T>(
  port: number,
  password: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'despatch',
    password,
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {}); // the failed query reports it, too
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Locks a file for this process; returns a function that unlocks it, or undefined while another process holds it.
 * Node.js has no file locks, but SQLite does, and the operating system releases them with the process. Nothing else in
 * this process may open the file: closing it would release the lock.
 */
function lock(file: string): (() => void) | undefined {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    chmodSync(file, 0o600);
    return () => {
      if (database.isOpen) database.close();
    };
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === 5) return undefined; // SQLITE_BUSY
    throw new Error(
      `The lock ${file} cannot be taken (${(error as Error).message}): make it writable for this user.`,
    );
  }
}
