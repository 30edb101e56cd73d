import { Type } from 'typebox';
import type { Db } from '../../../database/connection.ts';
import type { Cipher } from '../../../ground/cipher.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import { defineRoute } from '../../../http/server/define-route.ts';
import { baseUrl } from '../../../http/server/request.ts';
import { pageLinks, pageLinksSchema, pageSize } from '../../../http/validate/page.ts';
import { time, uuid } from '../../../http/validate/shapes.ts';
import { findInboundSms, type InboundSms } from './store.ts';

export type InboundRouteDeps = Readonly<{ db: Db; cipher: Cipher; publicUrl: string | null }>;

const receivedText = Type.Object(
  {
    id: uuid(),
    created_at: time,
    service_id: uuid(),
    notify_number: Type.String({ description: 'Your number, which it was sent to.' }),
    user_number: Type.String({ description: 'Who sent it.' }),
    content: Type.String(),
  },
  { $id: 'ReceivedText' },
);

const path = '/v2/received-text-messages';

const readTexts = defineRoute({
  method: 'GET',
  path,
  authentication: 'service key',
  handlerName: 'v2_inbound_sms.get_inbound_sms',
  summary: 'Read texts that you received',
  description: `Newest first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  tag: 'Received texts',
  query: Type.Object(
    { older_than: Type.Optional(uuid('Only texts from before the one with this `id`.')) },
    { additionalProperties: false },
  ),
  client: 'getReceivedTexts()',
  answers: {
    200: {
      description: 'A page of texts.',
      schema: Type.Object({ received_text_messages: Type.Array(receivedText), links: pageLinksSchema }),
    },
    400: { description: '`older_than` is not a UUID, or there is no such parameter.' },
  },
  async handler({ db, cipher, publicUrl }: InboundRouteDeps, request) {
    const { older_than: olderThan = null } = request.query;
    const found = await findInboundSms(db, cipher, request.caller.service.id, olderThan, pageSize);
    return {
      received_text_messages: found.map(show),
      // `current` never repeats `older_than` (spec 01, section 3.11).
      links: pageLinks(`${baseUrl(request, publicUrl)}${path}`, new URLSearchParams(), found.at(-1)?.id),
    };
  },
});

/** Reading received texts in v2 (spec 01, section 3.11). */
export const inboundRoutes = [readTexts];

function show({ id, createdAt, serviceId, notifyNumber, userNumber, content }: InboundSms) {
  return {
    id,
    created_at: isoMicroseconds(createdAt),
    service_id: serviceId,
    notify_number: notifyNumber,
    user_number: userNumber,
    content,
  };
}
