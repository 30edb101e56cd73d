/**
 * PostgreSQL inside the box (docs/architecture.md): programs from npm, data below the data directory. One
 * process owns the server and stops it at its end; others on the same data directory attach to it. Ownership is
 * a lock that the system takes back when its holder dies, however it dies, so it can be neither forgotten nor
 * confused with a process that was given the same number.
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
 * `url`: of the database `despatch`. `owner`: this process stops the server. `stop()` may be called twice; for
 * one who is not the owner it does nothing.
 */
export type Embedded = { url: string; owner: boolean; stop(): Promise<void> };

/** `dataDir`: the folder it has to itself. */
export type TemporaryEmbedded = Embedded & { dataDir: string };

export type EmbeddedOptions = {
  /** Made if absent. Holds `postgres/`, `postgres-password`, `postgres-port`, `postgres.log`, `postgres.lock`. */
  dataDir: string;
  log: Log;
  /** Preferred; when it is taken another is chosen. Default: the last one used here, else 5433. */
  port?: number;
  /** Default true. False: a power cut may destroy the database; for tests. */
  durable?: boolean;
};

const ATTACH_MS = 120_000;
const ADOPT_MS = 60_000;

/**
 * Starts PostgreSQL on the data directory, or takes over what a killed process left running there, or attaches
 * to what a live one runs. Throws sentences that say what to do.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  // Others may pass through it, not list it: as root the server runs as another user.
  mkdirSync(resolve(options.dataDir), { recursive: true, mode: 0o711 });
  const dataDir = realpathSync(resolve(options.dataDir));
  const place = { dataDir, dataPath: join(dataDir, 'postgres') };
  const lockFile = join(dataDir, 'postgres.lock');
  const patience = AbortSignal.timeout(ATTACH_MS);
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
 * A throw-away server in a fresh temporary folder, on a free port; `stop()` removes all of it. Not durable unless
 * asked. Also removes what processes of this user left behind that did not come to call `stop()`.
 */
export async function temporaryEmbedded(
  options: { durable?: boolean; log?: Log } = {},
): Promise<TemporaryEmbedded> {
  const { durable = false, log = { info: () => {}, warn: () => {} } } = options;
  await sweep(log);
  const dataDir = mkdtempSync(join(tmpdir(), TEMPORARY));
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

const TEMPORARY = 'despatch-postgres-';

/** The lock tells the folders of the living from those of the dead. */
async function sweep(log: Log): Promise<void> {
  const root = realpathSync(tmpdir());
  for (const name of readdirSync(root).filter((each) => each.startsWith(TEMPORARY))) {
    const dataDir = join(root, name);
    try {
      if (lstatSync(dataDir).uid !== (process.getuid?.() ?? 0)) continue;
      if (!existsSync(join(dataDir, 'postgres.lock'))) continue; // just being made
      const unlock = lock(join(dataDir, 'postgres.lock'));
      if (!unlock) continue;
      const dataPath = join(dataDir, 'postgres');
      if (findRunning(dataPath)) await halt(dataPath, findBinaries(dataDir, dataPath), log);
      unlock();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
    } catch (error) {
      log.warn({ err: error, dataDir }, 'Left-over temporary database not removed');
    }
  }
}

/** The caller holds the lock, which this keeps until `stop()`. */
async function own(place: Place, options: EmbeddedOptions, unlock: () => void): Promise<Embedded> {
  const { log, durable = true } = options;
  const { dataPath, dataDir } = place;
  const password = keepPassword(dataDir, dataPath);
  const binaries = findBinaries(dataDir, dataPath);
  await prepareData(dataDir, dataPath, password, binaries, durable);

  const onExit = () => haltSync(dataPath, binaries, durable ? 'fast' : 'immediate');
  process.on('exit', onExit);
  let stopping: Promise<void> | undefined;
  let restarting: Promise<unknown> = Promise.resolve();

  /** Starts the server, and starts it again on the same port when it is killed: its users only reconnect. */
  const start = async (port: number | undefined, fixedPort: boolean): Promise<number> => {
    const server = await launch(place, binaries, { port, fixedPort, durable });
    server.child.once('exit', (code, signal) => {
      if (stopping) return;
      log.warn({ code, signal }, 'Embedded PostgreSQL ended unexpectedly: starting it again');
      restarting = start(server.port, true).catch((error) => {
        if (!stopping)
          log.warn({ err: error }, 'Embedded PostgreSQL is down and could not be started: restart Despatch');
      });
    });
    return server.port;
  };

  const stopOnce = async () => {
    await halt(dataPath, binaries, log);
    await restarting; // one that was on its way fails by the halt, or else is stopped by the next
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
    log.info({ port, version: binaries.version, adopted: left !== undefined }, 'Embedded PostgreSQL runs');
    return { url, owner: true, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Takes over the server that a killed owner left running, because others may be attached to it and because it is
 * quickest. One of other binaries, or one that does not answer, is stopped instead; then this gives undefined.
 */
async function adopt(
  place: Place,
  password: string,
  binaries: Binaries,
  log: Log,
): Promise<Running | undefined> {
  const patience = AbortSignal.timeout(ADOPT_MS);
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

/** The server of another live process, once it accepts connections. */
async function attach(place: Place): Promise<{ url: string; port: number } | undefined> {
  const running = findRunning(place.dataPath);
  if (running?.status !== 'ready') return undefined;
  const password = keepPassword(place.dataDir, place.dataPath);
  try {
    return { url: await makeDatabase(running.port, password), port: running.port };
  } catch (error) {
    // Just being stopped or restarted.
    if (/^(ECONNREFUSED|ECONNRESET|57P0.)$/.test(String((error as { code?: string }).code))) return undefined;
    throw error;
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
  client.on('error', () => {}); // the failing query says it too
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Locks a file for this process; gives how to unlock it, or undefined while another holds it. Node has no file
 * locks of its own, SQLite does, and the system frees them with the process. Nothing else in this process may open
 * the file: closing it would free the lock, too.
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
