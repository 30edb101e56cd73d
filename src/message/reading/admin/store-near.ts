import { sql } from 'kysely';
import type { Db } from '../../../database/connection.ts';
import { idFloor } from '../../../ground/id.ts';
import { accepted, idCeiling } from '../store.ts';
import { type AdminFilter, isTo, latestFirst, matchesFilter, rangeOf } from './store.ts';

/** A number that messages went to, as it is stored, and when the newest of them was created. */
export type NearNumber = Readonly<{ number: string; createdAt: Date }>;

/** Messages to one number that are looked at, newest first: a filter may leave out very many, such as those of tests. */
const mostOfNumber = 20;

/**
 * Which of some numbers (normalised; hundreds) have messages that match a filter, those with the newest first, at most
 * `limit`. Each is looked up in the index that finds a whole number, so it takes the same time however many messages
 * there are.
 */
export async function findNumbers(
  db: Db,
  filter: AdminFilter,
  numbers: readonly string[],
  limit: number,
): Promise<readonly NearNumber[]> {
  if (numbers.length === 0) return [];
  const { serviceId } = filter;
  const { from, until } = await rangeOf(db, filter);
  const [lowest, highest] = [from ?? idFloor(0), until ?? idCeiling];
  const matches = matchesFilter(filter);
  const { rows } = await sql<NearNumber>`
    with sent as materialized (
      select n.id, near.number from unnest(${numbers}::text[]) near (number) cross join lateral (
        select n.id from notifications n where n.service_id = ${serviceId}::uuid and ${isTo(sql`near.number`)}
          and n.id >= ${lowest}::uuid and n.id < ${highest}::uuid order by ${latestFirst} limit ${mostOfNumber}
      ) n
    ), matching as (
      select sent.id, sent.number, h.created_at from sent
      cross join lateral (select * from notification_history where id = sent.id limit 1) h where ${matches}
      union all
      select n.id, n.normalised_recipient, n.created_at from ${accepted}
      where n.service_id = ${serviceId}::uuid and n.normalised_recipient = any(${numbers}::text[])
        and n.id >= ${lowest}::uuid and n.id < ${highest}::uuid and ${matches}
    )
    select number, created_at as "createdAt" from (
      select distinct on (number) number, id, created_at from matching order by number, id desc
    ) newest order by id desc limit ${limit}`.execute(db);
  return rows;
}
