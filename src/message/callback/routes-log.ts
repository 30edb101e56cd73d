import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import type { Reads } from '../../database/reads.ts';
import type { CallbackState } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, isoMicroseconds, parseDatetime } from '../../ground/clock.ts';
import { invalid, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { callerLeaves, linksOf } from '../../http/server/request.ts';
import {
  oneOf,
  orNull,
  type pageLinks,
  pageLinksSchema,
  pageSize,
  time,
  uuid,
} from '../../http/validate/shapes.ts';
import type { Queues } from '../../queue/queues.ts';
import { callbackQueue } from './enqueue.ts';
import { callbackType } from './routes.ts';
import {
  type CallbackTry,
  findCallback,
  findCallbacks,
  hasService,
  type LoggedCallback,
  mostTries,
  replayCallbacks,
} from './store-log.ts';

export type CallbackLogDeps = Readonly<{
  db: Db;
  reads: Reads;
  clock: Clock;
  queues: Pick<Queues, 'announce'>;
  publicUrl: string | null;
}>;

export type AdminCallbackLogDeps = CallbackLogDeps & Readonly<{ cipher: Cipher }>;

const states: readonly CallbackState[] = ['pending', 'delivered', 'failed'];
const from = Type.String({
  format: 'datetime',
  description: 'Callbacks that were queued at this time or later.',
});
const to = Type.String({ format: 'datetime', description: 'Callbacks that were queued before this time.' });

const logQuery = Type.Object(
  {
    from: Type.Optional(from),
    to: Type.Optional(to),
    callback_type: Type.Optional(Type.Array(callbackType)),
    status: Type.Optional(Type.Array(oneOf(states))),
    older_than: Type.Optional(uuid('Only callbacks that are older than the one with this `id`.')),
  },
  { additionalProperties: false },
);

const replayRequest = Type.Object(
  {
    from,
    to,
    callback_type: Type.Optional(callbackType),
    status: Type.Optional(
      oneOf(['failed', 'delivered'], 'Which callbacks to replay; the default is `failed`.'),
    ),
  },
  { additionalProperties: false },
);

const replayAnswer = Type.Object({
  count: Type.Integer({ minimum: 0, description: 'How many callbacks were queued again.' }),
});

const loggedCallback = Type.Object(
  {
    id: uuid(),
    callback_type: callbackType,
    notification_id: orNull(uuid(), 'The message; null for a received text.'),
    complaint_id: orNull(uuid(), 'For a callback about a complaint.'),
    inbound_sms_id: orNull(uuid(), 'For a callback about a received text.'),
    status: oneOf(states, '`pending`: the next attempt is at `next_attempt_at`.'),
    attempts: Type.Integer({ minimum: 0 }),
    last_code: orNull(Type.String(), 'HTTP status or error name of the last attempt.'),
    created_at: time,
    next_attempt_at: orNull(time, 'The earliest time; later while the address is paused.'),
    finished_at: orNull(time, 'null while it is pending.'),
  },
  { $id: 'Callback' },
);

const datetimeText =
  'datetime format is invalid. It must be a valid ISO8601 date time format, https://en.wikipedia.org/wiki/ISO_8601';
const formats = () => ({ datetime: (text: string) => (parseDatetime(text) ? null : datetimeText) });

const list = {
  method: 'GET',
  summary: 'Read the log of callbacks',
  description: `Callbacks, newest first, at most ${pageSize} to a page; fewer if few of many callbacks match. Follow \`links.next\` until a page is empty.`,
  query: logQuery,
  formats,
} as const;
const page = {
  description: 'A page of callbacks.',
  schema: Type.Object({ callbacks: Type.Array(loggedCallback), links: pageLinksSchema }),
};
const replay = {
  method: 'POST',
  summary: 'Replay callbacks',
  description:
    'Queues the finished callbacks of a time range again, if the service still has an address for them. Each has the same content as the first time and the full number of retries.',
  body: replayRequest,
  example: { from: '2026-05-02T13:00:00Z', to: '2026-05-02T14:00:00Z' },
  formats,
} as const;
const replayed = { description: 'The callbacks are queued.', schema: replayAnswer };

const readOwn = defineRoute({
  ...list,
  path: '/v2/callbacks',
  authentication: 'service key',
  handlerName: 'v2_callbacks.get_callbacks',
  tag: 'Callbacks',
  answers: {
    200: page,
    400: { description: 'A parameter is unknown, or its value is invalid.' },
  },
  handler: (deps: CallbackLogDeps, request, reply) =>
    readPage(deps, reply, request.caller.service.id, request.query, linksTo(deps, request, '/v2/callbacks')),
});

const replayOwn = defineRoute({
  ...replay,
  path: '/v2/callbacks/replay',
  authentication: 'service key',
  handlerName: 'v2_callbacks.replay_callbacks',
  tag: 'Callbacks',
  answers: { 202: replayed, 400: { description: 'The body is invalid.' } },
  handler: (deps: CallbackLogDeps, { caller, body }) => replayRange(deps, caller.service.id, body),
});

/** The callback log for the service itself. */
export const callbackLogRoutes = [readOwn, replayOwn];

const admin = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'view_activity',
  errors: adminSchemaErrors,
  params: Type.Object({ service_id: uuid('The service.') }),
  async before({ db }: CallbackLogDeps, { params }: { params: { service_id: string } }) {
    if (!(await hasService(db, params.service_id))) throw noResultFound();
  },
} as const;
const adminPath = `/service/${uuidPart('service_id')}/callbacks`;
const adminRefusals = {
  400: { description: 'The query or body is invalid.' },
  404: { description: 'There is no such service.' },
};

