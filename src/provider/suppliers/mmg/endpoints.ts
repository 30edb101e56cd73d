import type { NotificationStatus } from '../../../database/tables.ts';
import { londonTime, parseLondonTime, systemClock } from '../../../ground/clock.ts';
import { own } from '../../../ground/own.ts';
import type { InboundEndpoint, ReceiptEndpoint, SimulatedMessage, SimulatedReceipt } from '../../contract.ts';
import {
  fieldText,
  inboundOk,
  jsonFields,
  missingFields,
  namedFields,
  readSmsReceipt,
  receiptText,
  refuseReceipt,
  refuseText,
} from '../webhook.ts';

const path = '/notifications/sms/mmg';

/** Any other status is a technical failure (spec 05, section 5.7). */
const statuses: Readonly<Record<string, readonly [NotificationStatus, string]>> = {
  '2': ['permanent-failure', 'Permanent failure'],
  '3': ['delivered', 'Delivered'],
  '4': ['temporary-failure', 'Temporary failure (expired)'],
  '5': ['permanent-failure', 'Permanent failure (rejected)'],
};

/** By status and substatus: they explain the status and do not change it (spec 05, section 5.8). */
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

/** MMG's receipts: JSON with our id as `CID` (spec 05, section 5.6). */
export function mmgReceipts(credentials: string | null): ReceiptEndpoint {
  return {
    identifier: 'mmg',
    name: 'MMG',
    type: 'sms',
    path,
    credentials,
    read(body) {
      const json = jsonFields(body);
      if (json === undefined) return refuseReceipt('MMG callback failed: invalid json');
      const fields = namedFields(Object.entries(json));
      const read = readSmsReceipt('MMG', ['status', fields.get('status')], ['CID', fields.get('cid')]);
      if ('answer' in read) return read;
      const { status, id } = read;
      const [mapped, meaning] = own(statuses, status) ?? (['technical-failure', 'Declined'] as const);
      const code = fieldText(fields.get('substatus'));
      return {
        receipt: {
          found: { by: 'id', value: id },
          status: mapped,
          rawStatus: receiptText(status),
          detail: code === null ? meaning : (own(own(reasons, status) ?? {}, code) ?? ''),
          detailCode: code === null ? null : receiptText(code),
          deliveredAt:
            mapped === 'delivered' ? parseLondonTime(fieldText(fields.get('deliverytime')) ?? '') : null,
        },
      };
    },
    answer(receipt, { outcome }) {
      const message =
        outcome === 'applied' ? `MMG callback succeeded. reference ${receipt.found.value} updated` : null;
      return { status: 200, body: { result: 'success', message } };
    },
  };
}

const simulatedStatus = { 'temporary-failure': '4', 'permanent-failure': '5', delivered: '3' } as const;

/** What MMG would post about a message that was never sent (spec 05, section 6), without the recipient. */
export function mmgSimulatedReceipts({
  notificationId,
  outcome,
}: SimulatedMessage): readonly SimulatedReceipt[] {
  const receipt = {
    reference: 'mmg_reference',
    CID: notificationId,
    MSISDN: '',
    status: simulatedStatus[outcome],
    deliverytime: londonTime(systemClock.now()),
  };
  return [{ path, contentType: 'application/json', body: JSON.stringify(receipt) }];
}

const controls = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', a: '\x07' };

/**
 * Decodes a text or date from MMG (spec 05, section 7.2): `+` is a space, percent signs are UTF-8, and in the result
 * `\n`, `\r`, `\t`, `\b`, `\f`, `\v`, `\a`, `\'`, `\"`, `\/`, `\\`, `\xNN`, `\uNNNN` and `\UNNNNNNNN` are escapes. Anything
 * else stays as it is.
 */
export function decodeMmg(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
    .replace(
      /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U((?:000[0-9A-Fa-f]|0010)[0-9A-Fa-f]{4})|([nrtbfva'"/\\]))/g,
      (_all, byte?: string, unit?: string, point?: string, plain?: string) => {
        const code = byte ?? unit ?? point;
        // Two units may make one character, so they are not taken as code points.
        if (code !== undefined)
          return String[point ? 'fromCodePoint' : 'fromCharCode'](Number.parseInt(code, 16));
        return own(controls, plain!) ?? plain!;
      },
    );
}

/** Texts that MMG received: JSON in which text and date are encoded once more (spec 05, section 7.1). */
export function mmgInbound(users: readonly string[], passwords: readonly string[]): InboundEndpoint {
  return {
    identifier: 'mmg',
    name: 'MMG',
    path: '/notifications/sms/receive/mmg',
    credentials: users.flatMap((user) => passwords.map((password) => `${user}:${password}`)),
    read(body) {
      const json = jsonFields(body);
      if (json === undefined) return refuseText('MMG inbound SMS failed: invalid json');
      const fields = namedFields(Object.entries(json));
      const to = fieldText(fields.get('number'));
      const from = fieldText(fields.get('msisdn'));
      // A text may be empty.
      const message = fields.get('message') === '' ? '' : fieldText(fields.get('message'));
      const missing = missingFields('MMG', { MSISDN: from, Number: to, Message: message });
      if (missing) return missing;
      const date = fieldText(fields.get('daterecieved') ?? fields.get('datereceived'));
      return {
        text: {
          to: to!,
          from: from!,
          content: decodeMmg(message!),
          date: date === null ? null : decodeMmg(date),
          reference: fieldText(fields.get('id')),
        },
      };
    },
    accepted: inboundOk,
    unclaimed: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'RECEIVED' },
  };
}
