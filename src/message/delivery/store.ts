import { type RawBuilder, sql } from 'kysely';
import { type Db, type DbOrTrx, insertingNew, onConflict } from '../../database/connection.ts';
import { lookUp } from '../../database/look-up.ts';
import { inPartitionsOf } from '../../database/partitions.ts';
import type {
  AttemptOutcome,
  JobStatus,
  KeyType,
  NotificationStatus,
  NotificationType,
} from '../../database/tables.ts';
import { idFloor, idMarginMilliseconds } from '../../ground/id.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { type Sendable, sendableColumns } from '../submission/store.ts';

/** A message and its last attempt, which decide whether it may be handed over now. */
export type Candidate = Sendable &
  Readonly<{
    lastNumber: number | null;
    lastOutcome: AttemptOutcome | null;
    lastStartedAt: Date | null;
    lastProvider: string | null;
    /** Of its job; null: it has none. */
    jobStatus: JobStatus | null;
  }>;

export type StoreDeps = Readonly<{ metrics: Metrics }>;

/** `at`: suppressions in force then count. */
export function findCandidates(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  ids: readonly string[],
  at: Date,
): Promise<Map<string, Candidate>> {
  return metrics.timed('dao', 'get_notification_with_personalisation', async () => {
    const { rows } = await sql<Candidate>`
      select ${sendableColumns({ n: 'n', h: 'h', status: 'h.status' }, at)},
        a.number as "lastNumber", a.outcome as "lastOutcome", a.started_at as "lastStartedAt", a.provider as "lastProvider",
        case when h.job_id is not null then (select status from jobs where id = h.job_id) end as "jobStatus"
      from unnest(${ids}::uuid[]) as input (id)
      join notifications n on ${lookUp('n.id', 'input.id')} ${inPartitionsOf(ids, 'n.id')}
      join notification_history h on ${lookUp('h.id', 'input.id')} ${inPartitionsOf(ids, 'h.id')}
      left join lateral (
        select number, outcome, started_at, provider from attempts
        where notification_id = input.id ${inPartitionsOf(ids, 'notification_id')} order by number desc limit 1
      ) a on true`.execute(db);
    return new Map(rows.map((row) => [row.id, row]));
  });
}

/** A message that was stored just now: it has no job and no attempt. */
export function firstCandidate(message: Sendable): Candidate {
  const last = { lastNumber: null, lastOutcome: null, lastStartedAt: null, lastProvider: null } as const;
  return { ...message, ...last, jobStatus: null };
}

/** The sealed values of one message; null if there is no such message. */
export async function findPersonalisation(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  id: string,
): Promise<Buffer | null> {
  return metrics.timed('dao', 'get_notification_personalisation', async () => {
    const { rows } = await sql<{ personalisation: Buffer }>`
      select personalisation from notifications where id = ${id}`.execute(db);
    return rows[0]?.personalisation ?? null;
  });
}

/** A claim to hand a message to a provider, stored as an attempt. No two workers can insert the same number. */
export type NewAttempt = Readonly<{
  notificationId: string;
  number: number;
  provider: string;
  startedAt: Date;
  /** Billable units if the provider takes the message, for a receipt that overtakes the record of the hand-over. */
  billableUnits: number;
}>;

/**
 * Inserts claims for messages that are still `created`, and marks earlier attempts that never ended as `unknown`.
 * Returns the ids that were claimed; the others were claimed by another worker, or are no longer `created`.
 */
export async function insertClaims(
  { metrics }: StoreDeps,
  db: Db,
  claims: readonly NewAttempt[],
): Promise<ReadonlySet<string>> {
  const column = <T>(pick: (claim: NewAttempt) => T) => claims.map(pick);
  const ids = column(({ notificationId }) => notificationId);
  const isFirst = claims.every(({ number }) => number === 1);
  const lapsed = sql`, lapsed as (
        update attempts a set ${lapse}, finished_at = input.started_at
        from input
        where input.number > 1 and ${lookUp('a.notification_id', 'input.notification_id')} and ${lookUp('a.number', 'input.number - 1')}
          and a.outcome is null ${inPartitionsOf(ids, 'a.notification_id')}
      )`;
  const insert = async (areNew: boolean) => {
    const { rows } = await sql<{ id: string }>`
      with input as (
        select * from unnest(${ids}::uuid[], ${column(({ number }) => number)}::int[], ${column(({ provider }) => provider)}::text[],
          ${column(({ startedAt }) => startedAt)}::timestamptz[], ${column(({ billableUnits }) => billableUnits)}::int[])
          as t (notification_id, number, provider, started_at, billable_units)
      )${isFirst ? sql`` : lapsed}
      insert into attempts (notification_id, number, provider, started_at, billable_units)
      select input.notification_id, input.number, input.provider, input.started_at, input.billable_units
      from input join notification_history h on ${lookUp('h.id', 'input.notification_id')}
        and h.status = 'created' ${inPartitionsOf(ids, 'h.id')}
      ${onConflict(areNew)} returning notification_id as id`.execute(db);
    return new Set(rows.map(({ id }) => id));
  };
  return metrics.timed('dao', 'dao_claim_notification', () => insertingNew(insert));
}

