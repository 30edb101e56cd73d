import { type Kysely, sql } from 'kysely';

/**
 * Uploads (spec 04, section 6.4): faults are stored in pieces, as the rows are; the header, which of a file without one
 * is its first row, is sealed; and the lengths of messages are known, for the shortest and the longest.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // The faults of the rows from first_row to before that of the next piece, ordered by row: one element of each array
    // for each fault. upload_faults holds only those that the release before wrote.
    sql`create table upload_fault_pieces (
      upload_id uuid not null references uploads on delete cascade,
      first_row integer not null,
      rows integer[] not null,
      kinds text[] not null,
      -- of the column in the file's spelling; null: the whole row
      headers text[] not null,
      texts text[] not null,
      primary key (upload_id, first_row)
    )`,
    // Instead of header, which then is the JSON null: the release before fails on it and tries again, where it would read
    // an empty header as a file without columns.
    sql`alter table uploads add column sealed_header bytea`,
    // Of the message of each row, in characters.
    sql`alter table upload_rows add column lengths integer[]`,
  ];
  for (const statement of statements) await statement.execute(db);
}
