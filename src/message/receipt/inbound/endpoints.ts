import { Type } from 'typebox';
import { refuseCredentials } from '../../../http/auth/basic.ts';
import { defineRoute, type Route } from '../../../http/server/define-route.ts';
import type { InboundEndpoint } from '../../../provider/contract.ts';
import { type ReceiveDeps, receiveText } from './receive.ts';

/** The endpoint that a provider posts received texts to (spec 05, section 7), with basic authentication. */
export function inboundEndpoint(endpoint: InboundEndpoint): Route<ReceiveDeps> {
  const { identifier, name, path, credentials, accepted, unclaimed } = endpoint;
  return defineRoute({
    method: 'POST',
    path,
    authentication: 'provider',
    handlerName: `receive.receive_${identifier}_sms`,
    summary: `Text received by ${name}`,
    description: `The provider posts here what somebody has texted to a number of a service, in its own format. It must show a user and password that are configured for it (basic authentication).`,
    tag: 'Provider receipts',
    rawBody: { schema: Type.Unknown(), contentType: '*/*' },
    answers: {
      200: {
        description: `\`${accepted.body}\`: taken. \`${unclaimed.body}\`: the number is no service’s, or of one that may not receive texts.`,
        contentType: accepted.contentType,
      },
      400: { description: 'It cannot be read.' },
      401: { description: 'It shows no user and password.' },
      403: { description: 'It shows a user or password that is not one of those configured.' },
      503: { description: 'It cannot be taken now; the provider is to post it again.' },
    },
    async handler(deps: ReceiveDeps, request, reply) {
      const refusal = refuseCredentials(credentials, request.headers.authorization);
      if (refusal)
        return reply
          .code(refusal.status)
          .headers(refusal.headers)
          .type('application/json')
          .send(refusal.body);
      const read = endpoint.read(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
      const answer =
        'answer' in read
          ? read.answer
          : endpoint[await receiveText(deps, endpoint, read.text, request.traceId)];
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
    },
  });
}
