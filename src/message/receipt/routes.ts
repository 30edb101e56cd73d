import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isUnreachable } from '../../database/connection.ts';
import type { Batcher } from '../../ground/batcher.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { type Log, plainWord } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { refuseCredentials } from '../../http/auth/basic.ts';
import { providerBodyLimit } from '../../http/server/body.ts';
import { defineRoute, type Route } from '../../http/server/define-route.ts';
import { sendNotFound } from '../../http/server/request.ts';
import { oneOf } from '../../http/validate/shapes.ts';
import type {
  EndpointResponse,
  ReadReceipt,
  ReadRequest,
  ReceiptEndpoint,
  ReceiptOutcome,
} from '../../provider/contract.ts';
import type { Queues } from '../../queue/queues.ts';
import { type IncomingReceipt, isEarly, laterSeconds } from './apply.ts';
import { isOwn, ownHeader } from './own.ts';
import { processReceipt } from './queue.ts';

export type ReceiptRouteDeps = Readonly<{
  clock: Clock;
  log: Log;
  cipher: Cipher;
  metrics: Metrics;
  queues: Queues;
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
}>;

/**
 * Receipts that may wait in the queue before early ones are no longer added. Whoever can post receipts can invent
 * references, so there must be a bound; a provider's early receipts are a handful.
 */
export const mostWaiting = 1000;

const answer = Type.Object(
  {
    result: oneOf(['success', 'error']),
    message: Type.Optional(Type.Unknown({ description: 'A text, a list of texts, or null.' })),
  },
  { $id: 'ReceiptAnswer' },
);

/**
 * The endpoint that a provider posts receipts to (spec 05, section 5.6), one path per provider. A receipt is applied
 * before it is answered; one that cannot be applied now, or that arrives before its message's reference, is queued.
 * If it is not `isOpen`, it takes only receipts of our own and does not exist for anybody else.
 */
export function receiptEndpoint(endpoint: ReceiptEndpoint, isOpen: boolean): Route<ReceiptRouteDeps> {
  const { identifier, name = identifier, type, path, credentials } = endpoint;
  const protection = credentials
    ? ' It authenticates with a user and password that are configured for it (basic authentication).'
    : '';
  const documentation = {
    summary: `Receipt of ${name} for ${type === 'sms' ? 'a text message' : 'an email'}`,
    description: `The provider posts the outcome of a message, in its own format.${protection}`,
    tag: 'Provider receipts',
    answers: {
      200: { description: 'Accepted, or without effect.', schema: answer },
      400: { description: 'It cannot be parsed.', schema: answer },
      401: { description: 'The user and password are missing.', schema: answer },
      403: { description: 'It cannot be verified as the provider’s.', schema: answer },
      404: { description: 'No message is waiting for it.', schema: answer },
      500: { description: 'A subscription could not be confirmed.', schema: answer },
      503: { description: 'It cannot be accepted now; the provider should post it again.' },
    },
  } as const;
  return defineRoute({
    ...(isOpen ? documentation : { summary: null }),
    method: 'POST',
    path,
    authentication: 'provider',
    handlerName: `${endpoint.type === 'sms' ? 'sms_callback' : `notifications_${identifier}_callback`}.process_${identifier}_response`,
    rawBody: { schema: Type.Unknown(), contentType: '*/*' },
    bodyLimit: providerBodyLimit,
    async handler(deps: ReceiptRouteDeps, request, reply) {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const seal = request.headers[ownHeader];
      const own = seal !== undefined && isOwn(deps.cipher, path, body, seal);
      if (!isOpen && !own) return sendNotFound(reply);
      const refusal =
        own || !credentials ? null : refuseCredentials([credentials], request.headers.authorization);
      reply.type('application/json');
      if (refusal) return reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
      const read = await endpoint.read(body, { isOwn: own });
      const answer =
        'answer' in read
          ? answerWithoutReceipt(deps, endpoint, read, request.traceId)
          : await take(deps, endpoint, read.receipt, request);
      return reply.code(answer.status).send(JSON.stringify(answer.body));
    },
  });
}

