import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { type Embedded, startEmbedded, temporaryEmbedded } from './embedded.ts';

const log = { info: () => {}, warn: () => {} };
const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';
const cleaning: (() => unknown)[] = [];
after(async () => {
  for (const clean of cleaning.reverse()) await clean();
});

describe('the embedded database', () => {
  test('keeps its data from one start to the next, and the port, and leaves no process', async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    assert.equal(first.owner, true);
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const pids = await serverPids(first.url, dataDir);
    assert.ok(pids.length > 3);
    await first.stop();
    await until(() => !pids.some(isAlive));
    assert.equal(statSync(join(dataDir, 'postgres-password')).mode & 0o777, 0o600);

    const second = await start(dataDir);
    assert.equal(second.url, first.url);
    assert.deepEqual(await query(second.url, 'SELECT answer FROM kept'), [{ answer: 42 }]);
    await second.stop();
    await second.stop();
  });

  test('loses nothing in a power cut, and writes no personal data to its log', async () => {
    const dataDir = folder();
    const { url, stop } = await start(dataDir);
    const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses', 'TimeZone', 'jit'];
    const rows = await query(
      url,
      `SELECT name, setting FROM pg_settings WHERE name IN ('${names.join("','")}')`,
    );
    assert.deepEqual(Object.fromEntries(rows.map((row) => [row.name, row.setting])), {
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      TimeZone: 'UTC',
      jit: 'off',
    });
    const [encoding] = await query(
      url,
      "SELECT upper('é') AS upper, current_setting('server_encoding') AS name",
    );
    assert.deepEqual(encoding, { upper: 'É', name: 'UTF8' });

    await query(url, 'CREATE TABLE people (address text PRIMARY KEY)');
    await query(url, 'INSERT INTO people VALUES ($1)', ['anne@example.com']);
    await assert.rejects(query(url, 'INSERT INTO people VALUES ($1)', ['anne@example.com']), /duplicate key/);
    await assert.rejects(query(url, 'SELECT $1::integer', ['anne@example.com']), /invalid input syntax/);
    await stop();
    assert.doesNotMatch(readFileSync(join(dataDir, 'postgres.log'), 'utf8'), /anne|INSERT/);
  });

  test('takes over the server of a killed owner, with its data', async () => {
    const dataDir = folder();
    const owner = await otherProcess(dataDir);
    assert.equal(owner.owner, true);
    await query(owner.url, 'CREATE TABLE kept AS SELECT 1 AS one');
    const pid = serverPid(dataDir);
    await kill(owner.child);

    const next = await start(dataDir);
    assert.equal(next.owner, true);
    assert.equal(serverPid(dataDir), pid);
    assert.deepEqual(await query(next.url, 'SELECT one FROM kept'), [{ one: 1 }]);
    await next.stop();
    await until(() => !isAlive(pid));
  });

  test('starts after owner and server were both killed', async () => {
    const dataDir = folder();
    const owner = await otherProcess(dataDir);
    await query(owner.url, 'CREATE TABLE kept AS SELECT 1 AS one');
    const pid = serverPid(dataDir);
    await kill(owner.child);
    process.kill(pid, 'SIGKILL');

    const next = await start(dataDir);
    assert.notEqual(serverPid(dataDir), pid);
    assert.deepEqual(await query(next.url, 'SELECT one FROM kept'), [{ one: 1 }]);
    await next.stop();
  });

  test('neither minds nor kills a stranger that was given the number of the killed server', async () => {
    const dataDir = folder();
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
    const first = await start(dataDir);
    const [, ...rest] = readFileSync(pidFile, 'utf8').split('\n');
    await first.stop();
    // As the user of the server, whom PostgreSQL itself would take for another server.
    const { uid } = statSync(join(dataDir, 'postgres'));
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore', cwd: '/', ...(isRoot && { uid }) });
    cleaning.push(() => kill(stranger));
    await once(stranger, 'spawn');
    writeFileSync(pidFile, [stranger.pid, ...rest].join('\n'));

    const second = await start(dataDir);
    await query(second.url, 'SELECT 1');
    await second.stop();
    assert.equal(isAlive(stranger.pid!), true);
  });

  test('takes another port when the wanted one is taken, and remembers it', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    cleaning.push(() => squatter.close());
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    const dataDir = folder();
    const first = await startEmbedded({ dataDir, log, port });
    cleaning.push(first.stop);
    assert.notEqual(new URL(first.url).port, String(port));
    await query(first.url, 'SELECT 1');
    await first.stop();
    const second = await start(dataDir);
    assert.equal(second.url, first.url);
    await second.stop();
  });

  test('is shared by processes: one owns it, the others attach and leave it running', async () => {
    const dataDir = folder();
    const both = await Promise.all([otherProcess(dataDir), otherProcess(dataDir)]);
    assert.deepEqual(both.map((each) => each.owner).sort(), [false, true]);
    assert.equal(both[0].url, both[1].url);
    const [owner, guest] = both[0].owner ? both : [both[1], both[0]];

    guest.child.stdin!.end();
    await once(guest.child, 'exit');
    await query(owner.url, 'SELECT 1');

    const attached = await start(dataDir);
    assert.equal(attached.owner, false);
    await attached.stop();
    await query(owner.url, 'SELECT 1');

    await kill(owner.child);
    await query(attached.url, 'SELECT 1');
    const next = await start(dataDir);
    assert.equal(next.owner, true);
    assert.equal(next.url, attached.url);
    await next.stop();
  });

  test('stops with its owner, even one that exits without a word', async () => {
    const dataDir = folder();
    const owner = await otherProcess(dataDir);
    const pid = serverPid(dataDir);
    owner.child.stdin!.end('exit\n');
    await once(owner.child, 'exit');
    await until(() => !isAlive(pid));
  });

  test('comes back on the same port when the server is killed', async () => {
    const dataDir = folder();
    const { url, stop } = await start(dataDir);
    const pid = serverPid(dataDir);
    process.kill(pid, 'SIGKILL');
    await until(() =>
      query(url, 'SELECT 1').then(
        () => serverPid(dataDir) !== pid,
        () => false,
      ),
    );
    await stop();
    assert.equal(isAlive(serverPid(dataDir)), false);
  });

  test('clears away what an interrupted first start left', async () => {
    const dataDir = folder();
    mkdirSync(join(dataDir, 'postgres.new-killed', 'data', 'base'), { recursive: true });
    const { stop } = await start(dataDir);
    assert.deepEqual(
      readdirSync(dataDir).filter((name) => name.includes('new')),
      [],
    );
    await stop();
  });

  test('says what to do about data it cannot use', async () => {
    const dataDir = folder();
    const version = join(dataDir, 'postgres', 'PG_VERSION');
    await (await start(dataDir)).stop();
    writeFileSync(version, '17\n');
    await assert.rejects(
      start(dataDir),
      /made by PostgreSQL 17, and this Despatch brings PostgreSQL 18.*pg_dump/,
    );
    rmSync(version);
    await assert.rejects(start(dataDir), /has no PG_VERSION.*backup/);
    writeFileSync(version, '18\n');
    rmSync(join(dataDir, 'postgres', 'global', 'pg_control'));
    await assert.rejects(start(dataDir), /did not start.*postgres\.log[\s\S]*pg_control/);
    rmSync(join(dataDir, 'postgres-password'));
    await assert.rejects(start(dataDir), /password .* is gone: put back/);
  });

  test('works as root below a directory nobody else may enter', { skip: !isRoot }, async () => {
    const parent = folder();
    const dataDir = join(parent, 'closed', 'data');
    mkdirSync(join(parent, 'closed'), { mode: 0o700 });
    const closed = await start(dataDir);
    await query(closed.url, 'CREATE TABLE kept AS SELECT 1 AS one');
    await closed.stop();
    chmodSync(join(parent, 'closed'), 0o755);
    renameSync(join(parent, 'closed'), join(parent, 'moved'));
    const moved = await start(join(parent, 'moved', 'data'));
    assert.deepEqual(await query(moved.url, 'SELECT one FROM kept'), [{ one: 1 }]);
    await moved.stop();
  });

  test('works as root of a container, with few rights over other users', {
    skip: !isRoot || !isLinux,
  }, async () => {
    const dataDir = folder();
    const rights = '+chown,+dac_override,+fowner,+kill,+setgid,+setuid,+setpcap';
    const { child, url } = await otherProcess(dataDir, ['setpriv', `--bounding-set=-all,${rights}`]);
    const pid = serverPid(dataDir);
    await query(url, 'SELECT 1');
    child.stdin!.end();
    await once(child, 'exit');
    await until(() => !isAlive(pid));
  });
});

