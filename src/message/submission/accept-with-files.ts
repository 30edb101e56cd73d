import { CompiledQuery } from 'kysely';
import type pg from 'pg';
import { type NewDocument, storeDocuments } from '../../content/document/file.ts';
import {
  type DocumentLimits,
  type DocumentStorage,
  type Quota,
  quotaReached,
  takeQuota,
} from '../../content/document/store.ts';
import type { Trx } from '../../database/connection.ts';
import { createPartitionGuard } from '../../database/partitions.ts';
import { dayOf } from '../../ground/clock.ts';
import {
  type AcceptBatchDeps,
  type AcceptResult,
  acceptBatch,
  behindOf,
  persistQueues,
  type Submission,
} from './accept-batch.ts';
import { limitReached } from './store.ts';

/** As for other messages, or the name of the limit of files that refused it. */
export type FilesVerdict = AcceptResult['verdict'] | keyof DocumentLimits;
export type FilesResult = Readonly<{ verdict: FilesVerdict; tokens: number }>;

export type AcceptWithFiles = (
  submission: Submission,
  documents: readonly NewDocument[],
) => Promise<FilesResult>;

export type AcceptWithFilesDeps = AcceptBatchDeps &
  Readonly<{ storage: DocumentStorage; limits: DocumentLimits }>;

/** Ends the transaction of a message that a limit or an earlier request refused. */
class Refused extends Error {
  readonly result: FilesResult;
  constructor(result: FilesResult) {
    super('refused');
    this.result = result;
  }
}

/**
 * Accepts one message with files in a transaction of its own: its documents, what the limits give and the message itself
 * are durable together, or nothing is. It does not go through the accept batch, whose other messages would wait for
 * megabytes to be written. The accept statement comes last, because the rows that it locks are those for which the
 * service's other messages wait (docs/decisions/0010).
 */
export function createAcceptWithFiles(deps: AcceptWithFilesDeps): AcceptWithFiles {
  const { db, clock, fairOrder, queues, storage, limits } = deps;
  const ensureDays = createPartitionGuard(db);

  return async (submission, documents) => {
    const now = clock.now();
    const day = dayOf(now);
    const { serviceId, message } = submission;
    const bytes = documents.reduce((sum, { file }) => sum + file.content.length, 0);
    const quota: Quota = { serviceId, day, files: documents.length, bytes, limits };
    // Decides nothing: it keeps a flood past a limit from writing megabytes only to take them back.
    const reached =
      (await limitReached(db, submission, new Date(now), day)) ?? (await quotaReached(db, quota));
    if (reached) return { verdict: reached, tokens: 0 };
    await ensureDays(message ? [message.id] : []);
    const behind = [behindOf(fairOrder, submission)];
    try {
      const result = await db.transaction().execute(async (trx) => {
        await storeDocuments({ trx, storage }, documents, now);
        const full = await takeQuota(trx, quota);
        if (full) throw new Refused({ verdict: full, tokens: 0 });
        const at = { behind, now: new Date(now), day };
        const [accepted] = await acceptBatch(within(trx), [submission], at);
        if (accepted!.verdict !== 'accepted') throw new Refused(accepted!);
        return accepted!;
      });
      if (message) queues.announce(new Set([persistQueues[message.type]]));
      return result;
    } catch (error) {
      if (error instanceof Refused) return error.result;
      throw error;
    }
  };
}

/** The accept statement is written for a pool; here it runs inside a transaction. */
function within(trx: Trx): Pick<pg.Pool, 'query'> {
  const query = ({ text, values }: { text: string; values: unknown[] }) =>
    trx.executeQuery(CompiledQuery.raw(text, values));
  return { query: query as unknown as pg.Pool['query'] };
}
