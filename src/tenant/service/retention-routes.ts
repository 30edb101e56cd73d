import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { orNull, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import {
  defaultRetentionDays,
  leastRetentionDays,
  mostRetentionDays,
  type RetentionType,
  retentionTypes,
} from './retention.ts';
import { platformServiceId } from './service.ts';
import { addRetention, changeRetention, findRetentions, findService, type Retention } from './store.ts';

export type RetentionRouteDeps = Readonly<{ db: Db; clock: Clock }>;

const days = Type.Integer({
  description: `${leastRetentionDays} to ${mostRetentionDays}: the number of whole days kept, besides today.`,
});

const addRequest = Type.Object({
  // No `type`, so that a value of any JSON type gets the enum's error (spec 04, section 10.3).
  notification_type: Type.Unsafe<RetentionType>({ enum: [...retentionTypes] }),
  days_of_retention: days,
});
const changeRequest = Type.Object({ days_of_retention: days });

const retention = Type.Object(
  {
    id: uuid(),
    service_id: uuid(),
    service_name: Type.String(),
    notification_type: Type.Unsafe<RetentionType>({ type: 'string', enum: [...retentionTypes] }),
    days_of_retention: Type.Integer(),
    created_at: time,
    updated_at: orNull(time),
  },
  { $id: 'DataRetention' },
);

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_settings',
  errors: adminSchemaErrors,
} as const;
const base = `/service/${uuidPart('service_id')}/data-retention`;
const byId = `${base}/${uuidPart('retention_id')}`;
const serviceId = Type.String({ format: 'uuid', examples: [platformServiceId] });
const ofService = Type.Object({ service_id: serviceId });
const withId = Type.Object({ service_id: serviceId, retention_id: uuid() });
const one = {
  description: 'The setting, or `{}` if there is none.',
  schema: Type.Union([retention, Type.Object({}, { additionalProperties: false })]),
};
const refused = `The body is invalid, or \`days_of_retention\` is not between ${leastRetentionDays} and ${mostRetentionDays}.`;

const list = defineRoute({
  ...common,
  method: 'GET',
  path: base,
  handlerName: 'service.get_data_retention_for_service',
  summary: 'Read how long a service keeps messages',
  description: `The service’s settings by type. Messages of a type that is not listed are kept for ${defaultRetentionDays} days.`,
  params: ofService,
  answers: { 200: { description: 'Its settings.', schema: Type.Array(retention) } },
  handler: async ({ db }: RetentionRouteDeps, { params }) =>
    (await findRetentions(db, params.service_id)).map(show),
});

const readByType = defineRoute({
  ...common,
  method: 'GET',
  path: `${base}/notification-type/:notification_type`,
  handlerName: 'service.get_data_retention_for_service_by_type',
  summary: 'Read how long a service keeps messages of a type',
  params: Type.Object({
    service_id: serviceId,
    notification_type: Type.String({ examples: [...retentionTypes] }),
  }),
  answers: { 200: one },
  handler: ({ db }: RetentionRouteDeps, { params }) =>
    findOne(db, params.service_id, ({ type }) => type === params.notification_type),
});

const readById = defineRoute({
  ...common,
  method: 'GET',
  path: byId,
  handlerName: 'service.get_data_retention_for_service_by_id',
  summary: 'Read one retention setting of a service',
  params: withId,
  answers: { 200: one },
  handler: ({ db }: RetentionRouteDeps, { params }) =>
    findOne(db, params.service_id, ({ id }) => id === params.retention_id),
});

const add = defineRoute({
  ...common,
  method: 'POST',
  path: base,
  handlerName: 'service.create_service_data_retention',
  summary: 'Set how long a service keeps messages of a type',
  description: `The setting for \`sms\` also applies to received texts. Without a setting, messages are kept for ${defaultRetentionDays} days.`,
  params: ofService,
  body: addRequest,
  answers: {
    201: { description: 'The new setting.', schema: Type.Object({ result: retention }) },
    400: {
      description: `${refused} Or the service already has a setting for this type, which can be changed.`,
    },
  },
  async handler({ db, clock }: RetentionRouteDeps, { params, body, actorId }) {
    refuseDays(body.days_of_retention);
    const { service_id: serviceId } = params;
    const { notification_type: type, days_of_retention: days } = body;
    const createdAt = new Date(clock.now());
    const added = await db.transaction().execute(async (trx) => {
      const made = await addRetention(trx, { id: randomUUID(), serviceId, type, days, createdAt });
      if (made !== null)
        await recordEvent(
          trx,
          {
            ...{ type: 'create_data_retention', serviceId, userId: actorId, subjectId: made.id },
            // Until now messages were kept as long as without a setting.
            data: changeOfDays(type, defaultRetentionDays, days),
          },
          createdAt,
        );
      return made;
    });
    if (added) return { result: show(added) };
    if (!(await findService(db, params.service_id))) throw noResultFound();
    throw badRequest(`Service already has data retention for ${type} notification type`);
  },
});

const change = defineRoute({
  ...common,
  method: 'POST',
  path: byId,
  handlerName: 'service.modify_service_data_retention',
  summary: 'Change how long a service keeps messages of a type',
  description:
    'A longer period does not restore deleted messages; a shorter one takes effect with the next nightly run.',
  params: withId,
  body: changeRequest,
  example: { days_of_retention: 30 },
  answers: { 204: { description: 'Changed.' }, 400: { description: refused } },
  async handler({ db, clock }: RetentionRouteDeps, { params, body: { days_of_retention: days }, actorId }) {
    refuseDays(days);
    const { service_id: serviceId, retention_id: id } = params;
    const updatedAt = new Date(clock.now());
    await db.transaction().execute(async (trx) => {
      const changed = await changeRetention(trx, { id, serviceId, days, updatedAt });
      if (changed === null)
        throw noResultFound(
          `The service data retention for id: ${id} was not found for service: ${serviceId}`,
        );
      const data = changeOfDays(changed.type, changed.before, days);
      const event = {
        type: 'update_data_retention',
        ...{ serviceId, userId: actorId, subjectId: id, data },
      };
      if (changed.before !== days) await recordEvent(trx, event, updatedAt);
    });
  },
});

/** How long a service keeps personal data (spec 04, section 1.13; spec 06, section 8). */
export const retentionRoutes = [list, readByType, readById, add, change];

/** What an event tells of a change. */
function changeOfDays(type: RetentionType, before: number, after: number) {
  return {
    notification_type: type,
    before: { days_of_retention: before },
    after: { days_of_retention: after },
  };
}

/** Throws a Problem for a number of days outside the allowed range. */
function refuseDays(days: number): void {
  if (days < leastRetentionDays || days > mostRetentionDays)
    throw badRequest(`The number of days must be between ${leastRetentionDays} and ${mostRetentionDays}`);
}

async function findOne(db: Db, serviceId: string, isWanted: (retention: Retention) => boolean) {
  const found = (await findRetentions(db, serviceId)).find(isWanted);
  return found ? show(found) : {};
}

function show({ id, serviceId, serviceName, type, days, createdAt, updatedAt }: Retention) {
  return {
    id,
    service_id: serviceId,
    service_name: serviceName,
    notification_type: type,
    days_of_retention: days,
    created_at: isoMicroseconds(createdAt),
    updated_at: updatedAt && isoMicroseconds(updatedAt),
  };
}
