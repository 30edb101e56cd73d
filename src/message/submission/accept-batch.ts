import type pg from 'pg';
import { arrayLiteral } from '../../database/array-literal.ts';
import { type Db, databaseErrors } from '../../database/connection.ts';
import { createPartitionGuard } from '../../database/partitions.ts';
import type { KeyType, NotificationType } from '../../database/tables.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import { type Clock, dayOf, isoTime } from '../../ground/clock.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { QueueName } from '../../queue/define.ts';
import type { Queues } from '../../queue/queues.ts';
import type { FairOrder } from './fair-order.ts';
import { type AcceptedMessage, orderOffset, storedKey } from './store.ts';

/** One request to send, as the accept batch sees it. */
export type Submission = Readonly<{
  serviceId: string;
  keyType: KeyType;
  /** Requests per minute of the service and key type; null for a message without a key, which no rate limits. */
  rateLimit: number | null;
  /** The message to store; null if there is none: the request was refused, or its recipient is simulated. */
  message: AcceptedMessage | null;
  /** The daily limit for the message's type; null for a test key. */
  dailyLimit: number | null;
  /** The additional daily limit for international texts; null for any other message. */
  internationalLimit: number | null;
  idempotency: Readonly<{ key: string; fingerprint: Buffer; answer: Buffer }> | null;
}>;

/**
 * The outcome of a submission. `counted`: accepted without a message. `rate`, `daily` and `international` name the limit
 * that refused it; `duplicate`: its Idempotency-Key is already in use.
 */
export type AcceptVerdict = 'accepted' | 'counted' | 'rate' | 'daily' | 'international' | 'duplicate';

export type AcceptResult = Readonly<{
  verdict: AcceptVerdict;
  /** Tokens left in the bucket for the service and key type; 0 for a message without a key. */
  tokens: number;
}>;

/** The queue in which accepted messages of each type wait to be persisted (spec 05, section 1.2). */
export const persistQueues: Readonly<Record<NotificationType, QueueName>> = {
  sms: 'db-sms',
  email: 'db-email',
};

export type AcceptBatchDeps = Readonly<{
  db: Db;
  pool: pg.Pool;
  clock: Clock;
  fairOrder: FairOrder;
  metrics: Pick<Metrics, 'batch'>;
  queues: Pick<Queues, 'announce'>;
}>;

/**
 * The accept batcher: one statement, and so one commit, reserves the limits for a whole batch and makes its messages
 * durable. Callers get their 201 only after that commit (docs/decisions/0009).
 */
export function createAcceptBatcher({
  db,
  pool,
  clock,
  fairOrder,
  metrics,
  queues,
}: AcceptBatchDeps): Batcher<Submission, AcceptResult> {
  const ensureDays = createPartitionGuard(db);
  return createBatcher<Submission, AcceptResult>({
    onFlush: (items) => metrics.batch('accept', items),
    // One at a time: a second batch would only wait for the first one's locks on the limit rows.
    concurrency: 1,
    ...databaseErrors,
    async flush(submissions) {
      await ensureDays(submissions.flatMap(({ message }) => message?.id ?? []));
      const now = new Date(clock.now());
      const behind = submissions.map((submission) => behindOf(fairOrder, submission));
      const results = await acceptBatch(pool, submissions, { behind, now, day: dayOf(now.getTime()) });
      const arrived = new Set(
        submissions.flatMap(({ message }, index) =>
          message && results[index]?.verdict === 'accepted' ? [persistQueues[message.type]] : [],
        ),
      );
      if (arrived.size > 0) queues.announce(arrived);
      return results;
    },
  });
}

/**
 * Milliseconds by which a message is placed after its arrival. A scheduled one gets its place when it is due (store.ts).
 */
export function behindOf(fairOrder: FairOrder, { serviceId, message }: Submission): number {
  return message && !message.scheduledFor ? fairOrder.take(serviceId, message.priority) : 0;
}

/**
 * Optional parts of the accept statement: Idempotency-Keys, texts abroad, messages that people send without an API key,
 * and numbering of what counts towards a daily limit. Most batches need none, which halves the work.
 */
