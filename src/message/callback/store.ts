import { sql } from 'kysely';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import { lookUp } from '../../database/look-up.ts';
import type { CallbackOutcome, CallbackState, CallbackType } from '../../database/tables.ts';
import type { Health } from './health.ts';

/** A callback that this process has claimed. Payload and token are still sealed. */
export type ClaimedCallback = Readonly<{
  id: string;
  apiId: string;
  type: CallbackType;
  notificationId: string | null;
  subjectId: string | null;
  payload: Buffer;
  url: string;
  bearerToken: Buffer;
  attempt: number;
  tries: number;
  isProbe: boolean;
  /** Of the request that it goes back to, with its trace (ground/traces.ts). */
  requestId: string | null;
}>;

export type ClaimOptions = Readonly<{
  now: Date;
  /** When the claims expire if this process never records how the callbacks ended. */
  until: Date;
  /** Most concurrent callbacks from this process to one address. */
  concurrency: number;
  /** How many are under way now, by address id. */
  busy: ReadonlyMap<string, number>;
}>;

/**
 * Claims due callbacks fairly: each address gets as many as it has free places, the longest overdue first. A paused
 * address gets none; when its pause is over, one process sends it a single callback, the probe. Callbacks that another
 * process is claiming at the same moment are skipped.
 */
export async function claimCallbacks(
  db: Db,
  { now, until, concurrency, busy }: ClaimOptions,
): Promise<readonly ClaimedCallback[]> {
  const { rows } = await sql<ClaimedCallback>`
    with probed as (
      update service_callback_api a set paused_until = ${until}
      where a.paused_until <= ${now} and (
        select true from service_callbacks c
        where c.service_id = a.service_id and c.callback_type = a.callback_type and c.due_at <= ${now} limit 1)
      returning a.id
    ), open as (
      select a.id, a.service_id, a.callback_type, a.url, a.bearer_token, p.id is not null as probe,
        case when p.id is not null then 1 else ${concurrency}::int - coalesce(b.count, 0) end as places
      from service_callback_api a
      left join probed p on p.id = a.id
      left join unnest(${[...busy.keys()]}::uuid[], ${[...busy.values()]}::int[]) as b (id, count) on b.id = a.id
      where p.id is not null or a.paused_until is null
    ), due as materialized (
      select c.id, o.id as api_id, o.url, o.bearer_token, o.probe
      from open o cross join lateral (
        select id from service_callbacks
        where service_id = o.service_id and callback_type = o.callback_type and due_at <= ${now}
        order by due_at limit greatest(0, o.places) for update skip locked
      ) c
    ), claimed as (
      update service_callbacks set attempt = attempt + 1, due_at = ${until}
      where id = any(array(select id from due))
      returning id, callback_type, notification_id, subject_id, payload, attempt, tries, request_id
    ), lapsed as (
      update service_callback_attempts a set finished_at = ${now}, outcome = 'retry', code = 'lapsed',
        detail = 'The worker ended before it recorded an answer'
      from claimed where ${lookUp('a.callback_id', 'claimed.id')} and ${lookUp('a.number', 'claimed.attempt - 1')} and a.outcome is null
    ), started as (
      insert into service_callback_attempts (callback_id, number, started_at)
      select id, attempt, ${now} from claimed
    )
    select c.id, d.api_id as "apiId", c.callback_type as type, c.notification_id as "notificationId",
      c.subject_id as "subjectId", c.payload, d.url, d.bearer_token as "bearerToken", c.attempt, c.tries,
      d.probe as "isProbe", c.request_id as "requestId"
    from claimed c join due d on d.id = c.id`.execute(db);
  return rows;
}

/** How an attempt ended, and what becomes of its callback. */
export type CallbackEnd = Readonly<{
  id: string;
  attempt: number;
  state: CallbackState;
  /** When it is tried again; null: it is finished. */
  dueAt: Date | null;
  tries: number;
  finishedAt: Date;
  outcome: CallbackOutcome;
  code: string;
  detail: string | null;
}>;

/**
 * Records how attempts ended. An attempt whose claim has expired no longer settles its callback, unless it succeeded: a
 * success is always recorded.
 */
export async function recordEnds(trx: Trx, given: readonly CallbackEnd[]): Promise<void> {
  if (given.length === 0) return;
  const ends = given.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const column = <T>(pick: (end: CallbackEnd) => T) => ends.map(pick);
  await sql`
    with input as (
      select * from unnest(${column(({ id }) => id)}::uuid[], ${column(({ attempt }) => attempt)}::int[],
        ${column(({ state }) => state)}::text[], ${column(({ dueAt }) => dueAt)}::timestamptz[],
        ${column(({ tries }) => tries)}::int[], ${column(({ finishedAt }) => finishedAt)}::timestamptz[],
        ${column(({ outcome }) => outcome)}::text[], ${column(({ code }) => code)}::text[],
        ${column(({ detail }) => detail)}::text[])
        as t (id, attempt, state, due_at, tries, finished_at, outcome, code, detail)
    ), ended as (
      update service_callback_attempts a
      set finished_at = input.finished_at, outcome = input.outcome, code = input.code, detail = input.detail
      from input where ${lookUp('a.callback_id', 'input.id')} and a.number = input.attempt
    )
    update service_callbacks c set state = input.state, due_at = input.due_at, tries = input.tries, last_code = input.code,
      finished_at = case when input.due_at is null then input.finished_at end
    from input
    where ${lookUp('c.id', 'input.id')} and (input.state = 'delivered' or c.state = 'pending' and c.attempt = input.attempt)`.execute(
    trx,
  );
}

/**
 * Returns the health of the addresses in `ids` that are paused, have failed or are in `failing`, and locks them until
 * the transaction ends. Healthy addresses are left out, since nothing about them changes.
 */
export async function lockHealth(
  trx: Trx,
  ids: readonly string[],
  failing: readonly string[],
): Promise<ReadonlyMap<string, Health>> {
  const { rows } = await sql<{ id: string; failures: number; pauses: number; pausedUntil: Date | null }>`
    select id, failures, pauses, paused_until as "pausedUntil" from service_callback_api
    where id = any(${ids}::uuid[]) and (failures > 0 or paused_until is not null or id = any(${failing}::uuid[]))
    order by id for update`.execute(trx);
  return new Map(
    rows.map(({ id, failures, pauses, pausedUntil }) => [
      id,
      { failures, pauses, pausedUntil: pausedUntil?.getTime() ?? null },
    ]),
  );
}

export async function updateHealth(trx: Trx, healths: ReadonlyMap<string, Health>): Promise<void> {
  if (healths.size === 0) return;
  const entries = [...healths];
  const column = <T>(pick: (health: Health) => T) => entries.map(([, health]) => pick(health));
  await sql`
    update service_callback_api a
    set failures = input.failures, pauses = input.pauses, paused_until = input.paused_until
    from unnest(${entries.map(([id]) => id)}::uuid[], ${column(({ failures }) => failures)}::int[],
      ${column(({ pauses }) => pauses)}::int[],
      ${column(({ pausedUntil }) => (pausedUntil === null ? null : new Date(pausedUntil)))}::timestamptz[])
      as input (id, failures, pauses, paused_until)
    where a.id = input.id`.execute(trx);
}

/** Marks callbacks queued before `before` as failed. Returns how many. */
export async function expireCallbacks(db: DbOrTrx, before: Date, now: Date): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    update service_callbacks set state = 'failed', due_at = null, finished_at = ${now}, last_code = 'expired'
    where due_at is not null and queued_at < ${before}`.execute(db);
  return Number(numAffectedRows);
}