/** The outcome of an attempt whose claim expired without an answer. */
const lapse = sql`outcome = 'unknown', code = 'lapsed', detail = 'The worker ended before it recorded an answer'`;

/** Closes the open attempts of messages that need no further one now. Returns how many. */
export async function lapseAttempts(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  messages: readonly Pick<Candidate, 'id' | 'lastNumber' | 'lastOutcome'>[],
  at: Date,
): Promise<number> {
  const open = messages.filter(({ lastNumber, lastOutcome }) => lastNumber !== null && lastOutcome === null);
  if (open.length === 0) return 0;
  const { numAffectedRows = 0n } = await metrics.timed('dao', 'dao_lapse_attempt', () =>
    sql`
      update attempts a set ${lapse}, finished_at = ${at}
      from unnest(${open.map(({ id }) => id)}::uuid[], ${open.map(({ lastNumber }) => lastNumber)}::int[]) as input (id, number)
      where ${lookUp('a.notification_id', 'input.id')} and ${lookUp('a.number', 'input.number')} and a.outcome is null`.execute(
      db,
    ),
  );
  return Number(numAffectedRows);
}

/** How an attempt ended. */
export type AttemptEnd = Readonly<{
  notificationId: string;
  number: number;
  finishedAt: Date;
  outcome: AttemptOutcome;
  code: string | null;
  detail: string | null;
}>;

/** A CTE that writes how attempts ended. */
export function finishingAttempts(ends: readonly AttemptEnd[]): RawBuilder<unknown> {
  const column = <T>(pick: (end: AttemptEnd) => T) => ends.map(pick);
  const ids = column(({ notificationId }) => notificationId);
  return sql`finished as (
      update attempts a set finished_at = input.finished_at,
        -- An attempt that was closed as unknown stays so: it may have led to another attempt.
        outcome = coalesce(a.outcome, input.outcome),
        code = case when a.outcome is null then input.code else a.code end,
        detail = case when a.outcome is null then input.detail else 'The answer came after the claim had run out: ' || input.outcome end
      from unnest(${ids}::uuid[], ${column(({ number }) => number)}::int[],
        ${column(({ finishedAt }) => finishedAt)}::timestamptz[], ${column(({ outcome }) => outcome)}::text[],
        ${column(({ code }) => code)}::text[], ${column(({ detail }) => detail)}::text[])
        as input (notification_id, number, finished_at, outcome, code, detail)
      where ${lookUp('a.notification_id', 'input.notification_id')} and ${lookUp('a.number', 'input.number')}
        ${inPartitionsOf(ids, 'a.notification_id')}
    )`;
}

/** The facts about a stored message that its delivery task is built from. */
export type Deliverable = Readonly<{
  id: string;
  type: NotificationType;
  status: NotificationStatus;
  keyType: KeyType;
  serviceId: string;
  researchMode: boolean;
  /** Its template has priority. */
  isUrgent: boolean;
  jobId: string | null;
}>;

const deliverable = sql`
  select h.id, h.notification_type as "type", h.status, h.key_type as "keyType", h.service_id as "serviceId",
    s.research_mode as "researchMode", coalesce(v.priority, false) as "isUrgent", h.job_id as "jobId"
  from notification_history h join services s on s.id = h.service_id
  left join template_versions v on v.template_id = h.template_id and v.version = h.template_version`;

export function findDeliverable(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  id: string,
): Promise<Deliverable | null> {
  return metrics.timed('dao', 'get_notification_by_id', async () => {
    const { rows } = await sql<Deliverable>`${deliverable} where h.id = ${id}`.execute(db);
    return rows[0] ?? null;
  });
}

/**
 * Returns at most `limit` messages in status `created`, in id order, with ids after `after`, created from `from` to
 * before `until` (Unix milliseconds).
 */
export function findCreated(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  { from, until }: Readonly<{ from: number; until: number }>,
  after: string,
  limit: number,
): Promise<readonly Deliverable[]> {
  return metrics.timed('dao', 'notifications_not_yet_sent', async () => {
    const { rows } = await sql<Deliverable>`${deliverable}
      where h.id >= ${idFloor(from - idMarginMilliseconds)} and h.id < ${idFloor(until + idMarginMilliseconds)} and h.id > ${after}
        and h.status = 'created' and h.created_at >= ${new Date(from)} and h.created_at < ${new Date(until)}
      order by h.id limit ${limit}`.execute(db);
    return rows;
  });
}
