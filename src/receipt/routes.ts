import type { FastifyInstance } from 'fastify';
import type { Batcher } from '../batcher.ts';
import type { ReceiptDoor, ReceiptOutcome } from '../provider/contract.ts';
import type { IncomingReceipt } from './apply.ts';

/** The doors through which providers report (spec 05, section 5.6): public, one path per provider. */
export function receiptRoutes(
  app: FastifyInstance,
  deps: Readonly<{ doors: readonly ReceiptDoor[]; apply: Batcher<IncomingReceipt, ReceiptOutcome> }>,
): void {
  for (const door of deps.doors)
    app.post(
      door.path,
      { config: { handler: `callback.process_${door.identifier}_response` } },
      async (request, reply) => {
        const read = door.read(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
        const answer =
          'answer' in read
            ? read.answer
            : door.answer(
                read.receipt,
                await deps.apply.add({ provider: door.identifier, receipt: read.receipt }),
              );
        return reply.code(answer.status).type('application/json').send(JSON.stringify(answer.body));
      },
    );
}
