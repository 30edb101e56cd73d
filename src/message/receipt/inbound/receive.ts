import { randomUUID } from 'node:crypto';
import type { Db } from '../../../database/connection.ts';
import type { Cipher } from '../../../ground/cipher.ts';
import { type Clock, parseDatetime } from '../../../ground/clock.ts';
import type { Log } from '../../../ground/log.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import type { InboundEndpoint, ReadText } from '../../../provider/contract.ts';
import { receiptText } from '../../../provider/suppliers/webhook.ts';
import type { Queues } from '../../../queue/queues.ts';
import type { CallbackQueue } from '../../callback/enqueue.ts';
import { ownNumber, parseSender } from './number.ts';
import { findOwner } from './number-store.ts';
import { addInboundSms } from './store.ts';

export type ReceiveDeps = Readonly<{
  db: Db;
  queues: Pick<Queues, 'transaction'>;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  cipher: Cipher;
  callbacks: Pick<CallbackQueue, 'inboundSms'>;
}>;

/**
 * Accepts a text that a provider has posted (spec 05, section 7.2). Guarantee: once this resolves with `accepted`, the
 * text is stored and the service's callback queued, both or neither, and only once however often it is posted, if its
 * provider gives it an id. `unclaimed`: no service has the number, or its service may not receive texts.
 */
export async function receiveText(
  deps: ReceiveDeps,
  endpoint: Pick<InboundEndpoint, 'identifier' | 'name'>,
  text: ReadText,
  { traceId: requestId, carriedId }: Readonly<{ traceId: string; carriedId: string }>,
): Promise<'accepted' | 'unclaimed'> {
  const { db, queues, clock, log, metrics, cipher, callbacks } = deps;
  const provider = endpoint.identifier;
  const notifyNumber = ownNumber(receiptText(text.to));
  const owner = await findOwner(db, notifyNumber);
  if (!owner) {
    log.warn({ provider, requestId }, `A text from ${endpoint.name} came to a number that no service has`);
    return 'unclaimed';
  }
  const { serviceId } = owner;
  const fields = { provider, requestId, serviceId };
  if (!owner.mayReceive) {
    log.error(
      fields,
      `A text from ${endpoint.name} came to service ${serviceId}, which may not receive texts`,
    );
    return 'unclaimed';
  }
  const sender = parseSender(text.from);
  if (sender === null) log.warn(fields, `The sender of a text from ${endpoint.name} is not a phone number`);
  const id = randomUUID();
  const now = new Date(clock.now());
  const isNew = await queues.transaction(async (transaction) => {
    const isAdded = await addInboundSms(transaction.trx, cipher, {
      id,
      serviceId,
      notifyNumber,
      userNumber: sender ?? receiptText(text.from),
      content: text.content,
      provider,
      providerReference: text.reference === null ? null : keptReference(text.reference),
      providerDate: (text.date === null ? null : parseDatetime(text.date)) ?? now,
      createdAt: now,
    });
    if (isAdded) await callbacks.inboundSms(transaction, [{ id, serviceId }], carriedId);
    return isAdded;
  });
  if (isNew) {
    metrics.count(`inbound_sms.${provider}`);
    metrics.counter('inbound_sms_total', 'Received texts.', ['provider'])(provider);
  }
  log.info(
    { ...fields, ...(isNew && { inboundSmsId: id }) },
    isNew ? `A text from ${endpoint.name} was received` : `A text from ${endpoint.name} was posted again`,
  );
  return 'accepted';
}

/** A reference that is too long or not plain ASCII is dropped: truncated, it could match another text's. */
function keptReference(reference: string): string | null {
  return /^[\x20-\x7e]{1,100}$/.test(reference) ? reference : null;
}
