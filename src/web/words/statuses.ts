/** Statuses of messages in the words of spec 04, section 7.3. */

const words: Readonly<Record<string, Readonly<{ sms: string; email: string }>>> = {
  created: { email: 'Sending', sms: 'Sending' },
  sending: { email: 'Sending', sms: 'Sending' },
  pending: { email: 'Sending', sms: 'Sending' },
  delivered: { email: 'Delivered', sms: 'Delivered' },
  sent: { email: 'Delivered', sms: 'Sent internationally' },
  failed: { email: 'Failed', sms: 'Failed' },
  'technical-failure': { email: 'Technical failure', sms: 'Technical failure' },
  'temporary-failure': {
    email: 'Inbox not accepting messages right now',
    sms: 'Phone not accepting messages right now',
  },
  'permanent-failure': { email: 'Email address doesn’t exist', sms: 'Phone number doesn’t exist' },
  'validation-failed': { email: 'Not sent: not valid', sms: 'Not sent: not valid' },
  cancelled: { email: 'Cancelled', sms: 'Cancelled' },
};

/** A status of a message in words. */
export function statusText(type: 'sms' | 'email', status: string): string {
  return words[status]?.[type] ?? status;
}

export type StatusGroup = 'delivered' | 'under way' | 'failed' | 'cancelled';

/** What a status comes to. */
export function groupOf(status: string): StatusGroup {
  if (status === 'delivered' || status === 'sent') return 'delivered';
  if (status === 'created' || status === 'sending' || status === 'pending') return 'under way';
  return status === 'cancelled' ? 'cancelled' : 'failed';
}

/** The tone of a tag for it. */
export const groupTone = {
  delivered: 'good',
  'under way': 'open',
  failed: 'bad',
  cancelled: 'quiet',
} as const satisfies Record<StatusGroup, string>;
