import { type Kysely, sql } from 'kysely';

/** What people change about services: history, going live, archiving, and names that are told apart by their letters. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table services
      -- the name without accents, case and punctuation (spec 04, section 1.2); null: made before there was one, and alike
      add column normalised_name text unique,
      -- author of this version; the platform's own user made everything before there were authors
      add column created_by uuid not null default '6af522d0-2915-4e52-83a3-3690455a5fe6',
      add column archived_at timestamptz,
      add column went_live_at timestamptz,
      add column went_live_by uuid,
      -- the request to go live; null: none is open
      add column live_requested_at timestamptz,
      add column live_requested_by uuid`,
    sql`create index services_live_requested on services (live_requested_at) where live_requested_at is not null`,
    sql`create index service_users_user on service_users (user_id)`,

    // One row for each version, written with it.
    sql`create table service_versions (
      id uuid not null references services,
      version integer not null,
      name text not null,
      email_from text not null,
      active boolean not null,
      restricted boolean not null,
      research_mode boolean not null,
      prefix_sms boolean not null,
      permissions text[] not null,
      contact_link text,
      rate_limit integer not null,
      sms_limit integer not null,
      email_limit integer not null,
      letter_limit integer not null,
      international_sms_limit integer not null,
      created_at timestamptz not null,
      updated_at timestamptz,
      created_by uuid not null,
      primary key (id, version)
    )`,
    sql`insert into service_versions
      select id, version, name, email_from, active, restricted, research_mode, prefix_sms, permissions, contact_link,
        rate_limit, sms_limit, email_limit, letter_limit, international_sms_limit, created_at, updated_at, created_by
      from services`,
  ];
  for (const statement of statements) await statement.execute(db);

  const { rows } = await sql<{
    id: string;
    name: string;
  }>`select id, name from services order by created_at`.execute(db);
  const ids = new Map<string, string>();
  for (const { id, name } of rows) if (!ids.has(normalise(name))) ids.set(normalise(name), id);
  await sql`
    update services s set normalised_name = n.name
    from unnest(${[...ids.values()]}::uuid[], ${[...ids.keys()]}::text[]) n (id, name) where s.id = n.id`.execute(
    db,
  );
}

/** As `normalisedName` was at the time of this migration. */
function normalise(name: string): string {
  const letters = name.normalize('NFD').replace(/\p{M}/gu, '').trim().toLowerCase().replace(/\s+/g, '.');
  return letters
    .replace(/[^\p{L}\p{N}.]/gu, '')
    .replace(/\.+/g, '.')
    .replace(/^\.|\.$/g, '');
}
