import type { FastifyRequest } from 'fastify';
import { sql } from 'kysely';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { createIdSource } from '../../ground/id.ts';
import type { Claimed, RequestMemory } from '../../http/server/once.ts';

export type RequestMemoryDeps = Readonly<{ db: Db; cipher: Cipher; clock: Clock }>;

/** What the sealed fingerprint of a request belongs to. */
export const fingerprintContext = (id: string) => `${id} request`;

/** How long a request may be under way. A statement ends after as many seconds. */
const leaseMilliseconds = 60_000;

/** A request whose Idempotency-Key is claimed. `leasedUntil`: when it counts as lost if it has no answer. */
type Remembered = Readonly<{
  id: string;
  fingerprint: Buffer;
  leasedUntil: Date;
  status: number | null;
  answer: Buffer | null;
}>;

/**
 * Remembers the requests of the admin API that have an `Idempotency-Key` (spec 04, section 0.2). A key belongs to the
 * person for whom the admin client acts, or to the client itself. Answers can hold the secret of a key, and fingerprints
 * are hashes of bodies, which can hold a password to be guessed: both are sealed.
 */
export function createRequestMemory({ db, cipher, clock }: RequestMemoryDeps): RequestMemory {
  const newId = createIdSource(clock);

  return {
    async claim({ actorId }: FastifyRequest, key: string, fingerprint: string): Promise<Claimed> {
      const id = newId();
      const now = clock.now();
      const sealed = cipher.seal(fingerprint, fingerprintContext(id));
      const leasedUntil = new Date(now + leaseMilliseconds);
      const isNew = await addRequest(
        db,
        { id, actorId, key, fingerprint: sealed, leasedUntil },
        new Date(now),
      );
      if (isNew) return { state: 'new', id };
      const found = await findRequest(db, actorId, key);
      // It was refused this moment, so that the next claim succeeds.
      if (!found) return { state: 'under way' };
      const { status, answer } = found;
      if (cipher.open(found.fingerprint, fingerprintContext(found.id)) !== fingerprint)
        return { state: 'different' };
      if (status !== null && answer !== null)
        return { state: 'answered', status, body: cipher.open(answer, found.id) };
      return { state: found.leasedUntil.getTime() > clock.now() ? 'under way' : 'lost' };
    },
    async keep(id, { status, body }) {
      await db
        .updateTable('admin_requests')
        .set({ status, answer: cipher.seal(body, id) })
        .where('id', '=', id)
        .execute();
    },
    async forget(id) {
      await db.deleteFrom('admin_requests').where('id', '=', id).execute();
    },
    async lose(id) {
      await db
        .updateTable('admin_requests')
        .set({ leased_until: new Date(clock.now()) })
        .where('id', '=', id)
        .execute();
    },
  };
}

type NewRequest = Pick<Remembered, 'id' | 'fingerprint' | 'leasedUntil'> &
  Readonly<{ actorId: string | null; key: string }>;

/** Returns false, and changes nothing, if the key is claimed already. */
async function addRequest(
  db: DbOrTrx,
  { id, actorId, key, fingerprint, leasedUntil }: NewRequest,
  now: Date,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows = 0n } = await db
    .insertInto('admin_requests')
    .values({ id, actor_id: actorId, key, fingerprint, created_at: now, leased_until: leasedUntil })
    .onConflict((conflict) => conflict.columns(['actor_id', 'key']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows > 0n;
}

async function findRequest(db: DbOrTrx, actorId: string | null, key: string): Promise<Remembered | null> {
  const row = await db
    .selectFrom('admin_requests')
    .select(['id', 'fingerprint', 'leased_until as leasedUntil', 'status', 'answer'])
    .where('actor_id', actorId === null ? 'is' : '=', actorId)
    .where('key', '=', key)
    .executeTakeFirst();
  return row ?? null;
}

/** Deletes at most `limit` requests older than `before`. Returns how many. */
export async function deleteRequests(db: DbOrTrx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from admin_requests where id = any(array(
      select id from admin_requests where created_at < ${before} limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}
