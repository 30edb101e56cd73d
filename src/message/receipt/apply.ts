import type { Rates } from '../../content/recipient/international-rates.ts';
import { databaseErrors } from '../../database/connection.ts';
import type { NotificationStatus } from '../../database/tables.ts';
import { again, type Batcher, createBatcher } from '../../ground/batcher.ts';
import { type Clock, stopwatch } from '../../ground/clock.ts';
import { type Log, requestIdOf } from '../../ground/log.ts';
import type { Metrics, Observe } from '../../ground/metrics.ts';
import type { Traces } from '../../ground/traces.ts';
import type { ReadReceipt, ReceiptEndpoint, ReceiptOutcome } from '../../provider/contract.ts';
import type { Queues } from '../../queue/queues.ts';
import type { CallbackQueue } from '../callback/enqueue.ts';
import { moveStatuses, nextStatus, type StatusEvent, type StatusMove } from '../status/status.ts';
import { suppressRecipientsOf } from '../suppression/store.ts';
import {
  findSubjects,
  insertComplaints,
  insertingReceipts,
  type KeptComplaint,
  type KeptReceipt,
  type ReceiptSubject,
} from './store.ts';

export type ApplyDeps = Readonly<{
  queues: Pick<Queues, 'transaction'>;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  rates: Rates;
  callbacks: CallbackQueue;
  traces: Traces | null;
}>;

/** A receipt, and what applying it needs to know about its endpoint. */
export type IncomingReceipt = Readonly<{
  endpoint: Pick<ReceiptEndpoint, 'identifier' | 'alsoFor' | 'type' | 'soften'>;
  receipt: ReadReceipt;
}>;

/** The decisions for a batch of receipts. `outcomes`: one for each receipt, in their order. */
type Decided = Readonly<{
  outcomes: readonly ReceiptOutcome[];
  moves: readonly StatusMove[];
  kept: readonly KeptReceipt[];
  complaints: readonly KeptComplaint[];
}>;

/**
 * Batches receipts: many are applied in one transaction, each with an outcome of its own. Guarantee: every receipt for
 * a message that is kept is kept on its timeline, with the reason if it changed nothing; only a provider that was asked to send
 * the message can change it; of several receipts for one message, even within one batch, each sees the effect of the
 * one before (spec 05, section 5.5). In the same transaction callbacks are queued, and recipients who complained or
 * failed permanently are suppressed (docs/decisions/0017).
 *
 * Messages are not locked first, since a lock is written to the log as well. If one is changed by somebody else between
 * its reading and its writing, nothing of its receipts is written, and they are decided anew in the next batch: mostly the
 * record of its hand-over, which a quick provider's receipt meets.
 */
export function createApply(deps: ApplyDeps): Batcher<IncomingReceipt, ReceiptOutcome> {
  const { queues, clock, callbacks } = deps;
  const measures = createMeasures(deps.metrics);
  return createBatcher<IncomingReceipt, ReceiptOutcome>({
    onFlush: (items) => deps.metrics.batch('receipt', items),
    paceMilliseconds: 50,
    ...databaseErrors,
    async flush(receipts) {
      const at = new Date(clock.now());
      const elapsed = stopwatch();
      const found = receipts.map(({ receipt }) => receipt.found);
      const providers = new Set(receipts.map(({ endpoint }) => endpoint.identifier));
      const provider = providers.size === 1 ? receipts[0]!.endpoint.identifier : null;
      const overtaken = new Set<string>();
      const [subjects, outcomes] = await queues.transaction(async (transaction) => {
        const { trx } = transaction;
        const subjects = await findSubjects(deps, trx, found, provider);
        const { moves, kept, complaints: complained, outcomes } = decide(receipts, subjects, deps.rates, at);
        const moved = new Set(moves.map(({ id }) => id));
        await moveStatuses(deps, transaction, 'update_notification_status_by_reference', moves, {
          also: kept.length > 0 ? [insertingReceipts(kept, moved)] : [],
          overtaken,
        });
        const complaints = await insertComplaints(
          trx,
          complained.filter(({ subject }) => !overtaken.has(subject.id)),
        );
        await callbacks.complaints(transaction, complaints);
        const complainedOf = complaints.filter(isMeant).map(({ notificationId }) => notificationId);
        if (complainedOf.length > 0) await suppressRecipientsOf(trx, 'complaint', complainedOf, at);
        return [
          subjects,
          outcomes.map((outcome) => (isAmong(overtaken, outcome) ? again : outcome)),
        ] as const;
      });
      measure({ ...deps, measures }, receipts, outcomes, subjects, at);
      if (deps.traces) traceBatch(deps.traces, receipts, outcomes, subjects, elapsed());
      return outcomes;
    },
  });
}

