import { sql } from 'kysely';
import type { Trx } from '../../database/connection.ts';
import type { GivenUpReason, NotificationStatus } from '../../database/tables.ts';
import type { DailyLimit } from '../../tenant/service/service.ts';
import type { NewNotification } from '../status/notification.ts';
import { storing } from './store.ts';

/** What all messages of a lot of rows have in common. */
export type RowsInCommon = Pick<
  NewNotification,
  | 'serviceId'
  | 'templateId'
  | 'templateVersion'
  | 'apiKeyId'
  | 'keyType'
  | 'type'
  | 'createdAt'
  | 'replyToText'
> &
  Readonly<{ jobId: string; requestId: string | null }>;

/** A row of a file as it is stored. `personalisation`: sealed with its id as the context. */
export type RowMessage = Pick<
  NewNotification,
  | 'id'
  | 'recipient'
  | 'normalisedRecipient'
  | 'personalisation'
  | 'international'
  | 'phonePrefix'
  | 'rateMultiplier'
  | 'clientReference'
> &
  Readonly<{
    /** From 0. */
    jobRowNumber: number;
    /** Why it is not sent; null: it is, and has the status `created`. */
    givenUp: GivenUpReason | null;
  }>;

/**
 * Stores rows of a file as messages, without the table `accepted`. One whose id is stored already is left as it is.
 * Returns the statuses of those that were not, by id.
 */
export async function storeRows(
  trx: Trx,
  common: RowsInCommon,
  rows: readonly RowMessage[],
): Promise<ReadonlyMap<string, NotificationStatus>> {
  const column = <T>(pick: (row: RowMessage) => T) => rows.map(pick);
  const stored = await sql<{ id: string; status: NotificationStatus }>`
    with moved as materialized (
      select t.*, ${common.serviceId}::uuid as service_id, ${common.templateId}::uuid as template_id,
        ${common.templateVersion}::int as template_version, ${common.jobId}::uuid as job_id,
        ${common.apiKeyId}::uuid as api_key_id, ${common.keyType}::text as key_type, ${common.type}::text as notification_type,
        ${common.createdAt}::timestamptz as created_at, ${common.replyToText}::text as reply_to_text,
        null::timestamptz as scheduled_for, null::text as unsubscribe_url, null::uuid as created_by,
        ${common.requestId}::text as request_id
      from unnest(${column(({ id }) => id)}::uuid[], ${column(({ jobRowNumber }) => jobRowNumber)}::int[],
        ${column(({ recipient }) => recipient)}::text[], ${column(({ normalisedRecipient }) => normalisedRecipient)}::text[],
        ${column(({ personalisation }) => personalisation)}::bytea[], ${column(({ international }) => international)}::boolean[],
        ${column(({ phonePrefix }) => phonePrefix)}::text[], ${column(({ rateMultiplier }) => rateMultiplier)}::numeric[],
        ${column(({ clientReference }) => clientReference)}::text[], ${column(({ givenUp }) => givenUp)}::text[])
        as t (id, job_row_number, recipient, normalised_recipient, personalisation, international, phone_prefix,
          rate_multiplier, client_reference, given_up)
    ), ${storing(sql`given_up`)}
    select id, status from facts`.execute(trx);
  return new Map(stored.rows.map(({ id, status }) => [id, status]));
}

/** So many messages of a service that count towards a daily limit. `day`: in the business zone, YYYY-MM-DD. */
export type DailyTake = Readonly<{
  serviceId: string;
  day: string;
  name: DailyLimit;
  limit: number;
  wanted: number;
}>;

/** Takes all of them or, if they do not fit, none (spec 05, section 2.1). Returns whether it did. */
export async function takeWhole(trx: Trx, take: DailyTake): Promise<boolean> {
  const { limit, wanted } = take;
  return (await takeDaily(trx, take, wanted <= limit ? wanted : 0, true)) === wanted;
}

/** Takes as many of them as fit. Returns how many. */
export function takeFitting(trx: Trx, take: DailyTake): Promise<number> {
  return takeDaily(trx, take, Math.max(0, Math.min(take.wanted, take.limit)), false);
}

/** `first`: what is taken if it is the first of the day. The counter stays locked until the end of the transaction. */
async function takeDaily(
  trx: Trx,
  { serviceId, day, name, limit, wanted }: DailyTake,
  first: number,
  whole: boolean,
): Promise<number> {
  const taken = whole
    ? sql`case when d.used + excluded.wanted <= excluded.day_limit then excluded.wanted else 0 end`
    : sql`greatest(0, least(excluded.wanted, excluded.day_limit - d.used))`;
  const { rows } = await sql<{ admitted: number }>`
    insert into daily_counts as d (service_id, day, name, used, wanted, day_limit, admitted)
    values (${serviceId}, ${day}, ${name}, ${first}, ${wanted}, ${limit}, ${first})
    on conflict (service_id, day, name) do update set wanted = excluded.wanted, day_limit = excluded.day_limit,
      admitted = ${taken}, used = d.used + ${taken}
    returning admitted`.execute(trx);
  return rows[0]!.admitted;
}
