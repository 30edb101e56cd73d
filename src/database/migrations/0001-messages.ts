import { type Kysely, sql } from 'kysely';

/**
 * Tenants, credentials and content; messages split into personal data and facts, both partitioned by the message's
 * UUIDv7; and the timeline. database/partitions.ts creates the partitions.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table services (
      id uuid primary key,
      name text not null unique,
      active boolean not null default true,
      restricted boolean not null default true,
      research_mode boolean not null default false,
      -- local part of the address emails are sent from
      email_from text not null unique,
      -- whether texts begin with "<service name>: "
      prefix_sms boolean not null default true,
      permissions text[] not null,
      -- made for a newcomer: its keys are written to credentials.json
      demo boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz,
      version integer not null default 1
    )`,

    sql`create table service_sms_senders (
      id uuid primary key,
      service_id uuid not null references services,
      sms_sender text not null,
      is_default boolean not null,
      archived boolean not null default false,
      created_at timestamptz not null default now()
    )`,
    sql`create unique index service_sms_senders_one_default on service_sms_senders (service_id) where is_default`,

    sql`create table service_email_reply_to (
      id uuid primary key,
      service_id uuid not null references services,
      email_address text not null,
      is_default boolean not null,
      archived boolean not null default false,
      created_at timestamptz not null default now()
    )`,
    sql`create unique index service_email_reply_to_one_default on service_email_reply_to (service_id) where is_default`,

    sql`create table api_keys (
      id uuid primary key,
      service_id uuid not null references services,
      name text not null,
      key_type text not null check (key_type in ('normal', 'team', 'test')),
      -- sealed under SECRET_KEY with the id of the row
      secret bytea not null,
      created_at timestamptz not null default now(),
      -- when it was revoked
      expires_at timestamptz
    )`,
    sql`create index api_keys_service on api_keys (service_id)`,

    sql`create table templates (
      id uuid primary key,
      service_id uuid not null references services,
      template_type text not null check (template_type in ('sms', 'email')),
      -- the version that new messages use
      version integer not null,
      archived boolean not null default false,
      hidden boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz
    )`,
    sql`create index templates_service on templates (service_id)`,
    sql`create table template_versions (
      template_id uuid not null references templates,
      version integer not null,
      name text not null,
      subject text,
      content text not null,
      -- messages of this template overtake others of their type
      priority boolean not null default false,
      created_at timestamptz not null default now(),
      primary key (template_id, version)
    )`,

    sql`create table providers (
      id uuid primary key,
      identifier text not null,
      display_name text not null,
      notification_type text not null check (notification_type in ('sms', 'email')),
      priority integer not null,
      active boolean not null,
      supports_international boolean not null,
      version integer not null default 1,
      updated_at timestamptz,
      unique (identifier, notification_type)
    )`,

    // Accepted and not yet persisted: what the API commits before it answers 201. A row stays until its message is in
    // the tables below, usually for milliseconds.
    sql`create table accepted (
      id uuid not null,
      notification_type text not null,
      service_id uuid not null,
      template_id uuid not null,
      template_version integer not null,
      job_id uuid,
      job_row_number integer,
      api_key_id uuid,
      key_type text not null,
      created_at timestamptz not null,
      client_reference text,
      international boolean not null,
      phone_prefix text,
      rate_multiplier numeric,
      recipient text not null,
      normalised_recipient text not null,
      personalisation bytea not null,
      reply_to_text text,
      unsubscribe_url text,
      -- when it is to be sent, for a scheduled message
      scheduled_for timestamptz,
      -- where its delivery is queued, and how urgent it is
      queue text not null,
      priority integer not null,
      request_id text,
      -- tries that failed, and when the next may be made; null: none, until an operator resumes it
      attempt integer not null default 0,
      due_at timestamptz default now(),
      primary key (id)
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`,
    sql`create index accepted_due on accepted (notification_type, due_at)`,

    // Written once, at persistence, and dropped by day when the retention ends. Holds all personal data.
    sql`create table notifications (
      id uuid primary key,
      service_id uuid not null,
      recipient text not null,
      normalised_recipient text not null,
      -- sealed JSON object
      personalisation bytea not null,
      -- sender (sms) or reply-to address (email) chosen at acceptance; null: the service's at send time
      reply_to_text text,
      unsubscribe_url text
    ) partition by range (id)`,
    sql`create index notifications_service on notifications (service_id, id)`,

    // The facts, kept for ever; the status is stored only here. Pages keep free space so that the two or three updates
    // of a row stay on its page and touch no index.
    sql`create table notification_history (
      id uuid primary key,
      service_id uuid not null,
      template_id uuid not null,
      template_version integer not null,
      job_id uuid,
      job_row_number integer,
      api_key_id uuid,
      key_type text not null,
      notification_type text not null,
      status text not null,
      created_at timestamptz not null,
      persisted_at timestamptz not null default now(),
      scheduled_for timestamptz,
      sent_at timestamptz,
      updated_at timestamptz,
      sent_by text,
      -- the provider's
      reference text,
      -- the caller's
      client_reference text,
      billable_units integer not null default 0,
      international boolean not null default false,
      phone_prefix text,
      rate_multiplier numeric
    ) partition by range (id)`,
    sql`create index notification_history_reference on notification_history (reference) where reference is not null`,
    sql`create index notification_history_client_reference on notification_history (service_id, client_reference) where client_reference is not null`,
    sql`create index notification_history_job on notification_history (job_id, job_row_number) where job_id is not null`,

    // One row per hand-over to a provider, written before the call: the claim (docs/architecture.md, "Claim, attempt,
    // outcome").
    sql`create table attempts (
      notification_id uuid not null,
      number integer not null,
      provider text not null,
      started_at timestamptz not null,
      finished_at timestamptz,
      -- what the message costs if the provider takes it
      billable_units integer not null,
      outcome text check (outcome in ('accepted', 'rejected', 'failed', 'unknown')),
      code text,
      detail text,
      primary key (notification_id, number)
    ) partition by range (notification_id)`,

    sql`create table receipts (
      id bigint generated always as identity,
      notification_id uuid not null,
      provider text not null,
      received_at timestamptz not null,
      raw_status text not null,
      status text not null,
      ignored text,
      primary key (notification_id, id)
    ) partition by range (notification_id)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
