/** One PostgreSQL server on one data directory: how it is found, configured, started and stopped. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Binaries, environment } from './binaries.ts';

/** The part of a pino logger that is used here. */
export type Log = { info(fields: object, text: string): void; warn(fields: object, text: string): void };

/** `dataDir` is our directory, with the log and the port file; `dataPath` is PostgreSQL's data directory inside it. */
export type Place = { dataDir: string; dataPath: string };

/** A live server process on this data directory. */
export type Running = { pid: number; port: number; status: string };

const maxLogBytes = 5 * 2 ** 20;
const startMilliseconds = 300_000; // crash recovery may have to replay up to max_wal_size
const fastStopMilliseconds = 30_000;

/** The server that runs on `dataPath`, whoever started it; undefined if there is none. */
export function findRunning(dataPath: string): Running | undefined {
  const [pid, , , port, , , , status] = readPidFile(dataPath);
  if (!pid || !isServerOf(Number(pid), dataPath)) return undefined;
  return { pid: Number(pid), port: Number(port), status: status?.trim() ?? '' };
}

/**
 * Starts the server and waits until it accepts connections. Its port is the first free one of: `port`, the last one
 * used here, 5433, any. The caller holds the lock of the data directory.
 *
 * @throws with the end of postgres.log if the server does not start
 */
export async function launch(
  place: Place,
  binaries: Binaries,
  options: { port: number | undefined; fixedPort: boolean; durable: boolean },
): Promise<{ port: number; child: ChildProcess }> {
  const portFile = join(place.dataDir, 'postgres-port');
  const last = Number(read(portFile)) || undefined;
  const wanted = options.fixedPort ? [options.port] : [options.port, last, 5433, 0, 0, 0, 0, 0];
  const patience = AbortSignal.timeout(startMilliseconds);
  rotateLog(place.dataDir);
  for (const candidate of wanted) {
    const port = candidate === undefined ? undefined : await freePort(candidate);
    if (port === undefined) continue;
    // Retries on the same port until the remaining processes of a killed server are gone. That is soon, or within a
    // minute for an orphan under another path (the directory was moved), which exits once its pid file is disowned.
    for (;;) {
      const attempt = await tryLaunch(place, binaries, port, options.durable, patience);
      if (attempt.child) {
        writeFileSync(portFile, `${port}\n`);
        return { port, child: attempt.child };
      }
      if (/could not bind|could not create any TCP/.test(attempt.output)) break;
      if (!/still in use/.test(attempt.output) || patience.aborted) throw startFailure(place, attempt.output);
      await sleep(200);
    }
  }
  throw new Error(
    'Every port tried for PostgreSQL on 127.0.0.1 is taken: free one, or stop the programs that use them.',
  );
}

/** Stops the server on `dataPath` in fast mode, harder if it does not end within 30 s. Nothing committed is lost. */
export async function halt(dataPath: string, binaries: Binaries, log: Log): Promise<void> {
  for (const mode of ['fast', 'immediate', 'kill'] as const) {
    const running = findRunning(dataPath);
    if (!running) return;
    if (mode !== 'fast')
      log.warn({ pid: running.pid, mode }, 'Embedded PostgreSQL does not stop: using more force');
    signal(running.pid, mode, dataPath, binaries);
    const patience = AbortSignal.timeout(mode === 'fast' ? fastStopMilliseconds : 10_000);
    // Waits for the process rather than the pid file: it ends a little later, and only then is the directory free.
    while (!patience.aborted && isServerOf(running.pid, dataPath)) await sleep(20);
  }
}

/** Asks the server to stop without waiting, which is all that is possible while our process exits. */
export function haltSync(dataPath: string, binaries: Binaries, mode: 'fast' | 'immediate'): void {
  const running = findRunning(dataPath);
  if (running) signal(running.pid, mode, dataPath, binaries);
}

