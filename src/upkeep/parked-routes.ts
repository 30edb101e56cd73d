import { Type } from 'typebox';
import { type Db, errorClass, isUnreachable, type Trx } from '../database/connection.ts';
import type { Reads } from '../database/reads.ts';
import { type Clock, isoMicroseconds } from '../ground/clock.ts';
import { noResultFound, Problem } from '../ground/problem.ts';
import { defineRoute, uuidPart } from '../http/server/define-route.ts';
import { callerLeaves, linksOf } from '../http/server/request.ts';
import { oneOf, orNull, pageLinksSchema, time, uuid } from '../http/validate/shapes.ts';
import { deliverQueues } from '../message/delivery/queue.ts';
import { moveStatuses, type StatusDeps } from '../message/status/status.ts';
import { storeParked } from '../message/submission/store.ts';
import type { QueueName } from '../queue/define.ts';
import type { Queues } from '../queue/queues.ts';
import type { QueueTransaction } from '../queue/tasks.ts';
import { findServiceNames } from '../statistics/platform/store.ts';
import { recordEvent } from '../tenant/event/store.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import {
  deleteParkedTasks,
  findParked,
  lockCreated,
  type Parked,
  parkingQueues,
  releaseParked,
} from './store-parked.ts';

export type ParkedRouteDeps = StatusDeps &
  Readonly<{
    db: Db;
    reads: Reads;
    clock: Clock;
    queues: Pick<Queues, 'transaction'>;
    publicUrl: string | null;
    queuePrefix: string;
  }>;

const pageSize = 50;
/** What one request releases of a queue. */
const lot = 1000;

const parked = Type.Object(
  {
    id: uuid(),
    queue: oneOf(parkingQueues),
    notification: orNull(uuid(), 'The message that it is about, where that can be told.'),
    service: orNull(uuid()),
    parked_at: orNull(time),
    tries: Type.Integer({ description: 'Tries that failed.' }),
    reason: orNull(
      Type.String(),
      'What is known of the cause: the class of an error, never its text. Null: a person parked it.',
    ),
  },
  { $id: 'Parked' },
);

const common = { tag: 'Administration', authentication: 'admin', permission: 'operator' } as const;
const byId = `/platform/parked/${uuidPart('parked_id')}`;
const params = Type.Object({ parked_id: uuid('The `id` of what is parked.') });
const notParked = { description: 'Nothing with this id is parked.' };
const why = Type.Optional(
  Type.String({ format: 'text', maxLength: 255, description: 'Why, for the record of events.' }),
);
const reasonBody = Type.Object({ reason: why });

