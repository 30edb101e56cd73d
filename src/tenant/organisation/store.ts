import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';

/** A look that emails can have (spec 04, section 8.3). */
export type Organisation = Readonly<{
  id: string;
  name: string | null;
  /** `#rrggbb` */
  colour: string | null;
  /** An https URL, or the name of a file. */
  logo: string | null;
}>;

/** All of them are listed at once, so there is a bound. */
export const mostOrganisations = 1000;

const columns = sql`id, name, colour, logo`;

/** All of them, by name. */
export async function findOrganisations(db: DbOrTrx): Promise<readonly Organisation[]> {
  const { rows } = await sql<Organisation>`
    select ${columns} from organisations order by lower(name), id limit ${mostOrganisations}`.execute(db);
  return rows;
}

export async function findOrganisation(db: DbOrTrx, id: string): Promise<Organisation | null> {
  const { rows } = await sql<Organisation>`
    select ${columns} from organisations where id = ${id}`.execute(db);
  return rows[0] ?? null;
}

/** Returns false if there are `mostOrganisations` already. */
export async function addOrganisation(
  db: DbOrTrx,
  { id, name, colour, logo }: Organisation,
  at: Date,
): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    insert into organisations (id, name, colour, logo, created_at)
    select ${id}::uuid, ${name}, ${colour}, ${logo}, ${at}::timestamptz
    where (select count(*) from organisations) < ${mostOrganisations}`.execute(db);
  return numAffectedRows > 0n;
}

/** Emails of its services look so within two seconds, when their processes read the services anew. */
export async function changeOrganisation(
  db: DbOrTrx,
  { id, name, colour, logo }: Organisation,
  at: Date,
): Promise<void> {
  await db
    .updateTable('organisations')
    .set({ name, colour, logo, updated_at: at })
    .where('id', '=', id)
    .execute();
}
