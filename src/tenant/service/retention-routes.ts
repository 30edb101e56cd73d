import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { numberSource } from '../../ground/json.ts';
import { badRequest, noResultFound, Problem, SchemaProblem } from '../../ground/problem.ts';
import { readAdminJson, uuidPart } from '../../http/validate/admin-body.ts';
import { sendJson } from '../../http/validate/json-body.ts';
import { faultsOf } from '../../http/validate/schema.ts';
import { leastRetentionDays, mostRetentionDays, type RetentionType } from './retention.ts';
import {
  addDescription,
  addRequest,
  byIdDescription,
  byTypeDescription,
  changeDescription,
  changeRequest,
  listDescription,
} from './retention-description.ts';
import { addRetention, changeRetention, findRetentions, type Retention } from './retention-store.ts';
import { findService } from './store.ts';

type WithService = FastifyRequest<{ Params: { service_id: string } }>;
type WithType = FastifyRequest<{ Params: { service_id: string; notification_type: string } }>;
type WithRetention = FastifyRequest<{ Params: { service_id: string; retention_id: string } }>;

export type RetentionRouteDeps = Readonly<{ db: Db; clock: Clock }>;

/**
 * For how long a service keeps what is personal (spec 04, section 1.13; spec 06, section 8). Needs `requireAdmin` before
 * it.
 */
export function retentionRoutes(app: FastifyInstance, { db, clock }: RetentionRouteDeps): void {
  const base = `/service/${uuidPart('service_id')}/data-retention`;
  const byId = `${base}/${uuidPart('retention_id')}`;
  const find = async (serviceId: string, isIt: (retention: Retention) => boolean) =>
    (await findRetentions(db, serviceId)).find(isIt);

  app.get(
    base,
    { config: { handler: 'service.get_data_retention_for_service', describe: listDescription } },
    async ({ params }: WithService, reply) =>
      sendJson(reply, (await findRetentions(db, params.service_id)).map(showRetention)),
  );

  app.get(
    `${base}/notification-type/:notification_type`,
    { config: { handler: 'service.get_data_retention_for_service_by_type', describe: byTypeDescription } },
    async ({ params }: WithType, reply) =>
      sendOne(reply, await find(params.service_id, ({ type }) => type === params.notification_type)),
  );

  app.get(
    byId,
    { config: { handler: 'service.get_data_retention_for_service_by_id', describe: byIdDescription } },
    async ({ params }: WithRetention, reply) =>
      sendOne(reply, await find(params.service_id, ({ id }) => id === params.retention_id.toLowerCase())),
  );

  app.post(
    base,
    { config: { handler: 'service.create_service_data_retention', describe: addDescription } },
    async (request: WithService, reply) => {
      const document = readDocument(request, addRequest);
      const type = document['notification_type'] as RetentionType;
      const added = await addRetention(db, {
        id: randomUUID(),
        serviceId: request.params.service_id,
        type,
        days: readDays(document),
        createdAt: new Date(clock.now()),
      });
      if (added) return sendJson(reply.code(201), { result: showRetention(added) });
      if (!(await findService(db, request.params.service_id))) throw noResultFound();
      throw badRequest(`Service already has data retention for ${type} notification type`);
    },
  );

  app.post(
    byId,
    { config: { handler: 'service.modify_service_data_retention', describe: changeDescription } },
    async (request: WithRetention, reply) => {
      const { service_id: serviceId, retention_id: id } = request.params;
      const days = readDays(readDocument(request, changeRequest));
      if (await changeRetention(db, { id, serviceId, days, updatedAt: new Date(clock.now()) }))
        return reply.code(204).send();
      throw new Problem(404, [
        {
          error: 'NoResultFound',
          message: `The service data retention for id: ${id} was not found for service: ${serviceId}`,
        },
      ]);
    },
  );
}

function readDocument(request: FastifyRequest, schema: TSchema): Record<string, unknown> {
  const document = readAdminJson(request);
  const faults = faultsOf(schema, document, {});
  if (faults.length > 0) throw new SchemaProblem(faults);
  return document as Record<string, unknown>;
}

/** Throws a Problem for a number of days that may not be set. */
function readDays(document: Record<string, unknown>): number {
  const given = document['days_of_retention'];
  // `7.0` is an integer to the schema, and is kept with its source.
  const days = Number(numberSource(given) ?? given);
  if (!(days >= leastRetentionDays && days <= mostRetentionDays))
    throw badRequest(`The number of days must be between ${leastRetentionDays} and ${mostRetentionDays}`);
  return days;
}

function sendOne(reply: FastifyReply, found: Retention | undefined): FastifyReply {
  return sendJson(reply, found ? showRetention(found) : {});
}

function showRetention({ id, serviceId, serviceName, type, days, createdAt, updatedAt }: Retention) {
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
