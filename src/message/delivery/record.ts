import { setTimeout } from 'node:timers/promises';
import { databaseErrors, isUnreachable } from '../../database/connection.ts';
import { createBatcher } from '../../ground/batcher.ts';
import type { Queues, Settled } from '../../queue/boss.ts';
import { type ReceiptPayload, researchReceipts } from '../receipt/research/queue.ts';
import { moveStatuses, type StatusDeps, type StatusMove } from '../status/move.ts';
import { type AttemptEnd, finishAttempts } from './store.ts';

/** Everything that is written when a send task, or one attempt of it, has come to an end. */
export type DeliveryRecord = Readonly<{
  attempt: AttemptEnd | null;
  /** The message was handed over, or is given up. */
  move: StatusMove | null;
  /** For a message that no provider got: the receipts that the research room is to make up. */
  simulatedReceipts: ReceiptPayload | null;
  /** null: the task goes on (with the next provider). */
  settled: Settled | null;
}>;

export type Recorder = Readonly<{
  /** Resolves once the record is committed. While it cannot be, it is tried again until `signal` is aborted. */
  write(record: DeliveryRecord, signal: AbortSignal): Promise<void>;
}>;

export type RecordDeps = StatusDeps & Readonly<{ queues: Pick<Queues, 'transaction'> }>;

const retryMilliseconds = 500;
/** For errors other than an unreachable database: half a minute. */
const mostAttempts = 60;

/** The record batcher: attempts, statuses with their callbacks, and the ends of tasks, many messages per transaction. */
export function createRecorder(deps: RecordDeps): Recorder {
  const records = createBatcher<DeliveryRecord, void>({
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
          // Only this process knows what the provider has answered: forgetting it would send the message a second time.
          // So a full disk or a statement that took too long is waited for as well.
          if (signal.aborted || (!isUnreachable(error) && attempt >= mostAttempts)) throw error;
          await setTimeout(retryMilliseconds, undefined, { signal });
        }
      }
    },
  };
}
