import { randomUUID } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import { type Db, type DbOrTrx, insertingNew, onConflict, type Trx } from '../../database/connection.ts';
import type { KeyType, NotificationType, SuppressionReason } from '../../database/tables.ts';
import type { Clock } from '../../ground/clock.ts';
import { requestIdOf } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { QueueName } from '../../queue/define.ts';
import { firstHold, insertHeldBatchesOf, insertTasksOf } from '../../queue/store.ts';
import type { HeldBatch, HeldTask } from '../../queue/tasks.ts';
import type { DailyLimit } from '../../tenant/service/service.ts';
import { mostSteps, notifyInternal, priorities } from '../delivery/queue.ts';
import type { NewNotification, StoredNotification } from '../status/notification.ts';
import { countStored, storedColumns } from '../status/status.ts';
import { mostBehind, spacingMilliseconds, stepMilliseconds } from './fair-order.ts';

/** An accepted message as stored; `personalisation` is sealed with the message's id as its context. */
export type AcceptedMessage = NewNotification &
  Readonly<{
    /** The delivery queue, and the priority within it. */
    queue: QueueName;
    priority: number;
    /** The id of its request, and the trace that it belongs to (ground/traces.ts). */
    requestId: string | null;
  }>;

/** What sending needs to know of a message. */
export type Sendable = Pick<
  StoredNotification,
  | 'id'
  | 'serviceId'
  | 'templateId'
  | 'templateVersion'
  | 'jobId'
  | 'keyType'
  | 'type'
  | 'status'
  | 'createdAt'
  | 'international'
  | 'recipient'
  | 'normalisedRecipient'
  | 'replyToText'
  | 'unsubscribeUrl'
> &
  Readonly<{
    /** null: it is large, and read by itself. */
    personalisation: Buffer | null;
    /** Why its service sends its recipient less or nothing; not every reason stops every message. */
    suppressions: readonly SuppressionReason[];
  }>;

/** Of sealed values that are read in a batch; a message with more is large for certain (content/template/template.ts). */
const mostSealedBytes = 51_000;

/**
 * The columns of a Sendable. `n` has its personal data and `h` its facts: they may be the same. `status`: SQL for its
 * status; `at`: suppressions in force then count.
 */
