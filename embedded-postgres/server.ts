/** One PostgreSQL server on one data directory: found, started, kept up, stopped. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Binaries, environment } from './binaries.ts';
import { settings } from './settings.ts';

/** What pino's loggers have of it. */
export type Log = { info(fields: object, text: string): void; warn(fields: object, text: string): void };

/** `dataDir` is ours, with the log and the port; `dataPath` is PostgreSQL's, inside it. */
export type Place = { dataDir: string; dataPath: string };

/** A server process that really runs on this data directory. */
export type Running = { pid: number; port: number; status: string };

const KEPT_LOG_BYTES = 5 * 2 ** 20;
const START_MS = 300_000; // recovery after a crash replays up to max_wal_size
const FAST_STOP_MS = 30_000;

/** The server that runs on `dataPath`, whoever started it; undefined when there is none. */
export function findRunning(dataPath: string): Running | undefined {
  const [pid, , , port, , , , status] = readPidFile(dataPath);
  if (!pid || !isServerOf(Number(pid), dataPath)) return undefined;
  return { pid: Number(pid), port: Number(port), status: status?.trim() ?? '' };
}

/**
 * Starts the server and waits until it accepts connections. Takes the first free port of: `port`, the last one
 * used here, 5433, any. The caller holds the lock of the data directory. Throws a sentence with the end of
 * postgres.log.
 */
export async function launch(
  place: Place,
  binaries: Binaries,
  options: { port: number | undefined; fixedPort: boolean; durable: boolean },
): Promise<{ port: number; child: ChildProcess }> {
  const portFile = join(place.dataDir, 'postgres-port');
  const last = Number(read(portFile)) || undefined;
  const wanted = options.fixedPort ? [options.port] : [options.port, last, 5433, 0, 0, 0, 0, 0];
  const patience = AbortSignal.timeout(START_MS);
  shortenLog(place.dataDir);
  for (const candidate of wanted) {
    const port = candidate === undefined ? undefined : await freePort(candidate);
    if (port === undefined) continue;
    // Tries again on the same port while the last remains of a killed server go: soon, or within a minute when it
    // is an orphan under another path (the directory was moved), which ends itself once its pid file is disowned.
    for (;;) {
      const attempt = await tryLaunch(place, binaries, port, options.durable, patience);
      if (attempt.child) {
        writeFileSync(portFile, `${port}\n`);
        return { port, child: attempt.child };
      }
      if (/could not bind|could not create any TCP/.test(attempt.said)) break;
      if (!/still in use/.test(attempt.said) || patience.aborted) throw startFailure(place, attempt.said);
      await sleep(200);
    }
  }
  throw new Error(
    'Every port tried for PostgreSQL on 127.0.0.1 is taken: free one, or stop what takes them.',
  );
}

/** Stops the server on `dataPath`: fast; at once if it does not end within 30 s. Nothing committed is lost. */
export async function halt(dataPath: string, binaries: Binaries, log: Log): Promise<void> {
  for (const mode of ['fast', 'immediate', 'kill'] as const) {
    const running = findRunning(dataPath);
    if (!running) return;
    if (mode !== 'fast')
      log.warn({ pid: running.pid, mode }, 'embedded PostgreSQL does not stop: pressing it');
    signal(running.pid, mode, dataPath, binaries);
    const patience = AbortSignal.timeout(mode === 'fast' ? FAST_STOP_MS : 10_000);
    // Not until the pid file goes: the process ends a little later, and then the directory is really free.
    while (!patience.aborted && isServerOf(running.pid, dataPath)) await sleep(20);
  }
}

/** Asks the server to stop and does not wait: what can still be done while the process exits. */
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
    // There are no signals on Windows; PostgreSQL has its own, which pg_ctl can send.
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
): Promise<{ child: ChildProcess | undefined; said: string }> {
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
    // A session of its own: Ctrl-C in the terminal is for us, and the server must outlive our own farewell.
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
      return { child: undefined, said: textFrom(logFile, before) };
    const running = findRunning(place.dataPath);
    if (running?.pid === child.pid && running?.status === 'ready') return { child, said: '' };
    if (patience.aborted) {
      await halt(place.dataPath, binaries, { info: () => {}, warn: () => {} });
      throw startFailure(place, textFrom(logFile, before));
    }
    await sleep(20);
  }
}

function startFailure(place: Place, said: string): Error {
  const tail = said.trim().split('\n').slice(-12).join('\n');
  return new Error(
    `PostgreSQL did not start in ${place.dataPath}. Put right what it says (more in ` +
      `${join(place.dataDir, 'postgres.log')}) and start again:\n${tail}`,
  );
}

/**
 * PostgreSQL does not start while the process of its pid file lives, and after a SIGKILL or a restart of the
 * machine that number may be anybody's. It does pass over the number of its own parent: so we put in ours.
 * Removing the file instead would also remove its note of the shared memory, by which PostgreSQL knows that
 * parts of the killed server are still at work. The caller holds the lock and has found no running server.
 */
function disownPidFile(dataPath: string): void {
  const [pid, ...rest] = readPidFile(dataPath);
  if (pid && isAlive(Number(pid)))
    writeFileSync(join(dataPath, 'postmaster.pid'), [process.pid, ...rest].join('\n'));
}

function readPidFile(dataPath: string): string[] {
  return read(join(dataPath, 'postmaster.pid')).split('\n');
}

/** A zombie, too, is alive in this sense. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the process is a server on this data directory, and not another one that was given its number. */
function isServerOf(pid: number, dataPath: string): boolean {
  if (!(pid > 0) || !isAlive(pid)) return false;
  if (process.platform === 'win32') return true; // pid files there carry what PostgreSQL itself can check
  if (process.platform === 'linux') {
    // Everyone may read it, unlike the working directory (root in a container may not look into other users').
    const args = read(`/proc/${pid}/cmdline`).split('\0');
    return args[1] === '-D' && args[2] === dataPath;
  }
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', `${pid}`], { encoding: 'utf8' });
  return stdout.includes(` -D ${dataPath} -p `);
}

/** The port if it can be had, undefined if it is taken; for 0 any that is free. */
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

function shortenLog(dataDir: string): void {
  const file = join(dataDir, 'postgres.log');
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) < KEPT_LOG_BYTES) return;
  rmSync(`${file}.1`, { force: true });
  renameSync(file, `${file}.1`);
}

function textFrom(file: string, offset: number): string {
  return readFileSync(file).subarray(offset).toString();
}

/** The text of a file, empty when there is none. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (/^(ENOENT|ESRCH)$/.test(String((error as NodeJS.ErrnoException).code))) return '';
    throw error;
  }
}
