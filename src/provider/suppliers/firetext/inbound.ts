import { type InboundEndpoint, inboundOk, missingFields } from '../../inbound.ts';
import { fieldText } from '../receipt-text.ts';

/** Texts that Firetext received: a form, its text taken as it is (spec 05, section 7.1). */
export function firetextInbound(passwords: readonly string[]): InboundEndpoint {
  return {
    identifier: 'firetext',
    name: 'Firetext',
    path: '/notifications/sms/receive/firetext',
    credentials: passwords.map((password) => `notify:${password}`),
    read(body) {
      const form = new URLSearchParams(body.toString('utf8'));
      const to = fieldText(form.get('destination'));
      const from = fieldText(form.get('source'));
      // A text may be empty.
      const content = form.get('message');
      const missing = missingFields('Firetext', { source: from, destination: to, message: content });
      if (missing) return missing;
      return {
        text: { to: to!, from: from!, content: content!, date: fieldText(form.get('time')), reference: null },
      };
    },
    accepted: inboundOk,
    unclaimed: inboundOk,
  };
}
