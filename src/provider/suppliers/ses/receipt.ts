import { randomUUID } from 'node:crypto';
import type { NotificationStatus } from '../../../database/tables.ts';
import { type Clock, systemClock } from '../../../ground/clock.ts';
import type {
  Complaint,
  EndpointResponse,
  ReadRequest,
  ReceiptEndpoint,
  ReceiptOutcome,
  SimulatedMessage,
  SimulatedReceipt,
} from '../../contract.ts';
import { jsonFields, receiptText, refuseReceipt } from '../webhook.ts';
import { confirmSubscription, createVerifier, type Envelope, snsUrl } from './sns.ts';

const path = '/notifications/email/ses';
const succeeded: EndpointResponse = {
  status: 200,
  body: { result: 'success', message: 'SES callback succeeded' },
};

export type SesReceiptSettings = Readonly<{
  clock: Clock;
  /** Topics whose receipts are accepted, with a valid signature; empty: any topic, signatures are not checked. */
  topicArns: readonly string[];
  /** Whether emails go through SES; false: it may only have receipts left for emails that once did. */
  isUsed: boolean;
}>;

/** SES receipts in SNS envelopes (spec 05, section 5.6). */
export function sesReceipts({ clock, topicArns, isUsed }: SesReceiptSettings): ReceiptEndpoint {
  const isSigned = createVerifier(clock);

  /** The answer that refuses an envelope; null if it is authentic. */
  async function refuseForged(envelope: Envelope): Promise<{ answer: EndpointResponse } | null> {
    if (topicArns.length === 0) return null;
    if (!topicArns.includes(envelope['TopicArn'] as string))
      return refuseReceipt('SES callback failed: topic not allowed', 403);
    try {
      return (await isSigned(envelope)) ? null : refuseReceipt('SES callback failed: invalid signature', 403);
    } catch {
      // SNS posts again after a server error.
      return refuseReceipt('SES callback failed: signature could not be verified', 503);
    }
  }

  /** A receipt may wait for its message (`isEarly`) only where SES can have sent one, or has signed the receipt. */
  function waiting(read: ReadRequest, isOwn: boolean): ReadRequest {
    if ('answer' in read || isOwn || isUsed || topicArns.length > 0) return read;
    return { receipt: { ...read.receipt, handedOverAt: null } };
  }

  return {
    identifier: 'ses',
    name: 'SES',
    type: 'email',
    path,
    async read(body, { isOwn }): Promise<ReadRequest> {
      const envelope = jsonFields(body);
      if (envelope === undefined) return refuseReceipt('SES callback failed: invalid json');
      const refusal = isOwn ? null : await refuseForged(envelope);
      if (refusal) return refusal;
      // Sent raw, as a subscription may ask for, a receipt comes without its envelope, and so without a signature.
      if (envelope['Type'] === undefined && eventOf(envelope) !== undefined)
        return waiting(readMessage(envelope, {}), isOwn);
      if (envelope['Type'] === 'UnsubscribeConfirmation')
        return { answer: succeeded, about: 'that a subscription has ended' };
      if (envelope['Type'] === 'SubscriptionConfirmation') {
        const url = snsUrl(envelope['SubscribeURL'], envelope['TopicArn']);
        if (url === null) return refuseReceipt('SES callback failed: invalid SubscribeURL');
        return (await confirmSubscription(url))
          ? { answer: succeeded }
          : refuseReceipt('Internal server error', 500);
      }
      const inner = envelope['Message'];
      if (typeof inner !== 'string' || inner === '')
        return refuseReceipt(['SES callback failed: Message missing']);
      if (inner === topicTest) return { answer: succeeded, about: 'a test of the topic' };
      const message = jsonFields(inner);
      if (message === undefined) return refuseReceipt('SES callback failed: invalid json');
      return waiting(readMessage(message, envelope), isOwn);
    },
    answer(receipt, outcome) {
      // A complaint is stored even if the status is ignored.
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

function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

/** What SES posts when a topic is set up; unlike everything else, it is not JSON. */
const topicTest = 'Successfully validated SNS topic for Amazon SES event publishing.';

/** Events that say nothing about the outcome of an email. Each topic and configuration set chooses its own. */
const withoutOutcome: ReadonlySet<string> = new Set([
  ...['Send', 'DeliveryDelay', 'Open', 'Click', 'Subscription', 'Received', 'AmazonSnsSubscriptionSucceeded'],
]);

/** Notifications name their type differently from events, which SES publishes for a configuration set. */
function eventOf(message: Readonly<Record<string, unknown>>): string | undefined {
  const isNamed = (value: unknown): value is string => typeof value === 'string' && value !== '';
  return [message['notificationType'], message['eventType']].find(isNamed);
}

/** Keeps nothing personal: recipients, headers and common headers are dropped (spec 05, section 5.7). */
function readMessage(message: Readonly<Record<string, unknown>>, envelope: Envelope): ReadRequest {
  const type = eventOf(message);
  if (type === undefined) return refuseReceipt(['SES callback failed: notificationType missing']);
  const bounce = asObject(message['bounce']);
  if (type === 'Bounce' && bounce === null) return refuseReceipt(['SES callback failed: bounce missing']);
  if (withoutOutcome.has(type)) return { answer: succeeded, about: `a ${type} event` };
  const bounceType = type === 'Bounce' ? bounce?.['bounceType'] : undefined;
  const complaint = type === 'Complaint' ? (asObject(message['complaint']) ?? {}) : null;
  const isSuppressed = complaint?.['complaintSubType'] === 'OnAccountSuppressionList';
  const mapped = isSuppressed ? suppressed : mappingOf(type, bounceType);
  if (mapped === null)
    return {
      ...refuseReceipt(`SES callback failed: status ${receiptText(type)} not found`),
      about: /^[\w ]{1,40}$/.test(type) ? `an unknown ${type} event` : 'an event of unknown type',
    };
  const mail = asObject(message['mail']);
  const messageId = mail?.['messageId'];
  if (typeof messageId !== 'string' || messageId === '')
    return refuseReceipt('SES callback failed: messageId missing');
  const subType = bounce?.['bounceSubType'] ?? complaint?.['complaintSubType'];
  return {
    receipt: {
      found: { by: 'reference', value: receiptText(messageId) },
      status: mapped.status,
      rawStatus: receiptText(typeof bounceType === 'string' ? `${type} ${bounceType}` : type),
      detail: mapped.detail,
      detailCode: typeof subType === 'string' && subType !== '' ? receiptText(subType) : null,
      handedOverAt: timeOf(mail?.['timestamp']),
      deliveredAt: type === 'Delivery' ? timeOf(asObject(message['delivery'])?.['timestamp']) : null,
      complaint: complaint && !isSuppressed ? complaintOf(complaint, envelope) : null,
    },
  };
}

/** In Unix milliseconds; null if it is no time. */
function timeOf(value: unknown): number | null {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

type Mapping = Readonly<{ status: NotificationStatus; detail: string }>;

/** The recipient complained about an earlier email, so SES did not try to deliver this one. */
const suppressed: Mapping = { status: 'permanent-failure', detail: 'Suppressed after a complaint' };

/** A complaint implies that the email was delivered (spec 05, section 5.7). */
function mappingOf(type: string, bounceType: unknown): Mapping | null {
  if (type === 'Delivery') return { status: 'delivered', detail: 'Delivered' };
  if (type === 'Complaint') return { status: 'delivered', detail: 'Complaint' };
  // SES took the email and then refused to send it. Its console and its records spell the second one differently.
  if (type === 'Reject') return { status: 'technical-failure', detail: 'Rejected' };
  if (type === 'Rendering Failure' || type === 'RenderingFailure')
    return { status: 'technical-failure', detail: 'Rendering failed' };
  if (type !== 'Bounce') return null;
  if (bounceType === 'Permanent') return { status: 'permanent-failure', detail: 'Hard bounced' };
  return { status: 'temporary-failure', detail: 'Soft bounced' };
}

function complaintOf(complaint: Readonly<Record<string, unknown>>, envelope: Envelope): Complaint {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? receiptText(value) : null);
  const at = text(complaint['timestamp']);
  return {
    // A complaint without an id gets its envelope's, so that a second post of it is recognised.
    feedbackId: text(complaint['feedbackId']) ?? text(envelope['MessageId']) ?? randomUUID(),
    type: text(complaint['complaintFeedbackType']),
    at: at === null || Number.isNaN(Date.parse(at)) ? null : new Date(Date.parse(at)).toISOString(),
  };
}

/** What SES would post about an email that was never sent (spec 05, section 6), without the recipient. */
export function sesSimulatedReceipts({ reference, outcome }: SimulatedMessage): readonly SimulatedReceipt[] {
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
