import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isoMicroseconds } from '../../../ground/clock.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { baseUrl, sendNotFound } from '../../../http/server/server.ts';
import { readJson } from '../../../http/validate/json-body.ts';
import type { AcceptDeps, Prepared } from '../prepare.ts';
import { countRefused, readIdempotency, repeatedAnswer, type SubmitDeps, submit } from '../submit.ts';
import { sendDescriptions } from './description.ts';
import { prepareEmail } from './prepare-email.ts';
import { prepareSms } from './prepare-sms.ts';
import { letterDescription, refuseLetter } from './refuse-letter.ts';

export type SubmissionRouteDeps = AcceptDeps &
  SubmitDeps &
  Readonly<{ metrics: Metrics; publicUrl: string | null }>;

const prepare = { sms: prepareSms, email: prepareEmail, letter: refuseLetter } as const;
const descriptions = { ...sendDescriptions, letter: letterDescription };

/** Sending in v2, in the order of spec 01 section 4.3. Needs `requireKey` before it. */
export function submissionRoutes(app: FastifyInstance, deps: SubmissionRouteDeps): void {
  for (const type of ['sms', 'email', 'letter'] as const)
    app.post(
      `/v2/notifications/${type}`,
      { config: { handler: 'v2_notifications.post_notification', describe: descriptions[type] } },
      (request, reply) => post(deps, type, request, reply),
    );
  // Any other type is a path that is none, for whoever has a key (spec 01, section 6).
  app.post(
    '/v2/notifications/:notification_type',
    { config: { handler: 'v2_notifications.post_notification' } },
    async (_request, reply) => sendNotFound(reply),
  );
}

async function post(
  deps: SubmissionRouteDeps,
  type: keyof typeof prepare,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const base = baseUrl(request, deps.publicUrl);
  const sending = { ...request.caller, requestId: request.traceId, baseUrl: base };
  deps.knownLimits.check(sending, type);
  let isSubmitted = false;
  try {
    const idempotency = readIdempotency(request.headers['idempotency-key'], type, request.body);
    const repeated = idempotency && (await repeatedAnswer(deps, sending, idempotency));
    if (repeated) return created(reply, repeated);
    const prepared = await prepare[type](deps, sending, readJson(request.body));
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

function created(
  reply: FastifyReply,
  { answer, headers }: { answer: string; headers: Readonly<Record<string, string>> },
): FastifyReply {
  return reply.code(201).headers(headers).type('application/json').send(answer);
}

/** The body of a 201 (spec 01, sections 3.3 and 3.4). */
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
    // Always there for email, also when nothing changed: the official node client's schema asks for it.
    ...(sanitised && { sanitised_content: sanitised }),
  };
}
