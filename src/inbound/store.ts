import { sql } from 'kysely';
import type { Cipher } from '../cipher.ts';
import type { DbOrTrx } from '../database/connection.ts';

/** A text that somebody sent to a number of a service (spec 05, section 7.2). */
export type InboundSms = Readonly<{
  id: string;
  serviceId: string;
  /** The number of the service that it was sent to, and who sent it: digits with country code, or a name. */
  notifyNumber: string;
  userNumber: string;
  content: string;
  provider: string;
  providerReference: string | null;
  /** When the provider got it. */
  providerDate: Date;
  createdAt: Date;
}>;

/** Keeps a received text; one whose id exists already is left as it is. */
export async function addInboundSms(db: DbOrTrx, cipher: Cipher, message: InboundSms): Promise<void> {
  await db
    .insertInto('inbound_sms')
    .values({
      id: message.id,
      service_id: message.serviceId,
      notify_number: message.notifyNumber,
      user_number: message.userNumber,
      provider_date: message.providerDate,
      provider_reference: message.providerReference,
      provider: message.provider,
      content: cipher.seal(message.content, message.id),
      created_at: message.createdAt,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/**
 * At most `limit` texts of a service, newest first. `olderThan`: only those received before this one; nothing when the
 * service has no such text.
 */
export async function findInboundSms(
  db: DbOrTrx,
  cipher: Cipher,
  serviceId: string,
  olderThan: string | null,
  limit: number,
): Promise<readonly InboundSms[]> {
  const before =
    olderThan === null
      ? sql``
      : sql`and (created_at, id) <
          (select created_at, id from inbound_sms where id = ${olderThan} and service_id = ${serviceId})`;
  const { rows } = await sql<Omit<InboundSms, 'content'> & { content: Buffer }>`
    select id, service_id as "serviceId", notify_number as "notifyNumber", user_number as "userNumber", content,
      provider, provider_reference as "providerReference", provider_date as "providerDate",
      created_at as "createdAt"
    from inbound_sms where service_id = ${serviceId} ${before}
    order by created_at desc, id desc limit ${limit}`.execute(db);
  return rows.map((row) => ({ ...row, content: cipher.open(row.content, row.id) }));
}
