import { type Kysely, sql } from 'kysely';

/** Recipients that a service keeps, to send to them as often as it wants (spec 04, section 6.5). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // Its id is that of the upload that it was made of.
    sql`create table contact_lists (
      id uuid primary key,
      service_id uuid not null references services,
      template_type text not null,
      original_file_name text not null,
      -- sealed; empty once it has been deleted
      header bytea not null,
      filled_width integer not null,
      row_count integer not null,
      -- of its sealed rows
      bytes integer not null,
      created_by uuid not null,
      created_at timestamptz not null,
      -- once it has been deleted: then its rows are gone
      archived_at timestamptz
    )`,
    sql`create index contact_lists_service on contact_lists (service_id, created_at, id) where archived_at is null`,

    // Its rows, as in upload_rows.
    sql`create table contact_list_rows (
      list_id uuid not null references contact_lists on delete cascade,
      first_row integer not null,
      row_count integer not null,
      records bytea not null,
      primary key (list_id, first_row)
    )`,

    // The contact list that the rows of an upload are a copy of.
    sql`alter table uploads add column contact_list_id uuid`,
    sql`create index jobs_contact_list on jobs (contact_list_id, created_at) where contact_list_id is not null`,
  ];
  for (const statement of statements) await statement.execute(db);
}
