import type { NotificationStatus } from '../../../database/tables.ts';
import { londonTime, parseLondonTime, systemClock } from '../../../ground/clock.ts';
import type {
  InboundEndpoint,
  ReadReceipt,
  ReceiptEndpoint,
  ReceiptRow,
  SimulatedMessage,
  SimulatedReceipt,
} from '../../contract.ts';
import { fieldText, formFields, inboundOk, missingFields, readSmsReceipt, receiptText } from '../webhook.ts';

const path = '/notifications/sms/firetext';

/** Any other status is a technical failure (spec 05, section 5.7). */
const statuses: ReadonlyMap<string, readonly [NotificationStatus, string]> = new Map([
  ['0', ['delivered', 'Delivered']],
  ['1', ['permanent-failure', 'Declined']],
  ['2', ['pending', 'Undelivered (Pending with Network)']],
]);

/** The codes of declined texts (spec 05, section 5.8). */
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

/** The other providers with Firetext's receipts and codes (spec 05, section 5.3). */
const alsoFor = ['loadtesting'];
const softened: ReadonlySet<string> = new Set(['firetext', ...alsoFor]);

/**
 * Firetext reports "declined" for texts that may still arrive. A known code decides; without one, a text that was
 * `pending` with the network has failed only temporarily (spec 05, section 5.8).
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

/** Firetext's receipts: a form with our id as `reference` (spec 05, section 5.6). */
export function firetextReceipts(credentials: string | null): ReceiptEndpoint {
  return {
    identifier: 'firetext',
    alsoFor,
    name: 'Firetext',
    type: 'sms',
    path,
    credentials,
    read(body) {
      const form = formFields(body);
      const read = readSmsReceipt(
        'Firetext',
        ['status', form.get('status')],
        ['reference', form.get('reference')],
      );
      if ('answer' in read) return read;
      const { status, id } = read;
      const [mapped, meaning] = statuses.get(status) ?? (['technical-failure', 'Unknown status'] as const);
      const code = fieldText(form.get('code'));
      return {
        receipt: {
          found: { by: 'id', value: id },
          status: mapped,
          rawStatus: receiptText(status),
          detail: code === null ? meaning : (codes.get(code)?.[1] ?? ''),
          detailCode: code === null ? null : receiptText(code),
          deliveredAt: mapped === 'delivered' ? parseLondonTime(fieldText(form.get('time')) ?? '') : null,
        },
      };
    },
    soften: softenFiretext,
    answer(receipt, { outcome }) {
      // An unknown status is refused and still changes the row (spec 05, section 5.6).
      if (receipt.status === 'technical-failure')
        return {
          status: 400,
          body: {
            result: 'error',
            message: `Firetext callback failed: status ${receipt.rawStatus} not found.`,
          },
        };
      const message =
        outcome === 'applied'
          ? `Firetext callback succeeded. reference ${receipt.found.value} updated`
          : null;
      return { status: 200, body: { result: 'success', message } };
    },
  };
}

/** A temporary failure normally takes two receipts: pending with the network, then declined (spec 05, section 6). */
const simulatedFields = {
  'temporary-failure': [{ status: '2' }, { status: '1', code: '102' }],
  'permanent-failure': [{ status: '1' }],
  delivered: [{ status: '0' }],
} as const;

/** What Firetext would post about a text that was never sent, without the recipient. */
export function firetextSimulatedReceipts({
  notificationId,
  outcome,
}: SimulatedMessage): readonly SimulatedReceipt[] {
  return simulatedFields[outcome].map((fields) => ({
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

/** Texts that Firetext received: a form whose text needs no further decoding (spec 05, section 7.1). */
export function firetextInbound(passwords: readonly string[]): InboundEndpoint {
  return {
    identifier: 'firetext',
    name: 'Firetext',
    path: '/notifications/sms/receive/firetext',
    credentials: passwords.map((password) => `notify:${password}`),
    read(body) {
      const form = formFields(body);
      const to = fieldText(form.get('destination'));
      const from = fieldText(form.get('source'));
      // A text may be empty.
      const content = form.get('message') === '' ? '' : fieldText(form.get('message'));
      const missing = missingFields('Firetext', { source: from, destination: to, message: content });
      if (missing) return missing;
      return {
        text: { to: to!, from: from!, content: content!, date: fieldText(form.get('time')), reference: null },
      };
    },
    accepted: inboundOk,
    unclaimed: inboundOk,
  };
}