function isAmong(ids: ReadonlySet<string>, outcome: ReceiptOutcome): boolean {
  return 'notificationId' in outcome && ids.has(outcome.notificationId);
}

/** Mailboxes also report the opposite of a complaint: that an email is wanted. */
function isMeant({ type }: Readonly<{ type: string | null }>): boolean {
  return type !== 'not-spam';
}

/** Pure. `moveStatuses` will make the same transitions as are decided here, or none at all. */
function decide(
  receipts: readonly IncomingReceipt[],
  subjects: readonly ReceiptSubject[],
  rates: Rates,
  at: Date,
): Decided {
  const byId = new Map(subjects.map((subject) => [subject.id, subject]));
  const byReference = new Map(subjects.map((subject) => [subject.reference, subject]));
  const statuses = new Map(subjects.map(({ id, status }) => [id, status]));
  const moves: StatusMove[] = [];
  const kept: KeptReceipt[] = [];
  const complaints: KeptComplaint[] = [];
  const outcomes = receipts.map(({ endpoint, receipt }): ReceiptOutcome => {
    const { found, rawStatus, complaint } = receipt;
    const subject = found.by === 'id' ? byId.get(found.value) : byReference.get(found.value);
    if (!subject || subject.type !== endpoint.type) return { outcome: 'not found' };
    const { id: notificationId, claimedAt, claimedUnits } = subject;
    const requestId = requestIdOf(subject.carried);
    const about = { notificationId, ...(requestId !== undefined && { requestId }) };
    const provider = endpoint.identifier;
    const current = statuses.get(notificationId)!;
    // If the receipt overtakes the record of the hand-over, the attempt says which provider has the message.
    const sentBy = subject.sentBy ?? subject.claimedBy;
    const status = endpoint.soften?.(receipt, { status: current, sentBy }) ?? receipt.status;
    if (!subject.isKept) {
      // Its attempts are gone, too, and there is no timeline to keep the receipt on.
      if (complaint && wasAsked(subject, endpoint))
        complaints.push({ ...complaint, subject, receivedAt: at });
      return { outcome: 'ignored', notificationId, status, why: deleted };
    }
    if (!wasAsked(subject, endpoint)) {
      kept.push({ notificationId, provider, receivedAt: at, rawStatus, status, ignored: notAsked });
      return { outcome: 'not asked', ...about, status, why: notAsked };
    }
    if (complaint) complaints.push({ ...complaint, subject, receivedAt: at });
    const event = eventOf(subject, status, found.by, rates);
    const transition = nextStatus(current, event);
    const ignored = 'stays' in transition ? transition.stays : null;
    kept.push({ notificationId, provider, receivedAt: at, rawStatus, status, ignored });
    if ('stays' in transition) return { outcome: 'ignored', ...about, status, why: transition.stays };
    statuses.set(notificationId, transition.to);
    // Known only from the attempt, where the hand-over is not recorded yet.
    const handOver = { sentAt: claimedAt, sentBy: sentBy ?? provider, billableUnits: claimedUnits };
    moves.push({ id: notificationId, event, at, handOver: { ...handOver, reference: null } });
    return { outcome: 'applied', ...about, status: transition.to };
  });
  return { outcomes, moves, kept, complaints };
}

const deleted = 'the message was deleted after its retention';
const notAsked = 'this provider was not asked to send the message';

/**
 * Whether the provider of the endpoint may know anything about the message. Its claim is written before the call, so
 * this is known even where a receipt overtakes the record of the hand-over.
 */
function wasAsked(
  { sentBy, attemptedBy }: ReceiptSubject,
  { identifier, alsoFor = [] }: IncomingReceipt['endpoint'],
): boolean {
  return [identifier, ...alsoFor].some((name) => name === sentBy || attemptedBy?.includes(name));
}

function eventOf(
  { international, phonePrefix }: ReceiptSubject,
  status: NotificationStatus,
  found: 'id' | 'reference',
  rates: Rates,
): StatusEvent {
  const reliable = phonePrefix !== null && (rates.get(phonePrefix)?.trustsReceipts ?? false);
  return { kind: 'receipt', status, found, international, reliable };
}

