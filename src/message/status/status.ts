import { sql } from 'kysely';
import type { NotificationStatus } from '../../database/tables.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { QueueTransaction } from '../../queue/boss.ts';
import type { CallbackQueue } from '../callback/enqueue.ts';

/**
 * The state machine of a notification (spec 05, sections 5.5 and 10). Pure: an event goes in, the next status or the
 * reason why nothing changes comes out. Nothing leaves a final status, except `sent` by the receipt of a country that
 * reports delivery; nothing goes back to `created`. `moveStatuses` below applies this table in SQL.
 */

/** How a message ends that its provider will never report on. */
export type UnreportedEnd = 'delivered' | 'temporary-failure' | 'permanent-failure';

export type StatusEvent =
  /** A provider has taken the message. `end`: it posts no receipts, so this is how the message ends; else null. */
  | Readonly<{ kind: 'handed over'; international: boolean; end: UnreportedEnd | null }>
  /** A receipt says `status`. `reliable`: whether the country's networks report delivery (always, within the UK). */
  | Readonly<{
      kind: 'receipt';
      status: NotificationStatus;
      found: 'id' | 'reference';
      international: boolean;
      reliable: boolean;
    }>
  /** We give up: tries used up, refused for good, inactive service. */
  | Readonly<{ kind: 'given up' }>
  /** Nothing was heard of it for so long that nothing will be (spec 05, section 9.1). */
  | Readonly<{ kind: 'timed out' }>
  /** Its service took it back before it was due. */
  | Readonly<{ kind: 'cancelled' }>;

export type Transition = Readonly<{ to: NotificationStatus } | { stays: string }>;

const completed: ReadonlySet<NotificationStatus> = new Set<NotificationStatus>([
  'sent',
  'delivered',
  'technical-failure',
  'temporary-failure',
  'permanent-failure',
  'validation-failed',
  'cancelled',
]);

/** What a receipt can say; any other status in one changes nothing. */
const receiptResults: ReadonlySet<NotificationStatus> = new Set<NotificationStatus>([
  'pending',
  'delivered',
  'technical-failure',
  'temporary-failure',
  'permanent-failure',
]);

/** The statuses that some event leaves. */
export const openStatuses = ['created', 'sending', 'pending', 'sent'] as const;

/** A completed status gives `completed_at` in the API (spec 05, section 10). */
export function isCompleted(status: NotificationStatus): boolean {
  return completed.has(status);
}

export function nextStatus(current: NotificationStatus, event: StatusEvent): Transition {
  const stays = (why: string): Transition => ({ stays: why });
  const isUnderWay = current === 'sending' || current === 'pending';
  switch (event.kind) {
    case 'handed over':
      if (current !== 'created') return stays(`already ${current}`);
      return { to: event.end ?? (event.international ? 'sent' : 'sending') };
    case 'given up':
      if (current === 'created' || isUnderWay) return { to: 'technical-failure' };
      return stays(`already ${current}`);
    case 'timed out':
      if (current === 'created') return { to: 'technical-failure' };
      if (isUnderWay) return { to: 'temporary-failure' };
      return stays(`already ${current}`);
    case 'cancelled':
      return current === 'created' ? { to: 'cancelled' } : stays(`already ${current}`);
    case 'receipt':
      if (!receiptResults.has(event.status)) return stays(`a receipt cannot say ${event.status}`);
      if (event.international && !event.reliable)
        return stays('networks of this country do not report delivery');
      if (isUnderWay) return { to: event.status };
      // A receipt that overtakes the record of the hand-over: it can only name the row by our own id.
      if (current === 'created' && event.found === 'id') return { to: event.status };
      if (current === 'sent' && event.international) return { to: event.status };
      return stays(`already ${current}`);
  }
}

/** What happened to a message, and what is known of it by that. */
export type StatusMove = Readonly<{
  id: string;
  event: StatusEvent;
  at: Date;
  /**
   * Of the hand-over. With the event `handed over` they are written whatever the status is, since a receipt may have
   * come first; with any other event they fill what is not known yet. null: nothing is known.
   */
  handOver: HandOver | null;
}>;

/** What a hand-over leaves in the history of a message (spec 05, section 3.4). */
export type HandOver = Readonly<{
  sentAt: Date | null;
  sentBy: string;
  /** The provider's own id of the message. */
  reference: string | null;
  billableUnits: number | null;
}>;

