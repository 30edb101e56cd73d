import type { NotificationStatus } from '../../../database/tables.ts';
import { systemClock } from '../../../ground/clock.ts';
import { londonTime } from '../../../ground/london-time.ts';
import type { FakeReceipt, HttpAnswer, Pretended, ReceiptEndpoint } from '../../contract.ts';
import { echoedId, fieldText, receiptText } from '../receipt-text.ts';

const path = '/notifications/sms/mmg';

/** Spec 05, section 5.7; any other status is one we cannot understand. */
const statuses: Readonly<Record<string, readonly [NotificationStatus, string]>> = {
  '2': ['permanent-failure', 'Permanent failure'],
  '3': ['delivered', 'Delivered'],
  '4': ['temporary-failure', 'Temporary failure (expired)'],
  '5': ['permanent-failure', 'Permanent failure (rejected)'],
};

/** By status and substatus (spec 05, section 5.8): they say why, and change nothing. */
const reasons: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '2': {
    '1': 'Number does not exist',
    '4': 'Rejected by operator',
    '5': 'Unidentified Subscriber',
    '9': 'Undelivered',
    '11': 'Service for Subscriber suspended',
    '12': 'Illegal equipment',
    '2049': 'Subscriber IMSI blacklisted',
    '2050': 'Number blacklisted in do-not-disturb blacklist',
    '2052': 'Destination number blacklisted',
    '2053': 'Source address blacklisted',
  },
  '3': { '2': 'Delivered to operator', '5': 'Delivered to handset' },
  '4': {
    '6': 'Absent Subscriber',
    '8': 'Roaming not allowed',
    '13': 'SMS Not Supported',
    '15': 'Expired',
    '27': 'Absent Subscriber',
    '29': 'Invalid delivery report',
    '32': 'Delivery Failure',
  },
  '5': {
    '6': 'Network out of coverage',
    '8': 'Incorrect number prefix',
    '10': 'Number on do-not-disturb service',
    '11': 'Sender id not registered',
    '13': 'Sender id blacklisted',
    '14': 'Destination number blacklisted',
    '19': 'Routing unavailable',
    '20': 'Rejected by anti-flooding mechanism',
    '21': 'System error',
    '23': 'Duplicate message id',
    '24': 'Message formatted incorrectly',
    '25': 'Message too long',
    '51': 'Missing recipient value',
    '52': 'Invalid destination',
  },
};

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

const refuse = (message: unknown): { answer: HttpAnswer } => ({
  answer: { status: 400, body: { result: 'error', message } },
});

/** Receipts of MMG: JSON with our id as `CID` (spec 05, section 5.6). */
export function mmgReceipts(credentials: string | null): ReceiptEndpoint {
  return {
    identifier: 'mmg',
    name: 'MMG',
    type: 'sms',
    path,
    credentials,
    read(body) {
      let document: unknown;
      try {
        document = JSON.parse(body.toString('utf8'));
      } catch {
        return refuse('MMG callback failed: invalid json');
      }
      const fields = (typeof document === 'object' && document !== null ? document : {}) as Record<
        string,
        unknown
      >;
      const status = fieldText(fields['status']);
      const reference = fieldText(fields['CID']);
      if (status === null || reference === null) {
        const missing = [status === null ? 'status' : [], reference === null ? 'CID' : []].flat();
        return refuse(missing.map((name) => `MMG callback failed: ${name} missing`));
      }
      // Sign-in codes of long ago, whose receipts carry no id.
      if (reference === 'send-sms-code')
        return {
          answer: {
            status: 200,
            body: { result: 'success', message: 'MMG callback succeeded: send-sms-code' },
          },
        };
      const id = echoedId(reference);
      if (id === null) return refuse(`MMG callback with invalid reference ${receiptText(reference)}`);
      const [mapped, said] = own(statuses, status) ?? (['technical-failure', 'Declined'] as const);
      const code = fieldText(fields['substatus']);
      return {
        receipt: {
          found: { by: 'id', value: id },
          status: mapped,
          rawStatus: receiptText(status),
          detail: code === null ? said : (own(own(reasons, status) ?? {}, code) ?? ''),
          detailCode: code === null ? null : receiptText(code),
        },
      };
    },
    answer(receipt, outcome) {
      const message =
        outcome.outcome === 'applied'
          ? `MMG callback succeeded. reference ${receipt.found.value} updated`
          : null;
      return { status: 200, body: { result: 'success', message } };
    },
  };
}

const pretendedStatus = { 'temporary-failure': '4', 'permanent-failure': '5', delivered: '3' } as const;

/** What MMG would post about a message that it never got (spec 05, section 6); the recipient is not carried that far. */
export function mmgFakeReceipts({ notificationId, outcome }: Pretended): readonly FakeReceipt[] {
  const receipt = {
    reference: 'mmg_reference',
    CID: notificationId,
    MSISDN: '',
    status: pretendedStatus[outcome],
    deliverytime: londonTime(systemClock.now()),
  };
  return [{ path, contentType: 'application/json', body: JSON.stringify(receipt) }];
}
