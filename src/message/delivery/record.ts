import { setTimeout } from 'node:timers/promises';
import { isTransient, isUnreachable } from '../../database/connection.ts';
import { createBatcher } from '../../ground/batcher.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { Queues } from '../../queue/boss.ts';
import { type Settlement, settle, type Task } from '../../queue/consume.ts';
import type { CallbackQueue } from '../callback/enqueue.ts';
import { type ReceiptPayload, researchReceipts } from '../receipt/research/queue.ts';
import { type AttemptEnd, finishAttempts, type HandOver, recordGivenUp, recordHandOvers } from './store.ts';

/** Everything that is written when a send task, or one attempt of it, has come to an end. */
export type Record = Readonly<{
  attempt: AttemptEnd | null;
  handOver: HandOver | null;
  /** A message that no provider got: its receipts are made up by the research room. */
  pretended: ReceiptPayload | null;
  /** The message that is given up: it becomes a technical failure unless it has a final status. */
  givenUp: Readonly<{ id: string; at: Date }> | null;
  /** null: the task goes on (with the next provider). */
  settlement: Readonly<{ task: Task<unknown>; settlement: Settlement }> | null;
}>;

export type Recorder = Readonly<{
  /** Resolves once the record is committed. While it cannot be, it is tried again, until `signal` is aborted. */
  write(record: Record, signal: AbortSignal): Promise<void>;
}>;

export type RecordDeps = Readonly<{ metrics: Metrics; queues: Queues; callbacks: CallbackQueue }>;

const retryMilliseconds = 500;
/** For errors that are not the database's absence: half a minute. */
const mostAttempts = 60;

/**
 * The record batcher: attempts, statuses, what services are told of them and the ends of their tasks, many messages in
 * one transaction.
 */
export function createRecorder(deps: RecordDeps): Recorder {
  const { queues, callbacks } = deps;
  const records = createBatcher<Record, void>({
    paceMilliseconds: 15,
    isShared: isUnreachable,
    async flush(records) {
      const some = <T>(pick: (record: Record) => T | null) => records.flatMap((record) => pick(record) ?? []);
      const write = () =>
        queues.transaction(async (trx, send) => {
          const ended = await recordHandOvers(
            deps,
            trx,
            some(({ handOver }) => handOver),
          );
          const givenUp = some((record) => record.givenUp);
          const failed = await recordGivenUp(
            deps,
            trx,
            givenUp.map(({ id }) => id),
            givenUp[0]?.at ?? new Date(0),
          );
          const told = await callbacks.deliveryStatuses(trx, [...ended, ...failed]);
          await finishAttempts(
            deps,
            trx,
            some(({ attempt }) => attempt),
          );
          await send(
            researchReceipts,
            some((record) => record.pretended).map((payload) => ({ id: payload.notificationId, payload })),
          );
          await settle(
            queues,
            trx,
            some(({ settlement }) => settlement),
          );
          return told;
        });
      // A batch that met another in a deadlock was rolled back whole and is simply written again.
      const told = await write().catch((error: unknown) =>
        isTransient(error) ? write() : Promise.reject(error),
      );
      if (told > 0) callbacks.announce();
      return records.map(() => undefined);
    },
  });

  return {
    async write(record, signal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await records.add(record);
        } catch (error) {
          // What a provider has answered is known only here: forgetting it would send the message a second time. So
          // a disk that is full or a statement that took too long is waited for, too.
          if (signal.aborted || (!isUnreachable(error) && attempt >= mostAttempts)) throw error;
          await setTimeout(retryMilliseconds, undefined, { signal });
        }
      }
    },
  };
}
