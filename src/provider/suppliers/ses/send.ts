import {
  SESv2Client,
  SESv2ServiceException,
  SendEmailCommand,
  type SendEmailCommandInput,
} from '@aws-sdk/client-sesv2';
import { Agent } from 'undici';
import type { CallResult } from '../../../ground/http-call.ts';
import type { EmailMessage, Message, Provider, SendResult } from '../../contract.ts';
import { addressesOf, mailbox, subjectText, unsubscribeHeaders } from '../email-header.ts';
import {
  classify,
  connectionOptions,
  type HttpLimits,
  isGatewayError,
  isSuccess,
  isWhole,
  providerCalls,
  unreadableFrom,
} from '../http-client.ts';
import { sesSimulatedReceipts } from './receipt.ts';

export type SesSettings = Readonly<{
  region: string;
  /** Base URL of another server with the same API; null: the endpoint of the region. */
  url: string | null;
  /** null: those that the SDK finds (instance role, profile). */
  credentials: Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }> | null;
}> &
  HttpLimits;

/** Amazon SES, version 2 of its API (spec 05, section 5.4). The SDK's own retries are off, because we retry. */
export function sesProvider(settings: SesSettings): Provider {
  const client = new SESv2Client({
    region: settings.region,
    ...(settings.url !== null && { endpoint: settings.url }),
    ...(settings.credentials !== null && { credentials: settings.credentials }),
    maxAttempts: 1,
    requestHandler: requestHandler(settings),
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
          detail: `The ${input} address is invalid`,
          ...(input === 'recipient' && { recipient: 'permanent' }),
        };
      try {
        const { MessageId } = await client.send(new SendEmailCommand(input), { abortSignal: signal });
        // Without its id, no receipt could be matched to the message.
        if (!MessageId)
          return { outcome: 'unknown', code: '200', detail: 'SES answered without a message id' };
        return { outcome: 'accepted', reference: MessageId };
      } catch (error) {
        return describe(error, input);
      }
    },
    simulatedReceipts: sesSimulatedReceipts,
    async close() {
      client.destroy();
    },
  };
}

/** A string names the address that is invalid. */
function inputOf(message: EmailMessage): SendEmailCommandInput | string {
  const addresses = addressesOf(message);
  if (typeof addresses === 'string') return addresses;
  const { to, from, replyTo } = addresses;
  const utf8 = (text: string) => ({ Data: text.toWellFormed(), Charset: 'UTF-8' });
  const headers = Object.entries(unsubscribeHeaders(message)).map(([Name, Value]) => ({ Name, Value }));
  return {
    FromEmailAddress: mailbox(message.fromName, from),
    Destination: { ToAddresses: [to], CcAddresses: [], BccAddresses: [] },
    ReplyToAddresses: replyTo === null ? [] : [replyTo],
    Content: {
      Simple: {
        Subject: utf8(subjectText(message.subject)),
        Body: { Text: utf8(message.text), Html: utf8(message.html) },
        ...(headers.length > 0 && { Headers: headers }),
      },
    },
  };
}

/**
 * Version 2 reports an impossible address as BadRequestException, like many other errors; only the text
 * distinguishes them. Version 1 had a code for it, InvalidParameterValue.
 */
const aboutAddress =
  /invalid email address|illegal address|missing (final '@domain'|local name|domain)|(local address|domain) (contains|starts|ends)/i;

/** The address is on a list of those to which SES sends nothing, because they bounced or complained. */
const aboutSuppression = /address(es)? (is |are )?blacklisted|suppression list/i;

/** SES's text is left out: it repeats the recipient. */
function describe(error: unknown, input: SendEmailCommandInput): SendResult {
  if (error instanceof NoResponse) return error.result;
  const { name, message, $response, $metadata } = error as Error & {
    $response?: { statusCode?: number };
    $metadata?: { httpStatusCode?: number };
  };
  const status = $response?.statusCode ?? $metadata?.httpStatusCode;
  if (status === undefined)
    // Nothing was sent, for instance because there are no credentials.
    return { outcome: 'failed', code: name, detail: 'The request to SES could not be made' };
  if (isSuccess({ status })) return unreadableFrom('SES', { status });
  const code = error instanceof SESv2ServiceException && name !== 'Unknown' ? name : String(status);
  const detail = `SES answered ${status}`;
  if (name === 'InvalidParameterValue' || (name === 'BadRequestException' && aboutAddress.test(message)))
    return { outcome: 'rejected', code, detail, ...(!namesSender(message, input) && recipientRefused) };
  if ((name === 'MessageRejected' || name === 'BadRequestException') && aboutSuppression.test(message))
    return { outcome: 'rejected', code, detail, ...recipientRefused };
  return { outcome: isGatewayError(status) ? 'unknown' : 'failed', code, detail };
}

const recipientRefused = { recipient: 'permanent' } as const;

/** Whether SES's text is about one of our own addresses: it may name the one that it means. */
function namesSender(text: string, { FromEmailAddress = '', ReplyToAddresses = [] }: SendEmailCommandInput) {
  const sender = /<([^<>]*)>$/.exec(FromEmailAddress)?.[1];
  return [sender, ...ReplyToAddresses].some((address) => address && text.includes(address));
}

/** There was no response; `result` is the outcome to report. */
class NoResponse extends Error {
  override name = 'NoResponse';
  readonly result: ReturnType<typeof classify>;

  constructor(result: CallResult) {
    super('SES did not answer', { cause: result.error });
    this.result = classify(result);
  }
}

type SdkRequest = Readonly<{
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  method: string;
  headers: Record<string, string>;
  query?: Record<string, string | string[] | null>;
  body?: string | Uint8Array;
}>;

/**
 * HTTP for the SDK over our own connections, because its own cannot tell a request that was never sent, which another
 * provider may have, from one whose response was lost.
 */
function requestHandler(limits: HttpLimits) {
  const { call, close } = providerCalls(new Agent(connectionOptions(limits)), limits);
  return {
    async handle(request: SdkRequest, options: Readonly<{ abortSignal?: unknown }> = {}) {
      const { abortSignal } = options;
      const result = await call(
        {
          origin: `${request.protocol}//${request.hostname}${request.port ? `:${request.port}` : ''}`,
          path: request.path,
          method: request.method as 'POST',
          headers: request.headers,
          body: request.body ?? null,
        },
        abortSignal instanceof AbortSignal ? abortSignal : null,
      );
      if (!isWhole(result)) throw new NoResponse(result);
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(result.headers))
        if (value !== undefined) headers[name] = String(value);
      return { response: { statusCode: result.status, headers, body: new Uint8Array(result.body) } };
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy: () => void close(),
  };
}
