import { type Kysely, sql } from 'kysely';

/** Keys with an author, a history and their use; senders that can be changed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table api_keys
      -- author of the key; the platform's own user made everything before there were authors
      add column created_by uuid not null default '6af522d0-2915-4e52-83a3-3690455a5fe6',
      add column updated_at timestamptz,
      add column version integer not null default 1`,
    // No release so far made two live keys of one name, but nothing forbade it.
    sql`update api_keys k set name = left(name, 200) || ' ' || id where expires_at is null and exists (
      select from api_keys o where o.service_id = k.service_id and o.name = k.name and o.expires_at is null
        and (o.created_at, o.id) < (k.created_at, k.id))`,
    // A key whose end is set, even if it is ahead, leaves its name to its successor.
    sql`create unique index api_keys_name on api_keys (service_id, name) where expires_at is null`,

    // A full copy of each version, without the secret, which never changes.
    sql`create table api_key_versions (
      id uuid not null references api_keys,
      version integer not null,
      service_id uuid not null,
      name text not null,
      key_type text not null,
      created_at timestamptz not null,
      updated_at timestamptz,
      expires_at timestamptz,
      -- who made this version
      created_by uuid not null,
      primary key (id, version)
    )`,
    sql`create index api_key_versions_service on api_key_versions (service_id)`,
    sql`insert into api_key_versions (id, version, service_id, name, key_type, created_at, expires_at, created_by)
      select id, 1, service_id, name, key_type, created_at, expires_at, created_by from api_keys`,

    // Calls per key, day in London and client, gathered by each process and added every few seconds.
    sql`create table api_key_uses (
      api_key_id uuid not null references api_keys,
      day date not null,
      -- the name in the user agent, without its version
      client text not null,
      calls bigint not null,
      last_used_at timestamptz not null,
      primary key (api_key_id, day, client)
    )`,
    sql`create index api_key_uses_day on api_key_uses (day)`,

    sql`alter table service_sms_senders add column updated_at timestamptz`,
    sql`alter table service_email_reply_to add column updated_at timestamptz`,
    // The same: only the default, or else the oldest, of equal addresses stays.
    sql`update service_email_reply_to r set archived = true where not archived and not is_default and exists (
      select from service_email_reply_to o where o.service_id = r.service_id and not o.archived
        and lower(o.email_address) = lower(r.email_address)
        and (not o.is_default, o.created_at, o.id) < (not r.is_default, r.created_at, r.id))`,
    sql`create unique index service_email_reply_to_address
      on service_email_reply_to (service_id, lower(email_address)) where not archived`,
  ];
  for (const statement of statements) await statement.execute(db);
}
