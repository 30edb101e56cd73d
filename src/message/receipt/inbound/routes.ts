import { Type } from 'typebox';
import type { Reads } from '../../../database/reads.ts';
import type { Cipher } from '../../../ground/cipher.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import { refuseCredentials } from '../../../http/auth/basic.ts';
import { providerBodyLimit } from '../../../http/server/body.ts';
import { defineRoute, type Route } from '../../../http/server/define-route.ts';
import { baseUrl, callerLeaves } from '../../../http/server/request.ts';
import { pageLinks, pageLinksSchema, pageSize, time, uuid } from '../../../http/validate/shapes.ts';
import type { InboundEndpoint } from '../../../provider/contract.ts';
import { type ReceiveDeps, receiveText } from './receive.ts';
import { findInboundSms, type InboundSms } from './store.ts';

export type InboundRouteDeps = Readonly<{ reads: Reads; cipher: Cipher; publicUrl: string | null }>;

/** A received text as both APIs show it. */
export const receivedText = Type.Object(
  {
    id: uuid(),
    created_at: time,
    service_id: uuid(),
    notify_number: Type.String({ description: 'Your number, which the text was sent to.' }),
    user_number: Type.String({ description: 'The sender of the text.' }),
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
  summary: 'Read received texts',
  description: `Newest first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  tag: 'Received texts',
  query: Type.Object(
    { older_than: Type.Optional(uuid('Only texts that are older than the one with this `id`.')) },
    { additionalProperties: false },
  ),
  client: 'getReceivedTexts()',
  answers: {
    200: {
      description: 'A page of texts.',
      schema: Type.Object({ received_text_messages: Type.Array(receivedText), links: pageLinksSchema }),
    },
    400: { description: 'Unknown parameter, or `older_than` is not a UUID.' },
  },
  async handler({ reads, cipher, publicUrl }: InboundRouteDeps, request, reply) {
    const { older_than: olderThan = null } = request.query;
    const { service } = request.caller;
    const found = await reads(service.id, callerLeaves(reply), (db) =>
      findInboundSms(db, cipher, service.id, olderThan, pageSize),
    );
    return {
      received_text_messages: found.map(showReceived),
      // `current` never repeats `older_than` (spec 01, section 3.11).
      links: pageLinks(`${baseUrl(request, publicUrl)}${path}`, new URLSearchParams(), found.at(-1)?.id),
    };
  },
});

/** Reading received texts in v2 (spec 01, section 3.11). */
export const inboundRoutes = [readTexts];

export function showReceived({ id, createdAt, serviceId, notifyNumber, userNumber, content }: InboundSms) {
  return {
    id,
    created_at: isoMicroseconds(createdAt),
    service_id: serviceId,
    notify_number: notifyNumber,
    user_number: userNumber,
    content,
  };
}

/** The endpoint that a provider posts received texts to (spec 05, section 7), with basic authentication. */
export function inboundEndpoint(endpoint: InboundEndpoint): Route<ReceiveDeps> {
  const { identifier, name, path, credentials, accepted, unclaimed } = endpoint;
  return defineRoute({
    method: 'POST',
    path,
    authentication: 'provider',
    handlerName: `receive.receive_${identifier}_sms`,
    summary: `Text received by ${name}`,
    description: `The provider posts a text that was sent to a service’s number, in its own format. It authenticates with a user and password that are configured for it (basic authentication).`,
    tag: 'Provider receipts',
    rawBody: { schema: Type.Unknown(), contentType: '*/*' },
    bodyLimit: providerBodyLimit,
    answers: {
      200: {
        description: `\`${accepted.body}\`: accepted. \`${unclaimed.body}\`: the number belongs to no service, or to one that may not receive texts.`,
        contentType: accepted.contentType,
      },
      400: { description: 'It cannot be parsed.' },
      401: { description: 'The user and password are missing.' },
      403: { description: 'The user or password is wrong.' },
      503: { description: 'It cannot be accepted now; the provider should post it again.' },
    },
    async handler(deps: ReceiveDeps, request, reply) {
      const refusal = refuseCredentials(credentials, request.headers.authorization);
      if (refusal)
        return reply
          .code(refusal.status)
          .headers(refusal.headers)
          .type('application/json')
          .send(refusal.body);
      const read = endpoint.read(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
      const answer =
        'answer' in read ? read.answer : endpoint[await receiveText(deps, endpoint, read.text, request)];
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
    },
  });
}
