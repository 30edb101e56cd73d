import type { DbOrTrx } from '../../database/connection.ts';
import { parseUuid } from '../../ground/id.ts';
import { noResultFound } from '../../ground/problem.ts';
import { isUser } from './store.ts';

/** The id of a user that a request names. Throws a Problem (404) if there is none (spec 04, section 0.3). */
export async function userIn(db: DbOrTrx, given: unknown): Promise<string> {
  const id = parseUuid(given);
  if (id === null || !(await isUser(db, id))) throw noResultFound();
  return id;
}
