import type { DbOrTrx } from '../../database/connection.ts';

/** Services by id, with their organisations. */
export type NamedService = Readonly<{
  id: string;
  name: string;
  organisationId: string | null;
  organisationName: string | null;
}>;

/** Those services, or without `ids` all that are live: active and out of trial mode; by name, at most `limit`. */
export async function findServices(
  db: DbOrTrx,
  ids: readonly string[] | null,
  limit: number,
): Promise<readonly NamedService[]> {
  const all = db
    .selectFrom('services as s')
    .leftJoin('organisations as o', 'o.id', 's.organisation_id')
    .select(['s.id', 's.name', 's.organisation_id as organisationId', 'o.name as organisationName'])
    .orderBy('s.name')
    .orderBy('s.id')
    .limit(limit);
  const chosen =
    ids === null
      ? all.where('s.active', '=', true).where('s.restricted', '=', false)
      : all.where('s.id', 'in', [...ids]);
  return ids?.length === 0 ? [] : await chosen.execute();
}

export async function findServiceNames(
  db: DbOrTrx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  return new Map((await findServices(db, ids, ids.length)).map(({ id, name }) => [id, name]));
}
