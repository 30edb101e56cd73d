import { type Kysely, sql } from 'kysely';

/** Invitations to join the team of a service (spec 04, section 4.3). Deleted 30 days after they were last sent. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table invites (
      id uuid primary key,
      service_id uuid not null references services,
      -- as it was typed, and as it is compared
      email_address text not null,
      lower_address text not null,
      -- who sent it last
      from_user uuid not null references users,
      -- what the person may do once a member, and the template folders that they may use
      permissions text[] not null,
      folder_permissions uuid[] not null,
      auth_type text not null check (auth_type in ('sms_auth', 'email_auth')),
      -- A pending one expires with its age. It becomes 'expired' here only to make room for another to its address.
      status text not null check (status in ('pending', 'accepted', 'cancelled', 'expired')),
      -- when it was sent last
      created_at timestamptz not null
    )`,
    sql`create unique index invites_open on invites (service_id, lower_address) where status = 'pending'`,
    sql`create index invites_service on invites (service_id, id)`,
    sql`create index invites_created_at on invites (created_at)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
