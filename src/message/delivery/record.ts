import { setTimeout } from 'node:timers/promises';
import { databaseErrors, isUnreachable } from '../../database/connection.ts';
import { createBatcher } from '../../ground/batcher.ts';
import type { Queues, Settled } from '../../queue/boss.ts';
import { type ReceiptPayload, researchReceipts } from '../receipt/research/queue.ts';
import { moveStatuses, type StatusDeps, type StatusMove } from '../status/status.ts';
import { type AttemptEnd, finishAttempts } from './store.ts';

/** Everything that is written when a send task, or one attempt of it, ends. */
export type DeliveryRecord = Readonly<{
  attempt: AttemptEnd | null;
  /** The message was handed over, or is given up. */
  move: StatusMove | null;
  /** For a message that no provider got: the receipts to simulate. */
  simulatedReceipts: ReceiptPayload | null;
  /** null: the task goes on (with the next provider). */
  settled: Settled | null;
}>;

export type Recorder = Readonly<{
  /**
   * Resolves once the record is committed. Failures are retried until `signal` is aborted, or up to 60 times if the
   * database is reachable.
   */
  write(record: DeliveryRecord, signal: AbortSignal): Promise<void>;
}>;

export type RecordDeps = StatusDeps & Readonly<{ queues: Pick<Queues, 'transaction'> }>;

const retryMilliseconds = 500;
/** For errors other than an unreachable database: half a minute. */
const mostAttempts = 60;

/** Batches records: many messages' attempts, statuses with their callbacks, and ended tasks per transaction. */
export function createRecorder(deps: RecordDeps): Recorder {
  const records = createBatcher<DeliveryRecord, void>({
    onFlush: (items) => deps.metrics.batch('record', items),
    paceMilliseconds: 15,
    ...databaseErrors,
    async flush(batch) {
      const some = <T>(pick: (record: DeliveryRecord) => T | null) =>
        batch.flatMap((record) => pick(record) ?? []);
      const moves = some(({ move }) => move);
      const isHandOver = ({ event }: StatusMove) => event.kind === 'handed over';
      const handedOver = moves.filter(isHandOver);
      const givenUp = moves.filter((move) => !isHandOver(move));
      await deps.queues.transaction(async (transaction) => {
        await moveStatuses(deps, transaction, 'dao_update_notification', handedOver);
        await moveStatuses(deps, transaction, 'update_notification_status_by_id', givenUp);
        await finishAttempts(
          deps,
          transaction.trx,
          some(({ attempt }) => attempt),
        );
        await transaction.send(
          researchReceipts,
          some(({ simulatedReceipts }) => simulatedReceipts).map((payload) => ({
            id: payload.notificationId,
            payload,
          })),
        );
        await transaction.settle(some(({ settled }) => settled));
      });
      return batch.map(() => undefined);
    },
  });
  return {
    async write(record, signal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await records.add(record);
        } catch (error) {
          // Only this process knows the provider's answer; losing it would send the message a second time. So errors
          // such as a full disk or a statement time-out are retried as well.
          if (signal.aborted || (!isUnreachable(error) && attempt >= mostAttempts)) throw error;
          await setTimeout(retryMilliseconds, undefined, { signal });
        }
      }
    },
  };
}
