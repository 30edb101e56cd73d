import { type Kysely, sql } from 'kysely';

/** What the read endpoints need: template authors, received texts, and lists paged by id. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table users (
      id uuid primary key,
      name text not null,
      email_address text not null check (length(email_address) <= 255),
      state text not null default 'pending' check (state in ('pending', 'active', 'inactive')),
      created_at timestamptz not null default now(),
      updated_at timestamptz
    )`,
    // Addresses are looked up case-insensitively (spec 04, section 3.2).
    sql`create unique index users_email_address on users (lower(email_address))`,

    // All existing templates were created by the product itself.
    sql`insert into users (id, name, email_address, state)
      select '6af522d0-2915-4e52-83a3-3690455a5fe6', 'Despatch', 'despatch@despatch.localhost', 'active'
      where exists (select from templates)`,
    // Who created the current version, and who created each version.
    sql`alter table templates add column created_by uuid references users`,
    sql`update templates set created_by = '6af522d0-2915-4e52-83a3-3690455a5fe6'`,
    sql`alter table templates alter column created_by set not null`,
    sql`alter table template_versions add column created_by uuid references users`,
    sql`update template_versions set created_by = '6af522d0-2915-4e52-83a3-3690455a5fe6'`,
    sql`alter table template_versions alter column created_by set not null`,

    // Texts sent to a service's number (spec 05, section 7.2).
    sql`create table inbound_sms (
      id uuid primary key,
      service_id uuid not null references services,
      -- the number of the service it was sent to, and who sent it
      notify_number text not null,
      user_number text not null,
      -- when the provider got it
      provider_date timestamptz not null,
      provider_reference text,
      provider text not null,
      -- sealed under SECRET_KEY with the id of the row
      content bytea not null,
      created_at timestamptz not null
    )`,
    sql`create index inbound_sms_service on inbound_sms (service_id, created_at, id)`,

    // Lists by client reference are paged by id like any other. The index holds a hash, because a long reference does
    // not fit into an index: storing such a message would fail.
    sql`drop index notification_history_client_reference`,
    sql`create index notification_history_client_reference on notification_history
      (service_id, hashtextextended(client_reference, 0), id) where client_reference is not null`,
    // Lists show one key type. Messages of other keys are rare among live ones, so they have an index of their own,
    // which costs live messages nothing.
    sql`create index notification_history_not_live on notification_history (service_id, key_type, id)
      where key_type <> 'normal'`,
  ];
  for (const statement of statements) await statement.execute(db);
}
