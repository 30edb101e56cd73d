import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import { freshDatabase } from '../../test/support/database.ts';
import { connect } from '../database/connection.ts';
import { createLog } from '../ground/log.ts';
import { sealedColumns } from './sealed-columns.ts';

/** Columns of bytes that are not sealed under SECRET_KEY, and why. */
const others: Readonly<Record<string, string>> = {
  'document_contents.sealed': 'under a key that only the link of the file holds',
  'documents.filename': 'likewise',
  'documents.proof': 'a hash under that key',
  'documents.recipient_hash': 'a hash under that key',
  'idempotency_keys.fingerprint': 'a hash of a request of a service, without a key',
  'uploads.digest': 'a hash of a file, without a key',
};

test('every column of bytes is encrypted again by a rotation, or is known not to be under SECRET_KEY', async () => {
  const database = await freshDatabase();
  const connection = connect(database.url, 1, createLog('silent'));
  try {
    const { rows } = await sql<{ name: string; key: string[] }>`
      select c.relname || '.' || a.attname as name, array(
        select k.attname || ' ' || replace(format_type(k.atttypid, null), 'integer', 'int')
        from pg_index i cross join unnest(i.indkey) with ordinality as part (number, place)
        join pg_attribute k on k.attrelid = c.oid and k.attnum = part.number
        where i.indrelid = c.oid and i.indisprimary order by part.place) as key
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      where a.atttypid = 'bytea'::regtype and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p')
        and not c.relispartition and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
      order by name`.execute(connection.db);
    const listed = sealedColumns.map(({ table, column, key }) => ({
      name: `${table}.${column}`,
      key: key.map(({ name, type }) => `${name} ${type}`),
    }));
    assert.deepEqual(
      rows.filter(({ name }) => !Object.hasOwn(others, name)),
      listed.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    );
    const names = rows.map(({ name }) => name);
    assert.deepEqual(
      Object.keys(others).filter((name) => !names.includes(name)),
      [],
    );
  } finally {
    await connection.close();
    await database.drop();
  }
});
