import type { GivenUpReason, SuppressionReason } from '../../../database/tables.ts';
import type { StoredNotification } from '../../status/notification.ts';
import type { Circumstances } from './store.ts';

const suppressed: Readonly<Record<SuppressionReason, string>> = {
  manual: 'Not sent: the service has put this recipient on its list of suppressed recipients.',
  unsubscribed: 'Not sent: the recipient has unsubscribed from this service.',
  complaint: 'Not sent: the recipient has complained about emails of this service.',
  'permanent-failure': 'Not sent: an earlier message to this recipient failed permanently.',
};

const givenUp: Readonly<Record<GivenUpReason, string>> = {
  'too-large': 'Not sent: formatted for sending, it is larger than a provider takes.',
  'inactive-service': 'Not sent: its service was no longer active.',
  'no-provider': 'Not sent: no provider could be called until its retries were used up.',
  error: 'Not sent: a fault on the platform’s side, until its retries were used up.',
  dropped: 'Not sent: an operator of the platform decided so.',
  'invalid-recipient': 'Not sent: its row of the file has no valid recipient.',
  'not-allowed':
    'Not sent: in trial mode a service can only send to its team and guest list. Trying again helps once it is live.',
  'not-permitted': 'Not sent: the service may not send to this kind of phone number.',
  'international-limit': 'Not sent: the service had reached its limit of texts abroad for that day.',
  'missing-value': 'Not sent: its row of the file lacks a value that the template needs.',
  empty: 'Not sent: with the values of its row of the file there is nothing to send.',
  'too-long': 'Not sent: with the values of its row of the file it is too long.',
};

function triesOf(attempts: number | null): string {
  if (attempts === null) return '';
  return `, after ${attempts === 1 ? '1 attempt' : `${attempts} attempts`}`;
}

/**
 * Why a message was not delivered, and whether trying again can help, in a sentence or two; null for any other. Pure.
 */
export function reasonOf(
  { type, status }: Pick<StoredNotification, 'type' | 'status'>,
  {
    suppressed: why,
    givenUp: whyGivenUp,
    attempts,
    isReported,
  }: Pick<Circumstances, 'suppressed' | 'givenUp' | 'isReported'> &
    Readonly<{
      /** null: at least one, and it does not matter how many. */
      attempts: number | null;
    }>,
): string | null {
  if (why !== null) return suppressed[why];
  if (whyGivenUp !== null && attempts === 0) return givenUp[whyGivenUp];
  switch (status) {
    case 'permanent-failure':
      return `Not delivered: the ${type === 'sms' ? 'phone number' : 'email address'} does not exist. Trying again will not help.`;
    case 'temporary-failure':
      if (!isReported)
        return 'Nobody has confirmed in time that it was delivered. It may have arrived; trying again may send it twice.';
      return type === 'sms'
        ? 'Not delivered: the phone was off or could not be reached. Trying again may help.'
        : 'Not delivered: the mailbox was full or could not be reached. Trying again may help.';
    case 'technical-failure':
      if (attempts === 0) return 'Not sent: it could not be handed to any provider.';
      return `Not delivered: ${isReported ? 'the provider could not send it' : 'no provider took it'}${triesOf(attempts)}. The timeline says what the provider answered.`;
    case 'validation-failed':
      return 'Not sent: its content could not be sent.';
    case 'cancelled':
      return 'Not sent: it was cancelled before its time.';
    default:
      return null;
  }
}
