import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { NotificationType } from '../../../database/tables.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import type { Problem } from '../../../ground/problem.ts';
import { defineRoute } from '../../../http/server/define-route.ts';
import { v2Errors } from '../../../http/server/error-format.ts';
import { baseUrl, readJson, sendNotFound } from '../../../http/server/request.ts';
import type { AcceptDeps, Prepared, Sending } from '../prepare.ts';
import {
  answerPastLimit,
  countRefused,
  type Idempotency,
  readIdempotency,
  repeatedAnswer,
  type SubmitDeps,
  type Submitted,
  submit,
} from '../submit.ts';
import { prepareEmail } from './prepare-email.ts';
import { prepareSms } from './prepare-sms.ts';
import { letterRequest, refuseLetter } from './refuse-letter.ts';
import { emailRequest, emailResponse, smsRequest, smsResponse } from './schemas.ts';

export type SubmissionRouteDeps = AcceptDeps &
  SubmitDeps &
  Readonly<{ metrics: Metrics; publicUrl: string | null }>;

const idempotencyKey = Type.String({
  minLength: 1,
  maxLength: 255,
  description:
    'A unique value for this request, such as a UUID, in printable ASCII. For 24 hours, repeating the request with the same value and an API key of the same type returns the first response, and nothing is sent twice.',
});

const refusals = {
  400: {
    description: 'The message is invalid; nothing was accepted.',
    example: {
      status_code: 400,
      errors: [
        { error: 'ValidationError', message: 'phone_number Not enough digits' },
        { error: 'ValidationError', message: 'template_id is a required property' },
      ],
    },
  },
  409: { description: 'The `Idempotency-Key` was used for a different request within the last 24 hours.' },
} as const;

const smsExample = {
  template_id: '{sms_template_id}',
  phone_number: '07700 900123',
  personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' },
  reference: 'loan-4711',
};
const emailExample = {
  template_id: '{email_template_id}',
  email_address: 'rowan@example.com',
  personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' },
  reference: 'loan-4711',
};
const responseExample = (type: NotificationType) => ({
  id: '019a1b2c-3d4e-7f60-8a9b-0c1d2e3f4a5b',
  reference: 'loan-4711',
  uri: 'https://despatch.example/v2/notifications/019a1b2c-3d4e-7f60-8a9b-0c1d2e3f4a5b',
  template: {
    id: '3f9d0c1e-5a7b-4c2d-9e8f-0a1b2c3d4e5f',
    version: 1,
    uri: `https://despatch.example/services/6b0d1c9e-1f5e-4a3c-9d53-2f6c7a1e8b40/templates/3f9d0c1e-5a7b-4c2d-9e8f-0a1b2c3d4e5f`,
  },
  scheduled_for: null,
  ...(type === 'sms'
    ? { content: { body: 'Hello Rowan, your book Sea Charts is ready.', from_number: 'HARBOUR' } }
    : {
        content: {
          body: 'Hello Rowan,\n\nyour loan of Sea Charts ends on 4 May.',
          subject: 'Rowan, your loan ends on 4 May',
          from_email: 'harbour.library@despatch.localhost',
          one_click_unsubscribe_url: null,
        },
        sanitised_content: {},
      }),
});

const sendingDescription =
  'A 201 means that the message is stored and will be sent or accounted for. Read it by its `id` to see the outcome.';

/** The handler parses the body: limits and the `Idempotency-Key` are checked first (spec 01, section 4.3). */
const common = {
  method: 'POST',
  authentication: 'service key',
  handlerName: 'v2_notifications.post_notification',
} as const;
const documented = {
  ...common,
  tag: 'Sending',
  description: sendingDescription,
  headers: { 'Idempotency-Key': idempotencyKey },
} as const;

const sendSms = defineRoute({
  ...documented,
  path: '/v2/notifications/sms',
  summary: 'Send a text message',
  rawBody: { schema: smsRequest },
  example: smsExample,
  client: callOf('sendSms', smsExample.phone_number, smsExample),
  answers: {
    201: { description: 'Accepted.', schema: smsResponse, example: responseExample('sms') },
    ...refusals,
  },
  handler: (deps: SubmissionRouteDeps, request, reply) => post(deps, 'sms', request, reply),
});

const sendEmail = defineRoute({
  ...documented,
  path: '/v2/notifications/email',
  summary: 'Send an email',
  rawBody: { schema: emailRequest },
  example: emailExample,
  client: callOf('sendEmail', emailExample.email_address, emailExample),
  answers: {
    201: { description: 'Accepted.', schema: emailResponse, example: responseExample('email') },
    ...refusals,
  },
  handler: (deps: SubmissionRouteDeps, request, reply) => post(deps, 'email', request, reply),
});

