import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { Db } from '../../database/connection.ts';
import type { CallbackType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { FieldProblem, noResultFound, Problem, SchemaProblem } from '../../ground/problem.ts';
import { readAdminJson, uuidPart } from '../../http/validate/admin-body.ts';
import { sendJson } from '../../http/validate/json-body.ts';
import { faultsOf } from '../../http/validate/schema.ts';
import type { Queues } from '../../queue/boss.ts';
import { describeApi } from './description.ts';
import { callbackQueue } from './enqueue.ts';
import { namesPrivateHost } from './post.ts';
import { apiChange, newApi } from './schemas.ts';
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
  /** Private and loopback addresses are allowed, and plain HTTP. */
  allowPrivate: boolean;
}>;

type OfService = FastifyRequest<{ Params: { service_id: string } }>;
type OfApi = FastifyRequest<{ Params: { service_id: string; callback_api_id: string } }>;

/** What a DELETE of an address that is not there is answered (spec 04, section 1.13). */
const unknown: Readonly<Record<string, string>> = {
  delivery_status: 'Service delivery receipt API not found',
  inbound_sms: 'Service inbound API not found',
  complaint: 'Service complaint API not found',
  returned_letter: 'Service returned letter API not found',
};

/** Addresses of callbacks, for the admin client (spec 04, section 1.13). Needs `requireAdmin` before it. */
export function callbackApiRoutes(app: FastifyInstance, deps: CallbackRouteDeps): void {
  const { db, clock, cipher, queues, allowPrivate } = deps;
  const path = `/service/${uuidPart('service_id')}/callback-api`;
  const one = `${path}/${uuidPart('callback_api_id')}`;

  app.post(
    path,
    { config: { handler: 'service_callback.create_service_callback_api', describe: describeApi.create } },
    async (request: OfService, reply) => {
      const { service_id: serviceId } = request.params;
      const body = readBody<Static<typeof newApi>>(newApi, request, allowPrivate);
      const updatedById = parseUuid(body.updated_by_id)!;
      if (!(await areKnown(db, serviceId, updatedById))) throw noResultFound();
      const added = await addCallbackApi(db, cipher, {
        id: randomUUID(),
        serviceId,
        type: body.callback_type as CallbackType,
        url: body.url,
        token: body.bearer_token,
        updatedById,
        createdAt: new Date(clock.now()),
      });
      if (!added)
        throw new FieldProblem({ name: ['You can only have one URL and bearer token for your service.'] });
      return sendJson(reply.code(201), { data: show(added) });
    },
  );

  app.post(
    one,
    { config: { handler: 'service_callback.update_service_callback_api', describe: describeApi.update } },
    async (request: OfApi, reply) => {
      const { service_id: serviceId, callback_api_id: id } = request.params;
      const body = readBody<Static<typeof apiChange>>(apiChange, request, allowPrivate);
      const updatedById = parseUuid(body.updated_by_id)!;
      if (!(await areKnown(db, serviceId, updatedById))) throw noResultFound();
      const updated = await updateCallbackApi(
        db,
        cipher,
        { serviceId, id, type: body.callback_type },
        { url: body.url ?? null, token: body.bearer_token ?? null, updatedById, at: new Date(clock.now()) },
      );
      if (!updated) throw noResultFound();
      queues.announce([callbackQueue]);
      return sendJson(reply, { data: show(updated) });
    },
  );

  app.get(
    one,
    { config: { handler: 'service_callback.fetch_service_callback_api', describe: describeApi.read } },
    async (request: OfApi, reply) => {
      const found = await findCallbackApi(db, which(request));
      if (!found) throw noResultFound();
      return sendJson(reply, { data: show(found) });
    },
  );

  app.delete(
    one,
    { config: { handler: 'service_callback.remove_service_callback_api', describe: describeApi.remove } },
    async (request: OfApi, reply) => {
      const wanted = which(request);
      if (await deleteCallbackApi(db, wanted, new Date(clock.now()))) return reply.code(204).send();
      const message = unknown[wanted.type ?? ''];
      if (message === undefined) throw noResultFound();
      throw new Problem(404, [{ error: 'NoResultFound', message }]);
    },
  );
}

function which(request: OfApi) {
  const { service_id: serviceId, callback_api_id: id } = request.params;
  const type = (request.query as Record<string, unknown>)['callback_type'];
  return { serviceId, id, type: typeof type === 'string' ? type : null };
}

const longestToken = 1000;

/** The body of a request by its schema, and what no schema says. Throws a Problem with all faults of it. */
function readBody<Body>(schema: TSchema, request: FastifyRequest, allowPrivate: boolean): Body {
  const document = readAdminJson(request);
  const { url, bearer_token: token } = (document ?? {}) as Record<string, unknown>;
  // The format knows https alone.
  const isPlain = allowPrivate && typeof url === 'string' && /^http:/.test(url);
  const checked = isPlain ? { ...(document as object), url: url.replace(/^http:/, 'https:') } : document;
  const faults = faultsOf(schema, checked, {});
  if (typeof url === 'string' && !faults.some((fault) => fault.startsWith('url '))) {
    const { protocol, host } = new URL(url);
    if (host === '' || !(protocol === 'https:' || isPlain)) faults.push('url is not a valid https url');
    else if (!allowPrivate && namesPrivateHost(new URL(url)))
      faults.push('url must not name a private or loopback address');
  }
  if (typeof token === 'string') {
    // The token itself is not repeated.
    if ([...token].length < 10) faults.push('bearer_token is too short: at least 10 characters');
    if (token.length > longestToken)
      faults.push(`bearer_token is too long: at most ${longestToken} characters`);
    if (!/^[\x21-\x7e]*$/.test(token))
      faults.push('bearer_token must be of printable ASCII characters without spaces');
  }
  if (faults.length > 0) throw new SchemaProblem(faults);
  return document as Body;
}

function show({ id, serviceId, url, updatedById, createdAt, updatedAt }: CallbackApi) {
  return {
    id,
    service_id: serviceId,
    url,
    updated_by_id: updatedById,
    created_at: isoMicroseconds(createdAt),
    updated_at: updatedAt && isoMicroseconds(updatedAt),
  };
}
