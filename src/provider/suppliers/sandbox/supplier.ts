import type { NotificationStatus, NotificationType } from '../../../database/tables.ts';
import { parseUuid } from '../../../ground/id.ts';
import type {
  EmailMessage,
  Message,
  Provider,
  ReceiptEndpoint,
  RecipientVerdict,
  SendResult,
  SmsMessage,
  Supplier,
} from '../../contract.ts';
import { connectProvider, type HttpLimits } from '../http-client.ts';
import { jsonFields, receiptText, refuseReceipt } from '../webhook.ts';

/** Takes the types of message that no other supplier is configured for. */
export const supplier: Supplier = {
  identifier: 'sandbox',
  displayName: 'Sandbox',
  types: ['sms', 'email'],
  priority: 100,
  supportsInternational: () => true,
  isConfigured: () => true,
  open: ({ delivery, providers }, { sandboxUrl, ownUrl }) =>
    sandboxProvider({
      url: sandboxUrl,
      receiptUrl: ownUrl,
      timeoutSeconds: providers.timeoutSeconds,
      // It takes both types, and the queue of each sends this many at once.
      connections: 2 * delivery.concurrency,
    }),
  receiptEndpoint: (_config, { type }) => sandboxReceipts(type),
};

const receiptPath = (type: NotificationType) => `/notifications/${type}/sandbox`;

export type SandboxSettings = HttpLimits &
  Readonly<{
    /** Base URL of the sandbox. */
    url: string;
    /** Base URL of our API, for receipts. */
    receiptUrl: string;
  }>;

/** Sends to the HTTP server of the sandbox, which keeps the message and posts receipts. */
export function sandboxProvider(settings: SandboxSettings): Provider {
  const http = connectProvider(settings.url, settings);
  const headers = { 'content-type': 'application/json' };
  return {
    identifier: 'sandbox',
    receipts: 'posted',
    async send(message: Message, signal: AbortSignal): Promise<SendResult> {
      const fields = message.type === 'sms' ? smsFields(message) : emailFields(message);
      const body = JSON.stringify({
        ...fields,
        receipt_url: settings.receiptUrl + receiptPath(message.type),
      });
      const response = await http.post(`/send/${message.type}`, headers, body, signal);
      if ('outcome' in response) return response;
      const { id, code, explanation } = readResponse(response.text);
      const { status } = response;
      // Without an id in the response, the sandbox may or may not have the message.
      if (status === 200)
        return id === null
          ? { outcome: 'unknown', code: '200', detail: 'The sandbox answered without an id' }
          : { outcome: 'accepted', reference: id };
      const why = { code: code ?? String(status), detail: explanation ?? `The sandbox answered ${status}` };
      if (status !== 400) return { outcome: 'failed', ...why };
      const recipient = code === undefined ? undefined : verdicts.get(code);
      return { outcome: 'rejected', ...why, ...(recipient && { recipient }) };
    },
    simulatedReceipts({ type, notificationId, outcome }) {
      // A text that fails temporarily is reported as pending first.
      const statuses = type === 'sms' && outcome === 'temporary-failure' ? ['pending', outcome] : [outcome];
      return statuses.map((status) => ({
        path: receiptPath(type),
        contentType: 'application/json',
        body: JSON.stringify({ reference: notificationId, status }),
      }));
    },
    close: () => http.close(),
  };
}

/** By the sandbox's codes for refusals. */
const verdicts: ReadonlyMap<string, RecipientVerdict> = new Map([
  ['unknown-recipient', 'permanent'],
  ['mailbox-full', 'temporary'],
]);

function smsFields({ reference, to, from, body }: SmsMessage) {
  return { reference, to, from, body };
}

function emailFields(message: EmailMessage) {
  const { reference, to, fromName, fromAddress, replyTo, subject, text, html, unsubscribeUrl } = message;
  return {
    reference,
    to,
    from: `"${fromName.replace(/[\\"]/g, '\\$&')}" <${fromAddress}>`,
    ...(replyTo !== null && { reply_to: replyTo }),
    subject,
    text,
    html,
    ...(unsubscribeUrl !== null && {
      headers: {
        'List-Unsubscribe': `<${unsubscribeUrl}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      },
    }),
  };
}

function readResponse(text: string): { id: string | null; code?: string; explanation?: string } {
  const { id, error } = (jsonFields(text) ?? {}) as {
    id?: unknown;
    error?: { code?: unknown; message?: unknown };
  };
  return {
    id: typeof id === 'string' ? id : null,
    ...(typeof error?.code === 'string' && { code: error.code }),
    ...(typeof error?.message === 'string' && { explanation: error.message }),
  };
}

const receiptStatuses: ReadonlyMap<string, NotificationStatus> = new Map([
  ['delivered', 'delivered'],
  ['pending', 'pending'],
  ['temporary-failure', 'temporary-failure'],
  ['permanent-failure', 'permanent-failure'],
]);

/** Receipts of the sandbox: JSON `{reference, status, detail?}`; `reference` is the id of the notification. */
export function sandboxReceipts(type: NotificationType): ReceiptEndpoint {
  return {
    identifier: 'sandbox',
    type,
    path: receiptPath(type),
    read(body) {
      const fields = jsonFields(body);
      if (fields === undefined) return refuseReceipt('Sandbox callback failed: invalid json');
      const { reference, status, detail } = fields;
      const missing = Object.entries({ status, reference })
        .filter(([, value]) => typeof value !== 'string' || value === '')
        .map(([name]) => `Sandbox callback failed: ${name} missing`);
      if (missing.length > 0) return refuseReceipt(missing);
      const id = parseUuid(reference as string);
      if (id === null) return refuseReceipt('Sandbox callback with invalid reference');
      return {
        receipt: {
          found: { by: 'id', value: id },
          status: receiptStatuses.get(status as string) ?? 'technical-failure',
          rawStatus: receiptText(status as string),
          detail: typeof detail === 'string' ? detail.slice(0, 200) : '',
        },
      };
    },
    answer(_receipt, { outcome }) {
      const message = outcome === 'applied' ? 'Sandbox callback succeeded' : null;
      return { status: 200, body: { result: 'success', message } };
    },
  };
}
