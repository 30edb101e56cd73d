import type { MessageType } from './message.ts';

/** What a receipt says became of a message. */
export type ReceiptStatus = 'delivered' | 'permanent-failure' | 'temporary-failure' | 'pending';

export const receiptStatuses: readonly ReceiptStatus[] = [
  'delivered',
  'permanent-failure',
  'temporary-failure',
  'pending',
];

/** Ends of the simulated numbers: of the seed's list and of the later one (spec 05, section 6). */
const temporaryNumbers = ['7833333333', '7700900003'];
const permanentNumbers = ['7822222222', '7700900002'];

/** What becomes of a message is decided by its recipient, never by chance (spec 05, section 6). */
export function outcomeFor(type: MessageType, to: string): ReceiptStatus {
  if (type === 'email') {
    if (to === 'temp-fail@simulator.notify') return 'temporary-failure';
    return to === 'perm-fail@simulator.notify' ? 'permanent-failure' : 'delivered';
  }
  const number = to.replaceAll(' ', '');
  if (temporaryNumbers.some((end) => number.endsWith(end))) return 'temporary-failure';
  return permanentNumbers.some((end) => number.endsWith(end)) ? 'permanent-failure' : 'delivered';
}

/**
 * The receipts a message gets, in order. A text message that fails for now is reported as pending first, as
 * Firetext does (spec 05, section 5.8).
 */
export function receiptsFor(type: MessageType, outcome: ReceiptStatus): readonly ReceiptStatus[] {
  return type === 'sms' && outcome === 'temporary-failure' ? ['pending', 'temporary-failure'] : [outcome];
}

const details: Record<MessageType, Record<ReceiptStatus, string>> = {
  sms: {
    delivered: 'Delivered to handset',
    'permanent-failure': 'Number does not exist',
    'temporary-failure': 'Absent subscriber',
    pending: 'Pending with network',
  },
  email: {
    delivered: 'Delivered',
    'permanent-failure': 'Hard bounced: the address does not exist',
    'temporary-failure': 'Soft bounced: mailbox full',
    pending: 'Still trying',
  },
};

/** The provider's own words for a status, for people to read. */
export function detailOf(type: MessageType, status: ReceiptStatus): string {
  return details[type][status];
}