/** A message whose status has just changed. */
export type StatusChange = Readonly<{ id: string; serviceId: string; status: NotificationStatus }>;

export type StatusDeps = Readonly<{ metrics: Metrics; callbacks: Pick<CallbackQueue, 'deliveryStatuses'> }>;

/**
 * The only writer of a status that exists. Locks the rows in the order of their ids, as everybody does, applies the
 * table of `nextStatus`, and in the same transaction queues the callbacks of services whose messages have come to their
 * end. Moves that the table does not allow change nothing. Several moves of one message apply one after the other.
 * `name`: the data-access function of spec 06, section 4.2, that this is counted and timed as. Answers the messages
 * that changed, in the order of the moves.
 */
export async function moveStatuses(
  { metrics, callbacks }: StatusDeps,
  transaction: QueueTransaction,
  name: string,
  moves: readonly StatusMove[],
): Promise<readonly StatusChange[]> {
  const changes = new Map<string, StatusChange>();
  for (let wave = moves; wave.length > 0; ) {
    const first = new Map<string, StatusMove>();
    for (const move of wave) if (!first.has(move.id)) first.set(move.id, move);
    const changed = await metrics.timed('dao', name, () => applyMoves(transaction, [...first.values()]));
    for (const change of changed) changes.set(change.id, change);
    wave = first.size === wave.length ? [] : wave.filter((move) => first.get(move.id) !== move);
  }
  const all = [...new Set(moves.map(({ id }) => id))].flatMap((id) => changes.get(id) ?? []);
  await callbacks.deliveryStatuses(
    transaction,
    all.filter(({ status }) => isCompleted(status)),
  );
  return all;
}

/** At most one move of a message. The table goes along as four columns: the next status from each that can be left. */
async function applyMoves(
  { trx }: QueueTransaction,
  moves: readonly StatusMove[],
): Promise<readonly StatusChange[]> {
  const ordered = moves.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const column = <T>(pick: (move: StatusMove) => T) => ordered.map(pick);
  const next = (from: NotificationStatus) =>
    column(({ event }) => {
      const transition = nextStatus(from, event);
      return 'to' in transition ? transition.to : null;
    });
  const [fromCreated, fromSending, fromPending, fromSent] = openStatuses.map(next);
  const { rows } = await sql<StatusChange>`
    with input as materialized (
      select * from unnest(${column(({ id }) => id)}::uuid[], ${column(({ at }) => at)}::timestamptz[],
        ${column(({ event }) => event.kind === 'handed over')}::boolean[],
        ${fromCreated}::text[], ${fromSending}::text[], ${fromPending}::text[], ${fromSent}::text[],
        ${column(({ handOver }) => handOver?.sentAt ?? null)}::timestamptz[],
        ${column(({ handOver }) => handOver?.sentBy ?? null)}::text[],
        ${column(({ handOver }) => handOver?.reference ?? null)}::text[],
        ${column(({ handOver }) => handOver?.billableUnits ?? null)}::int[])
        as t (id, at, is_hand_over, from_created, from_sending, from_pending, from_sent, sent_at, sent_by, reference,
          billable_units)
    ), locked as materialized (
      select h.id, case h.status when 'created' then input.from_created when 'sending' then input.from_sending
          when 'pending' then input.from_pending when 'sent' then input.from_sent end as next
      from notification_history h join input on input.id = h.id order by h.id for update of h
    ), updated as (
      update notification_history h set
        status = coalesce(locked.next, h.status),
        updated_at = case when locked.next is null then h.updated_at else input.at end,
        sent_at = case when is_hand_over then input.sent_at else coalesce(h.sent_at, input.sent_at) end,
        sent_by = case when is_hand_over then input.sent_by else coalesce(h.sent_by, input.sent_by) end,
        reference = coalesce(input.reference, h.reference),
        billable_units = case when is_hand_over or h.billable_units = 0
          then coalesce(input.billable_units, h.billable_units) else h.billable_units end
      from input join locked on locked.id = input.id
      where h.id = input.id and (locked.next is not null or is_hand_over)
      returning h.id, h.service_id as "serviceId", h.status, locked.next is not null as changed
    )
    select id, "serviceId", status from updated where changed`.execute(trx);
  return rows;
}
