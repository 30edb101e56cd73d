import type { Rates } from '../../content/recipient/international-rates.ts';
import { type Db, isTransient, isUnreachable } from '../../database/connection.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { ReadReceipt, ReceiptEndpoint, ReceiptOutcome } from '../../provider/contract.ts';
import type { CallbackQueue } from '../callback/enqueue.ts';
import { nextStatus } from '../status/status.ts';
import {
  insertComplaints,
  insertReceipts,
  type KeptComplaint,
  type KeptReceipt,
  lockSubjects,
  type ReceiptSubject,
  type StatusChange,
  updateStatuses,
} from './store.ts';

export type ApplyDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  rates: Rates;
  callbacks: CallbackQueue;
}>;

/** A receipt and what has to be known of the endpoint it came through. */
export type IncomingReceipt = Readonly<{
  endpoint: Pick<ReceiptEndpoint, 'identifier' | 'type' | 'soften'>;
  receipt: ReadReceipt;
}>;

/**
 * The receipt batcher: many receipts are applied in one transaction, and each is answered by itself. Guarantee: every
 * receipt for a message we know is kept on its timeline, with the reason where it changed nothing; of several for one
 * message, also within one batch, each sees what the one before has done (spec 05, section 5.5). What its service is
 * told is queued in the same transaction.
 */
export function createApply(deps: ApplyDeps): Batcher<IncomingReceipt, ReceiptOutcome> {
  const { db, clock, log, metrics, rates, callbacks } = deps;

  async function apply(receipts: readonly IncomingReceipt[]): Promise<readonly ReceiptOutcome[]> {
    let told = 0;
    const outcomes = await db.transaction().execute(async (trx) => {
      const subjects = await lockSubjects(
        deps,
        trx,
        receipts.map(({ receipt }) => receipt.found),
      );
      const byId = new Map(subjects.map((subject) => [subject.id, subject]));
      const byReference = new Map(
        subjects.flatMap((subject) =>
          subject.reference === null ? [] : [[subject.reference, subject] as const],
        ),
      );
      const status = new Map(subjects.map((subject) => [subject.id, subject.status]));
      const changed = new Map<string, StatusChange>();
      const kept: KeptReceipt[] = [];
      const complaints: KeptComplaint[] = [];
      const at = new Date(clock.now());

      const outcomes = receipts.map(({ endpoint, receipt }): ReceiptOutcome => {
        const { found } = receipt;
        const subject = found.by === 'id' ? byId.get(found.value) : byReference.get(found.value);
        if (!subject || subject.type !== endpoint.type) return { outcome: 'not found' };
        const { id, international, phonePrefix } = subject;
        const provider = endpoint.identifier;
        const current = status.get(id)!;
        // A receipt that overtakes the record of the hand-over: the attempt knows who has the message.
        const sentBy = subject.sentBy ?? subject.claimedBy;
        const meant = endpoint.soften?.(receipt, { status: current, sentBy }) ?? receipt.status;
        if (receipt.complaint) complaints.push({ ...receipt.complaint, subject, receivedAt: at });
        const transition = nextStatus(current, {
          kind: 'receipt',
          status: meant,
          found: found.by,
          international,
          reliable: phonePrefix !== null && (rates.get(phonePrefix)?.trustsReceipts ?? false),
        });
        const ignored = 'stays' in transition ? transition.stays : null;
        kept.push({
          notificationId: id,
          provider,
          receivedAt: at,
          rawStatus: receipt.rawStatus,
          status: meant,
          ignored,
        });
        if ('stays' in transition)
          return { outcome: 'ignored', notificationId: id, status: meant, why: transition.stays };
        status.set(id, transition.to);
        changed.set(id, {
          id,
          serviceId: subject.serviceId,
          status: transition.to,
          at,
          sentBy: sentBy ?? provider,
          units: subject.claimedUnits,
          sentAt: subject.claimedAt,
        });
        return { outcome: 'applied', notificationId: id, status: transition.to };
      });
      const changes = [...changed.values()];
      await updateStatuses(deps, trx, changes);
      await insertReceipts(trx, kept);
      told = await callbacks.deliveryStatuses(trx, changes);
      told += await callbacks.complaints(trx, await insertComplaints(trx, complaints));
      measure(receipts, outcomes, byId, at);
      return outcomes;
    });
    if (told > 0) callbacks.announce();
    return outcomes;
  }

  function measure(
    receipts: readonly IncomingReceipt[],
    outcomes: readonly ReceiptOutcome[],
    byId: ReadonlyMap<string, ReceiptSubject>,
    at: Date,
  ): void {
    outcomes.forEach((outcome, index) => {
      const { receipt, endpoint } = receipts[index]!;
      const provider = endpoint.identifier;
      if (outcome.outcome === 'applied') {
        // As received: what softening made of it is the message's business, not the provider's (spec 05, section 11).
        metrics.count(`callback.${provider}.${receipt.status}`);
        const sentAt = byId.get(outcome.notificationId)?.sentAt;
        if (sentAt) metrics.timing(`callback.${provider}.elapsed-time`, at.getTime() - sentAt.getTime());
      } else
        log.warn(
          {
            provider,
            ...(outcome.outcome === 'ignored' && {
              notificationId: outcome.notificationId,
              why: outcome.why,
            }),
          },
          `A receipt of ${provider} with status ${receipt.status} changed nothing: ${outcome.outcome}`,
        );
    });
  }

  return createBatcher<IncomingReceipt, ReceiptOutcome>({
    paceMilliseconds: 15,
    isShared: isUnreachable,
    // A batch that met another in a deadlock was rolled back whole and is simply applied again.
    flush: (receipts) =>
      apply(receipts).catch((error: unknown) =>
        isTransient(error) ? apply(receipts) : Promise.reject(error),
      ),
  });
}
