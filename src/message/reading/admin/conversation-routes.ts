import { Type } from 'typebox';
import type { Db } from '../../../database/connection.ts';
import type { Reads } from '../../../database/reads.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { noResultFound } from '../../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../../http/server/define-route.ts';
import { callerLeaves } from '../../../http/server/request.ts';
import { oneOf, orNull, time, uuid } from '../../../http/validate/shapes.ts';
import {
  findInboundSms,
  findOneInboundSms,
  type InboundSms,
  pageBytes,
} from '../../receipt/inbound/store.ts';
import type { StoredNotification } from '../../status/notification.ts';
import { fillPage } from '../page.ts';
import { fetchedBytes, findNotification } from '../store.ts';
import type { ReadingDeps } from '../v2/show.ts';
import { findSentTo } from './store.ts';

export type ConversationDeps = ReadingDeps & Readonly<{ reads: Reads; metrics: Metrics }>;

const entriesPerPage = 50;

const entry = Type.Object({
  id: uuid('Of the received text or of the message.'),
  direction: oneOf(['received', 'sent']),
  content: Type.String(),
  created_at: time,
  status: orNull(Type.String(), 'Of a message that was sent.'),
});

const conversation = defineRoute({
  method: 'GET',
  path: `/service/${uuidPart('service_id')}/inbound-sms/${uuidPart('inbound_sms_id')}/conversation`,
  tag: 'Administration',
  authentication: 'admin',
  permission: 'view_activity',
  handlerName: 'inbound_sms.get_conversation',
  summary: 'Read both sides of a conversation',
  description: `The texts from the sender of a received text, and those sent to it, newest first, at most ${entriesPerPage} to a page. For the next page give the last \`id\` as \`older_than\`, until a page is empty.`,
  params: Type.Object({ service_id: uuid('The service.'), inbound_sms_id: uuid('The received text.') }),
  query: Type.Object(
    { older_than: Type.Optional(uuid('Only what is older than the text with this `id`.')) },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'A page of the conversation.',
      schema: Type.Object({ data: Type.Array(entry), links: Type.Object({ next: Type.Boolean() }) }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
    404: { description: 'The service has no such text.' },
  },
  async handler(deps: ConversationDeps, { params, query }, reply) {
    const { service_id: serviceId, inbound_sms_id: id } = params;
    const { reads, cipher } = deps;
    const left = callerLeaves(reply);
    const { received, sent } = await reads(serviceId, left, async (db) => {
      const text = await findOneInboundSms(db, cipher, serviceId, id);
      if (!text) throw noResultFound();
      const { older_than: olderThan } = query;
      const before = olderThan === undefined ? null : await findPlace(deps, db, serviceId, olderThan);
      if (olderThan !== undefined && !before) return { received: [], sent: [] };
      const filter = { from: null, until: null, sender: text.userNumber, before };
      return {
        received: await findInboundSms(db, cipher, serviceId, null, entriesPerPage, filter),
        sent: await findSentTo(db, serviceId, text.userNumber, before, entriesPerPage),
      };
    });
    const merged = inOrder(received, sent).slice(0, entriesPerPage);
    const data = await fillPage(merged, left, (one) => show(deps, one));
    return { data, links: { next: data.length > 0 } };
  },
});

/** What people answered, with what they answered to (spec 04, section 7.6). */
export const conversationRoutes = [conversation];

type Place = Readonly<{ at: Date; id: string }>;

/** Where in the conversations of a service a received text or a message stands; null if it has neither. */
async function findPlace(
  deps: ConversationDeps,
  db: Db,
  serviceId: string,
  id: string,
): Promise<Place | null> {
  const found =
    (await findOneInboundSms(db, deps.cipher, serviceId, id)) ??
    (await findNotification(deps, db, serviceId, id));
  return found && { at: found.createdAt, id };
}

type Said = Readonly<{ received: InboundSms } | { sent: StoredNotification }>;

/** Both sides, newest first, as far as both are known. */
function inOrder(received: readonly InboundSms[], sent: readonly StoredNotification[]): readonly Said[] {
  const sides: readonly (readonly (Said & Place & { share: number })[])[] = [
    received.map((one) => ({
      ...{ received: one, at: one.createdAt, id: one.id },
      share: Buffer.byteLength(one.content) / pageBytes,
    })),
    sent.map((one) => ({
      ...{ sent: one, at: one.createdAt, id: one.id },
      share: one.personalisation.length / fetchedBytes,
    })),
  ];
  // A side that is large may have been cut short. What the other has beyond its end comes on the next page.
  const ends = sides
    .filter((side) => side.reduce((sum, { share }) => sum + share, 0) > 0.5)
    .map((side) => side.at(-1)!);
  return sides
    .flat()
    .filter((one) => ends.every((end) => newestFirst(one, end) <= 0))
    .sort(newestFirst);
}

function newestFirst(a: Place, b: Place): number {
  return b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

async function show({ cipher, templates, render }: ConversationDeps, said: Said) {
  if ('received' in said) {
    const { id, content, createdAt } = said.received;
    return { id, direction: 'received', content, created_at: isoMicroseconds(createdAt), status: null };
  }
  const { id, templateId, templateVersion, personalisation, createdAt, status } = said.sent;
  const template = await templates.version(templateId, templateVersion);
  if (template?.content.type !== 'sms') throw new Error(`Message ${id} to a number has no text template`);
  const { text } = await render('sms', template.content, cipher.open(personalisation, id), null);
  return { id, direction: 'sent', content: text, created_at: isoMicroseconds(createdAt), status };
}
