import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Cache } from '../../database/cache.ts';
import type { Db } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound, Problem } from '../../ground/problem.ts';
import { createTurns, type Turns } from '../../ground/turns.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, orNull, relatedId, uuid } from '../../http/validate/shapes.ts';
import { costInPounds, rateAt } from '../../message/rate/rate.ts';
import type { UnitRates } from '../../message/rate/store.ts';
import { ownOnly } from '../../message/reading/admin/routes.ts';
import { refuseUnprovided } from '../../message/submission/prepare.ts';
import type { Queues } from '../../queue/queues.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { requirePermission } from '../../tenant/permission/acting.ts';
import type { Service } from '../../tenant/service/service.ts';
import { userIn } from '../../tenant/user/named.ts';
import { jobSchema, showJob } from '../run/job.ts';
import { jobTask, processJob } from '../run/queue.ts';
import { sendPermissions } from '../run/routes.ts';
import { addJob, findAnyJob, findJob } from '../run/store.ts';
import { addUpload } from '../upload/store.ts';
import { leftOutMeanings } from './resend.ts';
import { isRecipient, type Plan, planResend, type Selection } from './resend-plan.ts';
import type { ResultDeps } from './routes.ts';
import { statusesOf } from './row.ts';
import { addResends, findResent, lockResends, type Resent } from './store-resend.ts';

/** `resending`: requests of each service, one at a time. */
export type ResendDeps = ResultDeps &
  Parameters<typeof planResend>[0] &
  Readonly<{
    db: Db;
    queues: Pick<Queues, 'transaction'>;
    services: Cache<Service | null>;
    unprovided: readonly NotificationType[];
    newId: () => string;
    unitRates: UnitRates;
    resending: Turns;
  }>;

export function createResending(): Turns {
  const message =
    'Messages of this service are being sent again. Wait for the end of that before sending more';
  return createTurns({
    ...{ atOnce: 1, mostWaiting: 5, longestWaitMilliseconds: 30_000 },
    refused: () => new Problem(429, [{ error: 'TooManyRequestsError', message }], { 'Retry-After': '5' }),
  });
}

const mostIds = 10_000;
/** Messages that were sent again before and are named. */
const mostNamed = 1000;
const notAllowed = {
  sms: 'Service is not allowed to send text messages',
  email: 'Service is not allowed to send emails',
} as const;

const body = Type.Object({
  ids: Type.Optional(Type.Array(uuid(), { description: 'The messages; or else `job_id`.' })),
  job_id: Type.Optional(relatedId('All messages of this job with one of the statuses.')),
  status: Type.Optional(
    Type.Array(Type.String(), {
      description: 'With `job_id`; `failed` by default, which means every kind of failure.',
    }),
  ),
  recipients: Type.Optional(
    orNull(
      Type.Unsafe<Record<string, unknown>>({
        type: 'object',
        description: 'Other recipients, by the id of the message.',
      }),
    ),
  ),
  created_by: Type.Optional(relatedId('The id of the user who sends them; the acting user if there is one.')),
  dry_run: Type.Optional(
    Type.Boolean({ default: false, description: '`true`: only says what would happen.' }),
  ),
});

const resent = Type.Object({ id: uuid('Of the message.'), job: uuid(), job_row_number: Type.Integer() });

const outcome = Type.Object({
  data: orNull(jobSchema, 'The new job; null if nothing is sent.'),
  count: Type.Integer({ description: 'Messages that are sent again.' }),
  left_out: Type.Array(Type.Object({ reason: oneOf(Object.keys(leftOutMeanings)), count: Type.Integer() }), {
    description: [
      'How many are not, and why:',
      '',
      ...Object.entries(leftOutMeanings).map(([reason, meaning]) => `- \`${reason}\`: ${meaning}`),
    ].join('\n'),
  }),
  unreachable: Type.Array(Type.Object({ id: uuid('Of the message.'), recipient: Type.String() }), {
    description:
      'The first 20 of those that are left out because of their `recipient`: what `recipients` may change. Empty for whoever may not see the messages.',
  }),
  may_arrive_twice: Type.Integer({
    description:
      'Of those sent again: that arrived before, or may have, because nobody has said what became of them.',
  }),
  cost_units: Type.Integer({ description: 'Fragments times the multiplier of their country.' }),
  cost_in_pounds: orNull(Type.Number(), 'At today’s rate; null if there is none.'),
  resent_as: Type.Array(resent, {
    description: `Messages that had been sent again before, and as what; at most ${mostNamed}.`,
  }),
});