const readAny = defineRoute({
  ...list,
  ...admin,
  path: adminPath,
  handlerName: 'service_callback.get_callbacks',
  answers: { 200: page, ...adminRefusals },
  handler(deps: CallbackLogDeps, request, reply) {
    const { service_id: id } = request.params;
    return readPage(deps, reply, id, request.query, linksTo(deps, request, `/service/${id}/callbacks`));
  },
});

const replayAny = defineRoute({
  ...replay,
  ...admin,
  permission: 'manage_api_keys',
  path: `${adminPath}/replay`,
  handlerName: 'service_callback.replay_callbacks',
  answers: { 202: replayed, ...adminRefusals },
  handler: (deps: CallbackLogDeps, { params, body }) => replayRange(deps, params.service_id, body),
});

const oneTry = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  at: time,
  outcome: orNull(oneOf(['delivered', 'retry', 'failed']), 'null while it is under way.'),
  code: orNull(Type.String(), 'The HTTP status that came back, or the name of the error.'),
  detail: orNull(Type.String()),
  milliseconds: orNull(Type.Integer({ minimum: 0 }), 'null while it is under way.'),
});
const callbackWithTries = Type.Object(
  {
    ...loggedCallback.properties,
    body: orNull(
      Type.Object({}, { additionalProperties: true }),
      'What is posted. null: it was encrypted under a secret that is gone.',
    ),
    tries: Type.Array(oneTry, { description: `The last ${mostTries}, oldest first.` }),
  },
  { $id: 'CallbackWithTries' },
);

const oneCallback = Type.Object({ service_id: uuid('The service.'), callback_id: uuid('The callback.') });

const readOne = defineRoute({
  ...admin,
  method: 'GET',
  path: `${adminPath}/${uuidPart('callback_id')}`,
  params: oneCallback,
  handlerName: 'service_callback.get_callback',
  summary: 'Read a callback with its content and each try',
  answers: {
    200: { description: 'The callback.', schema: Type.Object({ data: callbackWithTries }) },
    404: { description: 'There is no such service or callback.' },
  },
  async handler({ reads, cipher }: AdminCallbackLogDeps, { params }, reply) {
    const { service_id: serviceId, callback_id: id } = params;
    const found = await reads(serviceId, callerLeaves(reply), (db) => findCallback(db, serviceId, id));
    if (!found) throw noResultFound();
    const { callback, payload, tries } = found;
    return {
      data: { ...show(callback), body: openBody(cipher, id, payload), tries: tries.map(showTry) },
    };
  },
});

const replayOne = defineRoute({
  ...admin,
  permission: 'manage_api_keys',
  method: 'POST',
  path: `${adminPath}/${uuidPart('callback_id')}/replay`,
  params: oneCallback,
  handlerName: 'service_callback.replay_callback',
  summary: 'Replay one callback',
  description:
    'Queues a finished callback again, delivered or failed, with the same content and the full number of retries. One that waits already, or for which the service has no address, is not queued: `count` is 0.',
  answers: { 202: replayed, 404: { description: 'There is no such service or callback.' } },
  async handler({ db, clock, queues }: CallbackLogDeps, { params }) {
    const { service_id: serviceId, callback_id: id } = params;
    if (!(await findCallback(db, serviceId, id))) throw noResultFound();
    const filter = { serviceId, id, from: null, to: null, types: null, states: null };
    const count = await replayCallbacks(db, filter, new Date(clock.now()));
    if (count > 0) queues.announce([callbackQueue]);
    return { count };
  },
});

/** The callback log of any service, for the admin client (spec 04, section 1.13). */
export const adminCallbackLogRoutes = [readAny, readOne, replayAny, replayOne];

function openBody(cipher: Cipher, id: string, payload: Buffer): unknown {
  let text: string;
  try {
    text = cipher.open(payload, id);
  } catch {
    return null;
  }
  return JSON.parse(text);
}

function showTry({ number, startedAt, finishedAt, outcome, code, detail }: CallbackTry) {
  const milliseconds = finishedAt && Math.max(0, finishedAt.getTime() - startedAt.getTime());
  return { number, at: isoMicroseconds(startedAt), outcome, code, detail, milliseconds };
}

type Links = (last: string | undefined) => ReturnType<typeof pageLinks>;

function linksTo({ publicUrl }: CallbackLogDeps, request: FastifyRequest, path: string): Links {
  return (last) => linksOf(request, publicUrl, path, last);
}

async function readPage(
  { reads }: CallbackLogDeps,
  reply: FastifyReply,
  serviceId: string,
  query: Static<typeof logQuery>,
  links: Links,
) {
  const { callback_type: types = null, status: states = null, older_than: olderThan = null } = query;
  const filter = { serviceId, from: timeOf(query.from), to: timeOf(query.to), types, states };
  const found = await reads(serviceId, callerLeaves(reply), (db) =>
    findCallbacks(db, filter, olderThan, pageSize),
  );
  return { callbacks: found.map(show), links: links(found.at(-1)?.id) };
}

async function replayRange(
  { db, clock, queues }: CallbackLogDeps,
  serviceId: string,
  { callback_type: type, status = 'failed', ...range }: Static<typeof replayRequest>,
) {
  const from = timeOf(range.from);
  const to = timeOf(range.to);
  if (from && to && from >= to) throw invalid(['to must be later than from']);
  const filter = { serviceId, from, to, types: type === undefined ? null : [type], states: [status] };
  const count = await replayCallbacks(db, filter, new Date(clock.now()));
  if (count > 0) queues.announce([callbackQueue]);
  return { count };
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
