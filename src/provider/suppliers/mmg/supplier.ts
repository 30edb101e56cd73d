import type { Message, Provider, SendResult, Supplier } from '../../contract.ts';
import {
  connectProvider,
  type HttpLimits,
  isSuccess,
  receiptUrlWith,
  refusedBy,
  splitUrl,
  unreadableFrom,
} from '../http-client.ts';
import { jsonFields } from '../webhook.ts';
import { mmgInbound, mmgReceipts, mmgSimulatedReceipts } from './endpoints.ts';

export const supplier: Supplier = {
  identifier: 'mmg',
  displayName: 'MMG',
  types: ['sms'],
  priority: 10,
  supportsInternational: () => true,
  isConfigured: ({ mmg }) => mmg.apiKey !== null,
  open: ({ mmg, providers }, { connections }) =>
    mmgProvider({ ...mmg, apiKey: mmg.apiKey!, timeoutSeconds: providers.timeoutSeconds, connections }),
  receiptEndpoint: ({ mmg }) => mmgReceipts(mmg.receiptAuth),
  receiptProof: { settings: 'MMG_RECEIPT_AUTH', isConfigured: ({ mmg }) => mmg.receiptAuth !== null },
  inboundEndpoint: ({ mmg }) => mmgInbound(mmg.inboundUsers, mmg.inboundPasswords),
};

export type MmgSettings = HttpLimits &
  Readonly<{
    url: string;
    /** Sent as it is after `Basic `, not encoded again. */
    apiKey: string;
    /** Where receipts are to be posted; null: as the account is set up. */
    receiptUrl: string | null;
    /** `user:password` that receipts must carry. */
    receiptAuth: string | null;
  }>;

/**
 * MMG (spec 05, section 5.1). 2xx with JSON means that it has the text, whatever the JSON says. Every refusal is
 * `failed`, even of a number: another provider may still take the text (spec 05, section 2.3).
 */
export function mmgProvider(settings: MmgSettings): Provider {
  const { origin, path } = splitUrl(settings.url);
  const http = connectProvider(origin, settings);
  const headers = { 'content-type': 'application/json', authorization: `Basic ${settings.apiKey}` };
  const delurl = receiptUrlWith(settings.receiptUrl, settings.receiptAuth);
  return {
    identifier: 'mmg',
    receipts: 'posted',
    async send(message: Message, signal: AbortSignal): Promise<SendResult> {
      if (message.type !== 'sms')
        return { outcome: 'failed', code: 'not sms', detail: 'MMG takes text messages only' };
      const body = JSON.stringify({
        reqType: 'BULK',
        MSISDN: message.to,
        msg: message.body.toWellFormed(),
        sender: message.from.toWellFormed(),
        cid: message.reference,
        multi: true,
        ...(delurl !== null && { delurl }),
      });
      const response = await http.post(path, headers, body, signal);
      if ('outcome' in response) return response;
      const fields = jsonFields(response.text);
      if (!isSuccess(response)) return refusedBy('MMG', response, fields?.['Error']);
      if (fields === undefined) return unreadableFrom('MMG', response);
      const reference = fields['Reference'];
      return { outcome: 'accepted', reference: reference === undefined ? null : String(reference) };
    },
    simulatedReceipts: mmgSimulatedReceipts,
    close: () => http.close(),
  };
}
