import type { FastifyInstance } from 'fastify';
import { refuseCredentials } from '../http/credentials.ts';
import type { InboundDoor } from '../provider/inbound.ts';
import { describeInboundDoor } from './description.ts';
import { type ReceiveDeps, receiveText } from './receive.ts';

/** The doors through which providers post received texts (spec 05, section 7): one path for each, with basic authentication. */
export function inboundDoors(
  app: FastifyInstance,
  { doors, ...deps }: ReceiveDeps & Readonly<{ doors: readonly InboundDoor[] }>,
): void {
  for (const door of doors)
    app.post(
      door.path,
      { config: { handler: `receive.receive_${door.identifier}_sms`, describe: describeInboundDoor(door) } },
      async (request, reply) => {
        const refusal = refuseCredentials(door.credentials, request.headers.authorization);
        if (refusal)
          return reply
            .code(refusal.status)
            .headers(refusal.headers)
            .type('application/json')
            .send(refusal.body);
        const read = door.read(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
        const answer =
          'answer' in read ? read.answer : door[await receiveText(deps, door, read.text, request.traceId)];
        return reply.code(answer.status).type(answer.contentType).send(answer.body);
      },
    );
}
