import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import pg from 'pg';
import {
  cleaning,
  cleanUp,
  folder,
  isAlive,
  kill,
  log,
  otherProcess,
  query,
  serverPids,
  start,
  until,
} from '../test/support/embedded.ts';
import { startEmbedded, temporaryEmbedded } from './embedded.ts';

after(cleanUp);

test('the embedded database keeps its data and its port from one start to the next, and leaves no process', async () => {
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

test('the embedded database loses nothing in a power cut and logs no personal data', async () => {
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

test('the embedded database uses another port if the preferred one is taken, and remembers it', async () => {
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

test('the embedded database removes what an interrupted first start left', async () => {
  const dataDir = folder();
  mkdirSync(join(dataDir, 'postgres.new-killed', 'data', 'base'), { recursive: true });
  const { stop } = await start(dataDir);
  assert.deepEqual(
    readdirSync(dataDir).filter((name) => name.includes('new')),
    [],
  );
  await stop();
});

test('a start on data that the embedded database cannot use says what to do', async () => {
  const dataDir = folder();
  const version = join(dataDir, 'postgres', 'PG_VERSION');
  await (await start(dataDir)).stop();
  writeFileSync(version, '17\n');
  await assert.rejects(
    start(dataDir),
    /created by PostgreSQL 17, but this Despatch includes PostgreSQL 18.*pg_dump/,
  );
  rmSync(version);
  await assert.rejects(start(dataDir), /has no PG_VERSION.*backup/);
  writeFileSync(version, '18\n');
  rmSync(join(dataDir, 'postgres', 'global', 'pg_control'));
  await assert.rejects(start(dataDir), /did not start.*postgres\.log[\s\S]*pg_control/);
  rmSync(join(dataDir, 'postgres-password'));
  await assert.rejects(start(dataDir), /password .* is gone: put back/);
});

test('a temporary database leaves nothing behind and removes one that a killed process left', async () => {
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

test('a short command stops the embedded database that it started, but not while another process uses it', async () => {
  const dataDir = folder();
  const first = await startEmbedded({ dataDir, log, port: 0, brief: true });
  const pids = await serverPids(first.url, dataDir);
  await first.stop();
  await until(() => !pids.some(isAlive));

  const second = await startEmbedded({ dataDir, log, brief: true });
  const client = new pg.Client({ connectionString: second.url, application_name: 'despatch listener' });
  cleaning.push(() => client.end());
  await client.connect();
  await second.stop();
  assert.equal((await client.query('SELECT 42 AS answer')).rows[0].answer, 42);
  await client.end();
  const next = await start(dataDir);
  assert.equal(next.owner, true);
  assert.equal(next.url, second.url);
  await next.stop();
});
