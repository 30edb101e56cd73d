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
import { mmgFakeReceipts } from './receipt.ts';

export type MmgSettings = Readonly<{
  url: string;
  /** Used verbatim after `Basic `, not encoded again. */
  apiKey: string;
  /** Where receipts are to be posted, and the `user:password` they have to show; null: as the account is set up. */
  receiptUrl: string | null;
  receiptCredentials: string | null;
  timeoutSeconds: number;
  connections: number;
}>;

/**
 * MMG (spec 05, section 5.1). 2xx with JSON means that it has the text, whatever the JSON says. Every refusal is
 * `failed`: the contract knows none that another provider could not take, also not of a number (spec 05, section 2.3).
 */
export function mmgProvider(settings: MmgSettings): Provider {
  const { origin, path } = splitUrl(settings.url);
  const http = connectProvider(origin, settings);
  const headers = { 'content-type': 'application/json', authorization: `Basic ${settings.apiKey}` };
  const delurl = receiptUrlWith(settings.receiptUrl, settings.receiptCredentials);
  return {
    identifier: 'mmg',
    receipts: 'posted',
    async send(message: Message, signal: AbortSignal): Promise<SendResult> {
      if (message.type !== 'sms')
        return { outcome: 'failed', code: 'not sms', detail: 'MMG takes text messages only' };
      const body = JSON.stringify({
        reqType: 'BULK',
        MSISDN: message.to,
        msg: message.body,
        sender: message.from,
        cid: message.reference,
        multi: true,
        ...(delurl !== null && { delurl }),
      });
      const answer = await http.post(path, headers, body, signal);
      if ('outcome' in answer) return answer;
      const said = answeredObject(answer.text);
      if (!isSuccess(answer)) return refusedBy('MMG', answer, said?.['Error']);
      if (said === undefined) return unreadableFrom('MMG', answer);
      const reference = said['Reference'];
      return { outcome: 'accepted', reference: reference === undefined ? null : String(reference) };
    },
    fakeReceipts: mmgFakeReceipts,
    close: () => http.close(),
  };
}
