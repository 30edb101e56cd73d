import type { NotificationStatus } from '../../../database/tables.ts';
import { systemClock } from '../../../ground/clock.ts';
import { londonTime } from '../../../ground/london-time.ts';
import type {
  FakeReceipt,
  HttpAnswer,
  Pretended,
  ReadReceipt,
  ReceiptEndpoint,
  ReceiptRow,
} from '../../contract.ts';
import { echoedId, fieldText, receiptText } from '../receipt-text.ts';

const path = '/notifications/sms/firetext';

/** Spec 05, section 5.7. */
const statuses: Readonly<Record<string, readonly [NotificationStatus, string]>> = {
  '0': ['delivered', 'Delivered'],
  '1': ['permanent-failure', 'Declined'],
  '2': ['pending', 'Undelivered (Pending with Network)'],
};

/** What a code says of a text that was declined (spec 05, section 5.8). */
const codes: ReadonlyMap<string, readonly ['temporary-failure' | 'permanent-failure', string]> = new Map([
  ['000', ['temporary-failure', 'No error reported']],
  ['101', ['permanent-failure', 'Unknown Subscriber']],
  ['102', ['temporary-failure', 'Absent Subscriber']],
  ['103', ['temporary-failure', 'Subscriber Busy']],
  ['104', ['temporary-failure', 'No Subscriber Memory']],
  ['201', ['permanent-failure', 'Invalid Number']],
  ['301', ['permanent-failure', 'SMS Not Supported']],
  ['302', ['temporary-failure', 'SMS Not Supported']],
  ['401', ['permanent-failure', 'Message Rejected']],
  ['900', ['temporary-failure', 'Routing Error']],
]);

/** Whose permanent failures are looked at again. */
const softened: ReadonlySet<string> = new Set(['firetext', 'loadtesting']);

/**
 * Firetext says "declined" of texts that may arrive later. A code that we know decides; without one a text that the
 * network still had (`pending`) has failed for now only (spec 05, section 5.8).
 */
export function softenFiretext(
  receipt: Pick<ReadReceipt, 'status' | 'detailCode'>,
  row: ReceiptRow,
): NotificationStatus {
  if (receipt.status !== 'permanent-failure' || row.sentBy === null || !softened.has(row.sentBy))
    return receipt.status;
  const known = codes.get(receipt.detailCode ?? '');
  if (known) return known[0];
  return row.status === 'pending' ? 'temporary-failure' : 'permanent-failure';
}

const refuse = (message: unknown): { answer: HttpAnswer } => ({
  answer: { status: 400, body: { result: 'error', message } },
});

/** Receipts of Firetext: a form with our id as `reference` (spec 05, section 5.6). */
export function firetextReceipts(credentials: string | null): ReceiptEndpoint {
  return {
    identifier: 'firetext',
    name: 'Firetext',
    type: 'sms',
    path,
    credentials,
    read(body) {
      const form = new URLSearchParams(body.toString('utf8'));
      const status = fieldText(form.get('status'));
      const reference = fieldText(form.get('reference'));
      if (status === null || reference === null) {
        const missing = [status === null ? 'status' : [], reference === null ? 'reference' : []].flat();
        return refuse(missing.map((name) => `Firetext callback failed: ${name} missing`));
      }
      // Sign-in codes of long ago, whose receipts carry no id.
      if (reference === 'send-sms-code')
        return {
          answer: {
            status: 200,
            body: { result: 'success', message: 'Firetext callback succeeded: send-sms-code' },
          },
        };
      const id = echoedId(reference);
      if (id === null) return refuse(`Firetext callback with invalid reference ${receiptText(reference)}`);
      const known = Object.hasOwn(statuses, status) ? statuses[status] : undefined;
      const [mapped, said] = known ?? (['technical-failure', 'Unknown status'] as const);
      const code = fieldText(form.get('code'));
      return {
        receipt: {
          found: { by: 'id', value: id },
          status: mapped,
          rawStatus: receiptText(status),
          detail: code === null ? said : (codes.get(code)?.[1] ?? ''),
          detailCode: code === null ? null : receiptText(code),
        },
      };
    },
    soften: softenFiretext,
    answer(receipt, outcome) {
      // A status that we do not know is refused, and yet it changes the row (spec 05, section 5.6).
      if (receipt.status === 'technical-failure')
        return {
          status: 400,
          body: {
            result: 'error',
            message: `Firetext callback failed: status ${receipt.rawStatus} not found.`,
          },
        };
      const message =
        outcome.outcome === 'applied'
          ? `Firetext callback succeeded. reference ${receipt.found.value} updated`
          : null;
      return { status: 200, body: { result: 'success', message } };
    },
  };
}

/** The normal course of a temporary failure is two receipts: still with the network, then declined (spec 05, section 6). */
const pretendedFields = {
  'temporary-failure': [{ status: '2' }, { status: '1', code: '102' }],
  'permanent-failure': [{ status: '1' }],
  delivered: [{ status: '0' }],
} as const;

/** What Firetext would post about a text that it never got; the recipient is not carried that far. */
export function firetextFakeReceipts({ notificationId, outcome }: Pretended): readonly FakeReceipt[] {
  return pretendedFields[outcome].map((fields) => ({
    path,
    contentType: 'application/x-www-form-urlencoded',
    body: new URLSearchParams({
      mobile: '',
      ...fields,
      time: londonTime(systemClock.now()),
      reference: notificationId,
    }).toString(),
  }));
}
