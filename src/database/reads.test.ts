import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import { freshDatabase } from '../../test/support/database.ts';
import { createLog } from '../ground/log.ts';
import { Problem } from '../ground/problem.ts';
import { type Connection, connect, type Db } from './connection.ts';
import { createReads, type Reads, readConnections, searchPage } from './reads.ts';

const atOnce = 2;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let main: Connection;
let reading: Connection;
let reads: Reads;
before(async () => {
  database = await freshDatabase();
  main = connect(database.url, 4, createLog('silent'));
  reading = connect(database.url, 3, createLog('silent'), {
    ...readConnections,
    statementMilliseconds: 1000,
  });
  reads = createReads(reading.pool, main, atOnce);
});
after(async () => {
  await reading.close();
  await main.close();
  await database.drop();
});

const stays = () => new AbortController().signal;
const sleep = (seconds: number) => (db: Db) => sql`select pg_sleep(${seconds})`.execute(db);
const status = (error: unknown) => (error instanceof Problem ? error.status : error);

/** A read that waits until it is told to end. */
function held(): { read: () => Promise<string>; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { read: () => promise, end: () => resolve('done') };
}

test('a closed connection leaves no connection of its pool open, whoever used the pool', async () => {
  const { pool, close } = connect(database.url, 2, createLog('silent'));
  await pool.query('select 1');
  await close();
  assert.deepEqual([pool.ended, pool.totalCount], [true, 0]);
});

test('a service has a few reads at a time, the others wait in order, and another service is not kept waiting', async () => {
  const open = [held(), held()];
  const first = open.map(({ read }) => reads('busy', stays(), read));
  const order: number[] = [];
  const waiting = [0, 1, 2].map((index) => reads('busy', stays(), async () => order.push(index)));
  assert.equal(await reads('other', stays(), async () => 'read'), 'read');
  assert.deepEqual(order, []);
  open[1]!.end();
  await Promise.all(waiting);
  assert.deepEqual(order, [0, 1, 2]);
  open[0]!.end();
  assert.deepEqual(await Promise.all(first), ['done', 'done']);
});

test('too many waiting reads of a service are refused at once, with what to do', async () => {
  const open = held();
  const all = Array.from({ length: atOnce + 100 }, () => reads('busy', stays(), open.read));
  await assert.rejects(reads('busy', stays(), open.read), (error: Problem) => {
    assert.deepEqual([error.status, error.headers], [429, { 'Retry-After': '1' }]);
    assert.match(error.message, /Wait for answers before sending more/);
    return true;
  });
  open.end();
  await Promise.all(all);
});

test('a statement that takes too long is answered 504, and the next read works', async () => {
  await assert.rejects(reads('slow', stays(), sleep(30)), (error) => status(error) === 504);
  assert.deepEqual((await reads('slow', stays(), sleep(0))).rows.length, 1);
});

test('when the caller leaves, its statement ends in the database and its place is free', async () => {
  const left = new AbortController();
  const slow = connect(database.url, 3, createLog('silent'));
  const patient = createReads(slow.pool, main, 1);
  try {
    const read = patient('gone', left.signal, sleep(50));
    const waits = patient('gone', left.signal, sleep(50));
    const next = patient('gone', stays(), async () => 'read');
    const running = async () =>
      (
        await sql<{ count: number }>`select count(*) from pg_stat_activity
          where query like 'select pg_sleep%' and state = 'active' and datname = current_database()`.execute(
          main.db,
        )
      ).rows[0]!.count;
    while ((await running()) === 0);
    const leaving = Promise.allSettled([read, waits]);
    left.abort();
    const outcomes = await leaving;
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status === 'rejected' && status(outcome.reason)),
      [499, 499],
    );
    assert.equal(await next, 'read');
    assert.equal(await running(), 0);
  } finally {
    await slow.close();
  }
});

test('a search goes on below what it looked at, finds each row once, and is never empty before the end', async () => {
  const rows = Array.from({ length: 30_000 }, (_, index) => 30_000 - index);
  const look = async (from: string | null, size: number, wanted: number) => {
    const older = rows.filter((row) => from === null || row < Number(from)).slice(0, size);
    const found = older.filter((row) => row % 10_000 === 1).slice(0, wanted);
    return { found, last: older.length < size ? null : String(older.at(-1)) };
  };
  assert.deepEqual(await searchPage(250, null, look), [20_001, 10_001, 1]);
  assert.deepEqual(await searchPage(2, null, look), [20_001, 10_001]);
  assert.deepEqual(await searchPage(2, '10001', look), [1]);
  assert.deepEqual(await searchPage(2, '1', look), []);
});