type Needs = Readonly<{ keys: boolean; abroad: boolean; oneOff: boolean; numbering: boolean }>;

/**
 * A submission's place in its batch, and among those that count towards the same limit, from 1: of the rate, and of the
 * day.
 */
type Place = Readonly<{ place: number; behind: number; rateRank: number; dailyRank: number }>;

type Column = readonly [name: string, type: string, pick: (submission: Submission, place: Place) => unknown];

/** The message's own columns, named as in `accepted`. */
const messageColumns: readonly Column[] = [
  ['id', 'uuid', ({ message }) => message?.id ?? null],
  ['notification_type', 'text', ({ message }) => message?.type ?? null],
  ['service_id', 'uuid', ({ serviceId }) => serviceId],
  ['template_id', 'uuid', ({ message }) => message?.templateId ?? null],
  ['template_version', 'int', ({ message }) => message?.templateVersion ?? null],
  ['api_key_id', 'uuid', ({ message }) => message?.apiKeyId ?? null],
  ['key_type', 'text', ({ keyType }) => keyType],
  ['created_at', 'timestamptz', ({ message }) => message && isoTime(message.createdAt.getTime())],
  ['scheduled_for', 'timestamptz', ({ message }) => message?.scheduledFor?.toISOString() ?? null],
  ['client_reference', 'text', ({ message }) => message?.clientReference ?? null],
  ['international', 'boolean', ({ message }) => message?.international ?? null],
  ['phone_prefix', 'text', ({ message }) => message?.phonePrefix ?? null],
  ['rate_multiplier', 'numeric', ({ message }) => message?.rateMultiplier ?? null],
  ['recipient', 'text', ({ message }) => message?.recipient ?? null],
  ['normalised_recipient', 'text', ({ message }) => message?.normalisedRecipient ?? null],
  ['personalisation', 'bytea', ({ message }) => message?.personalisation ?? null],
  ['reply_to_text', 'text', ({ message }) => message?.replyToText ?? null],
  ['unsubscribe_url', 'text', ({ message }) => message?.unsubscribeUrl ?? null],
  ['queue', 'text', ({ message }) => message?.queue ?? null],
  ['priority', 'int', ({ message }) => message?.priority ?? null],
  ['request_id', 'text', ({ message }) => message?.requestId ?? null],
  ['behind', 'int', (_, { behind }) => behind],
];

const keyColumns: readonly Column[] = [
  [
    'idempotency_key',
    'text',
    ({ idempotency, keyType }) => idempotency && storedKey(keyType, idempotency.key),
  ],
  ['given_key', 'text', ({ idempotency }) => idempotency?.key ?? null],
  ['fingerprint', 'bytea', ({ idempotency }) => idempotency?.fingerprint ?? null],
  ['answer', 'bytea', ({ idempotency }) => idempotency?.answer ?? null],
];

const abroadColumns: readonly Column[] = [
  ['international_limit', 'int', ({ internationalLimit }) => internationalLimit],
];

const dailyRankColumn: Column = ['daily_rank', 'int', (_, { dailyRank }) => dailyRank];

const oneOffColumn: Column = ['created_by', 'uuid', ({ message }) => message?.createdBy ?? null];

function columnsFor({ keys, abroad, oneOff, numbering }: Needs): readonly Column[] {
  return [
    ['place', 'int', (_, { place }) => place],
    ['rate_rank', 'int', (_, { rateRank }) => rateRank],
    ...(numbering ? [] : [dailyRankColumn]),
    // Spec 01, section 4.1: a burst of at most 999, refilled in whole tokens.
    [
      'capacity',
      'int',
      ({ rateLimit }) => (rateLimit === null ? null : Math.min(Math.ceil(rateLimit / 3) + 1, 1000)),
    ],
    ['per_second', 'float8', ({ rateLimit }) => (rateLimit === null ? null : rateLimit / 60)],
    ['daily_limit', 'int', ({ dailyLimit }) => dailyLimit],
    ...(abroad ? abroadColumns : []),
    ...(keys ? keyColumns : []),
    ...(oneOff ? [oneOffColumn] : []),
    ...messageColumns,
  ];
}

