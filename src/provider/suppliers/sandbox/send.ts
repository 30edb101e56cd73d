import type { EmailMessage, Message, Provider, SendResult, SmsMessage } from '../../contract.ts';
import { connectProvider } from '../http-client.ts';

export type SandboxSettings = Readonly<{
  /** Base URL of the sandbox server. */
  url: string;
  /** Base URL of our API, for receipts. */
  receiptUrl: () => string;
  timeoutSeconds: number;
  /** Most connections to it at once. */
  connections: number;
}>;

/** The provider in the box: sends to the sandbox's HTTP server, which keeps the message and posts receipts. */
export function sandboxProvider(settings: SandboxSettings): Provider {
  const http = connectProvider(settings.url, settings);
  const headers = { 'content-type': 'application/json' };
  return {
    identifier: 'sandbox',
    receipts: 'posted',
    async send(message: Message, signal: AbortSignal): Promise<SendResult> {
      const body = JSON.stringify(message.type === 'sms' ? sms(message, settings) : email(message, settings));
      const answer = await http.post(`/send/${message.type}`, headers, body, signal);
      if ('outcome' in answer) return answer;
      const said = readAnswer(answer.text);
      if (answer.status === 200) {
        // It said yes, in words that cannot be read: whether it has the message is anybody's guess.
        return said.id === null
          ? { outcome: 'unknown', code: '200', detail: 'The sandbox answered without an id' }
          : { outcome: 'accepted', reference: said.id };
      }
      return {
        outcome: answer.status === 400 ? 'rejected' : 'failed',
        code: said.code ?? String(answer.status),
        detail: said.message ?? `The sandbox answered ${answer.status}`,
      };
    },
    fakeReceipts({ type, notificationId, outcome }) {
      // A text that fails for now is reported as pending first.
      const statuses = type === 'sms' && outcome === 'temporary-failure' ? ['pending', outcome] : [outcome];
      return statuses.map((status) => ({
        path: `/notifications/${type}/sandbox`,
        contentType: 'application/json',
        body: JSON.stringify({ reference: notificationId, status }),
      }));
    },
    close: () => http.close(),
  };
}

function sms(message: SmsMessage, settings: SandboxSettings) {
  const { reference, to, from, body } = message;
  return { reference, to, from, body, receipt_url: `${settings.receiptUrl()}/notifications/sms/sandbox` };
}

function email(message: EmailMessage, settings: SandboxSettings) {
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
    receipt_url: `${settings.receiptUrl()}/notifications/email/sandbox`,
  };
}

function readAnswer(text: string): { id: string | null; code?: string; message?: string } {
  try {
    const { id, error } = JSON.parse(text) as { id?: unknown; error?: { code?: unknown; message?: unknown } };
    return {
      id: typeof id === 'string' ? id : null,
      ...(typeof error?.code === 'string' && { code: error.code }),
      ...(typeof error?.message === 'string' && { message: error.message }),
    };
  } catch {
    return { id: null };
  }
}
