import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { orNull, time, uuid } from '../../http/validate/shapes.ts';
import {
  defaultRetentionDays,
  leastRetentionDays,
  mostRetentionDays,
  type RetentionType,
  retentionTypes,
} from './retention.ts';
import { addRetention, changeRetention, findRetentions, type Retention } from './retention-store.ts';
import { platformServiceId } from './service.ts';
import { findService } from './store.ts';

export type RetentionRouteDeps = Readonly<{ db: Db; clock: Clock }>;

const days = Type.Integer({
  description: `${leastRetentionDays} to ${mostRetentionDays}: today and so many whole days before it are kept.`,
});

const addRequest = Type.Object({
  // No `type`: any other value is reported as not one of the types (spec 04, section 10.3).
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

const common = { tag: 'Administration', authentication: 'admin', errors: adminSchemaErrors } as const;
const base = `/service/${uuidPart('service_id')}/data-retention`;
const byId = `${base}/${uuidPart('retention_id')}`;
const serviceId = Type.String({ format: 'uuid', examples: [platformServiceId] });
const ofService = Type.Object({ service_id: serviceId });
const withId = Type.Object({ service_id: serviceId, retention_id: uuid() });
const one = {
  description: 'The setting, or `{}` where there is none.',
  schema: Type.Union([retention, Type.Object({}, { additionalProperties: false })]),
};
const refused = `A fault of the body, or \`days_of_retention\` that is not between ${leastRetentionDays} and ${mostRetentionDays}.`;

const list = defineRoute({
  ...common,
  method: 'GET',
  path: base,
  handlerName: 'service.get_data_retention_for_service',
  summary: 'See how long a service keeps messages',
  description: `What it has set, by type. A type that is not listed is kept for ${defaultRetentionDays} days.`,
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
  summary: 'See how long a service keeps messages of a type',
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
  summary: 'See one setting of how long a service keeps messages',
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
  description: `Received texts go by the setting of \`sms\`. Without one, messages are kept for ${defaultRetentionDays} days.`,
  params: ofService,
  body: addRequest,
  answers: {
    201: { description: 'The new setting.', schema: Type.Object({ result: retention }) },
    400: { description: `${refused} Or the service has set this type already: change that setting.` },
  },
  async handler({ db, clock }: RetentionRouteDeps, { params, body }) {
    refuseDays(body.days_of_retention);
    const type = body.notification_type;
    const added = await addRetention(db, {
      id: randomUUID(),
      serviceId: params.service_id,
      type,
      days: body.days_of_retention,
      createdAt: new Date(clock.now()),
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
  description: 'More days bring nothing back that is deleted; fewer take effect with the next nightly run.',
  params: withId,
  body: changeRequest,
  example: { days_of_retention: 30 },
  answers: { 204: { description: 'Changed.' }, 400: { description: refused } },
  async handler({ db, clock }: RetentionRouteDeps, { params, body: { days_of_retention: days } }) {
    refuseDays(days);
    const { service_id: serviceId, retention_id: id } = params;
    if (await changeRetention(db, { id, serviceId, days, updatedAt: new Date(clock.now()) })) return;
    throw noResultFound(`The service data retention for id: ${id} was not found for service: ${serviceId}`);
  },
});

/** For how long a service keeps what is personal (spec 04, section 1.13; spec 06, section 8). */
export const retentionRoutes = [list, readByType, readById, add, change];

/** Throws a Problem for a number of days that may not be set. */
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