/**
 * When a bucket was last refilled. A moment ahead: by a batch whose statement began later and was first to lock the row.
 * Further ahead: the clock has been set back since, and waiting for that moment would end the refill.
 */
const refilledAt = `case when b.refilled_at > excluded.refilled_at + interval '10 seconds' then excluded.refilled_at else b.refilled_at end`;
/** Whole tokens to add since then; after a long time at a high rate there would be more than an integer holds. */
const refilled = `floor(least(1e9, greatest(0, extract(epoch from excluded.refilled_at - ${refilledAt})) * excluded.per_second))::int`;
const available = `least(excluded.capacity, b.tokens + ${refilled})`;

/** Takes from a daily counter as much as still fits, and records that amount in `admitted`. */
const takeDaily = `on conflict (service_id, day, name) do update set wanted = excluded.wanted, day_limit = excluded.day_limit,
    admitted = greatest(0, least(excluded.wanted, excluded.day_limit - d.used)),
    used = d.used + greatest(0, least(excluded.wanted, excluded.day_limit - d.used))`;

const allRated = `rated as (
  select i.*, bucket.tokens, i.rate_rank <= bucket.admitted as rate_ok
  from input i join bucket on bucket.service_id = i.service_id and bucket.key_type = i.key_type
)`;
/** A message without a key has no capacity and takes no token. */
const someRated = `rated as (
  select i.*, coalesce(bucket.tokens, 0) as tokens, i.capacity is null or i.rate_rank <= bucket.admitted as rate_ok
  from input i left join bucket on bucket.service_id = i.service_id and bucket.key_type = i.key_type
    and i.capacity is not null
)`;

/** Per Idempotency-Key, only a batch's first request is new, and none if the key is already stored. */
const candidatesByKey = `keyed as (
  select service_id, idempotency_key, min(place) as first from rated
  where rate_ok and idempotency_key is not null group by service_id, idempotency_key
), fresh as materialized (
  select r.*, r.rate_ok and (r.idempotency_key is null or (f.first = r.place and not exists (
    select from idempotency_keys k where k.service_id = r.service_id and k.key in (r.idempotency_key, r.given_key)
      and (k.key_type = r.key_type or k.key_type is null)))) as is_new
  from rated r
  left join keyed f on f.service_id = r.service_id and f.idempotency_key = r.idempotency_key
), candidate as (select *, is_new and id is not null as is_candidate from fresh)`;
const allCandidates = `candidate as (select *, rate_ok as is_new, rate_ok and id is not null as is_candidate from rated)`;

const countAbroad = (day: string) => `international as (
  insert into daily_counts as d (service_id, day, name, used, wanted, day_limit, admitted)
  select service_id, ${day}, 'international_sms', greatest(0, least(count(*), max(international_limit))), count(*),
    max(international_limit), greatest(0, least(count(*), max(international_limit)))
  from candidate where is_candidate and international_limit is not null group by service_id order by service_id
  ${takeDaily}
  returning service_id, admitted
), abroad as (
  select c.*, international_limit is null or row_number() over (
    partition by c.service_id, is_candidate, international_limit is null order by place) <= i.admitted as international_ok
  from candidate c left join international i on i.service_id = c.service_id
)`;
const noneAbroad = `abroad as (select *, true as international_ok from candidate)`;

/** The number of each message among those that count towards its daily limit, whatever other limits have refused. */
const numbered = `row_number() over (
    partition by a.service_id, notification_type, daily_limit is null, is_candidate and international_ok order by place)`;

/** A request without a message, to a simulated recipient, is remembered as well. */
const rememberKeys = (now: string) => `remembered as (
  insert into idempotency_keys (service_id, key, key_type, fingerprint, answer, created_at)
  select service_id, idempotency_key, key_type, fingerprint, answer, ${now} from counted
  where is_new and (id is null or (international_ok and daily_ok)) and idempotency_key is not null
  order by service_id, idempotency_key
  on conflict do nothing
  returning service_id, key
),`;

