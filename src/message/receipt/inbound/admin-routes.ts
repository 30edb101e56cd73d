import { type Static, Type } from 'typebox';
import type { Reads } from '../../../database/reads.ts';
import type { Cipher } from '../../../ground/cipher.ts';
import { dayAfter, dayStart } from '../../../ground/clock.ts';
import { noResultFound } from '../../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../../http/server/define-route.ts';
import { callerLeaves, linksOf } from '../../../http/server/request.ts';
import { pageLinksSchema, uuid } from '../../../http/validate/shapes.ts';
import { parseSender } from './number.ts';
import { receivedText, showReceived } from './routes.ts';
import { findInboundSms, findOneInboundSms, type InboundFilter } from './store.ts';

export type AdminInboundDeps = Readonly<{ reads: Reads; cipher: Cipher; publicUrl: string | null }>;

const textsPerPage = 50;

export const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'view_activity',
} as const;
export const path = `/service/${uuidPart('service_id')}/inbound-sms`;

/** Which received texts, as a query says it. */
export const textFilter = {
  day: Type.Optional(
    Type.String({ format: 'date', description: 'Only texts received on this day, in London time.' }),
  ),
  number: Type.Optional(
    Type.String({ maxLength: 255, description: 'Only texts from this number, in any notation.' }),
  ),
} as const;

const query = Type.Object(
  {
    ...textFilter,
    older_than: Type.Optional(uuid('Only texts that are older than the one with this `id`.')),
  },
  { additionalProperties: false },
);

const list = defineRoute({
  ...common,
  method: 'GET',
  path,
  handlerName: 'inbound_sms.get_inbound_sms_for_service',
  summary: 'List the received texts of a service',
  description: `Newest first, at most ${textsPerPage} to a page. Follow \`links.next\` until a page is empty.`,
  params: Type.Object({ service_id: uuid('The service.') }),
  query,
  answers: {
    200: {
      description: 'A page of texts.',
      schema: Type.Object({ data: Type.Array(receivedText), links: pageLinksSchema }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler({ reads, cipher, publicUrl }: AdminInboundDeps, request, reply) {
    const { service_id: id } = request.params;
    const { older_than: olderThan = null } = request.query;
    const filter = filterOf(request.query);
    const found = await reads(id, callerLeaves(reply), (db) =>
      findInboundSms(db, cipher, id, olderThan, textsPerPage, filter),
    );
    return {
      data: found.map(showReceived),
      links: linksOf(request, publicUrl, `/service/${id}/inbound-sms`, found.at(-1)?.id),
    };
  },
});

const readOne = defineRoute({
  ...common,
  method: 'GET',
  path: `${path}/${uuidPart('inbound_sms_id')}`,
  handlerName: 'inbound_sms.get_inbound_by_id',
  summary: 'Read a received text of a service',
  params: Type.Object({ service_id: uuid('The service.'), inbound_sms_id: uuid('The text.') }),
  answers: {
    200: { description: 'The text.', schema: receivedText },
    404: { description: 'The service has no such text, or its retention period is over.' },
  },
  async handler({ reads, cipher }: AdminInboundDeps, { params }, reply) {
    const { service_id: serviceId, inbound_sms_id: id } = params;
    const found = await reads(serviceId, callerLeaves(reply), (db) =>
      findOneInboundSms(db, cipher, serviceId, id),
    );
    if (!found) throw noResultFound();
    return showReceived(found);
  },
});

/** Received texts of any service, for the admin client (spec 04, section 7.6). */
export const adminInboundRoutes = [list, readOne];

export function filterOf({ day, number }: Pick<Static<typeof query>, 'day' | 'number'>): InboundFilter {
  // PostgreSQL rejects null characters in text, so no stored sender contains one.
  const sender = number?.replaceAll('\0', '').trim() ?? null;
  // Nothing was received before; the last day that can be written has no day after it.
  const isPossible = day === undefined || (day > '2000' && day < '9999');
  if (!isPossible) return { from: new Date(0), until: new Date(0), sender: null };
  return {
    from: day === undefined ? null : new Date(dayStart(day)),
    until: day === undefined ? null : new Date(dayStart(dayAfter(day, 1))),
    sender: sender === null ? null : (parseSender(sender) ?? sender),
  };
}
