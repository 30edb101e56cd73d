import { type RawBuilder, sql } from 'kysely';

/**
 * The condition `column = value` of a join, written so that PostgreSQL can only meet it by looking up each value in an
 * index of the column. Of a plain one it may also read the table as a whole and compare, which is right while the table
 * is nearly empty: but a plan is kept, and a partition has a hundred thousand rows before it has statistics. `column` and
 * `value`: SQL, of the table and of what is joined to it. For statements of the hot path that join ids with a table: every
 * column that they join by is written so, since by a single plain one they could be joined by hash. Nothing else in them
 * should narrow the table down, for it would be another way to read it.
 */
export const lookUp = (column: string, value: string): RawBuilder<unknown> =>
  sql.raw(`${column} = any(array[${value}])`);
