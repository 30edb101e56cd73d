import { sql } from 'kysely';
import type { Db } from '../../../database/connection.ts';
import { stopwatch } from '../../../ground/clock.ts';
import type { StoredNotification } from '../../status/notification.ts';
import { fetchedBytes, findPortion } from '../store.ts';
import { type AdminFilter, factConditions, rangeOf, walkOf } from './store.ts';

/**
 * Messages that one search looks at, in portions: where many match, the first one is enough. Whoever goes on has seen
 * that there were none so far, and waits for more at a time. No index finds a part of a reference, as each message that
 * is sent would pay for it.
 */
const portions = { newest: [2000, 28_000], further: [2000, 98_000] } as const;
/** No portion is begun later, so that a slow or busy database is not asked for more. */
const enoughMilliseconds = 100;

/** `next`: all messages with this id or a newer one were looked at; null: all that are kept. */
export type LookedThrough = Readonly<{ found: readonly StoredNotification[]; next: string | null }>;

/**
 * Looks for messages whose caller's reference contains `part`, in whatever case, newest first: at most `limit`, among
 * the newest of those that the filter leaves. It may find none and yet not have looked at all of them.
 */
export async function searchReferences(
  db: Db,
  filter: AdminFilter,
  part: string,
  limit: number,
): Promise<LookedThrough> {
  const elapsed = stopwatch();
  const { from, until } = await rangeOf(db, filter);
  const walked = walkOf(filter, null, { from, until });
  const facts = sql`${factConditions(filter)} and position(lower(${part}::text) in lower(h.client_reference)) > 0`;
  const looking = { ...walked, more: { ...walked.more!, facts } };
  const found: StoredNotification[] = [];
  let before = until;
  let bytes = fetchedBytes;
  for (const size of filter.olderThan === null ? portions.newest : portions.further) {
    const wanted = limit - found.length;
    const portion = await findPortion(db, looking, { before, size, wanted, bytes });
    found.push(...portion.found);
    bytes -= portion.bytes;
    if (found.length >= limit || portion.isFull || bytes <= 0) return { found, next: found.at(-1)!.id };
    if (portion.last === null) return { found, next: null };
    before = portion.last;
    if (elapsed() > enoughMilliseconds) break;
  }
  return { found, next: before };
}
