import { Type } from 'typebox';
import type { Reads } from '../../../database/reads.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import { invalidFields } from '../../../ground/problem.ts';
import { defineRoute } from '../../../http/server/define-route.ts';
import { callerLeaves } from '../../../http/server/request.ts';
import { oneOf, orNull, time, uuid } from '../../../http/validate/shapes.ts';
import { platformServiceId } from '../../../tenant/service/service.ts';
import { findAnywhere, findThings } from './store.ts';
import { readTerm, tooShort } from './term.ts';

export type FindRouteDeps = Readonly<{ reads: Reads }>;

const mostMessages = 50;

const found = Type.Object({
  messages: Type.Array(
    Type.Object({
      id: uuid(),
      service: uuid(),
      service_name: Type.String(),
      notification_type: oneOf(['sms', 'email']),
      status: Type.String(),
      created_at: time,
    }),
    { description: `The newest ${mostMessages}.` },
  ),
  others: Type.Array(
    Type.Object({
      kind: Type.String({ description: '`service`, `user`, `template`, `api_key` and so on.' }),
      id: uuid(),
      name: orNull(Type.String()),
      service: orNull(uuid(), 'The service that it belongs to.'),
      service_name: orNull(Type.String()),
    }),
  ),
});

const find = defineRoute({
  method: 'GET',
  path: '/platform/find',
  tag: 'Administration',
  authentication: 'admin',
  permission: 'operator',
  handlerName: 'platform.find',
  summary: 'Find what an id, a reference or a recipient belongs to, in all services',
  query: Type.Object(
    {
      q: Type.String({
        maxLength: 1000,
        examples: ['07700900123'],
        description:
          'Any id; the whole of a caller’s or a provider’s reference; or the whole, the beginning or the end of a phone number or email address.',
      }),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: { description: 'What was found.', schema: found },
    400: { description: 'There is too little to search for.' },
  },
  async handler({ reads }: FindRouteDeps, { query }, reply) {
    const term = readTerm(query.q);
    if (!term) throw invalidFields({ q: [tooShort] });
    const { messages, things } = await reads(platformServiceId, callerLeaves(reply), async (db) => ({
      messages: await findAnywhere(db, term, mostMessages),
      things: term.id === null ? [] : await findThings(db, term.id),
    }));
    return {
      messages: messages.map(({ id, serviceId, serviceName, type, status, createdAt }) => ({
        ...{ id, service: serviceId, service_name: serviceName, notification_type: type, status },
        created_at: isoMicroseconds(createdAt),
      })),
      others: things.map(({ kind, id, name, serviceId, serviceName }) => ({
        ...{ kind, id, name, service: serviceId, service_name: serviceName },
      })),
    };
  },
});

/** Finding anything by its id, for operators (spec 04, section 7.1). */
export const findRoutes = [find];
