import { sql } from 'kysely';
import type { DbOrTrx } from '../../../database/connection.ts';
import type { Cipher } from '../../../ground/cipher.ts';
import { type Cutoff, defaultRetentionDays } from '../../../tenant/service/retention.ts';

/** A text sent to a service's number (spec 05, section 7.2). */
export type InboundSms = Readonly<{
  id: string;
  serviceId: string;
  /** The service's number that it was sent to. */
  notifyNumber: string;
  /** The sender: digits with country code, or a name. */
  userNumber: string;
  content: string;
  provider: string;
  providerReference: string | null;
  /** When the provider received it. */
  providerDate: Date;
  createdAt: Date;
}>;

/** Stores a received text, unless its id exists or its provider has posted it before. Returns whether it was stored. */
export async function addInboundSms(db: DbOrTrx, cipher: Cipher, message: InboundSms): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
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
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(numInsertedOrUpdatedRows) > 0;
}

/** Bytes of sealed texts on one page, and one text: it is read into memory whole. */
export const pageBytes = 1024 * 1024;

/** Which of a service's received texts; null means no filter. */
export type InboundFilter = Readonly<{
  /** Received at this time or later, and before that one. */
  from: Date | null;
  until: Date | null;
  /** The sender, as stored. */
  sender: string | null;
  /** Only what comes before this time and id. */
  before?: Readonly<{ at: Date; id: string }> | null;
}>;
const everyText: InboundFilter = { from: null, until: null, sender: null };

/**
 * At most `limit` texts of a service, newest first, fewer if they are long. `olderThan`: only those received before this
 * one; none when the service has no such text.
 */
export async function findInboundSms(
  db: DbOrTrx,
  cipher: Cipher,
  serviceId: string,
  olderThan: string | null,
  limit: number,
  { from, until, sender, before: place = null }: InboundFilter = everyText,
): Promise<readonly InboundSms[]> {
  const matches = sql`${sender === null ? sql`` : sql`and user_number = ${sender}`}
    ${from ? sql`and created_at >= ${from}` : sql``} ${until ? sql`and created_at < ${until}` : sql``}
    ${place ? sql`and (created_at, id) < (${place.at}::timestamptz, ${place.id}::uuid)` : sql``}`;
  const before =
    olderThan === null
      ? sql``
      : sql`and (created_at, id) <
          (select created_at, id from inbound_sms where id = ${olderThan} and service_id = ${serviceId})`;
  const { rows } = await sql<Omit<InboundSms, 'content'> & { content: Buffer }>`
    select id, service_id as "serviceId", notify_number as "notifyNumber", user_number as "userNumber", content,
      provider, provider_reference as "providerReference", provider_date as "providerDate",
      created_at as "createdAt"
    from (
      select page.*, sum(octet_length(content)) over (order by created_at desc, id desc) - octet_length(content)
        as preceding
      from (
        select * from inbound_sms where service_id = ${serviceId} ${matches} ${before}
        order by created_at desc, id desc limit ${limit}
      ) page
    ) sized
    where preceding < ${pageBytes} order by created_at desc, id desc`.execute(db);
  return rows.map((row) => ({ ...row, content: cipher.open(row.content, row.id) }));
}

/** A text of a service; null if it has none with this id. */
export async function findOneInboundSms(
  db: DbOrTrx,
  cipher: Cipher,
  serviceId: string,
  id: string,
): Promise<InboundSms | null> {
  const { rows } = await sql<Omit<InboundSms, 'content'> & { content: Buffer }>`
    select id, service_id as "serviceId", notify_number as "notifyNumber", user_number as "userNumber", content,
      provider, provider_reference as "providerReference", provider_date as "providerDate",
      created_at as "createdAt"
    from inbound_sms where id = ${id} and service_id = ${serviceId}`.execute(db);
  const row = rows[0];
  return row ? { ...row, content: cipher.open(row.content, row.id) } : null;
}

/**
 * Deletes at most `limit` texts that are past their service's retention. `cutoffs`: for each number of days, the moment
 * before which texts have expired. Returns how many were deleted.
 */
export async function deleteInboundSms(
  db: DbOrTrx,
  cutoffs: readonly Cutoff[],
  limit: number,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from inbound_sms where id = any(array(
      select old.id from services s
      left join service_data_retention r on r.service_id = s.id and r.notification_type = 'sms'
      join unnest(${cutoffs.map(({ days }) => days)}::int[], ${cutoffs.map(({ before }) => before)}::timestamptz[])
        as cutoff (days, before) on cutoff.days = coalesce(r.days_of_retention, ${defaultRetentionDays})
      cross join lateral (
        select id from inbound_sms where service_id = s.id and created_at < cutoff.before limit ${limit}
      ) old limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}
