import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { freshDatabase } from '../../test/support/database.ts';
import { createLog } from '../ground/log.ts';
import { arrayLiteral } from './array-literal.ts';
import { type Connection, connect } from './connection.ts';

describe('arrays as parameters', () => {
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

  for (const [type, values] of [
    [
      'text',
      ['', ' ', 'NULL', 'null', 'a,b', '{a}', '"', '\\', '\\"', 'a "quoted" \\ one', 'Zoë 👋\n\t', null],
    ],
    ['text', ['', ' ', 'NULL', 'null', 'a,b', '{a}', '[b]', 'Zoë 👋\u007f\u2028', null]],
    ['text', []],
    ['text', [null, null]],
    ['int', [0, -7, 2147483647, null]],
    ['float8', [0.1, -1e21, 5e-324, 1e300]],
    ['boolean', [true, false, null]],
    ['uuid', ['01a22c97-57ae-7004-bc6b-263450836e17']],
    ['bytea', [Buffer.alloc(0), Buffer.from([0, 34, 92, 255]), null]],
    ['timestamptz', [new Date(0), new Date('2026-03-29T01:00:00.123Z'), null]],
    ['timestamptz', [new Date('0099-01-01T00:00:00Z'), new Date('9999-12-31T23:59:59.999Z')]],
  ] as const)
    test(`arrive as they were: ${values.length} of ${type}`, async () => {
      const { rows } = await sql<{ values: unknown[] }>`
        select ${values}::${sql.raw(type)}[] as values`.execute(connection.db);
      assert.deepEqual(rows[0]!.values, values);
      assert.equal(typeof arrayLiteral(values), 'string');
    });

  test('are left to the driver with anything else in them', async () => {
    for (const values of [
      [['nested']],
      [{ an: 'object' }],
      [10n],
      [new Uint8Array(2)],
      [new Date(Date.UTC(12_000, 0))],
    ])
      assert.equal(arrayLiteral(values), null);
    const { rows } = await sql<{ values: unknown[] }>`
      select ${[['a', 'b']]}::text[] as values`.execute(connection.db);
    assert.deepEqual(rows[0]!.values, [['a', 'b']]);
  });
});
