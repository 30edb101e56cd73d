import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Db } from '../../../database/connection.ts';
import type { Cipher } from '../../../ground/cipher.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import { parseUuid } from '../../../ground/id.ts';
import type { Description } from '../../../http/openapi/describe.ts';
import { baseUrl } from '../../../http/server/server.ts';
import { sendJson } from '../../../http/validate/json-body.ts';
import { pageLinks, pageLinksSchema, pageSize } from '../../../http/validate/page.ts';
import { readQuery } from '../../../http/validate/query.ts';
import { findInboundSms, type InboundSms } from './store.ts';

const listQuery = Type.Object(
  {
    older_than: Type.Optional(
      Type.String({ format: 'uuid', description: 'Only texts from before the one with this `id`.' }),
    ),
  },
  { additionalProperties: false },
);

const receivedText = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    created_at: Type.String({ format: 'date-time' }),
    service_id: Type.String({ format: 'uuid' }),
    notify_number: Type.String({ description: 'Your number, which it was sent to.' }),
    user_number: Type.String({ description: 'Who sent it.' }),
    content: Type.String(),
  },
  { $id: 'ReceivedText' },
);

const describe: Description = {
  summary: 'Read texts that you received',
  description: `Newest first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  tag: 'Received texts',
  authentication: 'api key',
  query: listQuery,
  client: 'getReceivedTexts()',
  responses: {
    200: {
      description: 'A page of texts.',
      schema: Type.Object({ received_text_messages: Type.Array(receivedText), links: pageLinksSchema }),
    },
    400: { description: '`older_than` is not a UUID, or there is no such parameter.' },
  },
};

/** Reading received texts in v2 (spec 01, section 3.11). Needs `requireKey` before it. */
export function inboundRoutes(
  app: FastifyInstance,
  { db, cipher, publicUrl }: Readonly<{ db: Db; cipher: Cipher; publicUrl: string | null }>,
): void {
  const path = '/v2/received-text-messages';
  app.get(
    path,
    { config: { handler: 'v2_inbound_sms.get_inbound_sms', describe } },
    async (request, reply) => {
      const { document } = readQuery<Static<typeof listQuery>>(listQuery, request);
      const olderThan = document.older_than === undefined ? null : parseUuid(document.older_than);
      const found = await findInboundSms(db, cipher, request.caller.service.id, olderThan, pageSize);
      return sendJson(reply, {
        received_text_messages: found.map(show),
        // `current` never repeats `older_than` (spec 01, section 3.11).
        links: pageLinks(`${baseUrl(request, publicUrl)}${path}`, new URLSearchParams(), found.at(-1)?.id),
      });
    },
  );
}

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
