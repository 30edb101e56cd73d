import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { parseDatetime } from '../../ground/datetime.ts';
import { parseUuid } from '../../ground/id.ts';
import { invalid, noResultFound, Problem, SchemaProblem } from '../../ground/problem.ts';
import { baseUrl } from '../../http/server/server.ts';
import { readAdminJson, uuidPart } from '../../http/validate/admin-body.ts';
import { readJson, sendJson } from '../../http/validate/json-body.ts';
import { pageLinks, pageSize } from '../../http/validate/page.ts';
import { readQuery } from '../../http/validate/query.ts';
import { faultsOf } from '../../http/validate/schema.ts';
import type { Queues } from '../../queue/boss.ts';
import { describeLog } from './description.ts';
import { callbackQueue } from './enqueue.ts';
import { logQuery, replayRequest } from './schemas.ts';
import { findCallbacks, hasService, type LoggedCallback, replayCallbacks } from './store-log.ts';

export type CallbackLogDeps = Readonly<{
  db: Db;
  clock: Clock;
  queues: Pick<Queues, 'announce'>;
  publicUrl: string | null;
}>;

const datetimeText =
  'datetime format is invalid. It must be a valid ISO8601 date time format, https://en.wikipedia.org/wiki/ISO_8601';
const formats = { datetime: (text: string) => (parseDatetime(text) ? null : datetimeText) };

/** The log of its callbacks for a service itself. Needs `requireKey` before it. */
export function callbackLogRoutes(app: FastifyInstance, deps: CallbackLogDeps): void {
  app.get(
    '/v2/callbacks',
    { config: { handler: 'v2_callbacks.get_callbacks', describe: describeLog.list } },
    async (request, reply) => await list(deps, request, reply, request.caller.service.id, '/v2/callbacks'),
  );
  app.post(
    '/v2/callbacks/replay',
    { config: { handler: 'v2_callbacks.replay_callbacks', describe: describeLog.replay } },
    async (request, reply) => await replay(deps, readJson(request.body), reply, request.caller.service.id),
  );
}

type OfService = FastifyRequest<{ Params: { service_id: string } }>;

/** The same for any service, for the admin client; its errors are those of a schema. Needs `requireAdmin` before it. */
export function adminCallbackLogRoutes(app: FastifyInstance, deps: CallbackLogDeps): void {
  const path = `/service/${uuidPart('service_id')}/callbacks`;
  async function within(request: OfService, answer: (id: string) => Promise<FastifyReply>) {
    const { service_id: id } = request.params;
    if (!(await hasService(deps.db, id))) throw noResultFound();
    try {
      return await answer(id);
    } catch (error) {
      const isFault =
        error instanceof Problem && error.faults.every(({ error }) => error === 'ValidationError');
      throw isFault ? new SchemaProblem(error.faults.map(({ message }) => message)) : error;
    }
  }
  app.get(
    path,
    { config: { handler: 'service_callback.get_callbacks', describe: describeLog.adminList } },
    (request: OfService, reply) =>
      within(request, (id) => list(deps, request, reply, id, `/service/${id}/callbacks`)),
  );
  app.post(
    `${path}/replay`,
    { config: { handler: 'service_callback.replay_callbacks', describe: describeLog.adminReplay } },
    (request: OfService, reply) => within(request, (id) => replay(deps, readAdminJson(request), reply, id)),
  );
}

async function list(
  { db, publicUrl }: CallbackLogDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  serviceId: string,
  path: string,
): Promise<FastifyReply> {
  const { document, parameters } = readQuery<Static<typeof logQuery>>(logQuery, request);
  // readQuery knows no formats of ours.
  const faults = faultsOf(logQuery, document, formats);
  if (faults.length > 0) throw invalid(faults);
  const { callback_type: types = null, status: states = null, older_than: older } = document;
  const filter = { serviceId, from: timeOf(document.from), to: timeOf(document.to), types, states };
  const found = await findCallbacks(db, filter, older === undefined ? null : parseUuid(older), pageSize);
  return sendJson(reply, {
    callbacks: found.map(show),
    links: pageLinks(`${baseUrl(request, publicUrl)}${path}`, parameters, found.at(-1)?.id),
  });
}

async function replay(
  { db, clock, queues }: CallbackLogDeps,
  document: unknown,
  reply: FastifyReply,
  serviceId: string,
): Promise<FastifyReply> {
  const faults = faultsOf(replayRequest, document, formats);
  if (faults.length > 0) throw invalid(faults);
  const { callback_type: type, status = 'failed', ...range } = document as Static<typeof replayRequest>;
  const from = timeOf(range.from);
  const to = timeOf(range.to);
  if (from && to && from >= to) throw invalid(['to must be later than from']);
  const filter = { serviceId, from, to, types: type === undefined ? null : [type], states: [status] };
  const count = await replayCallbacks(db, filter, new Date(clock.now()));
  if (count > 0) queues.announce([callbackQueue]);
  return sendJson(reply.code(202), { count });
}

function timeOf(text: string | undefined): Date | null {
  return text === undefined ? null : parseDatetime(text);
}

function show(callback: LoggedCallback) {
  const { type, subjectId, dueAt, finishedAt } = callback;
  return {
    id: callback.id,
    callback_type: type,
    notification_id: callback.notificationId,
    complaint_id: type === 'complaint' ? subjectId : null,
    inbound_sms_id: type === 'inbound_sms' ? subjectId : null,
    status: callback.state,
    attempts: callback.attempts,
    last_code: callback.lastCode,
    created_at: isoMicroseconds(callback.createdAt),
    next_attempt_at: dueAt && isoMicroseconds(dueAt),
    finished_at: finishedAt && isoMicroseconds(finishedAt),
  };
}
