import type { FastifyInstance } from 'fastify';
import { readJson } from '../http/json-body.ts';
import { baseUrl } from '../http/server.ts';
import type { Metrics } from '../metrics.ts';
import type { AcceptDeps, Accepted } from './accept.ts';
import { acceptEmail } from './accept-email.ts';
import { acceptSms } from './accept-sms.ts';

export type SubmissionRouteDeps = AcceptDeps & Readonly<{ metrics: Metrics; publicUrl: string | null }>;

/** Sending in v2. Needs `requireKey` before it. */
export function submissionRoutes(app: FastifyInstance, deps: SubmissionRouteDeps): void {
  for (const [type, accept] of [
    ['sms', acceptSms],
    ['email', acceptEmail],
  ] as const)
    app.post(
      `/v2/notifications/${type}`,
      { config: { handler: 'v2_notifications.post_notification' } },
      async (request, reply) => {
        const document = readJson(request.body);
        const accepted = await accept(deps, { ...request.caller, requestId: request.traceId }, document);
        deps.metrics.count(type);
        return reply
          .code(201)
          .type('application/json')
          .send(JSON.stringify(showAccepted(accepted, baseUrl(request, deps.publicUrl))));
      },
    );
}

/** The body of a 201 (spec 01, sections 3.3 and 3.4). */
function showAccepted({ id, reference, template, content, sanitised }: Accepted, base: string) {
  return {
    id,
    reference,
    uri: `${base}/v2/notifications/${id}`,
    template: {
      id: template.id,
      version: template.current.version,
      uri: `${base}/services/${template.serviceId}/templates/${template.id}`,
    },
    scheduled_for: null,
    content,
    // Always there for email, also when nothing changed: the official node client's schema asks for it.
    ...(sanitised && { sanitised_content: sanitised }),
  };
}
