import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { freshDatabase } from '../../test/support/database.ts';
import { createIdSource } from '../ground/id.ts';
import { createLog } from '../ground/log.ts';
import { type Connection, connect } from './connection.ts';
import { inPartitionsOf } from './partitions.ts';

const at = (time: string) => Date.parse(time);
const idsAt = (...times: readonly number[]) => times.map((time) => createIdSource({ now: () => time })());

describe('conditions that name the partitions of ids', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let connection: Connection;
  before(async () => {
    database = await freshDatabase();
    connection = connect(database.url, 1, createLog('silent'));
  });
  after(async () => {
    await connection.close();
    await database.drop();
  });

  /** Those of the ids that the conditions leave, and how the statement reads. */
  async function left(ids: readonly string[]) {
    const query = sql<{ id: string }>`
      select id from unnest(${ids}::uuid[]) as t (id) where true ${inPartitionsOf(ids, 't.id')}`;
    const { rows } = await query.execute(connection.db);
    return { ids: rows.map(({ id }) => id), text: query.compile(connection.db).sql };
  }

  test('leave out none of the ids, at midnight and when the clocks change either', async () => {
    for (const times of [
      [at('2026-11-30T12:00:00Z')],
      [at('2026-11-30T23:59:59.999Z'), at('2026-12-01T00:00:00Z')],
      [at('2026-03-28T23:59:59.999Z'), at('2026-03-29T00:59:59.999Z'), at('2026-03-29T22:59:59.999Z')],
      [at('2026-03-29T23:00:00Z'), at('2026-10-24T22:59:59.999Z')],
      [at('2026-10-25T00:00:00Z'), at('2026-10-25T23:59:59.999Z'), at('2026-10-24T23:00:00Z')],
      [at('2026-02-28T12:00:00Z'), at('2026-01-31T12:00:00Z')],
    ]) {
      const ids = idsAt(...times);
      assert.deepEqual((await left(ids)).ids, ids);
    }
    assert.deepEqual((await left([])).ids, []);
  });

  test('read alike for all batches of a day, so that the statement stays prepared', async () => {
    const texts = await Promise.all(
      ['2026-11-30T00:00:00Z', '2026-11-30T14:05:06Z', '2026-11-30T23:59:59Z'].map(
        async (time) => (await left(idsAt(at(time)))).text,
      ),
    );
    assert.equal(new Set(texts).size, 1);
    assert.match(texts[0]!, /\(t\.id >= '.*'::uuid or t\.id = '.*'::uuid\) and \(t\.id < '/);
  });

  test('are left out for ids that are not of one time, such as those that a stranger made up', async () => {
    const ids = ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
    const found = await left(ids);
    assert.deepEqual(found.ids, ids);
    assert.doesNotMatch(found.text, />=/);
    for (const id of ids) assert.deepEqual((await left([id])).ids, [id]);
  });
});