const sendLetter = defineRoute({
  ...common,
  path: '/v2/notifications/letter',
  summary: 'Send a letter',
  description:
    'Despatch sends no letters: every request is refused. Invalid requests get the same errors as if letters were sent.',
  tag: 'Sending',
  rawBody: { schema: letterRequest },
  answers: {
    400: {
      description: 'Letters are not sent.',
      example: {
        status_code: 400,
        errors: [{ error: 'BadRequestError', message: 'Service is not allowed to send letters' }],
      },
    },
    409: { description: 'The `Idempotency-Key` was used for a different request within the last 24 hours.' },
    403: {
      description: 'The token does not belong to an active key, or this type of key may not send letters.',
    },
  },
  handler: (deps: SubmissionRouteDeps, request, reply) => post(deps, 'letter', request, reply),
});

/** A caller with a valid key gets a 404 for any other type (spec 01, section 6). */
const sendOther = defineRoute({
  ...common,
  path: '/v2/notifications/:notification_type',
  summary: null,
  handler: (_deps: SubmissionRouteDeps, _request, reply) => sendNotFound(reply),
});

/** Sending in v2, in the order of spec 01 section 4.3. */
export const submissionRoutes = [sendSms, sendEmail, sendLetter, sendOther];

const prepare = { sms: prepareSms, email: prepareEmail, letter: refuseLetter } as const;

async function post(
  deps: SubmissionRouteDeps,
  type: keyof typeof prepare,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const base = baseUrl(request, deps.publicUrl);
  const sending = { ...request.caller, requestId: request.carriedId, baseUrl: base };
  const limit = deps.knownLimits.reached(sending, type);
  if (limit) return created(reply, await pastLimit(deps, sending, limit, type, request));
  let isSubmitted = false;
  try {
    const idempotency = readIdempotency(request.headers['idempotency-key'], type, request.body);
    const repeated = idempotency && (await repeatedAnswer(deps, sending, idempotency));
    if (repeated) return created(reply, repeated);
    const prepared = await prepare[type](deps, sending, readJson(request.body, v2Errors.malformedJson));
    const answer = JSON.stringify(showPrepared(prepared, base));
    isSubmitted = true;
    const submitted = await submit(deps, sending, prepared, answer, idempotency);
    deps.metrics.count(type);
    return created(reply, submitted);
  } catch (error) {
    if (!isSubmitted) countRefused(deps, sending);
    throw error;
  }
}

/** A limit that is reached refuses the request before anything else, unless it repeats an accepted one. */
async function pastLimit(
  deps: SubmissionRouteDeps,
  sending: Sending,
  limit: Problem,
  type: keyof typeof prepare,
  request: FastifyRequest,
): Promise<Submitted> {
  let idempotency: Idempotency | null;
  try {
    idempotency = readIdempotency(request.headers['idempotency-key'], type, request.body);
  } catch {
    throw limit;
  }
  const repeated = idempotency && (await answerPastLimit(deps, sending, idempotency));
  if (!repeated) throw limit;
  return repeated;
}

function created(
  reply: FastifyReply,
  { answer, headers }: { answer: string; headers: Readonly<Record<string, string>> },
): void {
  reply.code(201).headers(headers).type('application/json').send(answer);
}

/** The 201 body (spec 01, sections 3.3 and 3.4). */
function showPrepared({ message, template, content, sanitised }: Prepared, base: string) {
  return {
    id: message.id,
    reference: message.clientReference,
    uri: `${base}/v2/notifications/${message.id}`,
    template: {
      id: template.id,
      version: template.current.version,
      uri: `${base}/services/${template.serviceId}/templates/${template.id}`,
    },
    scheduled_for: message.scheduledFor && isoMicroseconds(message.scheduledFor),
    content,
    // Always present for email, even if nothing changed: the official Node.js client's types have it.
    ...(sanitised && { sanitised_content: sanitised }),
  };
}

/** The official client's call that sends the example request. */
function callOf(
  method: string,
  recipient: string,
  { template_id, personalisation, reference }: typeof smsExample | typeof emailExample,
): string {
  const values = Object.entries(personalisation).map(([name, value]) => `${name}: '${value}'`);
  return [
    `${method}('${template_id}', '${recipient}', {`,
    `  personalisation: { ${values.join(', ')} },`,
    `  reference: '${reference}',`,
    '})',
  ].join('\n');
}
