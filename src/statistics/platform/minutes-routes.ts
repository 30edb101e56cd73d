import { Type } from 'typebox';
import type { Reads } from '../../database/reads.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, time } from '../../http/validate/shapes.ts';
import { platformServiceId } from '../../tenant/service/service.ts';
import { findMinutes } from '../totals/store-read.ts';

const mostHours = 24;

const minute = Type.Object(
  {
    minute: time,
    notification_type: oneOf(['sms', 'email']),
    accepted: Type.Integer({ description: 'Stored, to be sent.' }),
    sent: Type.Integer({ description: 'Taken by a provider.' }),
    delivered: Type.Integer(),
    failed: Type.Integer(),
  },
  { $id: 'PlatformMinute' },
);

const read = defineRoute({
  tag: 'Administration',
  authentication: 'admin',
  permission: 'operator',
  method: 'GET',
  path: '/platform/minutes',
  handlerName: 'platform.get_minutes',
  summary: 'Read how much is sent by minute',
  description: `Over all services, without messages of test keys, oldest first; minutes in which nothing changed are left out. What happens counts in the minute in which it is counted, a few seconds later. A figure is below 0 where a receipt corrected more than was new. Minutes are kept for 25 hours.`,
  query: Type.Object(
    {
      hours: Type.Optional(
        Type.Integer({
          ...{ minimum: 1, maximum: mostHours, default: 1 },
          description: 'How far back, up to the present minute.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: { description: 'The minutes.', schema: Type.Object({ data: Type.Array(minute) }) },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler({ reads }: Readonly<{ reads: Reads }>, { query }, reply) {
    const rows = await reads(platformServiceId, callerLeaves(reply), (db) =>
      findMinutes(db, query.hours ?? 1),
    );
    return { data: rows.map(({ minute, ...counts }) => ({ minute: isoMicroseconds(minute), ...counts })) };
  },
});

/** How much is sent by minute (spec 07, section 7). */
export const platformMinutesRoutes = [read];