/** The answer to a post that holds no receipt, logged and counted: it may tell of a wrong set-up or a new form. */
function answerWithoutReceipt(
  { log, metrics }: ReceiptRouteDeps,
  { identifier: provider, name = provider }: ReceiptEndpoint,
  { answer, about }: Extract<ReadRequest, { answer: unknown }>,
  requestId: string,
): EndpointResponse {
  const isRefused = answer.status >= 400;
  metrics.count(`receipts.${provider}.${isRefused ? 'refused' : 'ignored'}`);
  log[isRefused ? 'warn' : 'info'](
    { provider, requestId, status: answer.status },
    `${name} posted ${about ?? 'what is not a receipt'}: ${isRefused ? 'refused' : 'nothing to apply'}`,
  );
  return answer;
}

/** Applies a receipt or queues it, and returns the response to the provider. */
async function take(
  deps: ReceiptRouteDeps,
  endpoint: ReceiptEndpoint,
  receipt: ReadReceipt,
  request: FastifyRequest,
): Promise<EndpointResponse> {
  const { log, clock } = deps;
  const { traceId: requestId } = request;
  const { status, rawStatus, detail, detailCode, found } = receipt;
  // A receipt without a code has nothing unknown about it.
  const isUnknown = detail === '' && Boolean(detailCode);
  const explained = isUnknown ? ': unknown code' : detail && `: ${detail}`;
  const code = detailCode ? `(${plainWord(detailCode)})` : '';
  log[isUnknown ? 'warn' : 'info'](
    { provider: endpoint.identifier, requestId },
    `${endpoint.name ?? endpoint.identifier} callback returned status of ${status}(${plainWord(rawStatus)})${explained}${code} for reference: ${plainWord(found.value)}`,
  );
  let outcome: ReceiptOutcome;
  try {
    outcome = await deps.apply.add({ endpoint, receipt });
  } catch (error) {
    // The queue is in the same database, so the provider has to post again.
    if (isUnreachable(error)) throw error;
    log.error(
      { err: error, requestId },
      `A receipt of ${endpoint.identifier} could not be applied; it is queued`,
    );
    await later(deps, endpoint, receipt, requestId, 0);
    return { status: 200, body: { result: 'success' } };
  }
  if ('notificationId' in outcome) {
    const { notificationId, requestId: messageRequestId } = outcome;
    request.logFields = { notificationId, messageRequestId };
  }
  if (isEarly(receipt, outcome, clock.now())) {
    if (await deps.queues.holds(processReceipt.name, mostWaiting)) {
      deps.metrics.count(`receipts.${endpoint.identifier}.refused`);
      log.error(
        { provider: endpoint.identifier, requestId },
        `An early receipt of ${endpoint.identifier} was refused: ${mostWaiting} receipts wait already`,
      );
      return tooMany;
    }
    await later(deps, endpoint, receipt, requestId, laterSeconds);
    outcome = { outcome: 'postponed' };
  }
  return endpoint.answer(receipt, outcome);
}

/** The provider posts it again: then its message may be there. */
const tooMany: EndpointResponse = {
  status: 503,
  body: { result: 'error', message: 'Too many receipts wait for their messages: post it again later' },
};

async function later(
  { queues }: ReceiptRouteDeps,
  endpoint: ReceiptEndpoint,
  receipt: ReadReceipt,
  requestId: string,
  startAfterSeconds: number,
): Promise<void> {
  const task = endpoint.type === 'sms' ? 'process-sms-client-response' : 'process-ses-result';
  const payload = { task, provider: endpoint.identifier, type: endpoint.type, receipt } as const;
  await queues.send(processReceipt, [{ id: randomUUID(), payload, startAfterSeconds, requestId }]);
}