/**
 * Accepts a batch in one statement: every bucket and counter is updated once and admits exactly as many requests as
 * fit, in order of arrival; messages that pass all limits are stored with their idempotency keys. This is exact across
 * processes, because the limit rows stay locked until the commit, and free of deadlocks, because they are always locked
 * in the same order. A row without an id only takes a token, and its key is remembered if it has one.
 *
 * Each step keeps all rows and adds its result, so nothing has to be joined again at the end. The parameters after the
 * columns are the current time and the day in the business zone. Buckets are refilled by the database's own clock, so
 * that no process with a wrong one can fill or block them.
 */
function statementFor(needs: Needs): string {
  const columns = columnsFor(needs);
  const now = `$${columns.length + 1}::timestamptz`;
  const day = `$${columns.length + 2}::date`;
  const stored = [...messageColumns, ...(needs.oneOff ? [oneOffColumn] : [])].map(([name]) => name);
  const memory = needs.keys
    ? 'left join remembered m on m.service_id = c.service_id and m.key = c.idempotency_key'
    : '';
  const isRemembered = needs.keys ? '(c.idempotency_key is null or m.key is not null)' : 'true';
  return `
with input as materialized (
  select * from unnest(${columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')})
    as t (${columns.map(([name]) => name).join(', ')})
), bucket as (
  insert into rate_buckets as b (service_id, key_type, tokens, refilled_at, wanted, capacity, per_second, admitted)
  select service_id, key_type, greatest(0, max(capacity) - count(*)), now(), count(*), max(capacity), max(per_second),
    greatest(0, least(count(*), max(capacity) - 1))
  from input ${needs.oneOff ? 'where capacity is not null' : ''} group by service_id, key_type order by service_id, key_type
  on conflict (service_id, key_type) do update set wanted = excluded.wanted, capacity = excluded.capacity,
    per_second = excluded.per_second,
    admitted = greatest(0, least(excluded.wanted, ${available} - 1)),
    tokens = greatest(0, ${available} - excluded.wanted),
    -- A fraction of a token is kept as elapsed time.
    refilled_at = case when excluded.per_second > 0
      then ${refilledAt} + ${refilled} / excluded.per_second * interval '1 second'
      else excluded.refilled_at end
  returning service_id, key_type, admitted, tokens
), ${needs.oneOff ? someRated : allRated}, ${needs.keys ? candidatesByKey : allCandidates}, ${needs.abroad ? countAbroad(day) : noneAbroad}, daily as (
  insert into daily_counts as d (service_id, day, name, used, wanted, day_limit, admitted)
  select service_id, ${day}, notification_type, greatest(0, least(count(*), max(daily_limit))), count(*),
    max(daily_limit), greatest(0, least(count(*), max(daily_limit)))
  from abroad where is_candidate and international_ok and daily_limit is not null
  group by service_id, notification_type order by service_id, notification_type
  ${takeDaily}
  returning service_id, name, admitted
), counted as (
  select a.*, daily_limit is null or ${needs.numbering ? numbered : 'daily_rank'} <= d.admitted as daily_ok
  from abroad a left join daily d on d.service_id = a.service_id and d.name = a.notification_type
), ${needs.keys ? rememberKeys(now) : ''} stored as (
  insert into accepted (${stored.join(', ')}, due_at, turn_at)
  select ${stored.map((name) => `c.${name}`).join(', ')}, coalesce(c.scheduled_for, ${now}),
    case when c.scheduled_for is null then ${now} + ${orderOffset('c')} end
  from counted c ${memory}
  where is_candidate and international_ok and daily_ok and ${isRemembered}
)
select c.tokens, case
    when not c.rate_ok then 'rate'
    when not c.is_new then 'duplicate'
    when c.id is not null and not c.international_ok then 'international'
    when c.id is not null and not c.daily_ok then 'daily'
    when not ${isRemembered} then 'duplicate'
    when c.id is null then 'counted'
    else 'accepted' end as verdict
from counted c ${memory}
order by c.place`;
}

/** The variants of the statement, each built and prepared once. */
const flags = [true, false];
const variants = flags.flatMap((keys) =>
  flags.flatMap((abroad) =>
    flags.flatMap((oneOff) =>
      (keys || abroad ? [true] : flags).map((numbering) => {
        const needs = { keys, abroad, oneOff, numbering };
        const parts = Object.entries(needs).flatMap(([name, isNeeded]) => (isNeeded ? [name] : []));
        return {
          needs,
          name: ['accept', ...parts].join(' '),
          columns: columnsFor(needs),
          text: statementFor(needs),
        };
      }),
    ),
  ),
);

