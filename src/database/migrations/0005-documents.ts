import { type Kysely, sql } from 'kysely';

/** Files that are sent as links (spec 01, section 3.6), and how a recipient reaches the service that sent one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // a web address, an email address or a phone number; null: the service cannot send files
    sql`alter table services add column contact_link text`,

    sql`create table documents (
      id uuid primary key,
      service_id uuid not null,
      -- sealed under the key in the link, as the content is: a name can be personal, too
      filename bytea not null,
      content_type text not null,
      -- bytes before sealing
      size integer not null,
      -- shows that somebody has the key, which is stored nowhere
      proof bytea not null,
      -- of the normalised address, under the key in the link; null: the link alone is enough
      recipient_hash bytea,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      downloads integer not null default 0,
      -- wrong addresses entered since
      wrong_tries integer not null default 0,
      tried_since timestamptz
    )`,
    sql`create index documents_expiry on documents (expires_at)`,

    // Separate from the facts, so that other storage can replace it.
    sql`create table document_contents (
      id uuid primary key,
      sealed bytea not null
    )`,
    // Encrypted data does not compress.
    sql`alter table document_contents alter column sealed set storage external`,
  ];
  for (const statement of statements) await statement.execute(db);
}
