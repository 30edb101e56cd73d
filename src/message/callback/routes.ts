import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Db, Trx } from '../../database/connection.ts';
import type { CallbackType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute, type Refinement, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { isHttpsUrl } from '../../http/validate/check.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import type { Queues } from '../../queue/queues.ts';
import { changesOf, recordEvent } from '../../tenant/event/store.ts';
import { callbackQueue } from './enqueue.ts';
import { loggedHost, namesPrivateHost } from './post.ts';
import {
  addCallbackApi,
  areKnown,
  type CallbackApi,
  deleteCallbackApi,
  findCallbackApi,
  updateCallbackApi,
} from './store-api.ts';

export type CallbackRouteDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  queues: Pick<Queues, 'announce'>;
  /** Allows private and loopback addresses, and plain HTTP. */
  allowPrivate: boolean;
}>;

const types: readonly CallbackType[] = ['delivery_status', 'inbound_sms', 'complaint'];
export const callbackType = oneOf(
  types,
  '`delivery_status`: a message has reached a final status; `complaint`: a recipient complained about an email; `inbound_sms`: the service received a text.',
);
const url = Type.String({
  format: 'https_url',
  maxLength: 2000,
  description: 'Begins with `https`; private and loopback addresses are refused.',
});
const token = Type.String({
  description:
    'At least 10 printable ASCII characters. Sent with each callback, and used as the key of its signature.',
});
const who = uuid('The user who makes this change.');

/** Body that adds an address to a service (spec 04, section 1.13). */
const newApi = Type.Object({
  url,
  bearer_token: token,
  updated_by_id: who,
  callback_type: callbackType,
});

/** Body that changes an address. */
const apiChange = Type.Object({
  url: Type.Optional(url),
  bearer_token: Type.Optional(token),
  updated_by_id: who,
  callback_type: callbackType,
});

const address = Type.Object({
  data: Type.Object({
    id: uuid(),
    service_id: uuid(),
    url: Type.String(),
    updated_by_id: uuid(),
    created_at: time,
    updated_at: orNull(time, 'null until the first change.'),
  }),
});

export const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_api_keys',
  errors: adminSchemaErrors,
} as const;
export const path = `/service/${uuidPart('service_id')}/callback-api`;
const serviceId = uuid('The service.');
export const ofService = Type.Object({ service_id: serviceId });
export const one = {
  path: `${path}/${uuidPart('callback_api_id')}`,
  params: Type.Object({
    service_id: serviceId,
    callback_api_id: uuid('The address.'),
  }),
} as const;
const unknown = { description: 'There is no such service, user or address.' };
const refused = { description: 'The body is invalid.' };
/** Not validated: an address of an unknown type is simply not found. */
const typed = (example: string) =>
  Type.Object({
    callback_type: Type.Optional(Type.Unsafe<string>({ ...callbackType, examples: [example] })),
  });

const create = defineRoute({
  ...common,
  method: 'POST',
  path,
  handlerName: 'service_callback.create_service_callback_api',
  summary: 'Add a callback address to a service',
  description: 'A service has one address for each type. The token is stored encrypted and never shown.',
  params: ofService,
  body: newApi,
  example: {
    url: 'https://library.example/callbacks',
    bearer_token: 'a-token-of-their-own',
    updated_by_id: '{user_id}',
    callback_type: 'delivery_status',
  },
  answers: { 201: { description: 'The address.', schema: address }, 400: refused, 404: unknown },
  formats: urlFormat,
  refine,
  async handler({ db, cipher, clock }: CallbackRouteDeps, { params, body, actorId }) {
    const { service_id: serviceId } = params;
    const updatedById = parseUuid(body.updated_by_id)!;
    if (!(await areKnown(db, serviceId, updatedById))) throw noResultFound();
    const createdAt = new Date(clock.now());
    const added = await db.transaction().execute(async (trx) => {
      const added = await addCallbackApi(trx, cipher, {
        id: randomUUID(),
        serviceId,
        type: body.callback_type as CallbackType,
        url: body.url,
        token: body.bearer_token,
        updatedById,
        createdAt,
      });
      if (added) await tell(trx, 'create_callback_api', [null, added], actorId ?? updatedById, createdAt);
      return added;
    });
    if (!added)
      throw invalidFields({ name: ['You can only have one URL and bearer token for your service.'] });
    return { data: show(added) };
  },
});

const update = defineRoute({
  ...common,
  ...one,
  method: 'POST',
  handlerName: 'service_callback.update_service_callback_api',
  summary: 'Change a callback address',
  description: 'Pending callbacks go to the new address.',
  body: apiChange,
  example: {
    url: 'https://library.example/callbacks/2',
    updated_by_id: '{user_id}',
    callback_type: 'inbound_sms',
  },
  answers: { 200: { description: 'The address.', schema: address }, 400: refused, 404: unknown },
  formats: urlFormat,
  refine,
  async handler({ db, cipher, clock, queues }: CallbackRouteDeps, { params, body, actorId }) {
    const { service_id: serviceId, callback_api_id: id } = params;
    const updatedById = parseUuid(body.updated_by_id)!;
    if (!(await areKnown(db, serviceId, updatedById))) throw noResultFound();
    const at = new Date(clock.now());
    const change = { url: body.url ?? null, token: body.bearer_token ?? null, updatedById, at };
    const updated = await db.transaction().execute(async (trx) => {
      const wanted = { serviceId, id, type: body.callback_type };
      const before = await findCallbackApi(trx, wanted);
      const after = await updateCallbackApi(trx, cipher, wanted, change);
      if (after) await tell(trx, 'update_callback_api', [before, after], actorId ?? updatedById, at);
      return after;
    });
    if (!updated) throw noResultFound();
    queues.announce([callbackQueue]);
    return { data: show(updated) };
  },
});