const receiptBuckets = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18_000, 36_000, 108_000];

type Measures = Readonly<{ receipt: Observe; delivery: Observe; abroad: (...values: string[]) => void }>;

/** At `/metrics` (spec 06, section 4.4). */
function createMeasures(metrics: Metrics): Measures {
  const labels = [
    ...['key_type', 'notification_status', 'notification_type', 'provider_name'],
    'notification_sms_international',
  ];
  return {
    receipt: metrics.histogram(
      'notification_callback_duration_seconds',
      'From the acceptance of a message to a receipt that changed it.',
      labels,
      receiptBuckets,
    ),
    delivery: metrics.histogram(
      'notification_deliver_duration_seconds',
      'From the acceptance of a message to its delivery, as its provider dates it.',
      labels,
      receiptBuckets,
    ),
    abroad: metrics.counter('notification_sms_internationals_total', 'Receipts for texts abroad.', [
      'notification_status',
      'notification_sms_country_code',
    ]),
  };
}

function measure(
  { log, metrics, measures }: ApplyDeps & Readonly<{ measures: Measures }>,
  receipts: readonly IncomingReceipt[],
  outcomes: readonly (ReceiptOutcome | typeof again)[],
  subjects: readonly ReceiptSubject[],
  at: Date,
): void {
  const byId = new Map(subjects.map((subject) => [subject.id, subject]));
  outcomes.forEach((outcome, index) => {
    if (outcome === again) return;
    const { receipt, endpoint } = receipts[index]!;
    const provider = endpoint.identifier;
    if (outcome.outcome === 'applied') {
      // As received: softening is about the message, not about the provider (spec 05, section 11).
      metrics.count(`callback.${provider}.${receipt.status}`);
      const subject = byId.get(outcome.notificationId)!;
      const { sentAt, type, keyType, createdAt, international, phonePrefix } = subject;
      const values = [keyType, receipt.status, type, provider, String(international)];
      measures.receipt((at.getTime() - createdAt.getTime()) / 1000, ...values);
      const { deliveredAt = null } = receipt;
      // A provider's clock may be behind ours.
      if (deliveredAt !== null)
        measures.delivery(Math.max(0, deliveredAt - createdAt.getTime()) / 1000, ...values);
      if (international) measures.abroad(receipt.status, phonePrefix ?? '');
      if (sentAt) metrics.timing(`callback.${provider}.elapsed-time`, at.getTime() - sentAt.getTime());
    } else
      log.warn(
        {
          provider,
          ...('why' in outcome && {
            ...{ notificationId: outcome.notificationId, requestId: outcome.requestId, why: outcome.why },
          }),
        },
        `A receipt of ${provider} with status ${receipt.status} changed nothing: ${outcome.outcome}`,
      );
  });
}

/** The spans of receipts are in the traces of their messages. */
function traceBatch(
  traces: Traces,
  receipts: readonly IncomingReceipt[],
  outcomes: readonly (ReceiptOutcome | typeof again)[],
  subjects: readonly ReceiptSubject[],
  began: number,
): void {
  const byId = new Map(subjects.map((subject) => [subject.id, subject]));
  outcomes.forEach((outcome, index) => {
    if (outcome === again || !('notificationId' in outcome)) return;
    const { notificationId, status } = outcome;
    const provider = receipts[index]!.endpoint.identifier;
    const attributes = { 'notification.id': notificationId, provider, status, outcome: outcome.outcome };
    traces.begin(`receipt ${provider}`, byId.get(notificationId)?.carried, { began, attributes }).end();
  });
}

/** How long after the hand-over a receipt that matches no message may just be early. */
const earlyMilliseconds = 5 * 60_000;
/** How far a provider's clock may be ahead of ours. */
const skewMilliseconds = 60_000;

/** Seconds until an early receipt is tried again. */
export const laterSeconds = 300;

/**
 * Whether a receipt arrived before the provider's reference for its message was stored, so that it must be retried
 * (spec 05, section 5.6). Only if the provider says when it took the message, and that was recently: a time in the
 * future would make it early for ever.
 */
export function isEarly(receipt: ReadReceipt, outcome: ReceiptOutcome, now: number): boolean {
  const { handedOverAt = null } = receipt;
  if (outcome.outcome !== 'not found' || handedOverAt === null) return false;
  const age = now - handedOverAt;
  return age >= -skewMilliseconds && age < earlyMilliseconds;
}
