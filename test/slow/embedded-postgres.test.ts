import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  cleaning,
  cleanUp,
  folder,
  isAlive,
  kill,
  otherProcess,
  query,
  serverPid,
  start,
  until,
} from '../support/embedded.ts';

const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';
after(cleanUp);

test('an owner takes over the embedded server of a killed owner, with its data', async () => {
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

test('the embedded database starts after its owner and its server were both killed', async () => {
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

test('the embedded database starts even if another process has the pid of its killed server, and spares that process', async () => {
  const dataDir = folder();
  const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
  const first = await start(dataDir);
  const [, ...rest] = readFileSync(pidFile, 'utf8').split('\n');
  await first.stop();
  // Owned by the server's user: PostgreSQL itself would mistake such a process for a running server.
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

test('the embedded database is shared by processes: one owns it, the others attach and leave it running', async () => {
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

test('the embedded database stops with its owner, even one that exits without stopping it', async () => {
  const dataDir = folder();
  const owner = await otherProcess(dataDir);
  const pid = serverPid(dataDir);
  owner.child.stdin!.end('exit\n');
  await once(owner.child, 'exit');
  await until(() => !isAlive(pid));
});

test('the embedded database restarts on the same port when its server is killed', async () => {
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

test('the embedded database runs as root below a directory that nobody else may enter', {
  skip: !isRoot,
}, async () => {
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

test('the embedded database runs as root of a container with few capabilities', {
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
