import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Batcher } from '../batcher.ts';
import type { Cipher } from '../cipher.ts';
import type { Clock } from '../clock.ts';
import { isUnreachable } from '../database/connection.ts';
import { refuseCredentials } from '../http/credentials.ts';
import type { Log } from '../log.ts';
import type { HttpAnswer, ReadReceipt, ReceiptDoor, ReceiptOutcome } from '../provider/contract.ts';
import type { Queues } from '../queue/boss.ts';
import type { IncomingReceipt } from './apply.ts';
import { describeDoor } from './description.ts';
import { isEarly, laterSeconds } from './early.ts';
import { isOwn, ownHeader } from './own.ts';
import { processReceipt } from './queue.ts';

export type ReceiptRouteDeps = Readonly<{
  clock: Clock;
  log: Log;
  cipher: Cipher;
  queues: Queues;
  doors: readonly ReceiptDoor[];
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
}>;

/**
 * The doors through which providers report (spec 05, section 5.6): public, one path per provider. A receipt is applied
 * before it is answered; one that the database cannot take now, or that came before its message, is queued.
 */
export function receiptRoutes(app: FastifyInstance, deps: ReceiptRouteDeps): void {
  const { clock, log, queues } = deps;

  async function later(
    door: ReceiptDoor,
    receipt: ReadReceipt,
    requestId: string,
    startAfterSeconds: number,
  ) {
    const task = door.type === 'sms' ? 'process-sms-client-response' : 'process-ses-result';
    const payload = { task, provider: door.identifier, type: door.type, receipt } as const;
    await queues.send(processReceipt, [{ id: randomUUID(), payload, startAfterSeconds, requestId }]);
  }

  async function take(door: ReceiptDoor, receipt: ReadReceipt, requestId: string): Promise<HttpAnswer> {
    const { status, rawStatus, detail, detailCode, found } = receipt;
    const code = detailCode ? `(${detailCode})` : '';
    log[detail === '' ? 'warn' : 'info'](
      { provider: door.identifier, requestId },
      `${door.name ?? door.identifier} callback returned status of ${status}(${rawStatus}): ${detail || 'unknown code'}${code} for reference: ${found.value}`,
    );
    let outcome: ReceiptOutcome;
    try {
      outcome = await deps.apply.add({ door, receipt });
    } catch (error) {
      // The queue is in the same database: without it the provider has to post again.
      if (isUnreachable(error)) throw error;
      log.error({ err: error, requestId }, `A receipt of ${door.identifier} is applied later`);
      await later(door, receipt, requestId, 0);
      return { status: 200, body: { result: 'success' } };
    }
    if (isEarly(receipt, outcome, clock.now())) {
      await later(door, receipt, requestId, laterSeconds);
      outcome = { outcome: 'postponed' };
    }
    return door.answer(receipt, outcome);
  }

  for (const door of deps.doors)
    app.post(
      door.path,
      { config: { handler: `callback.process_${door.identifier}_response`, describe: describeDoor(door) } },
      async (request, reply) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const own = isOwn(deps.cipher, door.path, body, request.headers[ownHeader]);
        const refusal = own
          ? null
          : refuseCredentials(door.credentials ? [door.credentials] : null, request.headers.authorization);
        reply.type('application/json');
        if (refusal) return reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
        const read = await door.read(body, { isOwn: own });
        const answer = 'answer' in read ? read.answer : await take(door, read.receipt, request.traceId);
        return reply.code(answer.status).send(JSON.stringify(answer.body));
      },
    );
}
