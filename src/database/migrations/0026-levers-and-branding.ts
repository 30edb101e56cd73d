import { type Kysely, sql } from 'kysely';

/** What operators see of providers and decide about them (spec 04, section 8.1), and how emails look (section 8.3). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // Calls from before are figures only: a circuit has closed since, and they do not open it again.
    sql`alter table providers add column calls_count_from timestamptz`,
    // Kept for a day from now on: about 17,000 rows for each provider.
    sql`alter table provider_calls
      -- of those in \`taken\`: refused for good
      add column refused integer not null default 0,
      -- how many took how long: one count for each step of src/provider/circuit/circuits.ts
      add column durations integer[] not null default '{}'`,

    // The looks that emails can have.
    sql`create table organisations (
      id uuid primary key,
      name text,
      -- #rrggbb
      colour text,
      -- an https URL, which emails show, or the name of a file, which web pages may know
      logo text,
      created_at timestamptz not null,
      updated_at timestamptz
    )`,
    sql`alter table services
      add column branding text not null default 'govuk' check (branding in ('govuk', 'org', 'both')),
      add column organisation_id uuid references organisations`,
    sql`alter table service_versions
      add column branding text not null default 'govuk',
      add column organisation_id uuid`,
  ];
  for (const statement of statements) await statement.execute(db);
}