const list = defineRoute({
  ...common,
  method: 'GET',
  path: '/platform/parked',
  handlerName: 'platform.get_parked',
  summary: 'List what is parked',
  description: `Tasks and accepted messages that failed for good and are kept: no worker takes them until they are released. At most ${pageSize} to a page, newest first. Follow \`links.next\` until a page is empty.`,
  query: Type.Object(
    {
      queue: Type.Optional(oneOf(parkingQueues, 'Only of this queue.')),
      older_than: Type.Optional(uuid('Only what comes after the one with this `id`.')),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'A page of what is parked.',
      schema: Type.Object({
        parked: Type.Array(Type.Intersect([parked, Type.Object({ service_name: orNull(Type.String()) })])),
        links: pageLinksSchema,
      }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler({ reads, publicUrl, queuePrefix }: ParkedRouteDeps, request, reply) {
    const { queue = null, older_than: olderThan = null } = request.query;
    const filter = { queue: queue as QueueName | null, id: null, olderThan };
    const { found, names } = await reads(platformServiceId, callerLeaves(reply), async (db) => {
      const found = await findParked(db, queuePrefix, filter, pageSize);
      const ids = found.flatMap(({ serviceId }) => serviceId ?? []);
      return { found, names: await findServiceNames(db, [...new Set(ids)]) };
    });
    return {
      parked: found.map((one) => ({ ...show(one), service_name: names.get(one.serviceId ?? '') ?? null })),
      links: linksOf(request, publicUrl, '/platform/parked', found.at(-1)?.id),
    };
  },
});

const release = defineRoute({
  ...common,
  method: 'POST',
  path: `${byId}/release`,
  handlerName: 'platform.release_parked',
  summary: 'Release what is parked',
  description: 'A worker takes it at once, and it has all its tries again.',
  params,
  body: reasonBody,
  bodyOptional: true,
  answers: {
    200: { description: 'What was released, as it was.', schema: Type.Object({ data: Type.Array(parked) }) },
    400: { description: 'The body is invalid.' },
    404: notParked,
  },
  async handler(deps: ParkedRouteDeps, { params: { parked_id: id }, body, actorId }) {
    const { queues, queuePrefix, clock } = deps;
    const released = await queues.transaction(async (transaction) => {
      const found = await releaseParked(transaction.trx, queuePrefix, { queue: null, id }, lot);
      if (found.length === 0) throw noResultFound();
      const at = new Date(clock.now());
      for (const one of found) {
        transaction.announce(one.queue);
        await record(transaction.trx, 'release_parked', one, { actorId, at, reason: body.reason });
      }
      return found;
    });
    return { data: released.map(show) };
  },
});

const releaseAll = defineRoute({
  ...common,
  method: 'POST',
  path: '/platform/parked/release',
  handlerName: 'platform.release_all_parked',
  summary: 'Release what is parked in a queue',
  description: `At most ${lot} for each request, the oldest first. Repeat it while \`more\` is true.`,
  body: Type.Object({ queue: oneOf(parkingQueues), reason: why }),
  example: { queue: 'db-sms' },
  answers: {
    200: {
      description: 'How many were released.',
      schema: Type.Object({
        released: Type.Integer(),
        more: Type.Boolean({ description: 'Whether there may be more.' }),
      }),
    },
    400: { description: 'The body is invalid.' },
  },
  async handler(deps: ParkedRouteDeps, { body, actorId }) {
    const { queues, queuePrefix, clock } = deps;
    const queue = body.queue as QueueName;
    const count = await queues.transaction(async (transaction) => {
      const { length } = await releaseParked(transaction.trx, queuePrefix, { queue, id: null }, lot);
      if (length === 0) return 0;
      transaction.announce(queue);
      const data = { queue, released: length, ...(body.reason !== undefined && { reason: body.reason }) };
      const event = { type: 'release_queue', serviceId: null, userId: actorId, subjectId: null, data };
      await recordEvent(transaction.trx, event, new Date(clock.now()));
      return length;
    });
    return { released: count, more: count === lot };
  },
});

const drop = defineRoute({
  ...common,
  method: 'POST',
  path: `${byId}/drop`,
  handlerName: 'platform.drop_parked',
  summary: 'Drop what is parked',
  description:
    'For good. A message that was still to be sent becomes `technical-failure`, and its service is called back; its timeline says `given up`, reason `dropped`.',
  params,
  body: reasonBody,
  bodyOptional: true,
  answers: {
    204: { description: 'It is dropped.' },
    400: { description: 'The body is invalid.' },
    404: notParked,
    409: { description: 'The message cannot be stored as failed, for the reason that it is parked for.' },
  },
  async handler(deps: ParkedRouteDeps, { params: { parked_id: id }, body, actorId }) {
    const { queues, queuePrefix, clock } = deps;
    const at = new Date(clock.now());
    await queues.transaction(async (transaction) => {
      const { trx } = transaction;
      const messages = await findParked(trx, queuePrefix, { queue: null, id, olderThan: null }, lot);
      const accepted = messages.find(({ queue }) => queue.startsWith('db-'));
      if (accepted && !(await stored(trx, id))) throw noResultFound();
      const dropped = [...(accepted ? [accepted] : []), ...(await deleteParkedTasks(trx, queuePrefix, id))];
      if (dropped.length === 0) throw noResultFound();
      if (dropped.some(isDelivery) && (await lockCreated(trx, id))) await giveUp(deps, transaction, id, at);
      for (const one of dropped) await record(trx, 'drop_parked', one, { actorId, at, reason: body.reason });
    });
  },
});

/** What is parked, for operators (spec 04, section 8.5). */
export const parkedRoutes = [list, releaseAll, release, drop];

const deliveries: readonly string[] = ['db-sms', 'db-email', ...deliverQueues.map(({ name }) => name)];

/** Whether it is what a message needs to be sent. */
function isDelivery({ queue }: Parked): boolean {
  return deliveries.includes(queue);
}

/** Throws a Problem if the message cannot be stored: most are parked because of that. */
async function stored(trx: Trx, id: string): Promise<boolean> {
  try {
    return await storeParked(trx, id);
  } catch (error) {
    if (isUnreachable(error)) throw error;
    const message = `The message cannot be stored: ${errorClass(error)}. Remove the cause first; the log has the error.`;
    throw new Problem(409, [{ error: 'BadRequestError', message }]);
  }
}

async function giveUp(deps: StatusDeps, transaction: QueueTransaction, id: string, at: Date): Promise<void> {
  const event = { kind: 'given up', why: 'dropped' } as const;
  await moveStatuses(deps, transaction, 'update_notification_status_by_id', [
    { id, event, at, handOver: null },
  ]);
}

async function record(
  trx: Trx,
  type: string,
  { id, queue, serviceId, tries, reason: cause }: Parked,
  { actorId, at, reason }: Readonly<{ actorId: string | null; at: Date; reason: string | undefined }>,
): Promise<void> {
  const data = { queue, tries, cause, ...(reason !== undefined && { reason }) };
  await recordEvent(trx, { type, serviceId, userId: actorId, subjectId: id, data }, at);
}

function show({ id, queue, notificationId, serviceId, parkedAt, tries, reason }: Parked) {
  return {
    ...{ id, queue, notification: notificationId, service: serviceId },
    parked_at: parkedAt && isoMicroseconds(parkedAt),
    ...{ tries, reason },
  };
}
