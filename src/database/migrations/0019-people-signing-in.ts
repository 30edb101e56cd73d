import { type Kysely, sql } from 'kysely';

/** Passwords, codes, links and sessions, with which people sign in. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table users
      -- argon2id, in the usual form with its parameters; null: cannot sign in
      add column password_hash text,
      add column password_changed_at timestamptz not null default now(),
      add column auth_type text not null default 'sms_auth' check (auth_type in ('sms_auth', 'email_auth')),
      -- tries that failed, and the last of them; an hour after it they no longer count
      add column failed_login_count integer not null default 0,
      add column failed_at timestamptz,
      add column logged_in_at timestamptz,
      add column current_session_id uuid,
      add column email_access_validated_at timestamptz`,

    sql`create table verify_codes (
      id uuid primary key,
      user_id uuid not null references users,
      code_type text not null check (code_type in ('sms', 'email')),
      -- sealed under SECRET_KEY with the id of the row: a hash of five digits hides nothing
      code bytea not null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      used_at timestamptz
    )`,
    sql`create index verify_codes_user on verify_codes (user_id, created_at)`,
    sql`create index verify_codes_created_at on verify_codes (created_at)`,

    sql`create table user_sessions (
      id uuid primary key,
      user_id uuid not null references users,
      created_at timestamptz not null,
      seen_at timestamptz not null,
      -- as the admin client says; null: it did not
      browser text,
      address text,
      ended_at timestamptz
    )`,
    sql`create index user_sessions_user on user_sessions (user_id, created_at)`,
    sql`create index user_sessions_seen_at on user_sessions (seen_at)`,

    // Tries that failed, by the network that they came from.
    sql`create table sign_in_networks (
      network text primary key,
      failed integer not null,
      failed_at timestamptz not null
    )`,

    // Links that were used up, until they would have expired.
    sql`create table used_links (
      id uuid primary key,
      expires_at timestamptz not null
    )`,
  ];
  for (const statement of statements) await statement.execute(db);
}
