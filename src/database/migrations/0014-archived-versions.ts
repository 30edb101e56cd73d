import { type Kysely, sql } from 'kysely';

/**
 * Archiving a template makes a version, like any other change of it, so a version says whether the template was archived
 * with it (spec 02, section 10.7).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table template_versions add column archived boolean not null default false`.execute(db);
}
