import { setTimeout } from 'node:timers/promises';
import { databaseErrors, isUnreachable } from '../../database/connection.ts';
import { createBatcher } from '../../ground/batcher.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { SendResult } from '../../provider/contract.ts';
import type { Queues } from '../../queue/queues.ts';
import type { Settled } from '../../queue/tasks.ts';
import { type ReceiptPayload, researchReceipts } from '../receipt/research/queue.ts';
import { moveStatuses, type StatusDeps, type StatusMove } from '../status/status.ts';
import { type AttemptEnd, type Candidate, finishingAttempts } from './store.ts';

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
    paceMilliseconds: 30,
    ...databaseErrors,
    async flush(batch) {
      const some = <T>(pick: (record: DeliveryRecord) => T | null) =>
        batch.flatMap((record) => pick(record) ?? []);
      const moves = some(({ move }) => move);
      const isHandOver = ({ event }: StatusMove) => event.kind === 'handed over';
      const handedOver = moves.filter(isHandOver);
      const givenUp = moves.filter((move) => !isHandOver(move));
      const attempts = some(({ attempt }) => attempt);
      const settled = some((record) => record.settled);
      const done = settled.filter(({ settlement }) => settlement === 'done');
      await deps.queues.transaction(async (transaction) => {
        const also =
          attempts.length + done.length > 0 ? [finishingAttempts(attempts), ...transaction.ending(done)] : [];
        await moveStatuses(deps, transaction, 'dao_update_notification', handedOver, { also });
        await moveStatuses(deps, transaction, 'update_notification_status_by_id', givenUp);
        await transaction.send(
          researchReceipts,
          some(({ simulatedReceipts }) => simulatedReceipts).map((payload) => ({
            id: payload.notificationId,
            payload,
          })),
        );
        await transaction.settle(settled.filter(({ settlement }) => settlement !== 'done'));
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

/** Durations at `/metrics` (spec 06, section 4.4). */
export type Measures = Readonly<{
  /** A call of a provider has ended after so many milliseconds. */
  called(provider: string, type: Candidate['type'], result: SendResult, milliseconds: number): void;
  /** An attempt has ended at this time, handed over or not. */
  attempted(notification: Candidate, provider: string, result: SendResult, at: Date): void;
}>;

const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const sendBuckets = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600];

/** The type of an error is an outcome: codes are the provider's own, and could be any number of different ones. */
export function createMeasures(metrics: Pick<Metrics, 'histogram'>): Measures {
  const errorOf = ({ outcome }: SendResult) => (outcome === 'accepted' ? '' : outcome);
  const requests = metrics.histogram(
    'provider_request_duration_seconds',
    'Calls of providers.',
    ['notification_type', 'provider_name', 'error_type'],
    requestBuckets,
  );
  const sends = metrics.histogram(
    'notification_send_duration_seconds',
    'From the acceptance of a message to the end of an attempt to hand it over; one that failed has an error_type.',
    ['key_type', 'notification_type', 'provider_name', 'error_type'],
    sendBuckets,
  );
  return {
    called: (provider, type, result, milliseconds) =>
      requests(milliseconds / 1000, type, provider, errorOf(result)),
    attempted: ({ keyType, type, createdAt }, provider, result, at) =>
      sends((at.getTime() - createdAt.getTime()) / 1000, keyType, type, provider, errorOf(result)),
  };
}