describe('a temporary database', () => {
  test('leaves nothing, and clears away that of a killed process', async () => {
    const killed = await otherProcess(undefined);
    const [{ path }] = (await query(killed.url, "SELECT current_setting('data_directory') AS path")) as [
      { path: string },
    ];
    const pids = await serverPids(killed.url, join(path, '..'));
    await kill(killed.child);
    const own = await temporaryEmbedded();
    assert.equal(existsSync(path), false);
    await until(() => !pids.some(isAlive));
    const [row] = await query(own.url, "SELECT current_setting('data_directory') AS path");
    await own.stop();
    assert.equal(existsSync(row!['path'] as string), false);
  });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'despatch-embedded-'));
  chmodSync(path, 0o755);
  cleaning.push(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }));
  return path;
}

/** On any free port: an engineer's own Despatch may have the usual one. */
async function start(dataDir: string): Promise<Embedded> {
  const port = existsSync(join(dataDir, 'postgres-port')) ? {} : { port: 0 };
  const embedded = await startEmbedded({ dataDir, log, ...port });
  cleaning.push(embedded.stop);
  return embedded;
}

/** A process of its own with the database; it stops when its input ends, and exits at once on a line. */
async function otherProcess(dataDir: string | undefined, prefix: string[] = []) {
  const script = `
    import { createInterface } from 'node:readline';
    import { startEmbedded, temporaryEmbedded } from ${JSON.stringify(import.meta.resolve('./embedded.ts'))};
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

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function query(url: string, text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

function serverPid(dataDir: string): number {
  const file = join(dataDir, 'postgres', 'postmaster.pid');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : -1;
}

async function serverPids(url: string, dataDir: string): Promise<number[]> {
  const rows = await query(url, 'SELECT pid FROM pg_stat_activity');
  return [serverPid(dataDir), ...rows.map((row) => row['pid'] as number)];
}

/** A zombie is not: in a container there may be nobody to bury an orphan. */
function isAlive(pid: number): boolean {
  if (pid < 1) return false;
  try {
    process.kill(pid, 0);
    return !isLinux || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const patience = AbortSignal.timeout(20_000);
  while (!(await condition())) {
    assert.equal(patience.aborted, false, 'waited too long');
    await pause(10);
  }
}
