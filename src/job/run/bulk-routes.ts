import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Template } from '../../content/template/template.ts';
import type { Reads } from '../../database/reads.ts';
import type { NotificationType } from '../../database/tables.ts';
import { dayOf, scheduleFault } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalid, noResultFound } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { v2Errors } from '../../http/server/error-format.ts';
import { keyConflict } from '../../http/server/once.ts';
import { baseUrl, callerLeaves, readJson } from '../../http/server/request.ts';
import { faultsOf } from '../../http/validate/check.ts';
import { orNull, uuid } from '../../http/validate/shapes.ts';
import {
  type AcceptDeps,
  chosenSender,
  readReference,
  readSchedule,
  refuseOwnAddresses,
  refuseUnprovided,
  type Sending,
} from '../../message/submission/prepare.ts';
import { countAccepted, rememberAnswer } from '../../message/submission/store.ts';
import {
  answerPastLimit,
  countRefused,
  dailyProblem,
  type Idempotency,
  rateHeaders,
  rateProblem,
  readIdempotency,
  repeatedAnswer,
  type SubmitDeps,
  type Submitted,
  withAnswer,
} from '../../message/submission/submit.ts';
import type { Caller } from '../../tenant/key/authenticate.ts';
import type { Sender, Service } from '../../tenant/service/service.ts';
import { type ReceiveDeps, receiveRows, rulesFor } from '../upload/receive.ts';
import { finishUpload } from '../upload/store.ts';
import { type GivenRows, mostFaults, readRows, rowsProblem, rulesOfKey } from './bulk.ts';
import { type CreateDeps, orderJob } from './create.ts';
import { jobSchema, showJob } from './job.ts';
import { findJob } from './store.ts';
import { findJobCounts } from './store-counts.ts';

export type BulkDeps = CreateDeps &
  ReceiveDeps &
  AcceptDeps &
  SubmitDeps &
  Readonly<{ reads: Reads; publicUrl: string | null }>;

const mostBytes = 10 * 1024 * 1024;
/** Rows and cells of `rows`: parsing them holds everybody up for a few tenths of a second. CSV is read in a thread. */
const mostValues = 600_000;

const body = Type.Object(
  {
    name: Type.String({
      format: 'text',
      maxLength: 1600,
      description: 'What the job is called, as the name of a file would be.',
    }),
    template_id: uuid('The template to send; its current version is used, whatever changes later.'),
    rows: Type.Optional(
      Type.Unsafe<readonly unknown[]>({
        type: 'array',
        minItems: 1,
        items: {},
        description:
          'The header, and a list of values for each message: texts, numbers or null. The header names the column of the recipient, `phone number` or `email address`, and the template’s placeholders; a column `reference` gives each message a reference of its own.',
      }),
    ),
    csv: Type.Optional(
      Type.String({
        description:
          'The same as CSV, in place of `rows`; for 100,000 rows of more than four columns, which have too many values for a list.',
      }),
    ),
    scheduled_for: Type.Optional(
      orNull(
        Type.String({ format: 'datetime' }),
        'When to begin, at most 7 days ahead, if the service may schedule. For other services it may be at most 24 hours ahead and is ignored.',
      ),
    ),
    reference: Type.Optional(
      Type.String({
        maxLength: 1000,
        description: 'Your own reference for the job, and for each message whose row has none.',
      }),
    ),
    reply_to_id: Type.Optional(
      uuid('For emails: one of the service’s reply-to addresses; without it, the default one.'),
    ),
    sms_sender_id: Type.Optional(
      uuid('For texts: one of the service’s senders; without it, the default one.'),
    ),
  },
  { additionalProperties: false },
);
type BulkRequest = Static<typeof body>;

const job = Type.Object({ data: jobSchema });

