import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { sql } from 'kysely';
import { createWorld, type World } from '../../test/support/world.ts';
import { createLog } from '../ground/log.ts';
import { type Connection, connect, hasStar, writeConnections } from './connection.ts';

test('a star outside all brackets is found, others and multiplications are not', () => {
  for (const text of [
    'select * from a',
    'with b as (select 1) select b.*, 2 from b',
    'delete from a returning *',
    'select b, * from a',
    'select distinct\n  * from a',
  ])
    assert.equal(hasStar(text), true, text);
  for (const text of [
    'select count(*) from a',
    'with input as (select * from unnest($1::int[]) i) select i from input',
    `select '*', "*", 1 -- a * in a comment\nfrom a`,
    'insert into a (b) select b from (select * from c) d returning b',
    'select b * 2, c.d * $1 as e from a',
  ])
    assert.equal(hasStar(text), false, text);
});

suite('statements that are sent often', () => {
  let world: World;
  let connection: Connection;
  before(async () => {
    world = await createWorld({ roles: [] });
    connection = connect(world.databaseUrl, 1, createLog('silent'), writeConnections);
    await sql`create table tides (day integer not null, height integer not null) partition by range (day)`.execute(
      connection.db,
    );
    await sql`create table tides_1 partition of tides for values from (1) to (2)`.execute(connection.db);
  });
  after(async () => {
    await connection?.close();
    await world?.stop();
  });

  const prepared = async () => {
    const { rows } = await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(
      connection.db,
    );
    return rows.map(({ statement }) => statement);
  };
  const add = (day: number) =>
    sql<{
      height: number;
    }>`insert into tides (day, height) values (${day}, ${day * 10}) returning height`.execute(connection.db);
  const heights = async (days: readonly number[]) => {
    const { rows } = await sql<{ height: number }>`
      select height from tides where day = any(${days}::int[]) order by height`.execute(connection.db);
    return [...new Set(rows.map(({ height }) => height))];
  };

  test('are prepared, and go on while a partition, a column and an index are added', async () => {
    assert.deepEqual(await prepared(), []);
    for (let time = 0; time < 120; time++) {
      await add(1);
      assert.deepEqual(await heights([1, 2]), [10]);
      await sql`select * from tides limit 1`.execute(connection.db);
    }
    assert.equal((await prepared()).filter((text) => text.includes('tides')).length, 2);
    const { rows: plans } = await sql<{ count: number }>`
      select sum(custom_plans)::int as count from pg_prepared_statements`.execute(connection.db);
    assert.deepEqual(plans, [{ count: 0 }], 'plans for certain values');
    // As at midnight, and as a migration of the next release does.
    await sql`create table tides_2 partition of tides for values from (2) to (3)`.execute(connection.db);
    await add(2);
    assert.deepEqual(await heights([1, 2]), [10, 20]);
    await sql`alter table tides add column moon text`.execute(connection.db);
    await sql`create index on tides (day)`.execute(connection.db);
    await add(2);
    assert.deepEqual(await heights([2]), [20]);
    const { rows } = await sql<{ moon: string | null }>`select * from tides limit 1`.execute(connection.db);
    assert.deepEqual(Object.keys(rows[0]!), ['day', 'height', 'moon']);
    await sql`drop table tides_1`.execute(connection.db);
    assert.deepEqual(await heights([1, 2]), [20]);
    assert.equal((await prepared()).filter((text) => text.includes('tides')).length, 2);
  });

  test('are not prepared while they are sent seldom', async () => {
    for (let time = 0; time < 20; time++) await sql`select ${time}::int as seldom`.execute(connection.db);
    assert.deepEqual(
      (await prepared()).filter((text) => text.includes('seldom')),
      [],
    );
  });
});