export const sendableColumns = (
  { n, h, status }: Readonly<{ n: string; h: string; status: string }>,
  at: Date,
): RawBuilder<unknown> => sql`${sql.raw(`
  ${h}.id, ${h}.service_id as "serviceId", ${h}.template_id as "templateId", ${h}.template_version as "templateVersion",
  ${h}.job_id as "jobId", ${h}.key_type as "keyType", ${h}.notification_type as "type", ${status} as status,
  ${h}.created_at as "createdAt", ${h}.international, ${n}.recipient, ${n}.normalised_recipient as "normalisedRecipient",
  ${n}.reply_to_text as "replyToText", ${n}.unsubscribe_url as "unsubscribeUrl",
  case when octet_length(${n}.personalisation) <= ${mostSealedBytes} then ${n}.personalisation end as "personalisation",
  array(
    select reason from suppressions s
    where s.service_id = ${h}.service_id and s.notification_type = ${h}.notification_type
      and s.recipient = ${n}.normalised_recipient and (s.expires_at is null or s.expires_at > `)}${at})
  ) as "suppressions"`;

/** A message that was persisted, with its task. */
export type Persisted = Readonly<{
  id: string;
  queue: QueueName;
  requestId: string | null;
  /** Its task is held by this process, which begins with it at once; null: it waits in its queue. */
  held: HeldTask | null;
}>;

/** What to persist: at most `limit` messages. */
export type PersistRange = Readonly<{
  limit: number;
  /** Only the one with this id. */
  only?: string;
  /** Only those that go before all others: of the platform itself and of priority templates. */
  isUrgent?: boolean;
  /** How many of each queue the process begins with at once (`Consumer.reserve`). */
  places?: ReadonlyMap<QueueName, number>;
}>;

/**
 * SQL for a message's place in the fair order, as an interval after its arrival, computed from the columns `behind`,
 * `queue` and `priority` of `row`. The platform's own messages and those of priority templates go before all others.
 */
export function orderOffset(row: string): string {
  return `(${row}.behind * interval '1 millisecond' - case when ${row}.queue = '${notifyInternal.name}' then interval '2 hours'
      when ${row}.priority >= ${priorities.priorityTemplate} then interval '1 hour' else interval '0' end)`;
}

/** Accepts a message of the platform itself: without limits, and before all others (spec 04, section 4.1). */
export async function acceptUnlimited(db: DbOrTrx, message: AcceptedMessage, now: Date): Promise<void> {
  await sql`
    insert into accepted (id, notification_type, service_id, template_id, template_version, key_type, created_at,
      international, phone_prefix, rate_multiplier, recipient, normalised_recipient, personalisation, reply_to_text,
      queue, priority, request_id, behind, due_at, turn_at)
    select m.*, ${now}, ${now}::timestamptz + ${sql.raw(orderOffset('m'))}
    from (values (${message.id}::uuid, ${message.type}, ${message.serviceId}::uuid, ${message.templateId}::uuid,
      ${message.templateVersion}::int, ${message.keyType}, ${message.createdAt}::timestamptz, ${message.international}::boolean,
      ${message.phonePrefix}, ${message.rateMultiplier}::numeric, ${message.recipient}, ${message.normalisedRecipient},
      ${message.personalisation}::bytea, ${message.replyToText}, ${message.queue}, ${message.priority}::int,
      ${message.requestId}, 0)) m (id, notification_type, service_id, template_id, template_version, key_type, created_at,
      international, phone_prefix, rate_multiplier, recipient, normalised_recipient, personalisation, reply_to_text,
      queue, priority, request_id, behind)`.execute(db);
}

/**
 * Moves accepted messages into the notification tables with status `created`, in fair order, and writes their delivery
 * tasks: all in one statement. A message that is already stored conflicts on its id and is neither stored nor queued
 * again. Rows locked by other workers are skipped. `prefix`: of the names of queues. Returns how many rows left
 * `accepted`, and the messages that are new.
 */
export function persistAccepted(
  { metrics, queuePrefix, clock }: Readonly<{ metrics: Metrics; queuePrefix: string; clock: Clock }>,
  db: Db,
  type: NotificationType,
  { limit, only, isUrgent = false, places = noPlaces }: PersistRange,
): Promise<Readonly<{ count: number; persisted: readonly Persisted[] }>> {
  const isDirect = places.size > 0;
  const batches = new Map(
    [...places.keys()].map((queue) => [queue, { id: randomUUID(), open: new Set<string>() }]),
  );
  const now = new Date(clock.now());
  // Those that go before all others have a turn an hour before they came, or more (`orderOffset`).
  const before = isUrgent ? new Date(now.getTime() - 1_800_000) : 'infinity';
  const task = sql`${queuePrefix} || m.queue, m.id, ${priorityOfTask}, ${JSON.stringify({ type })}::jsonb, m.request_id`;
  const persist = async (areNew: boolean) => {
    const { rows } = await sql<{ count: number } & (PersistedRow | { id: null })>`
      with chosen as materialized (
        select version, case when row_number() over (partition by due.queue order by turn_at, id) <= direct.places
          then direct.batch end as batch
        from (
          select ctid as version, id, queue, turn_at from accepted where notification_type = ${type} and turn_at is not null
            and turn_at < ${before}::timestamptz
            ${only === undefined ? sql`` : sql`and id = ${only}`}
          order by turn_at, id limit ${limit} for update skip locked
        ) due
        left join unnest(${[...places.keys()]}::text[], ${[...places.values()]}::int[],
          ${[...batches.values()].map(({ id }) => id)}::uuid[]) as direct (queue, places, batch) on direct.queue = due.queue
      ), moved as (
        delete from accepted a using chosen where a.ctid = chosen.version
        returning a.*, chosen.batch
      ), ${storing(notGivenUp, areNew)}, queued as (
        ${insertTasksOf(sql`
          select ${task} from stored m where m.batch is null`)}
      )${isDirect ? sql`, held as (${insertHeldBatchesOf(sql`select m.batch, ${task} from stored m where m.batch is not null`)})` : sql``}
      select (select count(*)::int from moved) as count, m.id, m.queue, m.batch is not null as "isHeld",
        m.request_id as "requestId"
        ${isDirect ? sql`, ${priorityOfTask} as "taskPriority", ${sendableColumns({ n: 'm', h: 'm', status: `'created'` }, now)}` : sql``}
      from (select) one left join stored m on true`.execute(db);
    const persisted = rows.flatMap((row) => (row.id === null ? [] : [persistedOf(type, row, batches)]));
    return { count: rows[0]!.count, persisted };
  };
  // It also looks while nothing waits, and creates nothing.
  return metrics.timed(
    'dao',
    'dao_create_notification',
    () => insertingNew(persist),
    ({ count }) => Math.min(count, 1),
  );
}

/** `taskPriority` (delivery/queue.ts) of an accepted message as `m`. */
const priorityOfTask = sql.raw(`m.priority * ${mostSteps + 1} - m.behind / ${stepMilliseconds}`);

const noPlaces: ReadonlyMap<QueueName, number> = new Map();

type PersistedRow = Sendable &
  Readonly<{ queue: QueueName; isHeld: boolean; requestId: string | null; taskPriority: number }>;

function persistedOf(
  type: NotificationType,
  { count: _, queue, isHeld, requestId, taskPriority, ...row }: PersistedRow & { count: number },
  batches: ReadonlyMap<QueueName, HeldBatch>,
): Persisted {
  const held = isHeld
    ? firstHold({
        id: row.id,
        payload: { type },
        priority: taskPriority,
        carried: requestId ?? undefined,
        known: row,
        batch: batches.get(queue)!,
      })
    : null;
  return { id: row.id, queue, requestId, held };
}

/**
 * Places at most `limit` due messages that were scheduled or postponed in the fair order: those of one service and
 * priority are spaced as if they arrived now (fair-order.ts). Returns how many, and when the next one is due.
 */
export async function orderDue(
  db: DbOrTrx,
  type: NotificationType,
  now: Date,
  limit: number,
): Promise<Readonly<{ count: number; next: Date | null }>> {
  const { rows } = await sql<{ count: number; next: Date | null }>`
    with due as materialized (
      select ctid as version, id, service_id, priority, queue, due_at from accepted
      where notification_type = ${type} and turn_at is null and due_at <= ${now}
      order by due_at limit ${limit} for update skip locked
    ), placed as (
      select version, priority, queue, least(${mostBehind}::int, ${spacingMilliseconds}::int *
        (row_number() over (partition by service_id, priority order by due_at, id) - 1))::int as behind
      from due
    ), ordered as (
      update accepted a set behind = p.behind, turn_at = ${now}::timestamptz + ${sql.raw(orderOffset('p'))}
      from placed p where a.ctid = p.version returning a.id
    )
    select (select count(*)::int from ordered) as count, (
      select due_at from accepted where notification_type = ${type} and turn_at is null and due_at > ${now}
      order by due_at limit 1
    ) as next`.execute(db);
  return rows[0]!;
}

/** The status of a message that is stored as not sendable; null for one that is sent. */
const failureOf = (givenUp: RawBuilder<unknown>) =>
  sql`case when ${givenUp} = 'error' then 'technical-failure' when ${givenUp} is not null then 'validation-failed' end`;

/**
 * Stores the rows of the CTE `moved`, which has the columns of `accepted`, and counts them. Of those that were not stored
 * before, the CTE `facts` has what was stored, and `stored` the rows. `givenUp`: the reason why a row is stored as not
 * sendable, or null. `areNew`: none was stored before (insertingNew).
 */
export const storing = (givenUp: RawBuilder<unknown>, areNew = false) => sql`facts as (
        insert into notification_history (id, service_id, template_id, template_version, job_id, job_row_number,
          api_key_id, key_type, notification_type, status, created_at, scheduled_for, client_reference, international,
          phone_prefix, rate_multiplier, created_by, given_up, updated_at, rare_status)
        select id, service_id, template_id, template_version, job_id, job_row_number, api_key_id, key_type,
          notification_type, coalesce(${failureOf(givenUp)}, 'created'), created_at, scheduled_for, client_reference,
          international, phone_prefix, rate_multiplier, created_by, ${givenUp},
          case when ${givenUp} is not null then created_at end, ${failureOf(givenUp)}
        from moved ${onConflict(areNew)} returning ${storedColumns}
      ), ${countStored('facts')}, stored as ${areNew ? allOfThem : thoseOfFacts}, personal as (
        insert into notifications (id, service_id, recipient, normalised_recipient, personalisation, reply_to_text,
          unsubscribe_url, request_id)
        select id, service_id, recipient, normalised_recipient, personalisation, reply_to_text, unsubscribe_url, request_id
        from stored
      )`;
const allOfThem = sql`not materialized (select m.* from moved m)`;
// Not a join, whose time could grow by the square of the batch: a condition in brackets is looked up by hash.
const thoseOfFacts = sql`materialized (select m.* from moved m where (m.id in (select id from facts)) is true)`;
const notGivenUp = sql`null::text`;
const storeMoved = storing(notGivenUp);

/** Whether a message that was due by `before` still waits to be persisted. */
export async function isBehind(db: DbOrTrx, type: NotificationType, before: Date): Promise<boolean> {
  const { rows } = await sql`
    select from accepted where notification_type = ${type} and turn_at is not null and due_at < ${before}
    limit 1`.execute(db);
  return rows.length > 0;
}

/** At most `limit` accepted messages that may be persisted now, in fair order. */
export async function findDue(
  db: DbOrTrx,
  type: NotificationType,
  limit: number,
): Promise<readonly { id: string; attempt: number; requestId: string | undefined }[]> {
  const rows = await db
    .selectFrom('accepted')
    .select(['id', 'attempt', 'request_id'])
    .where('notification_type', '=', type)
    .where('turn_at', 'is not', null)
    .orderBy('turn_at')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ id, attempt, request_id }) => ({ id, attempt, requestId: requestIdOf(request_id) }));
}

