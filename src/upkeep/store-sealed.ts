import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx } from '../database/connection.ts';
import type { SealedColumn } from './sealed-columns.ts';

/** The primary key of a row, in the order of its columns. */
export type Place = readonly string[];

/** Version, key id, nonce and tag of the stored form (ground/cipher.ts): no two values have the same. */
const prefixLength = 33;

const named = ({ key }: SealedColumn, table: string) =>
  sql.join(key.map(({ name }) => sql.ref(`${table}.${name}`)));
const values = ({ key }: SealedColumn, place: Place) =>
  sql.join(key.map(({ type }, index) => sql`${place[index]}::${sql.raw(type)}`));
const placeOf = ({ key }: SealedColumn, table: string) =>
  sql`array[${sql.join(key.map(({ name }) => sql`${sql.ref(`${table}.${name}`)}::text`))}]`;
const keyIdOf = (value: RawBuilder<unknown>) => sql`substring(${value} from 2 for 4)`;

function range(column: SealedColumn, after: Place | null, until: Place | null): RawBuilder<unknown> {
  const lower = after ? sql`(${named(column, 't')}) > (${values(column, after)})` : sql`true`;
  return until ? sql`${lower} and (${named(column, 't')}) <= (${values(column, until)})` : lower;
}

/** So many rows of a table in the order of their keys. `last`: the last one; null: there are no more. */
export type Portion = Readonly<{
  last: Place | null;
  /** How many values are sealed under which key (its id). */
  values: ReadonlyMap<string, number>;
}>;

/** Counts the values of the next `limit` rows after the row `after`. */
export async function countPortion(
  db: DbOrTrx,
  column: SealedColumn,
  after: Place | null,
  limit: number,
): Promise<Portion> {
  const value = sql.ref(`t.${column.column}`);
  const { rows } = await sql<{ keyId: string | null; count: number; last: Place }>`
    with portion as materialized (
      select ${placeOf(column, 't')} as place, row_number() over (order by ${named(column, 't')}) as number,
        encode(${keyIdOf(value)}, 'hex') as key_id
      from ${sql.table(column.table)} t where ${range(column, after, null)}
      order by ${named(column, 't')} limit ${limit}
    )
    select key_id as "keyId", count(*)::int as count, (select place from portion order by number desc limit 1) as last
    from portion group by key_id`.execute(db);
  return {
    last: rows[0]?.last ?? null,
    values: new Map(rows.flatMap(({ keyId, count }) => (keyId === null ? [] : [[keyId, count]]))),
  };
}

/** A value as it is stored, and the row that it is in. */
export type SealedValue = Readonly<{ place: Place; value: Buffer }>;

/** Bytes of values that are read at once, and one value. */
const fetchedBytes = 4 * 1024 * 1024;

/** Which values of a column: those after one row until another. `except`: the id of a key that they are not under. */
export type ValueRange = Readonly<{ except: string | null; after: Place | null; until: Place }>;

/** Values in the order of their rows; fewer if they are large. */
export async function findValues(
  db: DbOrTrx,
  column: SealedColumn,
  { except, after, until }: ValueRange,
): Promise<readonly SealedValue[]> {
  const value = sql.ref(`t.${column.column}`);
  const wanted =
    except === null ? sql`${value} is not null` : sql`${keyIdOf(value)} <> decode(${except}, 'hex')`;
  const { rows } = await sql<SealedValue>`
    select place, value from (
      select ${placeOf(column, 't')} as place, ${value} as value, row_number() over ordered as number,
        sum(octet_length(${value})) over ordered - octet_length(${value}) as preceding
      from ${sql.table(column.table)} t
      where ${range(column, after, until)} and ${wanted}
      window ordered as (order by ${named(column, 't')})
    ) sized where preceding < ${fetchedBytes} order by number`.execute(db);
  return rows;
}

/** A value that takes the place of another one. */
export type Replacement = SealedValue & Readonly<{ now: Buffer }>;

/**
 * Replaces values, but for those that somebody has changed since they were read. Locks the rows in the order of their
 * keys. Returns how many were replaced.
 */
export async function replaceValues(
  db: DbOrTrx,
  column: SealedColumn,
  replacements: readonly Replacement[],
): Promise<number> {
  const value = sql.ref(`t.${column.column}`);
  const keys = column.key.map(
    ({ type }, index) => sql`${replacements.map(({ place }) => place[index])}::${sql.raw(type)}[]`,
  );
  const same = (other: string) =>
    sql.join(
      column.key.map(({ name }) => sql`${sql.ref(`t.${name}`)} = ${sql.ref(`${other}.${name}`)}`),
      sql` and `,
    );
  const isAsRead = sql`substring(${value} from 1 for ${sql.lit(prefixLength)}) = given.was`;
  const { numAffectedRows = 0n } = await sql`
    with given as materialized (
      select * from unnest(${sql.join(keys)}, ${replacements.map((one) => one.value.subarray(0, prefixLength))}::bytea[],
        ${replacements.map(({ now }) => now)}::bytea[])
        as t (${sql.join(column.key.map(({ name }) => sql.ref(name)))}, was, now)
    ), held as materialized (
      select given.* from given join ${sql.table(column.table)} t on ${same('given')}
      where ${isAsRead} order by ${named(column, 't')} for no key update of t
    )
    update ${sql.table(column.table)} t set ${sql.ref(column.column)} = given.now
    from held given where ${same('given')} and ${isAsRead}`.execute(db);
  return Number(numAffectedRows);
}