/**
 * The places of the submissions of a batch. `isExact`: whether a daily rank also holds where a rate refuses some: it
 * refuses the last ones of a service and key type, so that it does if all that count towards a daily limit have the same
 * rate.
 */
function placesOf(
  submissions: readonly Submission[],
  behind: readonly number[],
): Readonly<{ places: readonly Place[]; isExact: boolean }> {
  const ofRate = new Map<string, number>();
  const ofDay = new Map<string, { rate: string | null; rank: number }>();
  let isExact = true;
  const places = submissions.map(({ serviceId, keyType, rateLimit, message, dailyLimit }, place) => {
    const rate = rateLimit === null ? null : `${keyType} ${serviceId}`;
    let rateRank = 0;
    if (rate !== null) {
      rateRank = (ofRate.get(rate) ?? 0) + 1;
      ofRate.set(rate, rateRank);
    }
    let dailyRank = 0;
    if (message !== null && dailyLimit !== null) {
      const name = `${message.type} ${serviceId}`;
      const before = ofDay.get(name);
      dailyRank = (before?.rank ?? 0) + 1;
      if (before && before.rate !== rate) isExact = false;
      ofDay.set(name, { rate, rank: dailyRank });
    }
    return { place, behind: behind[place]!, rateRank, dailyRank };
  });
  return { places, isExact };
}

/**
 * Runs the statement, prepared once per connection: planning it costs more than running it. `behind`: milliseconds by
 * which each message is placed after its arrival (fair-order.ts). `day`: in the business zone, YYYY-MM-DD. Returns one
 * result per submission, in the same order.
 */
export async function acceptBatch(
  pool: Pick<pg.Pool, 'query'>,
  submissions: readonly Submission[],
  { behind, now, day }: Readonly<{ behind: readonly number[]; now: Date; day: string }>,
): Promise<readonly AcceptResult[]> {
  const keys = submissions.some(({ idempotency }) => idempotency !== null);
  const abroad = submissions.some(({ internationalLimit }) => internationalLimit !== null);
  const oneOff = submissions.some(({ rateLimit }) => rateLimit === null);
  const { places, isExact } = placesOf(submissions, behind);
  const numbering = keys || abroad || !isExact;
  const variant = variants.find(
    ({ needs }) =>
      needs.keys === keys &&
      needs.abroad === abroad &&
      needs.oneOff === oneOff &&
      needs.numbering === numbering,
  )!;
  const arrays = variant.columns.map(([, , pick]) => {
    const values = submissions.map((submission, place) => pick(submission, places[place]!));
    // A column without values is sent empty; `unnest` pads it with nulls.
    return values.every((value) => value === null) ? '{}' : arrayLiteral(values);
  });
  const { rows } = await pool.query<AcceptResult>({
    name: variant.name,
    text: variant.text,
    values: [...arrays, isoTime(now.getTime()), day],
  });
  return keys ? refuseWithFirst(submissions, rows) : rows;
}

/**
 * Requests that repeat one of the same batch which a daily limit refused are refused with it. Only the same request is:
 * a different one with the same Idempotency-Key may still be within its limits.
 */
function refuseWithFirst(
  submissions: readonly Submission[],
  results: readonly AcceptResult[],
): readonly AcceptResult[] {
  const refused = new Map<string, AcceptVerdict>();
  const nameOf = ({ serviceId, keyType, idempotency }: Submission) =>
    idempotency && `${serviceId} ${keyType} ${idempotency.fingerprint.toString('hex')} ${idempotency.key}`;
  results.forEach(({ verdict }, index) => {
    const name = verdict === 'daily' || verdict === 'international' ? nameOf(submissions[index]!) : null;
    if (name !== null) refused.set(name, verdict);
  });
  if (refused.size === 0) return results;
  return results.map((result, index) => {
    const name = result.verdict === 'duplicate' ? nameOf(submissions[index]!) : null;
    return { ...result, verdict: (name !== null && refused.get(name)) || result.verdict };
  });
}
