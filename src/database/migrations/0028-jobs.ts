import { type Kysely, sql } from 'kysely';

/** Files of recipients, and the jobs that send to them (spec 04, section 6; docs/decisions/0020). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // A file that was uploaded and checked. Its id becomes the id of its job.
    sql`create table uploads (
      id uuid primary key,
      service_id uuid not null references services,
      template_id uuid not null,
      template_version integer not null,
      template_type text not null,
      original_file_name text not null,
      -- csv, tsv, xlsx or ods; rows: they came in a request, not in a file
      format text not null,
      bytes integer not null,
      -- SHA-256 of the file, by which the same one is recognised
      digest bytea not null,
      -- the header, as raw cells; json, because jsonb holds no zeros
      header json not null,
      -- one more than the highest index of a cell that is not empty (spec 03, section 4.3)
      filled_width integer not null,
      row_count integer not null,
      -- what the check found, without personal data: how the file was read, counts of faults by kind, fragments
      summary jsonb not null,
      -- whether a job may be made of it
      valid boolean not null,
      -- of the rows that were left out and kept as a file to finish: the file that they came from
      left_out_of uuid,
      -- the sender or reply-to address that was chosen
      sender_id uuid,
      created_by uuid,
      api_key_id uuid,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      -- null while its rows are being written: until then there is no such upload
      checked_at timestamptz,
      expires_at timestamptz not null
    )`,
    sql`create index uploads_service on uploads (service_id, id)`,
    sql`create index uploads_digest on uploads (service_id, digest)`,
    sql`create index uploads_expires_at on uploads (expires_at)`,

    // Its rows in pieces of a few hundred: sealed JSON, a list of records, each a list of raw cells.
    sql`create table upload_rows (
      upload_id uuid not null references uploads on delete cascade,
      first_row integer not null,
      row_count integer not null,
      records bytea not null,
      -- sealed likewise, for each record a short hash of its recipient, by which repeated ones are counted
      recipients bytea,
      primary key (upload_id, first_row)
    )`,

    // What is wrong with single rows. Texts name kinds of faults, and hold no values.
    sql`create table upload_faults (
      upload_id uuid not null references uploads on delete cascade,
      row_index integer not null,
      number integer not null,
      -- recipient, missing, too-long, empty, not-allowed, and the kinds of doubt
      kind text not null,
      -- of the column in the file's spelling; null: the whole row
      header text,
      text text not null,
      primary key (upload_id, row_index, number)
    )`,
    sql`create index upload_faults_kind on upload_faults (upload_id, kind, row_index)`,

    sql`create table jobs (
      id uuid primary key,
      service_id uuid not null references services,
      template_id uuid not null,
      template_version integer not null,
      template_type text not null,
      original_file_name text not null,
      notification_count integer not null,
      status text not null check (status in ('scheduled', 'pending', 'in progress', 'paused', 'finished',
        'finished all notifications created', 'sending limits exceeded', 'cancelled', 'error')),
      -- of its messages: the sender (sms) or reply-to address (email), as text; null: the service's at send time
      reply_to_text text,
      key_type text not null,
      api_key_id uuid,
      created_by uuid,
      created_at timestamptz not null,
      updated_at timestamptz,
      scheduled_for timestamptz,
      -- the first row is not made before
      hold_until timestamptz,
      processing_started timestamptz,
      processing_finished timestamptz,
      -- when every message had its final status
      final_at timestamptz,
      -- the job whose messages it repeats, and the contact list that it was made of
      resent_from uuid,
      contact_list_id uuid,
      -- the caller's own
      reference text
    )`,
    sql`create index jobs_service on jobs (service_id, created_at, id)`,
    sql`create index jobs_open on jobs (status, scheduled_for) where status in ('scheduled', 'pending', 'in progress', 'paused')`,

    // Whose counts still change.
    sql`create index jobs_not_final on jobs (id) where final_at is null`,

    // The rows of a job in lots, each persisted in one transaction. began_at: when it was first tried, which gives its
    // messages their ids, so that a lot that is tried again makes no message twice.
    sql`create table job_lots (
      job_id uuid not null references jobs on delete cascade,
      number integer not null,
      first_row integer not null,
      row_count integer not null,
      began_at timestamptz,
      done_at timestamptz,
      primary key (job_id, number)
    )`,

    // Net changes of the statuses of a job's messages, appended with each batch, and folded into the totals.
    sql`create table job_changes (
      id bigint generated always as identity primary key,
      job_id uuid not null,
      status text not null,
      change integer not null
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`,
    sql`create index job_changes_job on job_changes (job_id)`,
    sql`create table job_totals (
      job_id uuid not null,
      status text not null,
      count integer not null,
      primary key (job_id, status)
    )`,
  ];
  for (const statement of statements) await statement.execute(db);
}
