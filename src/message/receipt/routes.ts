import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { isUnreachable } from '../../database/connection.ts';
import type { Batcher } from '../../ground/batcher.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import { refuseCredentials } from '../../http/auth/basic.ts';
import type {
  EndpointResponse,
  ReadReceipt,
  ReceiptEndpoint,
  ReceiptOutcome,
} from '../../provider/contract.ts';
import type { Queues } from '../../queue/boss.ts';
import { type IncomingReceipt, isEarly, laterSeconds } from './apply.ts';
import { describeReceiptEndpoint } from './description.ts';
import { isOwn, ownHeader } from './own.ts';
import { processReceipt } from './queue.ts';

export type ReceiptRouteDeps = Readonly<{
  clock: Clock;
  log: Log;
  cipher: Cipher;
  queues: Queues;
  endpoints: readonly ReceiptEndpoint[];
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
}>;

/**
 * The endpoints through which providers report (spec 05, section 5.6): public, one path per provider. A receipt is applied
 * before it is answered; one that the database cannot take now, or that came before its message, is queued.
 */
export function receiptRoutes(app: FastifyInstance, deps: ReceiptRouteDeps): void {
  const { clock, log, queues } = deps;

  async function later(
    endpoint: ReceiptEndpoint,
    receipt: ReadReceipt,
    requestId: string,
    startAfterSeconds: number,
  ) {
    const task = endpoint.type === 'sms' ? 'process-sms-client-response' : 'process-ses-result';
    const payload = { task, provider: endpoint.identifier, type: endpoint.type, receipt } as const;
    await queues.send(processReceipt, [{ id: randomUUID(), payload, startAfterSeconds, requestId }]);
  }

  async function take(
    endpoint: ReceiptEndpoint,
    receipt: ReadReceipt,
    requestId: string,
  ): Promise<EndpointResponse> {
    const { status, rawStatus, detail, detailCode, found } = receipt;
    const code = detailCode ? `(${detailCode})` : '';
    log[detail === '' ? 'warn' : 'info'](
      { provider: endpoint.identifier, requestId },
      `${endpoint.name ?? endpoint.identifier} callback returned status of ${status}(${rawStatus}): ${detail || 'unknown code'}${code} for reference: ${found.value}`,
    );
    let outcome: ReceiptOutcome;
    try {
      outcome = await deps.apply.add({ endpoint, receipt });
    } catch (error) {
      // The queue is in the same database: without it the provider has to post again.
      if (isUnreachable(error)) throw error;
      log.error({ err: error, requestId }, `A receipt of ${endpoint.identifier} is applied later`);
      await later(endpoint, receipt, requestId, 0);
      return { status: 200, body: { result: 'success' } };
    }
    if (isEarly(receipt, outcome, clock.now())) {
      await later(endpoint, receipt, requestId, laterSeconds);
      outcome = { outcome: 'postponed' };
    }
    return endpoint.answer(receipt, outcome);
  }

  for (const endpoint of deps.endpoints)
    app.post(
      endpoint.path,
      {
        config: {
          handler: `callback.process_${endpoint.identifier}_response`,
          describe: describeReceiptEndpoint(endpoint),
        },
      },
      async (request, reply) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const own = isOwn(deps.cipher, endpoint.path, body, request.headers[ownHeader]);
        const refusal = own
          ? null
          : refuseCredentials(
              endpoint.credentials ? [endpoint.credentials] : null,
              request.headers.authorization,
            );
        reply.type('application/json');
        if (refusal) return reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
        const read = await endpoint.read(body, { isOwn: own });
        const answer = 'answer' in read ? read.answer : await take(endpoint, read.receipt, request.traceId);
        return reply.code(answer.status).send(JSON.stringify(answer.body));
      },
    );
}
