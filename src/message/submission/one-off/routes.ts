import { Type } from 'typebox';
import type { Template } from '../../../content/template/template.ts';
import type { Cache } from '../../../database/cache.ts';
import type { NotificationType } from '../../../database/tables.ts';
import type { Batcher } from '../../../ground/batcher.ts';
import { dayOf } from '../../../ground/clock.ts';
import { parseUuid } from '../../../ground/id.ts';
import { badRequest, noResultFound, Problem } from '../../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../../http/server/define-route.ts';
import { orNull, relatedId, uuid } from '../../../http/validate/shapes.ts';
import { requirePermission } from '../../../tenant/permission/acting.ts';
import type { Service } from '../../../tenant/service/service.ts';
import type { AcceptResult, Submission } from '../accept-batch.ts';
import { refuseUnprovided } from '../prepare.ts';
import { limitReached } from '../store.ts';
import { dailyLimits, dailyProblem } from '../submit.ts';
import { type OneOffDeps, prepareOneOff } from './prepare.ts';

export type OneOffRouteDeps = OneOffDeps &
  Readonly<{ services: Cache<Service | null>; acceptance: Batcher<Submission, AcceptResult> }>;

const body = Type.Object({
  template_id: relatedId('The template to send.'),
  to: Type.String({ description: 'The phone number or email address, as the template’s type asks.' }),
  personalisation: Type.Optional(
    orNull(
      Type.Unsafe<Record<string, unknown>>({
        type: 'object',
        description: 'Values for the template’s placeholders, by name.',
      }),
    ),
  ),
  created_by: relatedId('The id of the user who sends it; the acting user if there is one.'),
  sender_id: Type.Optional(
    orNull(Type.String(), 'One of the service’s senders or reply-to addresses; without it, the default one.'),
  ),
});

const words = {
  sms: { permission: 'send_texts', notAllowed: 'Service is not allowed to send text messages' },
  email: { permission: 'send_emails', notAllowed: 'Service is not allowed to send emails' },
} as const;

const sendOneOff = defineRoute({
  tag: 'Administration',
  authentication: 'admin',
  // And `send_texts` or `send_emails`, which only the template tells.
  permission: 'member',
  method: 'POST',
  path: `/service/${uuidPart('service_id')}/send-notification`,
  handlerName: 'service.create_one_off_notification',
  summary: 'Send one message by hand',
  description:
    'At once, as the person named in `created_by`, who must be a member of the service. Whoever acts needs `send_texts` or `send_emails`, by the type of the template. It counts towards the daily limits of the service, and towards no rate limit. In trial mode only members of the team can be sent to.',
  params: Type.Object({ service_id: uuid('The service.') }),
  body,
  refine: (_deps: OneOffRouteDeps, { scheduled_for: at = null }) =>
    at === null ? [] : [{ field: 'scheduled_for', text: 'The message would be sent at once.' }],
  example: {
    template_id: '{sms_template_id}',
    to: '07700 900123',
    personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' },
    created_by: '{user_id}',
  },
  answers: {
    201: {
      description: 'Accepted: the message is stored and will be sent or accounted for.',
      schema: Type.Object({ id: uuid('The message’s id, for reading it.') }),
    },
    400: { description: 'The message is invalid; nothing was accepted.' },
    404: { description: 'There is no such service, template or user.' },
    429: { description: 'The service may send no more messages of the type today.' },
  },
  async handler(deps: OneOffRouteDeps, request) {
    const { params, body, actorId, carriedId } = request;
    const service = await deps.services.get(params.service_id);
    if (!service) throw noResultFound();
    refuseInactive(service);
    const template = await findTemplate(deps, service, body.template_id);
    const { permission, notAllowed } = words[template.type];
    requirePermission(request, permission);
    if (!service.permissions.has(template.type)) throw badRequest(notAllowed);
    refuseUnprovided(deps, template.type);
    await refusePastLimit(deps, service, template.type);
    const message = await prepareOneOff(deps, {
      ...{ service, template, to: body.to, personalisation: body.personalisation ?? {} },
      ...{ createdBy: actorId ?? body.created_by, senderId: body.sender_id ?? null, requestId: carriedId },
    });
    // No rate limits it, and its place in the fair order is that of its service.
    const { verdict } = await deps.acceptance.add({
      ...{ serviceId: service.id, keyType: message.keyType, rateLimit: null, message, idempotency: null },
      ...dailyLimits(service, message),
    });
    if (verdict === 'accepted') return { id: message.id };
    const limit = verdict === 'international' ? 'international_sms' : template.type;
    throw dailyProblem(limit, service.limits[limit], new Date(deps.clock.now()));
  },
});

/** Sending one message from the admin client (spec 04, section 7.2). */
export const oneOffRoutes = [sendOneOff];

/** As for jobs (spec 04, section 6.1). */
function refuseInactive({ active }: Service): void {
  if (active) return;
  const message = 'Sending is not allowed: service is inactive';
  throw new Problem(403, [{ error: 'BadRequestError', message }]);
}

/** Throws a Problem (404) if the service has no such template. */
async function findTemplate(deps: OneOffRouteDeps, service: Service, given: unknown): Promise<Template> {
  const id = parseUuid(given);
  const template = id === null ? null : await deps.templates.templates.get(id);
  if (!template || template.serviceId !== service.id || template.hidden) throw noResultFound();
  return template;
}

/** The limit hides faults of the message. It takes nothing: accepting the message decides. */
async function refusePastLimit(
  { db, clock }: OneOffRouteDeps,
  service: Service,
  type: NotificationType,
): Promise<void> {
  const now = new Date(clock.now());
  const limited = {
    ...({ serviceId: service.id, keyType: 'normal', rateLimit: null, message: { type } } as const),
    dailyLimit: service.limits[type],
  };
  if (await limitReached(db, limited, now, dayOf(now.getTime())))
    throw dailyProblem(type, service.limits[type], now);
}
