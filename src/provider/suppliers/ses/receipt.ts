import { randomUUID } from 'node:crypto';
import type { NotificationStatus } from '../../../database/tables.ts';
import { type Clock, systemClock } from '../../../ground/clock.ts';
import type {
  Complaint,
  FakeReceipt,
  HttpAnswer,
  Pretended,
  ReadRequest,
  ReceiptEndpoint,
  ReceiptOutcome,
} from '../../contract.ts';
import { receiptText } from '../receipt-text.ts';
import { confirmSubscription, createVerifier, type Envelope, snsUrl } from './sns.ts';

const path = '/notifications/email/ses';
const succeeded: HttpAnswer = { status: 200, body: { result: 'success', message: 'SES callback succeeded' } };

const refuse = (message: unknown, status = 400): { answer: HttpAnswer } => ({
  answer: { status, body: { result: 'error', message } },
});

export type SesReceiptSettings = Readonly<{
  clock: Clock;
  /** Topics whose receipts are taken, each with a valid signature; empty: any, signatures are not looked at. */
  topicArns: readonly string[];
}>;

/** Receipts of SES, in envelopes of SNS (spec 05, section 5.6). */
export function sesReceipts({ clock, topicArns }: SesReceiptSettings): ReceiptEndpoint {
  const isSigned = createVerifier(clock);

  /** An answer that refuses the envelope, or null. */
  async function distrust(envelope: Envelope): Promise<{ answer: HttpAnswer } | null> {
    if (topicArns.length === 0) return null;
    if (!topicArns.includes(envelope['TopicArn'] as string))
      return refuse('SES callback failed: topic not allowed', 403);
    let isGood: boolean;
    try {
      isGood = await isSigned(envelope);
    } catch {
      // SNS posts again after a server error.
      return refuse('SES callback failed: signature could not be verified', 503);
    }
    return isGood ? null : refuse('SES callback failed: invalid signature', 403);
  }

  return {
    identifier: 'ses',
    name: 'SES',
    type: 'email',
    path,
    async read(body, { isOwn }): Promise<ReadRequest> {
      const envelope = parseObject(body.toString('utf8'));
      if (envelope === null) return refuse('SES callback failed: invalid json');
      const distrusted = isOwn ? null : await distrust(envelope);
      if (distrusted) return distrusted;
      if (envelope['Type'] === 'SubscriptionConfirmation') {
        const url = snsUrl(envelope['SubscribeURL']);
        if (url === null) return refuse('SES callback failed: invalid SubscribeURL');
        return (await confirmSubscription(url))
          ? { answer: succeeded }
          : refuse('Internal server error', 500);
      }
      const inner = envelope['Message'];
      if (typeof inner !== 'string' || inner === '') return refuse(['SES callback failed: Message missing']);
      const message = parseObject(inner);
      if (message === null) return refuse('SES callback failed: invalid json');
      return readMessage(message, envelope);
    },
    answer(receipt, outcome) {
      // A complaint is stored whatever the status is.
      const isTaken =
        outcome.outcome === 'applied' ||
        outcome.outcome === 'postponed' ||
        (outcome.outcome === 'ignored' && Boolean(receipt.complaint));
      if (isTaken) return succeeded;
      const message = `SES callback failed: notification either not found or already updated from sending. Status ${statusOf(receipt.status, outcome)} for notification reference ${receipt.found.value}`;
      return { status: 404, body: { result: 'error', message } };
    },
  };
}

function statusOf(said: NotificationStatus, outcome: ReceiptOutcome): NotificationStatus {
  return 'status' in outcome ? outcome.status : said;
}

