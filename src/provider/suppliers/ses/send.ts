import {
  SESv2Client,
  SESv2ServiceException,
  SendEmailCommand,
  type SendEmailCommandInput,
} from '@aws-sdk/client-sesv2';
import type { EmailMessage, Message, Provider, SendResult } from '../../contract.ts';
import { addressesOf, headerText, mailbox, unsubscribeHeaders } from '../email-header.ts';
import { sesFakeReceipts } from './receipt.ts';
import { NoAnswer, sesTransport } from './transport.ts';

export type SesSettings = Readonly<{
  region: string;
  /** Base URL of something else that speaks the protocol; null: Amazon's of the region. */
  url: string | null;
  /** null: found as Amazon's SDK finds them (role of the machine, profile). */
  credentials: Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }> | null;
  timeoutSeconds: number;
  connections: number;
}>;

/** Amazon SES, version 2 of its API (spec 05, section 5.4). The SDK's own retries are off: ours are the retries. */
export function sesProvider(settings: SesSettings): Provider {
  const transport = sesTransport(settings);
  const client = new SESv2Client({
    region: settings.region,
    ...(settings.url !== null && { endpoint: settings.url }),
    ...(settings.credentials !== null && { credentials: settings.credentials }),
    maxAttempts: 1,
    requestHandler: transport,
  });
  return {
    identifier: 'ses',
    receipts: 'posted',
    async send(message: Message, signal: AbortSignal): Promise<SendResult> {
      if (message.type !== 'email')
        return { outcome: 'failed', code: 'not email', detail: 'SES takes emails only' };
      const input = inputOf(message);
      if (typeof input === 'string')
        return {
          outcome: 'rejected',
          code: 'InvalidAddress',
          detail: `The ${input} is no address that can be written`,
        };
      try {
        const { MessageId } = await client.send(new SendEmailCommand(input), { abortSignal: signal });
        // Without its id no receipt would ever find the message.
        if (!MessageId)
          return { outcome: 'unknown', code: '200', detail: 'SES answered without a message id' };
        return { outcome: 'accepted', reference: MessageId };
      } catch (error) {
        return describe(error);
      }
    },
    fakeReceipts: sesFakeReceipts,
    async close() {
      client.destroy();
    },
  };
}

function inputOf(message: EmailMessage): SendEmailCommandInput | string {
  const addresses = addressesOf(message);
  if (typeof addresses === 'string') return addresses;
  const { to, from, replyTo } = addresses;
  const utf8 = (Data: string) => ({ Data, Charset: 'UTF-8' });
  const headers = Object.entries(unsubscribeHeaders(message)).map(([Name, Value]) => ({ Name, Value }));
  return {
    FromEmailAddress: mailbox(message.fromName, from),
    Destination: { ToAddresses: [to], CcAddresses: [], BccAddresses: [] },
    ReplyToAddresses: replyTo === null ? [] : [replyTo],
    Content: {
      Simple: {
        Subject: utf8(headerText(message.subject)),
        Body: { Text: utf8(message.text), Html: utf8(message.html) },
        ...(headers.length > 0 && { Headers: headers }),
      },
    },
  };
}

/**
 * Version 2 calls an address that nobody can have a BadRequestException, as it does many other things; only the words
 * tell (version 1 had a code of its own for it, InvalidParameterValue).
 */
const aboutAddress =
  /invalid email address|illegal address|missing (final '@domain'|local name|domain)|(local address|domain) (contains|starts|ends)/i;

/** What SES says in words is left out: it repeats the recipient. */
function describe(error: unknown): SendResult {
  if (error instanceof NoAnswer) return error.result;
  const { name, message, $response, $metadata } = error as Error & {
    $response?: { statusCode?: number };
    $metadata?: { httpStatusCode?: number };
  };
  const status = $response?.statusCode ?? $metadata?.httpStatusCode;
  if (status === undefined)
    // Nothing was sent: no credentials, or a request that could not be made.
    return { outcome: 'failed', code: name, detail: 'The request to SES could not be made' };
  if (status >= 200 && status < 300)
    return { outcome: 'unknown', code: String(status), detail: 'SES accepted in words that cannot be read' };
  const isAddress =
    name === 'InvalidParameterValue' || (name === 'BadRequestException' && aboutAddress.test(message));
  return {
    outcome: isAddress ? 'rejected' : status === 502 || status === 504 ? 'unknown' : 'failed',
    code: error instanceof SESv2ServiceException && name !== 'Unknown' ? name : String(status),
    detail: `SES answered ${status}`,
  };
}