const resend = defineRoute({
  tag: 'Administration',
  authentication: 'admin',
  // And `send_texts` or `send_emails`, which only the messages tell.
  permission: 'member',
  method: 'POST',
  path: `/service/${uuidPart('service_id')}/notifications/resend`,
  handlerName: 'service.resend_notifications',
  summary: 'Send messages again',
  description: `As a job of one row for each message, with its own values and the version of the template that it had. They have to be of one version of one template. A message is sent again once, whoever asks how often. Left out is what cannot succeed; with another recipient it may. Whoever acts needs \`send_texts\` or \`send_emails\`, by the type of the messages. At most ${mostIds} messages can be named, and all of a job.`,
  params: Type.Object({ service_id: uuid('The service.') }),
  body,
  example: { ids: ['{notification_id}'], dry_run: true },
  answers: {
    200: { description: 'What would happen; or that nothing is sent.', schema: outcome },
    201: { description: 'They are sent again.', schema: outcome },
    400: { description: 'They are not of one version of one template, or are too many.' },
    403: { description: 'The service is inactive.' },
    404: { description: 'The service has no such messages or job, or there is no such user.' },
    429: { description: 'Other messages of the service are being sent again.' },
  },
  refine: (_deps: ResendDeps, { ids, job_id: jobId, status }) => {
    const given = (value: unknown) => value !== undefined && value !== null;
    if (given(ids) && given(jobId)) return [{ field: 'ids', text: 'Not together with job_id.' }];
    if (!given(ids) && !given(jobId)) return [{ field: 'ids', text: 'Missing data for required field.' }];
    if (Array.isArray(ids) && (ids.length === 0 || ids.length > mostIds))
      return [{ field: 'ids', text: `Give 1 to ${mostIds} messages.` }];
    return given(status) && !given(jobId) ? [{ field: 'status', text: 'Only together with job_id.' }] : [];
  },
  async handler(deps: ResendDeps, request, reply) {
    const { params, body, actorId } = request;
    const service = await deps.services.get(params.service_id);
    if (!service) throw noResultFound();
    if (!service.active) {
      const message = 'Sending is not allowed: service is inactive';
      throw new Problem(403, [{ error: 'BadRequestError', message }]);
    }
    const recipients = recipientsOf(body.recipients ?? {});
    const createdBy =
      actorId ?? (body.created_by === undefined ? null : await userIn(deps.db, body.created_by));
    const left = callerLeaves(reply);
    const leave = await deps.resending(service.id, left);
    try {
      const selection = await selectionOf(deps, service, body);
      const planned = await planResend(deps, service, selection, recipients, left);
      const own = ownOnly(request.actor);
      const mayRead = own === null || ('job' in selection && selection.job.createdBy === own);
      const plan = mayRead ? planned : { ...planned, unreachable: [] };
      await refuse(deps, request, service, plan);
      refuseRecipients(deps, plan, recipients);
      if (body.dry_run || plan.rows.length === 0) return outcomeOf(deps, plan, null);
      const made = await sendAgain(deps, service, plan, createdBy);
      const outcome = await outcomeOf(deps, made.plan, made.job);
      if (made.job === null) return outcome;
      return reply.code(201).type('application/json').send(JSON.stringify(outcome));
    } finally {
      leave();
    }
  },
});

/** Sending messages again (spec 04, section 7.2). */
export const resendRoutes = [resend];

function recipientsOf(given: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const recipients = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    const id = parseUuid(name);
    if (id === null) throw invalidFields({ recipients: ['Not a valid UUID.'] });
    if (typeof value !== 'string') throw invalidFields({ recipients: ['Not a valid string.'] });
    recipients.set(id, value);
  }
  return recipients;
}

/** Throws a Problem (404) if the service has no such job. */
async function selectionOf(
  { db }: ResendDeps,
  service: Service,
  { ids, job_id: given, status }: Static<typeof body>,
): Promise<Selection> {
  if (given === undefined) return { ids: [...new Set(ids!.map((id) => parseUuid(id)!))].sort().reverse() };
  const id = parseUuid(given);
  const job = id === null ? null : await findJob(db, service.id, id);
  if (!job) throw noResultFound();
  return { job, statuses: statusesOf(status ?? ['failed']) };
}

/** Throws a Problem if messages of this kind may not be sent, or by whoever acts. */
async function refuse(
  deps: ResendDeps,
  request: Pick<FastifyRequest, 'actor'>,
  { permissions }: Service,
  { type, template, leftOut }: Plan,
): Promise<void> {
  if (type === null || template === null) {
    if (leftOut.has('not-found')) throw noResultFound();
    return;
  }
  requirePermission(request, sendPermissions[type]);
  if (!permissions.has(type)) throw badRequest(notAllowed[type]);
  refuseUnprovided(deps, type);
  const current = await deps.templates.templates.get(template.templateId);
  if (!current || current.archived) throw badRequest('Template has been deleted');
}