const read = defineRoute({
  ...common,
  ...one,
  method: 'GET',
  handlerName: 'service_callback.fetch_service_callback_api',
  summary: 'Read a callback address',
  rawQuery: typed('inbound_sms'),
  answers: { 200: { description: 'The address.', schema: address }, 404: unknown },
  async handler({ db }: CallbackRouteDeps, { params, query }) {
    const found = await findCallbackApi(db, which(params, query));
    if (!found) throw noResultFound();
    return { data: show(found) };
  },
});

/** Messages of a DELETE that finds no address (spec 04, section 1.13). */
const notThere: ReadonlyMap<string, string> = new Map([
  ['delivery_status', 'Service delivery receipt API not found'],
  ['inbound_sms', 'Service inbound API not found'],
  ['complaint', 'Service complaint API not found'],
  ['returned_letter', 'Service returned letter API not found'],
]);

const remove = defineRoute({
  ...common,
  ...one,
  method: 'DELETE',
  handlerName: 'service_callback.remove_service_callback_api',
  summary: 'Remove a callback address',
  description: 'Its pending callbacks fail.',
  rawQuery: typed('complaint'),
  answers: { 204: { description: 'Removed.' }, 404: unknown },
  async handler({ db, clock }: CallbackRouteDeps, { params, query, actorId }) {
    const wanted = which(params, query);
    const at = new Date(clock.now());
    const isDeleted = await db.transaction().execute(async (trx) => {
      const deleted = await deleteCallbackApi(trx, wanted, at);
      if (deleted) await tell(trx, 'delete_callback_api', [deleted, null], actorId, at);
      return deleted !== null;
    });
    if (isDeleted) return;
    throw noResultFound(notThere.get(wanted.type ?? ''));
  },
});

/** Callback addresses of services, for the admin client (spec 04, section 1.13). */
export const callbackApiRoutes = [create, update, read, remove];

function which(
  { service_id: serviceId, callback_api_id: id }: { service_id: string; callback_api_id: string },
  query: unknown,
) {
  const type = (query as Record<string, unknown>)['callback_type'];
  // PostgreSQL rejects text that contains a null character.
  return { serviceId, id, type: typeof type === 'string' && !type.includes('\0') ? type : null };
}

/** The format `https_url`, which also accepts plain HTTP where that is allowed. */
function urlFormat({ allowPrivate }: CallbackRouteDeps) {
  const asHttps = (text: string) => (allowPrivate ? text.replace(/^http:/, 'https:') : text);
  return { https_url: (text: string) => (isHttpsUrl(asHttps(text)) ? null : 'is not a valid https url') };
}

const shortestToken = 10;
const longestToken = 1000;

/** Checks URL and token beyond their formats. Error messages never repeat the token. */
function refine(deps: CallbackRouteDeps, body: Readonly<Record<string, unknown>>): readonly Refinement[] {
  const { url, bearer_token: token } = body;
  const found: Refinement[] = [];
  if (typeof url === 'string' && urlFormat(deps).https_url(url) === null) {
    const { protocol, host } = new URL(url);
    const isHttps = protocol === 'https:' || (deps.allowPrivate && protocol === 'http:');
    if (host === '' || !isHttps) found.push({ field: 'url', text: 'is not a valid https url' });
    else if (!deps.allowPrivate && namesPrivateHost(new URL(url)))
      found.push({ field: 'url', text: 'must not name a private or loopback address' });
  }
  if (typeof token === 'string') {
    const add = (text: string) => found.push({ field: 'bearer_token', text });
    if ([...token].length < shortestToken) add(`is too short: at least ${shortestToken} characters`);
    if (token.length > longestToken) add(`is too long: at most ${longestToken} characters`);
    if (!/^[\x21-\x7e]*$/.test(token)) add('must consist of printable ASCII characters without spaces');
  }
  return found;
}

/** Records a change, of the URL its host alone: the rest can hold secrets. */
async function tell(
  trx: Trx,
  type: string,
  [before, after]: readonly [CallbackApi | null, CallbackApi | null],
  userId: string | null,
  at: Date,
): Promise<void> {
  const { id, serviceId } = (after ?? before)!;
  const shown = (api: CallbackApi | null) => api && { callback_type: api.type, host: loggedHost(api.url) };
  const data = after ? changesOf(shown(before), shown(after)!) : { before: shown(before), after: null };
  await recordEvent(trx, { type, serviceId, userId, subjectId: id, data }, at);
}

export function show({ id, serviceId, url, updatedById, createdAt, updatedAt }: CallbackApi) {
  return {
    id,
    service_id: serviceId,
    url,
    updated_by_id: updatedById,
    created_at: isoMicroseconds(createdAt),
    updated_at: updatedAt && isoMicroseconds(updatedAt),
  };
}
