/** What the tests of the embedded database share: folders, servers and other processes, all removed by `cleanUp`. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { type Embedded, startEmbedded } from '../../embedded-postgres/embedded.ts';

export const log = { info: () => {}, warn: () => {} };
const isLinux = process.platform === 'linux';

/** What `cleanUp` runs, last first. */
export const cleaning: (() => unknown)[] = [];

export async function cleanUp(): Promise<void> {
  for (const clean of cleaning.reverse()) await clean();
}

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'despatch-embedded-'));
  chmodSync(path, 0o755);
  cleaning.push(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }));
  return path;
}

/** Starts on a free port: the developer's own Despatch may use the default one. */
export async function start(dataDir: string): Promise<Embedded> {
  const port = existsSync(join(dataDir, 'postgres-port')) ? {} : { port: 0 };
  const embedded = await startEmbedded({ dataDir, log, ...port });
  cleaning.push(embedded.stop);
  return embedded;
}

/** Another process with the database. It stops it when its input ends, and exits without stopping it on any line. */
export async function otherProcess(dataDir: string | undefined, prefix: string[] = []) {
  const script = `
    import { createInterface } from 'node:readline';
    import { startEmbedded, temporaryEmbedded } from ${JSON.stringify(import.meta.resolve('../../embedded-postgres/embedded.ts'))};
    const dataDir = ${JSON.stringify(dataDir)};
    const log = { info() {}, warn() {} };
    const { url, owner, stop } = dataDir ? await startEmbedded({ dataDir, log, port: 0 }) : await temporaryEmbedded();
    console.log(JSON.stringify({ url, owner }));
    createInterface(process.stdin).on('line', () => process.exit()).on('close', stop);`;
  const [file, ...args] = [...prefix, process.execPath, '--input-type=module', '-e', script];
  const child = spawn(file!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  cleaning.push(() => kill(child));
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => assert.fail('the other process ended early')),
  ])) as [string];
  return { child, ...(JSON.parse(line) as { url: string; owner: boolean }) };
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

export async function query(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // A server that ends closes connections, also those that are ending; a query has its own error.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

export function serverPid(dataDir: string): number {
  const file = join(dataDir, 'postgres', 'postmaster.pid');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : -1;
}

export async function serverPids(url: string, dataDir: string): Promise<number[]> {
  const rows = await query(url, 'SELECT pid FROM pg_stat_activity');
  return [serverPid(dataDir), ...rows.map((row) => row['pid'] as number)];
}

/** False for zombies: a container may have no process that reaps orphans. */
export function isAlive(pid: number): boolean {
  if (pid < 1) return false;
  try {
    process.kill(pid, 0);
    return !isLinux || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const patience = AbortSignal.timeout(20_000);
  while (!(await condition())) {
    assert.equal(patience.aborted, false, 'waited too long');
    await pause(10);
  }
}
