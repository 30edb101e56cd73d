import { randomUUID } from 'node:crypto';
import type { Db } from '../../../database/connection.ts';
import type { Cipher } from '../../../ground/cipher.ts';
import type { Clock } from '../../../ground/clock.ts';
import { parseDatetime } from '../../../ground/datetime.ts';
import type { Log } from '../../../ground/log.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import type { InboundEndpoint, ReadText } from '../../../provider/contract.ts';
import { receiptText } from '../../../provider/suppliers/webhook.ts';
import type { CallbackQueue } from '../../callback/enqueue.ts';
import { ownNumber, parseSender } from './number.ts';
import { findOwner } from './number-store.ts';
import { addInboundSms } from './store.ts';

export type ReceiveDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  cipher: Cipher;
  callbacks: Pick<CallbackQueue, 'inboundSms' | 'announce'>;
}>;

/**
 * Takes a text that a provider has posted (spec 05, section 7.2). Guarantee: once this has resolved with `accepted`, the
 * text is stored and the service's callback queued, both or neither, and once however often it is posted, where its
 * provider gives it an id. `unclaimed`: the number is nobody's, or its service may not receive texts.
 */
export async function receiveText(
  deps: ReceiveDeps,
  endpoint: Pick<InboundEndpoint, 'identifier' | 'name'>,
  text: ReadText,
  requestId: string,
): Promise<'accepted' | 'unclaimed'> {
  const { db, clock, log, metrics, cipher, callbacks } = deps;
  const provider = endpoint.identifier;
  const notifyNumber = ownNumber(receiptText(text.to));
  const owner = await findOwner(db, notifyNumber);
  if (!owner) {
    log.warn({ provider, requestId }, `A text of ${endpoint.name} came to a number that no service has`);
    return 'unclaimed';
  }
  const { serviceId } = owner;
  const fields = { provider, requestId, serviceId };
  if (!owner.mayReceive) {
    log.error(fields, `A text of ${endpoint.name} came to service ${serviceId}, which may not receive texts`);
    return 'unclaimed';
  }
  const sender = parseSender(text.from);
  if (sender === null)
    log.warn(fields, `A text of ${endpoint.name} is from a sender that is no phone number`);
  const id = randomUUID();
  const now = new Date(clock.now());
  const { isNew, told } = await db.transaction().execute(async (trx) => {
    const isNew = await addInboundSms(trx, cipher, {
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
    return { isNew, told: isNew ? await callbacks.inboundSms(trx, [{ id, serviceId }]) : 0 };
  });
  if (told > 0) callbacks.announce();
  if (isNew) metrics.count(`inbound_sms.${provider}`);
  log.info(
    { ...fields, ...(isNew && { inboundSmsId: id }) },
    isNew ? `A text of ${endpoint.name} was received` : `A text of ${endpoint.name} was posted again`,
  );
  return 'accepted';
}

/** One that is no plain word is not kept: cut short, it could be taken for that of another text. */
function keptReference(reference: string): string | null {
  return /^[\x20-\x7e]{1,100}$/.test(reference) ? reference : null;
}
