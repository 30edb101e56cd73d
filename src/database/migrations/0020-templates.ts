import { type Kysely, sql } from 'kysely';

/** What people need to manage templates: folders, and hiding the values of their messages. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table template_folders (
      id uuid primary key,
      service_id uuid not null references services,
      name text not null,
      -- null: at the top
      parent_id uuid,
      created_at timestamptz not null,
      unique (id, service_id),
      -- a folder and what is in it belong to the same service, and only an empty one can be deleted
      foreign key (parent_id, service_id) references template_folders (id, service_id)
    )`,
    sql`create index template_folders_service on template_folders (service_id)`,
    sql`create index template_folders_parent on template_folders (parent_id) where parent_id is not null`,

    // Who may use a folder; whoever leaves the service loses it.
    sql`create table template_folder_users (
      folder_id uuid not null,
      service_id uuid not null,
      user_id uuid not null,
      primary key (folder_id, user_id),
      foreign key (folder_id, service_id) references template_folders (id, service_id) on delete cascade,
      foreign key (service_id, user_id) references service_users (service_id, user_id) on delete cascade
    )`,
    sql`create index template_folder_users_member on template_folder_users (service_id, user_id)`,

    sql`alter table templates
      -- null: at the top; always null when archived
      add column folder_id uuid,
      -- since when, and by whose wish, web pages hide the values in its messages; null: they show them
      add column redacted_at timestamptz,
      add column redacted_by uuid references users,
      add foreign key (folder_id, service_id) references template_folders (id, service_id)`,
    sql`create index templates_folder on templates (folder_id) where folder_id is not null`,
  ];
  for (const statement of statements) await statement.execute(db);
}
