import type { Message, Provider, SendResult } from '../../contract.ts';
import {
  answeredObject,
  isSuccess,
  receiptUrlWith,
  refusedBy,
  splitUrl,
  unreadableFrom,
} from '../http-answer.ts';
import { connectProvider } from '../http-client.ts';
import { firetextFakeReceipts } from './receipt.ts';

export type FiretextSettings = Readonly<{
  /** `firetext`, or the name of another account that speaks the same. */
  identifier: string;
  url: string;
  apiKey: string;
  /** Of the account for numbers abroad; null: the same. */
  internationalApiKey: string | null;
  receiptUrl: string | null;
  receiptCredentials: string | null;
  timeoutSeconds: number;
  connections: number;
}>;

/**
 * Firetext (spec 05, section 5.2): form fields out, JSON with an integer `code` back. 0 means that it has the text; any
 * other code is its refusal, and another provider may take it.
 */
export function firetextProvider(settings: FiretextSettings): Provider {
  const { origin, path } = splitUrl(settings.url);
  const http = connectProvider(origin, settings);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const receipt = receiptUrlWith(settings.receiptUrl, settings.receiptCredentials);
  return {
    identifier: settings.identifier,
    receipts: 'posted',
    async send(message: Message, signal: AbortSignal): Promise<SendResult> {
      if (message.type !== 'sms')
        return { outcome: 'failed', code: 'not sms', detail: 'Firetext takes text messages only' };
      const form = new URLSearchParams({
        apiKey: (message.international ? settings.internationalApiKey : null) ?? settings.apiKey,
        from: message.from,
        to: message.to,
        message: message.body,
        reference: message.reference,
        ...(receipt !== null && { receipt }),
      });
      const answer = await http.post(path, headers, form.toString(), signal);
      if ('outcome' in answer) return answer;
      const code = answeredObject(answer.text)?.['code'];
      if (!isSuccess(answer)) return refusedBy('Firetext', answer, code);
      if (code === 0) return { outcome: 'accepted', reference: null };
      if (Number.isInteger(code))
        return {
          outcome: 'failed',
          code: String(code),
          detail: `Firetext refused with code ${String(code)}`,
        };
      return unreadableFrom('Firetext', answer);
    },
    fakeReceipts: firetextFakeReceipts,
    close: () => http.close(),
  };
}