/** Throws a Problem (400) for another recipient that is none. It is not named: errors are logged. */
function refuseRecipients(deps: ResendDeps, { type }: Plan, recipients: ReadonlyMap<string, string>): void {
  for (const [id, recipient] of recipients)
    if (type !== null && !isRecipient(deps, type, recipient))
      throw invalidFields({
        recipients: [`Not a valid ${type === 'sms' ? 'phone number' : 'email address'} (${id})`],
      });
}

const keptMilliseconds = 9 * 86_400_000;

/**
 * Makes the upload and the job, records what they repeat and queues the job, in one transaction. What another request
 * has sent again meanwhile is left out.
 */
async function sendAgain(
  deps: ResendDeps,
  { id: serviceId }: Service,
  plan: Plan,
  createdBy: string | null,
): Promise<Readonly<{ plan: Plan; job: string | null }>> {
  const { db, queues, cipher, clock } = deps;
  const id = deps.newId();
  const now = new Date(clock.now());
  const type = plan.type!;
  const template = plan.template!;
  const repeated = plan.resentFrom === null ? null : await findJob(db, serviceId, plan.resentFrom);
  const originalFileName = repeated ? `Again: ${repeated.originalFileName}` : 'Messages sent again';
  const common = {
    ...{ id, serviceId, templateId: template.templateId, templateVersion: template.version },
    ...{ templateType: type, originalFileName, createdBy, apiKeyId: null, createdAt: now },
  };
  return await queues.transaction(async ({ trx, send }) => {
    await lockResends(trx, serviceId);
    const left = withoutResent(
      plan,
      await findResent(
        trx,
        plan.rows.map((row) => row.id),
      ),
    );
    const { rows, header, replyToText } = left;
    if (rows.length === 0) return { plan: left, job: null };
    const upload = {
      ...({ ...common, header, format: 'messages', bytes: 0, digest: Buffer.alloc(0), valid: true } as const),
      ...{
        leftOutOf: null,
        contactListId: null,
        senderId: null,
        expiresAt: new Date(now.getTime() + keptMilliseconds),
      },
    };
    await addUpload(
      trx,
      cipher,
      upload,
      rows.map(({ cells }) => cells),
    );
    await addJob(trx, {
      ...({
        ...common,
        notificationCount: rows.length,
        status: 'pending',
        keyType: 'normal',
        replyToText,
      } as const),
      ...{ scheduledFor: null, holdUntil: null, reference: null, contactListId: null },
      resentFrom: repeated?.id ?? null,
    });
    await addResends(
      trx,
      id,
      rows.map((row) => row.id),
      now,
    );
    await send(processJob, [jobTask(id)]);
    const after = {
      ...{ original_file_name: originalFileName, notification_count: rows.length },
      ...{ template: template.templateId, template_version: template.version },
      resent_from: repeated?.id ?? null,
    };
    const event = { type: 'resend_notifications', serviceId, userId: createdBy, subjectId: id };
    await recordEvent(trx, { ...event, data: { before: null, after } }, now);
    return { plan: left, job: id };
  });
}

function withoutResent(plan: Plan, resent: readonly Resent[]): Plan {
  if (resent.length === 0) return plan;
  const ids = new Set(resent.map(({ id }) => id));
  return {
    ...plan,
    rows: plan.rows.filter(({ id }) => !ids.has(id)),
    leftOut: new Map(plan.leftOut).set('repeated', (plan.leftOut.get('repeated') ?? 0) + ids.size),
    resentAs: [...plan.resentAs, ...resent],
  };
}

async function outcomeOf({ db, clock, unitRates }: ResendDeps, plan: Plan, jobId: string | null) {
  const { rows, leftOut, resentAs, unreachable } = plan;
  const job = jobId === null ? null : await findAnyJob(db, jobId);
  const units = rows.reduce((sum, row) => sum + row.units, 0);
  return {
    data: job && showJob(job, []),
    count: rows.length,
    left_out: [...leftOut].map(([reason, count]) => ({ reason, count })),
    unreachable: [...unreachable],
    may_arrive_twice: rows.filter((row) => row.mayArriveTwice).length,
    cost_units: units,
    cost_in_pounds: costInPounds(units, rateAt(await unitRates.get('sms'), new Date(clock.now()))),
    resent_as: resentAs
      .slice(0, mostNamed)
      .map(({ id, job, jobRowNumber }) => ({ id, job, job_row_number: jobRowNumber })),
  };
}
