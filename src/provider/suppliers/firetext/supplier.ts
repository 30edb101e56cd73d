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
import { firetextInbound, firetextReceipts, firetextSimulatedReceipts } from './endpoints.ts';

export const supplier = {
  identifier: 'firetext',
  displayName: 'Firetext',
  types: ['sms'],
  priority: 20,
  supportsInternational: ({ firetext }) => firetext.internationalApiKey !== null,
  isConfigured: ({ firetext }) => firetext.apiKey !== null,
  open: ({ firetext, providers }, { connections }) =>
    firetextProvider({
      ...firetext,
      apiKey: firetext.apiKey!,
      timeoutSeconds: providers.timeoutSeconds,
      connections,
    }),
  receiptEndpoint: ({ firetext }) => firetextReceipts(firetext.receiptAuth),
  receiptProof: {
    settings: 'FIRETEXT_RECEIPT_AUTH',
    isConfigured: ({ firetext }) => firetext.receiptAuth !== null,
  },
  inboundEndpoint: ({ firetext }) => firetextInbound(firetext.inboundPasswords),
} satisfies Supplier;

export type FiretextSettings = HttpLimits &
  Readonly<{
    url: string;
    apiKey: string;
    /** Key of the account for international numbers; null: `apiKey`. */
    internationalApiKey: string | null;
    /** Where receipts are to be posted; null: as the account is set up. */
    receiptUrl: string | null;
    /** `user:password` that receipts must carry. */
    receiptAuth: string | null;
  }>;

/**
 * Firetext (spec 05, section 5.2): sends a form and reads JSON with an integer `code`. 0 means that it has the text;
 * any other code is a refusal, and another provider may take the text.
 */
export function firetextProvider(settings: FiretextSettings): Provider {
  const { origin, path } = splitUrl(settings.url);
  const http = connectProvider(origin, settings);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const receipt = receiptUrlWith(settings.receiptUrl, settings.receiptAuth);
  return {
    identifier: 'firetext',
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
      const response = await http.post(path, headers, form.toString(), signal);
      if ('outcome' in response) return response;
      const code = jsonFields(response.text)?.['code'];
      if (!isSuccess(response)) return refusedBy('Firetext', response, code);
      if (code === 0) return { outcome: 'accepted', reference: null };
      if (Number.isInteger(code))
        return { outcome: 'failed', code: String(code), detail: `Firetext refused with code ${code}` };
      return unreadableFrom('Firetext', response);
    },
    simulatedReceipts: firetextSimulatedReceipts,
    close: () => http.close(),
  };
}