const sendBulk = defineRoute({
  method: 'POST',
  path: '/v2/notifications/bulk',
  authentication: 'service key',
  handlerName: 'v2_notifications.post_bulk',
  tag: 'Sending',
  summary: 'Send to many recipients',
  description:
    'Makes a job of up to 100,000 rows, each of which becomes a message; the body has at most 10 MiB. All rows are checked first: if any cannot be sent, the answer names the first 100 of them, and nothing is accepted. A 201 means that the job is stored, and each of its rows will be sent or accounted for. Read it by its `id` to see how far it is. Its messages are in the list of messages with `include_jobs=true`. The whole job counts towards the daily limit when it begins. One such request of a service is checked at a time; a few more wait.',
  headers: {
    'Idempotency-Key': Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'As for single messages: for 24 hours, repeating the request with the same value and an API key of the same type returns the first response, and there is one job.',
    }),
  },
  // The handler parses it: limits and the `Idempotency-Key` are checked first (spec 01, section 4.3).
  rawBody: { schema: body },
  bodyLimit: mostBytes,
  example: {
    name: 'Loans that end in May',
    template_id: '{sms_template_id}',
    rows: [
      ['phone number', 'name', 'title', 'date', 'time'],
      ['07700 900123', 'Rowan', 'Sea Charts', '4 May', '14:05'],
      ['07700 900124', 'Ash', 'Tide Tables', '5 May', '15:10'],
    ],
    reference: 'loans-05',
  },
  answers: {
    201: { description: 'Accepted: the job.', schema: job },
    400: {
      description: 'The request or one of its rows is invalid; nothing was accepted.',
      example: {
        status_code: 400,
        errors: [
          { error: 'BadRequestError', message: 'Row 3: phone number: Mobile number is too short' },
          { error: 'BadRequestError', message: 'Row 8: name: Missing' },
        ],
      },
    },
    409: {
      description: 'The `Idempotency-Key` was used for a different request within the last 24 hours.',
    },
    429: {
      description:
        'A limit of the service is reached, or too many such requests are being checked. Nothing was accepted.',
    },
  },
  handler: (deps: BulkDeps, request, reply) => post(deps, request, reply),
});

const readOne = defineRoute({
  method: 'GET',
  path: '/v2/jobs/:job_id',
  authentication: 'service key',
  handlerName: 'v2_notifications.get_job',
  tag: 'Reading',
  summary: 'Read a job',
  description: 'How far it is, and what became of its messages; with any of the service’s keys.',
  params: Type.Object({ job_id: uuid('The `id` that was returned when it was sent.') }),
  answers: {
    200: { description: 'The job.', schema: job },
    400: { description: '`job_id` is not a UUID.' },
    404: { description: 'The service has no such job.' },
  },
  async handler({ reads }: BulkDeps, request, reply) {
    const { service } = request.caller;
    const { job_id: id } = request.params;
    return await reads(service.id, callerLeaves(reply), async (db) => {
      const found = await findJob(db, service.id, id);
      if (!found) throw noResultFound();
      return { data: showJob(found, (await findJobCounts(db, [id])).get(id) ?? []) };
    });
  },
});

/** Jobs that services send themselves (spec 01, section 3.13). */
export const bulkRoutes = [sendBulk, readOne];

/** In the order of spec 01, section 3.13. */
async function post(deps: BulkDeps, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const sending = {
    ...request.caller,
    ...{ requestId: request.carriedId, baseUrl: baseUrl(request, deps.publicUrl) },
  };
  const { idempotency, repeated } = await readRepeat(deps, sending, request);
  if (repeated) return created(reply, repeated);
  const headers = await takeToken(deps, sending);
  try {
    const order = await prepare(deps, sending, readJson(request.body, v2Errors.malformedJson, mostValues));
    return created(reply, {
      answer: await accept(deps, sending, order, idempotency, callerLeaves(reply)),
      headers,
    });
  } catch (error) {
    // What was accepted stays accepted: an equal request may have been first, and have used up what this one lacks.
    const first = idempotency && (await answerPastLimit(deps, sending, idempotency).catch(() => null));
    if (first) return created(reply, first);
    throw error;
  }
}

function created(reply: FastifyReply, { answer, headers }: Submitted): void {
  reply.code(201).headers(headers).type('application/json').send(answer);
}

/** The request's Idempotency-Key, and the answer of the request that it repeats. A refusal counts as a request. */
async function readRepeat(deps: BulkDeps, sending: Sending, { headers, body }: FastifyRequest) {
  try {
    const idempotency = readIdempotency(headers['idempotency-key'], 'bulk', body);
    return { idempotency, repeated: idempotency && (await repeatedAnswer(deps, sending, idempotency)) };
  } catch (error) {
    countRefused(deps, sending);
    throw error;
  }
}

/** Counts the request. Returns the headers with the remaining rate. Throws a Problem (429) if there is none. */
async function takeToken({ acceptance, knownLimits }: BulkDeps, caller: Caller) {
  const { service, key } = caller;
  const { verdict, tokens } = await acceptance.add({
    ...{ serviceId: service.id, keyType: key.keyType, rateLimit: service.rateLimit },
    ...{ message: null, dailyLimit: null, internationalLimit: null, idempotency: null },
  });
  if (verdict !== 'rate') return rateHeaders(service, tokens);
  knownLimits.rateFull(caller);
  throw rateProblem(caller);
}

/** A request that has passed its own checks; the rows are left. */
type BulkOrder = Readonly<{
  name: string;
  template: Template;
  rows: GivenRows;
  reference: string | null;
  scheduledFor: Date | null;
  /** Only if it was chosen. */
  sender: Sender | undefined;
}>;

