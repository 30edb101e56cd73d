import { Type } from 'typebox';
import { isoMicroseconds, stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import { noResultFound } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { orNull, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { callbackQueue } from './enqueue.ts';
import type { CallbackResponse, Poster } from './post.ts';
import { type CallbackRouteDeps, callbackType, common, ofService, one, path, show } from './routes.ts';
import { sampleBody } from './sample.ts';
import { type CallbackApiHealth, findCallbackApis, findTarget, resumeCallbackApi } from './store-api.ts';
import { hasService } from './store-log.ts';

export type CallbackHealthDeps = CallbackRouteDeps &
  Readonly<{
    log: Log;
    /** Posts test callbacks. */
    poster: Pick<Poster, 'post'>;
  }>;

const health = Type.Object(
  {
    id: uuid(),
    service_id: uuid(),
    callback_type: callbackType,
    url: Type.String(),
    updated_by_id: uuid(),
    created_at: time,
    updated_at: orNull(time, 'null until the first change.'),
    paused: Type.Boolean({ description: 'It has failed too often, or asked to be called later.' }),
    paused_until: orNull(time, 'Then one callback is tried, alone.'),
    failures: Type.Integer({ minimum: 0, description: 'Callbacks that failed since the last success.' }),
    waiting: Type.Integer({
      minimum: 0,
      description: 'Callbacks that wait for it; 10,000 means that many or more.',
    }),
  },
  { $id: 'CallbackAddress' },
);

const unknown = { description: 'There is no such service or address.' };

const list = defineRoute({
  ...common,
  method: 'GET',
  path,
  handlerName: 'service_callback.get_service_callback_apis',
  summary: 'Read the callback addresses of a service, and whether they are paused',
  params: ofService,
  answers: {
    200: { description: 'One for each type at most.', schema: Type.Object({ data: Type.Array(health) }) },
    404: { description: 'There is no such service.' },
  },
  async handler({ db }: CallbackHealthDeps, { params: { service_id: serviceId } }) {
    if (!(await hasService(db, serviceId))) throw noResultFound();
    return { data: (await findCallbackApis(db, serviceId, null)).map(showHealth) };
  },
});

const resume = defineRoute({
  ...common,
  method: 'POST',
  path: `${one.path}/resume`,
  params: one.params,
  handlerName: 'service_callback.resume_service_callback_api',
  summary: 'End the pause of a callback address',
  description: 'What waits for it is tried at once. Nothing changes for an address that is not paused.',
  answers: {
    200: { description: 'The address.', schema: Type.Object({ data: health }) },
    404: unknown,
  },
  async handler({ db, clock, queues }: CallbackHealthDeps, { params, actorId }) {
    const { service_id: serviceId, callback_api_id: id } = params;
    const at = new Date(clock.now());
    const [found] = await db.transaction().execute(async (trx) => {
      const wasPaused = await resumeCallbackApi(trx, { serviceId, id }, at);
      if (wasPaused === null) throw noResultFound();
      const event = { type: 'resume_callback_api', serviceId, userId: actorId, subjectId: id };
      const data = { before: { paused: true }, after: { paused: false } };
      if (wasPaused) await recordEvent(trx, { ...event, data }, at);
      return await findCallbackApis(trx, serviceId, id);
    });
    queues.announce([callbackQueue]);
    return { data: showHealth(found!) };
  },
});

const testAnswer = Type.Object({
  data: Type.Object(
    {
      delivered: Type.Boolean({ description: 'Whether a real callback would count as delivered.' }),
      status: orNull(Type.Integer(), 'The HTTP status that came back; null: there was no answer.'),
      failure: orNull(
        Type.String(),
        'Why there was no answer: `timeout`, `private address`, `bad address`, or the name of the error.',
      ),
      detail: orNull(Type.String()),
      milliseconds: Type.Integer({ minimum: 0 }),
    },
    { $id: 'CallbackTest' },
  ),
});

const test = defineRoute({
  ...common,
  method: 'POST',
  path: `${one.path}/test`,
  params: one.params,
  handlerName: 'service_callback.test_service_callback_api',
  summary: 'Post a sample to a callback address',
  description:
    'Posts a body of its type with `"test": true` at once, with the token and a signature, even if the address is paused, and answers what came back. It is not in the log and is not retried.',
  answers: { 200: { description: 'What came back.', schema: testAnswer }, 404: unknown },
  async handler(deps: CallbackHealthDeps, { params }, reply) {
    const { db, clock } = deps;
    const { service_id: serviceId, callback_api_id: id } = params;
    const target = await findTarget(db, serviceId, id);
    if (!target) throw noResultFound();
    const body = JSON.stringify(sampleBody(target.type, new Date(clock.now())));
    const token = openToken(deps, id, target.token);
    const elapsed = stopwatch();
    const response: CallbackResponse =
      token === null
        ? { kind: 'no answer', code: 'sealed', detail: 'The token could not be decrypted' }
        : await deps.poster.post({ url: target.url, token, body }, callerLeaves(reply));
    return { data: { ...showResponse(response), milliseconds: Math.round(elapsed()) } };
  },
});

/** The addresses of a service as they are doing, for the admin client (spec 04, section 1.13). */
export const callbackHealthRoutes = [list, test, resume];

/** null: it was sealed under a secret that this process does not have. */
function openToken({ cipher, log }: CallbackHealthDeps, id: string, sealed: Buffer): string | null {
  try {
    return cipher.open(sealed, id);
  } catch (error) {
    log.error({ err: error, callbackApiId: id }, 'The token of a callback address could not be decrypted');
    return null;
  }
}

function showResponse(response: CallbackResponse) {
  if (response.kind === 'given up')
    return { delivered: false, status: null, failure: 'stopped', detail: null };
  if (response.kind !== 'answered')
    return { delivered: false, status: null, failure: response.code, detail: response.detail };
  const { status } = response;
  const isRedirect = status >= 300 && status < 400;
  const detail = isRedirect ? 'Redirects are not followed: configure the address that it leads to' : null;
  return { delivered: status >= 200 && status < 300, status, failure: null, detail };
}

function showHealth(api: CallbackApiHealth) {
  const { pausedUntil, failures, waiting } = api;
  return {
    ...show(api),
    callback_type: api.type,
    paused: pausedUntil !== null,
    paused_until: pausedUntil && isoMicroseconds(pausedUntil),
    failures,
    waiting,
  };
}
