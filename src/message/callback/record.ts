import { type Db, isTransient, isUnreachable } from '../../database/connection.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import { type Effect, healthAfter } from './health.ts';
import { type Ended, lockHealth, recordEnds, updateHealth } from './store.ts';

/** How an attempt ended, and what that says of the address. `effect`: null where it says nothing. */
export type Result = Readonly<{ apiId: string; ended: Ended; effect: Effect | null }>;

/** The batcher of results: many callbacks and their addresses in one transaction. */
export function createResults(db: Db): Batcher<Result, void> {
  const write = (results: readonly Result[]) =>
    db.transaction().execute(async (trx) => {
      const telling = results.filter(({ effect }) => effect !== null);
      const failing = telling.filter(({ effect }) => !effect?.isDelivered);
      const ids = (some: readonly Result[]) => [...new Set(some.map(({ apiId }) => apiId))];
      const healths = new Map(await lockHealth(trx, ids(telling), ids(failing)));
      for (const { apiId, effect } of telling) {
        const health = healths.get(apiId);
        if (health && effect) healths.set(apiId, healthAfter(health, effect));
      }
      await updateHealth(trx, healths);
      await recordEnds(
        trx,
        results.map(({ ended }) => ended),
      );
    });
  return createBatcher<Result, void>({
    paceMilliseconds: 5,
    isShared: isUnreachable,
    async flush(results) {
      // A batch that met another in a deadlock was rolled back whole and is simply written again.
      await write(results).catch((error: unknown) =>
        isTransient(error) ? write(results) : Promise.reject(error),
      );
      return results.map(() => undefined);
    },
  });
}