const typeNames = { sms: 'text messages', email: 'emails' } as const;

/** Throws a Problem. */
async function prepare(deps: BulkDeps, sending: Sending, document: unknown): Promise<BulkOrder> {
  const { service } = sending;
  const faults = faultsOf(body, document, {
    datetime: (text) => scheduleFault(text, deps.clock, service.permissions.has('schedule')),
  });
  if (faults.length > 0) throw invalid(faults);
  const request = document as BulkRequest;
  const reference = readReference(request.reference);
  const rows = readRows(request);
  const template = await deps.templates.templates.get(parseUuid(request.template_id)!);
  if (!template || template.serviceId !== service.id || template.hidden)
    throw badRequest('Template not found');
  const { type } = template;
  await refusePastLimit(deps, sending, type, 1);
  if (!service.permissions.has(type)) throw badRequest(`Service is not allowed to send ${typeNames[type]}`);
  refuseUnprovided(deps, type);
  if (template.archived) throw badRequest('Template has been deleted');
  const sender = senderIn(deps, service, type, request);
  const scheduledFor = readSchedule(sending, request.scheduled_for);
  return { name: request.name, template, rows, reference, scheduledFor, sender };
}

/** The sender or reply-to address that was chosen. Throws a Problem. */
function senderIn(
  deps: BulkDeps,
  service: Service,
  type: NotificationType,
  { reply_to_id: replyTo, sms_sender_id: smsSender }: BulkRequest,
): Sender | undefined {
  if (type === 'sms') {
    if (replyTo !== undefined)
      throw badRequest('reply_to_id is for emails, and the template is for text messages');
    const sender = chosenSender(service.smsSenders, 'sms_sender_id', smsSender, service.id);
    return smsSender === undefined ? undefined : sender;
  }
  if (smsSender !== undefined)
    throw badRequest('sms_sender_id is for text messages, and the template is for emails');
  const sender = chosenSender(service.emailReplyTos, 'reply_to_id', replyTo, service.id);
  refuseOwnAddresses(deps, service, sender?.text);
  return replyTo === undefined ? undefined : sender;
}

/**
 * Throws a Problem (429) if the service may not send so many more today. It takes nothing: the job takes the limit for
 * all its rows when it begins.
 */
async function refusePastLimit(
  { db, clock }: BulkDeps,
  { service, key }: Caller,
  type: NotificationType,
  rows: number,
): Promise<void> {
  const limit = service.limits[type];
  const now = new Date(clock.now());
  const isPast =
    key.keyType === 'test'
      ? limit === 0 && !service.restricted
      : ((await countAccepted(db, service.id, [type], dayOf(now.getTime()))).get(type) ?? 0) + rows > limit;
  if (isPast) throw dailyProblem(type, limit, now);
}

/**
 * Checks the rows, and makes the upload and its job in one transaction; returns the answer. Guarantee: when this
 * resolves, the job is durable; when it throws, nothing was accepted. Throws a Problem.
 */
async function accept(
  deps: BulkDeps,
  sending: Sending,
  { name, template, rows, reference, scheduledFor, sender }: BulkOrder,
  idempotency: Idempotency | null,
  left: AbortSignal,
): Promise<string> {
  const { service, key } = sending;
  const { type, current } = template;
  const rules = rulesOfKey(sending, await rulesFor(deps, service, type));
  const file = {
    ...{ service, template, fileName: name, ...rows, senderId: sender?.id ?? null },
    ...{ createdBy: null, apiKeyId: key.id, contactListId: null, mostFaults },
  };
  return await receiveRows(deps, file, rules, left, async (upload, written, now) => {
    if (!written.valid) throw await rowsProblem(deps, upload.id, written, current.content, sending, rules);
    // Another day's limit is not known yet.
    if (scheduledFor === null) await refusePastLimit(deps, sending, type, written.rowCount);
    return await deps.queues.transaction(async (transaction) => {
      const { trx } = transaction;
      await finishUpload(trx, deps.cipher, upload, written, now);
      await orderJob(
        transaction,
        {
          ...{ service, template, scheduledFor, reference, key, createdBy: null, holdSeconds: 0 },
          upload: { ...upload, rowCount: written.rowCount },
          ...{ originalFileName: null, replyToText: sender?.text ?? null, requestId: sending.requestId },
        },
        now,
      );
      const made = await findJob(trx, service.id, upload.id);
      const answer = JSON.stringify({ data: showJob(made!, []) });
      if (idempotency) {
        const remembered = withAnswer(deps, sending, idempotency, answer);
        if (!(await rememberAnswer(trx, service.id, key.keyType, remembered, now))) throw keyConflict('job');
      }
      return answer;
    });
  });
}
