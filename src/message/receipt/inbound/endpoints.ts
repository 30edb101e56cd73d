import type { FastifyInstance } from 'fastify';
import { refuseCredentials } from '../../../http/auth/basic.ts';
import type { InboundEndpoint } from '../../../provider/contract.ts';
import { describeInboundEndpoint } from './description.ts';
import { type ReceiveDeps, receiveText } from './receive.ts';

/** The endpoints through which providers post received texts (spec 05, section 7): one path for each, with basic authentication. */
export function inboundEndpoints(
  app: FastifyInstance,
  { endpoints, ...deps }: ReceiveDeps & Readonly<{ endpoints: readonly InboundEndpoint[] }>,
): void {
  for (const endpoint of endpoints)
    app.post(
      endpoint.path,
      {
        config: {
          handler: `receive.receive_${endpoint.identifier}_sms`,
          describe: describeInboundEndpoint(endpoint),
        },
      },
      async (request, reply) => {
        const refusal = refuseCredentials(endpoint.credentials, request.headers.authorization);
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
    );
}