/** null where the text is no JSON; `{}` where it is JSON of another kind. */
function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return asObject(JSON.parse(text)) ?? {};
  } catch {
    return null;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

/** Takes only what is not personal: recipients, headers and common headers stay behind (spec 05, section 5.7). */
function readMessage(message: Readonly<Record<string, unknown>>, envelope: Envelope): ReadRequest {
  const type = message['notificationType'];
  if (typeof type !== 'string' || type === '')
    return refuse(['SES callback failed: notificationType missing']);
  const bounce = asObject(message['bounce']);
  if (type === 'Bounce' && bounce === null) return refuse(['SES callback failed: bounce missing']);
  const bounceType = type === 'Bounce' ? bounce?.['bounceType'] : undefined;
  const mapped = mappingOf(type, bounceType);
  if (mapped === null) return refuse(`SES callback failed: status ${receiptText(type)} not found`);
  const mail = asObject(message['mail']);
  const messageId = mail?.['messageId'];
  if (typeof messageId !== 'string' || messageId === '')
    return refuse('SES callback failed: messageId missing');
  const taken = typeof mail?.['timestamp'] === 'string' ? Date.parse(mail['timestamp']) : Number.NaN;
  const subType = bounce?.['bounceSubType'];
  return {
    receipt: {
      found: { by: 'reference', value: receiptText(messageId) },
      status: mapped.status,
      rawStatus: receiptText(typeof bounceType === 'string' ? `${type} ${bounceType}` : type),
      detail: mapped.detail,
      detailCode: typeof subType === 'string' && subType !== '' ? receiptText(subType) : null,
      handedOverAt: Number.isNaN(taken) ? null : taken,
      complaint: type === 'Complaint' ? complaintOf(asObject(message['complaint']) ?? {}, envelope) : null,
    },
  };
}

/** Spec 05, section 5.7. A complaint means that the email was there. */
function mappingOf(type: string, bounceType: unknown): { status: NotificationStatus; detail: string } | null {
  if (type === 'Delivery') return { status: 'delivered', detail: 'Delivered' };
  if (type === 'Complaint') return { status: 'delivered', detail: 'Complaint' };
  if (type !== 'Bounce') return null;
  if (bounceType === 'Permanent') return { status: 'permanent-failure', detail: 'Hard bounced' };
  return { status: 'temporary-failure', detail: 'Soft bounced' };
}

function complaintOf(complaint: Readonly<Record<string, unknown>>, envelope: Envelope): Complaint {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? receiptText(value) : null);
  const at = text(complaint['timestamp']);
  return {
    // The envelope has an id, too: it makes a complaint without one its own, and still the same when posted again.
    feedbackId: text(complaint['feedbackId']) ?? text(envelope['MessageId']) ?? randomUUID(),
    type: text(complaint['complaintFeedbackType']),
    at: at === null || Number.isNaN(Date.parse(at)) ? null : new Date(Date.parse(at)).toISOString(),
  };
}

/** What SES would post about an email that it never got (spec 05, section 6); the recipient is not carried that far. */
export function sesFakeReceipts({ reference, outcome }: Pretended): readonly FakeReceipt[] {
  const now = new Date(systemClock.now()).toISOString();
  const bounceType = outcome === 'permanent-failure' ? 'Permanent' : 'Undetermined';
  const message = {
    notificationType: outcome === 'delivered' ? 'Delivery' : 'Bounce',
    mail: {
      timestamp: now,
      source: '',
      sourceArn: '',
      sendingAccountId: '',
      messageId: reference,
      destination: [],
    },
    ...(outcome === 'delivered'
      ? {
          delivery: {
            timestamp: now,
            processingTimeMillis: 0,
            recipients: [],
            smtpResponse: '',
            reportingMTA: '',
          },
        }
      : {
          bounce: {
            bounceType,
            bounceSubType: 'General',
            bouncedRecipients: [],
            timestamp: now,
            feedbackId: '',
          },
        }),
  };
  const envelope = {
    Type: 'Notification',
    MessageId: randomUUID(),
    TopicArn: '',
    Message: JSON.stringify(message),
    Timestamp: now,
    SignatureVersion: '1',
    Signature: '',
    SigningCertURL: '',
    UnsubscribeURL: '',
  };
  return [{ path, contentType: 'text/plain; charset=UTF-8', body: JSON.stringify(envelope) }];
}