function signal(
  pid: number,
  mode: 'fast' | 'immediate' | 'kill',
  dataPath: string,
  binaries: Binaries,
): void {
  if (process.platform === 'win32' && mode !== 'kill') {
    // Windows has no signals; PostgreSQL emulates them, and pg_ctl can send them.
    spawnSync(...binaries.command('pg_ctl', ['stop', '-W', '-m', mode, '-D', dataPath]));
    return;
  }
  try {
    process.kill(pid, { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' }[mode] as NodeJS.Signals);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function tryLaunch(
  place: Place,
  binaries: Binaries,
  port: number,
  durable: boolean,
  patience: AbortSignal,
): Promise<{ child: ChildProcess | undefined; output: string }> {
  disownPidFile(place.dataPath);
  const logFile = join(place.dataDir, 'postgres.log');
  const log = openSync(logFile, 'a', 0o600);
  const before = fstatSync(log).size;
  const flags = Object.entries(settings(place.dataDir, durable)).flatMap(([key, value]) => [
    '-c',
    `${key}=${value}`,
  ]);
  const [file, args] = binaries.command('postgres', ['-D', place.dataPath, '-p', `${port}`, ...flags]);
  const child = spawn(file, args, {
    ...binaries.account.ids,
    cwd: '/',
    env: environment(),
    stdio: ['ignore', log, log],
    // A session of its own: Ctrl-C in the terminal is for us, and the server must outlive our shutdown.
    detached: true,
    windowsHide: true,
  });
  closeSync(log);
  child.unref();
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = error;
  });
  for (;;) {
    if (failure) throw failure;
    if (child.exitCode !== null || child.signalCode !== null)
      return { child: undefined, output: textFrom(logFile, before) };
    const running = findRunning(place.dataPath);
    if (running?.pid === child.pid && running?.status === 'ready') return { child, output: '' };
    if (patience.aborted) {
      await halt(place.dataPath, binaries, { info: () => {}, warn: () => {} });
      throw startFailure(place, textFrom(logFile, before));
    }
    await sleep(20);
  }
}

function startFailure(place: Place, output: string): Error {
  const tail = output.trim().split('\n').slice(-12).join('\n');
  return new Error(
    `PostgreSQL did not start in ${place.dataPath}. Fix the problem below (more in ` +
      `${join(place.dataDir, 'postgres.log')}) and start again:\n${tail}`,
  );
}

/**
 * PostgreSQL does not start while the process in its pid file is alive, and after a SIGKILL or a reboot any process may
 * have that pid. It ignores the pid of its own parent, so we write ours. Deleting the file would also lose its record
 * of the shared memory, by which PostgreSQL notices processes of the killed server that are still running. The caller
 * holds the lock and has found no running server.
 */
function disownPidFile(dataPath: string): void {
  const [pid, ...rest] = readPidFile(dataPath);
  if (pid && isAlive(Number(pid)))
    writeFileSync(join(dataPath, 'postmaster.pid'), [process.pid, ...rest].join('\n'));
}

function readPidFile(dataPath: string): string[] {
  return read(join(dataPath, 'postmaster.pid')).split('\n');
}

/** True for zombies, too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the process is a server on this data directory, not another process that was given its pid. */
function isServerOf(pid: number, dataPath: string): boolean {
  if (!(pid > 0) || !isAlive(pid)) return false;
  if (process.platform === 'win32') return true; // PostgreSQL checks the pid file itself there
  if (process.platform === 'linux') {
    // Unlike its working directory, everyone may read it (root in a container may not look at other users' processes).
    const args = read(`/proc/${pid}/cmdline`).split('\0');
    return args[1] === '-D' && args[2] === dataPath;
  }
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', `${pid}`], { encoding: 'utf8' });
  return stdout.includes(` -D ${dataPath} -p `);
}

/** The port if it is free, undefined if it is taken; any free port for 0. */
function freePort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

function rotateLog(dataDir: string): void {
  const file = join(dataDir, 'postgres.log');
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) < maxLogBytes) return;
  rmSync(`${file}.1`, { force: true });
  renameSync(file, `${file}.1`);
}

function textFrom(file: string, offset: number): string {
  return readFileSync(file).subarray(offset).toString();
}

/** The text of a file, empty if there is none. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (/^(ENOENT|ESRCH)$/.test(String((error as NodeJS.ErrnoException).code))) return '';
    throw error;
  }
}

const megabyte = 2 ** 20;

/**
 * Settings for two cores, little memory and many small writes, sized by the machine's memory and the disk of `dataDir`.
 * `durable: false` is for data that nobody will miss: a power cut may then destroy the whole database.
 */
function settings(dataDir: string, durable: boolean): Record<string, string | number> {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / megabyte;
  const disk = statfsSync(dataDir);
  const wal = between(512, (disk.bavail * disk.bsize) / megabyte / 8, 4096);
  const safe = durable ? 'on' : 'off';
  return {
    listen_addresses: '127.0.0.1',
    // Socket paths are limited to about 107 bytes, and data directories often have longer ones.
    unix_socket_directories: '',
    max_connections: 200,

    fsync: safe,
    synchronous_commit: safe,
    full_page_writes: safe,
    // Otherwise macOS reports data as written while it is still in the drive's cache.
    ...(process.platform === 'darwin' && durable ? { wal_sync_method: 'fsync_writethrough' } : {}),
    // The binaries from npm are built without lz4 and zstd.
    wal_compression: 'pglz',
    wal_buffers: '16MB',
    max_wal_size: `${wal}MB`,
    min_wal_size: `${Math.floor(wal / 4)}MB`,
    checkpoint_timeout: '15min',
    checkpoint_completion_target: 0.9,

    shared_buffers: `${between(64, memory / 16, 512)}MB`,
    effective_cache_size: `${between(128, memory / 2, 65536)}MB`,
    work_mem: '8MB',
    maintenance_work_mem: `${between(32, memory / 64, 128)}MB`,
    random_page_cost: 1.1,
    jit: 'off',
    // Parallel queries take cores from the workers and use /dev/shm, which has only 64 MB in a container.
    max_parallel_workers_per_gather: 0,
    max_parallel_maintenance_workers: 0,

    // A queue table turns over many times an hour: vacuum early, often and fast.
    autovacuum_naptime: '10s',
    autovacuum_vacuum_scale_factor: 0.02,
    autovacuum_vacuum_insert_scale_factor: 0.05,
    autovacuum_vacuum_cost_delay: '2ms',
    autovacuum_vacuum_cost_limit: 2000,
    // No statement that messages pass through depends on statistics. A day that grows is analysed often, and a third of
    // the sample takes a sixth of the time: of a message that was 3 % of all processor time.
    default_statistics_target: 30,

    timezone: 'UTC',
    log_timezone: 'UTC',
    log_destination: 'stderr',
    logging_collector: 'off',
    // No personal data in the log: no statements, no parameters, and no text or details of errors, which quote values.
    // Whoever sent the statement gets the error anyway.
    log_min_messages: 'log',
    log_error_verbosity: 'terse',
    log_statement: 'none',
    log_min_error_statement: 'panic',
    log_parameter_max_length: 0,
    log_parameter_max_length_on_error: 0,
  };
}

function between(least: number, value: number, most: number): number {
  return Math.floor(Math.min(most, Math.max(least, value)));
}