/** Whether a message is accepted but not yet persisted. */
export async function isAccepted(db: DbOrTrx, id: string): Promise<boolean> {
  return (await db.selectFrom('accepted').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}

/**
 * Counts a failed attempt and retries at `dueAt`; null parks the message at `now`: it is left to an operator. `failure`:
 * the class of the error.
 */
export async function postponeAccepted(
  db: DbOrTrx,
  { id, type }: Readonly<{ id: string; type: NotificationType }>,
  { dueAt, failure, now }: Readonly<{ dueAt: Date | null; failure: string; now: Date }>,
): Promise<void> {
  await db
    .updateTable('accepted')
    .set((row) => ({
      attempt: row('attempt', '+', 1),
      due_at: dueAt,
      turn_at: null,
      failure,
      parked_at: dueAt === null ? now : null,
    }))
    .where('notification_type', '=', type)
    .where('id', '=', id)
    .execute();
}

/**
 * What the column `key` holds for an Idempotency-Key that came with an API key of this type. Live ones are stored as
 * given, so that the release before still recognises them; the line feed of the others cannot occur in a header.
 */
export function storedKey(keyType: KeyType, key: string): string {
  return keyType === 'normal' ? key : `${keyType}\n${key}`;
}

/**
 * The response stored for an Idempotency-Key of the service and key type, still sealed, and the key as stored; null if
 * there is none from the last 24 hours. A row of the release before, which did not distinguish key types, counts for
 * all of them: to send nothing is better than to send twice.
 */
export async function findAnswer(
  db: DbOrTrx,
  serviceId: string,
  keyType: KeyType,
  key: string,
): Promise<{ key: string; fingerprint: Buffer; answer: Buffer } | null> {
  const row = await db
    .selectFrom('idempotency_keys')
    .select(['key', 'fingerprint', 'answer'])
    .where('service_id', '=', serviceId)
    .where('key', 'in', [storedKey(keyType, key), key])
    .where((row) => row.or([row('key_type', '=', keyType), row('key_type', 'is', null)]))
    .orderBy('key_type', (order) => order.asc().nullsLast())
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/**
 * Remembers the response to a request that is no message, within the transaction that gives effect to it. Returns false
 * if another request has used the key.
 */
export async function rememberAnswer(
  trx: Trx,
  serviceId: string,
  keyType: KeyType,
  { key, fingerprint, answer }: Readonly<{ key: string; fingerprint: Buffer; answer: Buffer }>,
  now: Date,
): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    insert into idempotency_keys (service_id, key, key_type, fingerprint, answer, created_at)
    values (${serviceId}, ${storedKey(keyType, key)}, ${keyType}, ${fingerprint}, ${answer}, ${now})
    on conflict do nothing`.execute(trx);
  return numAffectedRows > 0n;
}

/** What limits a message: requests per minute of the service and key type, and messages of its type per day; null: nothing does. */
type Limited = Readonly<{
  serviceId: string;
  keyType: KeyType;
  rateLimit: number | null;
  dailyLimit: number | null;
  message: Readonly<{ type: NotificationType }> | null;
}>;

/**
 * The limit that would refuse a message as things are, or null; it takes nothing. `day`: in the business zone,
 * YYYY-MM-DD.
 */
export async function limitReached(
  db: DbOrTrx,
  { serviceId, keyType, rateLimit, dailyLimit, message }: Limited,
  now: Date,
  day: string,
): Promise<'rate' | 'daily' | null> {
  const perSecond = rateLimit === null ? null : rateLimit / 60;
  const { rows } = await sql<{ rate: boolean | null; daily: boolean | null }>`
    select (select tokens < 2 and tokens + extract(epoch from ${now}::timestamptz - refilled_at) * ${perSecond}::float8 < 2
        from rate_buckets where service_id = ${serviceId} and key_type = ${keyType} and ${rateLimit !== null}) as rate,
      coalesce((select used from daily_counts
        where service_id = ${serviceId} and day = ${day} and name = ${message?.type ?? ''}), 0) >= ${dailyLimit}::int as daily`.execute(
    db,
  );
  if (rows[0]?.rate) return 'rate';
  return rows[0]?.daily ? 'daily' : null;
}

/**
 * How many messages of these types a service has had accepted since a day (in the business zone, YYYY-MM-DD), as its
 * daily limits count them: without test keys and simulated recipients.
 */
export async function countAccepted(
  db: DbOrTrx,
  serviceId: string,
  types: readonly DailyLimit[],
  since: string,
): Promise<ReadonlyMap<DailyLimit, number>> {
  const { rows } = await sql<{ name: DailyLimit; count: number }>`
    select name, sum(used)::float8 as count from daily_counts
    where service_id = ${serviceId} and day >= ${since} and name = any(${types}::text[]) group by name`.execute(
    db,
  );
  return new Map(rows.map(({ name, count }) => [name, count]));
}

/** Deletes at most `limit` daily counts from before a day (in the business zone, YYYY-MM-DD). Returns how many. */
export async function deleteDailyCounts(db: DbOrTrx, before: string, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from daily_counts where ctid = any(array(
      select ctid from daily_counts where day < ${before} limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

/** Deletes at most `limit` Idempotency-Keys older than `before`. Returns how many. */
export async function deleteAnswers(db: DbOrTrx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from idempotency_keys where ctid = any(array(
      select ctid from idempotency_keys where created_at < ${before} limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

/** Stores a scheduled message that is not due yet; any other is left unchanged. Returns whether it was stored. */
export async function storeScheduled(trx: Trx, serviceId: string, id: string, now: Date): Promise<boolean> {
  const { rows } = await sql`
    with moved as (
      delete from accepted where id = ${id} and service_id = ${serviceId} and scheduled_for > ${now} and due_at > ${now}
      returning *
    ), ${storeMoved}
    select id from facts`.execute(trx);
  return rows.length > 0;
}

/** Stores a parked message; any other is left unchanged. Returns whether it was stored, or had been before. */
export async function storeParked(trx: Trx, id: string): Promise<boolean> {
  const { rows } = await sql`
    with moved as (
      delete from accepted where id = ${id} and due_at is null and turn_at is null returning *
    ), ${storeMoved}
    select id from moved`.execute(trx);
  return rows.length > 0;
}
