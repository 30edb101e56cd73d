import type { NotificationStatus } from '../../database/tables.ts';

/**
 * The state machine of a notification (spec 05, sections 5.5 and 10). Pure: an event goes in, the next status or the
 * reason why nothing changes comes out. Nothing leaves a final status, except `sent` by the receipt of a country that
 * reports delivery; nothing goes back to `created`. `move.ts` applies this table in SQL.
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
