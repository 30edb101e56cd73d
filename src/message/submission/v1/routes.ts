import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isUnreachable } from '../../../database/connection.ts';
import type { NotificationType } from '../../../database/tables.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { badRequest, Problem } from '../../../ground/problem.ts';
import { defineRoute } from '../../../http/server/define-route.ts';
import { plainErrors } from '../../../http/server/error-format.ts';
import { baseUrl, readJson } from '../../../http/server/request.ts';
import type { AcceptDeps, Prepared } from '../prepare.ts';
import { countRefused, type SubmitDeps, submit } from '../submit.ts';
import { prepareV1, readRequestV1 } from './prepare.ts';
import { emailRequestV1, emailResponseV1, smsRequestV1, smsResponseV1 } from './schemas.ts';

export type SubmissionRouteV1Deps = AcceptDeps &
  SubmitDeps &
  Readonly<{ metrics: Metrics; publicUrl: string | null }>;

const personalisation = { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' };
const refused = (message: unknown) => ({
  400: {
    description: 'The message is invalid; nothing was accepted.',
    example: { result: 'error', message },
  },
  404: {
    description: 'The service has no such template.',
    example: { result: 'error', message: 'No result found' },
  },
});
const id = '019a1b2c-3d4e-7f60-8a9b-0c1d2e3f4a5b';
const v1Description =
  'The first version of the API, for clients that still use it. New clients should use version 2.';

/** The handler parses the body: some checks come first, and the body need not be JSON (spec 01, section 2.1). */
const common = {
  method: 'POST',
  authentication: 'service key',
  handlerName: 'notifications.send_notification',
} as const;
const documented = { ...common, tag: 'Version 1', description: v1Description } as const;

const sendSms = defineRoute({
  ...documented,
  path: '/notifications/sms',
  summary: 'Send a text message (version 1)',
  rawBody: { schema: smsRequestV1 },
  example: { to: '07700 900123', template: '{sms_template_id}', personalisation },
  answers: {
    201: {
      description: 'Accepted.',
      schema: smsResponseV1,
      example: {
        data: { notification: { id }, body: 'Hello Rowan, your book is ready.', template_version: 1 },
      },
    },
    ...refused({ to: ['Invalid phone number: Not enough digits'] }),
  },
  handler: (deps: SubmissionRouteV1Deps, request, reply) => send(deps, 'sms', request, reply),
});

const sendEmail = defineRoute({
  ...documented,
  path: '/notifications/email',
  summary: 'Send an email (version 1)',
  rawBody: { schema: emailRequestV1 },
  example: { to: 'rowan@example.com', template: '{email_template_id}', personalisation },
  answers: {
    201: {
      description: 'Accepted.',
      schema: emailResponseV1,
      example: {
        data: {
          notification: { id },
          body: 'Hello Rowan,\n\nyour loan of Sea Charts ends on 4 May.',
          template_version: 1,
          subject: 'Rowan, your loan ends on 4 May',
        },
      },
    },
    ...refused({ template: ['Missing personalisation: name, date'] }),
  },
  handler: (deps: SubmissionRouteV1Deps, request, reply) => send(deps, 'email', request, reply),
});

const sendOther = defineRoute({
  ...common,
  path: '/notifications/:notification_type',
  summary: null,
  params: Type.Object({ notification_type: Type.String() }),
  handler(_deps: SubmissionRouteV1Deps, { params: { notification_type: type } }) {
    throw badRequest(
      `${type} notification type is not supported${type === 'letter' ? ', please use the latest version of the client' : ''}`,
    );
  },
});

/** Sending in v1, in the order of spec 01 section 2.1. */
export const submissionRoutesV1 = [sendSms, sendEmail, sendOther];

async function send(
  deps: SubmissionRouteV1Deps,
  type: NotificationType,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { answer, headers } = await post(deps, type, request);
  reply.code(201).headers(headers).type('application/json').send(answer);
}

async function post(
  deps: SubmissionRouteV1Deps,
  type: NotificationType,
  request: FastifyRequest,
): ReturnType<typeof submit> {
  const sending = {
    ...request.caller,
    requestId: request.carriedId,
    baseUrl: baseUrl(request, deps.publicUrl),
  };
  const read = readRequestV1(deps, sending, type, readDocument(request));
  let isSubmitted = false;
  try {
    // Rows 5 and 6, as far as this process knows; `submit` has the final say.
    const limit = deps.knownLimits.reached(sending, type);
    if (limit) throw limit;
    const prepared = await prepareV1(deps, sending, read);
    isSubmitted = true;
    const submitted = await submit(deps, sending, prepared, JSON.stringify(showPrepared(prepared)), null);
    deps.metrics.count(type);
    return submitted;
  } catch (error) {
    if (isSubmitted) throw inV1(notKept(error));
    if (!isLimit(error)) countRefused(deps, sending);
    throw inV1(error);
  }
}

/** The 201 body (spec 01, section 2.1). */
function showPrepared({ message, template, content }: Prepared) {
  return {
    data: { notification: { id: message.id }, template_version: template.current.version, ...content },
  };
}

/** Row 3: a body declared as JSON must be valid; any other body that is not JSON counts as `{}`. */
function readDocument(request: FastifyRequest): unknown {
  const { body } = request;
  try {
    return readJson(body, plainErrors.malformedJson);
  } catch (error) {
    if ((error as Problem).message !== plainErrors.malformedJson) throw error;
    const isEmpty = !Buffer.isBuffer(body) || body.toString('utf8').trim() === '';
    if (isEmpty || !isJson(contentTypeOf(request))) return {};
    throw error;
  }
}

function isJson(contentType: string): boolean {
  return /^\s*application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i.test(contentType);
}

/** The header as sent: the server removes it, so that no body is refused because of it (http/server/server.ts). */
function contentTypeOf({ raw: { rawHeaders } }: FastifyRequest): string {
  const name = rawHeaders.findIndex(
    (text, index) => index % 2 === 0 && text.toLowerCase() === 'content-type',
  );
  return name === -1 ? '' : (rawHeaders[name + 1] ?? '');
}

function isLimit(error: unknown): error is Problem {
  return error instanceof Problem && error.status === 429;
}

/** Rewrites a limit's error for v1, where the daily limit is not named. */
function inV1(error: unknown): unknown {
  if (!isLimit(error)) return error;
  const faults = error.faults.map((fault) => ({
    ...fault,
    message: fault.message.replace(/^(Exceeded send limits \()\w+: /, '$1'),
  }));
  return new Problem(error.status, faults, { ...error.headers });
}

/** Row 14: why a message could not be stored is only logged. */
function notKept(error: unknown): unknown {
  if (error instanceof Problem || isUnreachable(error)) return error;
  const problem = new Problem(500, [
    { error: 'InternalServerError', message: 'Failed to create the notification' },
  ]);
  problem.cause = error;
  return problem;
}
