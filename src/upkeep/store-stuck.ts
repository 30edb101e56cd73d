import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx } from '../database/connection.ts';
import type { NotificationStatus, NotificationType } from '../database/tables.ts';
import { stopwatch } from '../ground/clock.ts';
import { deliverQueues } from '../message/delivery/queue.ts';
import { idCeiling } from '../message/reading/store.ts';

/** Where a message stands that is not final. `callback`: it is final, and its service has not been told. */
export const stuckKinds = ['accepted', 'created', 'sending', 'callback'] as const;
export type StuckKind = (typeof stuckKinds)[number];

/** What a message waits for. */
export const causes = [
  'storing',
  'queue',
  'worker',
  'retry',
  'provider',
  'operator',
  'replay',
  'receipt',
  'callback',
] as const;
export type Cause = (typeof causes)[number];

export type Stuck = Readonly<{
  id: string;
  serviceId: string;
  type: NotificationType;
  status: NotificationStatus;
  kind: StuckKind;
  waitsFor: Cause;
  since: Date;
  nextAttemptAt: Date | null;
}>;

export type StuckFilter = Readonly<{
  kinds: readonly StuckKind[];
  /** Only messages that have waited since this time or longer. */
  before: Date;
  /** Only messages older than the one with this id. */
  olderThan: string | null;
  /** No message with a smaller id can still be on its way. */
  floor: string;
}>;

export type StuckPage = Readonly<{
  stuck: readonly Stuck[];
  /** Of what was looked at. */
  counts: Readonly<Record<StuckKind, number>>;
  /** The id after which the next page goes on; null if there is nothing more. */
  last: string | null;
  /** The id down to which stored messages were looked at; null: all were. */
  walkedTo: string | null;
}>;

/** Most that is counted of what waits in tables of its own. */
const mostCounted = sql.lit(100_000);
const portions = { first: 5000, growth: 4, most: 100_000 } as const;

/**
 * A page of at most `limit` stuck messages, newest first. Statuses are in no index, so it walks the history, for
 * `milliseconds` at most, and then for no longer than the page needs; with `whole` it goes on while there is time, so as
 * to count. What waits before and after that is found in indexes of its own.
 */
export async function findStuck(
  db: DbOrTrx,
  filter: StuckFilter,
  {
    prefix,
    limit,
    milliseconds,
    whole,
  }: Readonly<{ prefix: string; limit: number; milliseconds: number; whole: boolean }>,
): Promise<StuckPage> {
  const { kinds, olderThan } = filter;
  const has = (kind: StuckKind) => kinds.includes(kind);
  const aside = [
    ...(has('accepted') ? await findAccepted(db, filter, limit) : []),
    ...(has('callback') ? await findCallbacks(db, filter, limit) : []),
  ];
  const counts = { accepted: 0, created: 0, sending: 0, callback: 0 };
  if (whole && has('accepted')) counts.accepted = await countAccepted(db, filter);
  if (whole && has('callback')) counts.callback = await countCallbacks(db, filter);

  const statuses = [
    ...(has('created') ? ['created'] : []),
    ...(has('sending') ? ['sending', 'pending'] : []),
  ];
  const walked: Stuck[] = [];
  let last = has('created') || has('sending') ? (olderThan ?? idCeiling) : null;
  const elapsed = stopwatch();
  for (
    let size: number = portions.first;
    last !== null;
    size = Math.min(size * portions.growth, portions.most)
  ) {
    const portion = await walk(
      db,
      { ...filter, statuses },
      { before: last, size, limit: limit - walked.length },
    );
    walked.push(...portion.found);
    counts.created += portion.created;
    counts.sending += portion.sending;
    last = portion.last;
    if (elapsed() > milliseconds || (!whole && walked.length >= limit)) break;
  }
  // Where the time is over, what comes later is left to the next page.
  const reached = last;
  const all = [...walked, ...aside.filter(({ id }) => reached === null || id >= reached)];
  const page = all.toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
  const isCut = all.length >= limit;
  return {
    stuck: await withTasks(db, prefix, page),
    counts,
    last: isCut ? page.at(-1)!.id : reached,
    walkedTo: reached,
  };
}

const older = (column: RawBuilder<unknown>, { olderThan }: StuckFilter) =>
  olderThan === null ? sql`true` : sql`${column} < ${olderThan}`;

/** Accepted and not stored, though they are due: as `a`. */
const isOverdue = ({ before }: StuckFilter) => sql`
  case when a.due_at is null then coalesce(a.parked_at, a.created_at) else greatest(a.created_at, a.scheduled_for) end < ${before}`;

async function findAccepted(db: DbOrTrx, filter: StuckFilter, limit: number): Promise<readonly Stuck[]> {
  const { rows } = await sql<Stuck>`
    select a.id, a.service_id as "serviceId", a.notification_type as type, 'created' as status, 'accepted' as kind,
      case when a.due_at is null then 'operator' when a.attempt > 0 then 'retry' else 'storing' end as "waitsFor",
      case when a.due_at is null then coalesce(a.parked_at, a.created_at) else greatest(a.created_at, a.scheduled_for) end as since,
      case when a.attempt > 0 then a.due_at end as "nextAttemptAt"
    from accepted a where ${older(sql`a.id`, filter)} and ${isOverdue(filter)} order by a.id desc limit ${limit}`.execute(
    db,
  );
  return rows;
}

async function countAccepted(db: DbOrTrx, filter: StuckFilter): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (
      select from accepted a where ${isOverdue(filter)} limit ${mostCounted}
    ) counted`.execute(db);
  return rows[0]!.count;
}

/** Callbacks about messages that have not been taken yet: the index has only those that wait. */
const waitingCallbacks = ({ before }: StuckFilter) => sql`
  select notification_id, queued_at, due_at from service_callbacks
  where due_at is not null and queued_at < ${before} and notification_id is not null limit ${mostCounted}`;

async function findCallbacks(db: DbOrTrx, filter: StuckFilter, limit: number): Promise<readonly Stuck[]> {
  const { rows } = await sql<Stuck>`
    with waiting as (
      select notification_id as id, min(queued_at) as since, min(due_at) as next from (${waitingCallbacks(filter)}) c
      where ${older(sql`notification_id`, filter)} group by notification_id order by notification_id desc limit ${limit}
    )
    select w.id, h.service_id as "serviceId", h.notification_type as type, h.status, 'callback' as kind,
      'callback' as "waitsFor", w.since, w.next as "nextAttemptAt"
    from waiting w join notification_history h on h.id = w.id`.execute(db);
  return rows;
}

async function countCallbacks(db: DbOrTrx, filter: StuckFilter): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (${waitingCallbacks(filter)}) counted`.execute(db);
  return rows[0]!.count;
}

type Portion = Readonly<{ found: readonly Stuck[]; created: number; sending: number; last: string | null }>;

/** What a walk looks for. */
type Walked = Pick<StuckFilter, 'before' | 'floor'> & Readonly<{ statuses: readonly string[] }>;

/**
 * How many messages that were created before this time are `sending`; a lower bound if it takes longer than
 * `milliseconds`. `floor`: no message with a smaller id can still be on its way.
 */
export async function countSending(
  db: DbOrTrx,
  filter: Pick<StuckFilter, 'before' | 'floor'>,
  milliseconds: number,
): Promise<number> {
  const elapsed = stopwatch();
  let total = 0;
  let last: string | null = idCeiling;
  for (let size: number = portions.first; last !== null && elapsed() <= milliseconds; ) {
    const portion: Portion = await walk(
      db,
      { ...filter, statuses: ['sending'] },
      { before: last, size, limit: 0 },
    );
    total += portion.sending;
    last = portion.last;
    size = Math.min(size * portions.growth, portions.most);
  }
  return total;
}

/** Looks at the `size` stored messages older than `before`: how many are stuck, and the newest of them. */
async function walk(
  db: DbOrTrx,
  { statuses, before: time, floor }: Walked,
  { before, size, limit }: Readonly<{ before: string; size: number; limit: number }>,
): Promise<Portion> {
  const { rows } = await sql<Stuck & { created: number; sending: number; last: string | null }>`
    with edge as materialized (
      select id from notification_history where id < ${before} and id >= ${floor} order by id desc limit 1 offset ${size - 1}
    ), open as materialized (
      select h.id, h.service_id, h.notification_type, h.status, greatest(h.created_at, h.scheduled_for) as began, h.sent_at
      from notification_history h
      where h.id < ${before} and h.id >= ${floor} and h.id >= coalesce((select id from edge), ${floor}::uuid)
        and h.status = any(${statuses}::text[]) and greatest(h.created_at, h.scheduled_for) < ${time}
    )
    select (select count(*)::int from open where status = 'created') as created,
      (select count(*)::int from open where status <> 'created') as sending, (select id from edge) as last, newest.*
    from (select) one left join (
      select id, service_id as "serviceId", notification_type as type, status,
        case status when 'created' then 'created' else 'sending' end as kind,
        case status when 'created' then 'replay' else 'receipt' end as "waitsFor",
        coalesce(sent_at, began) as since, null::timestamptz as "nextAttemptAt"
      from open order by id desc limit ${Math.max(0, limit)}
    ) newest on true order by newest.id desc`.execute(db);
  const { created, sending, last } = rows[0]!;
  const found = rows.filter(({ id }) => id !== null);
  return {
    found: found.map(({ created: _c, sending: _s, last: _l, ...one }) => one),
    created,
    sending,
    last,
  };
}

/** What the messages that are `created` wait for: the state of their tasks. One without a task waits for the replay. */
async function withTasks(db: DbOrTrx, prefix: string, page: readonly Stuck[]): Promise<readonly Stuck[]> {
  const ids = page.filter(({ kind }) => kind === 'created').map(({ id }) => id);
  if (ids.length === 0) return page;
  const queues = deliverQueues.map(({ name }) => prefix + name);
  const { rows } = await sql<Pick<Stuck, 'id' | 'waitsFor' | 'since' | 'nextAttemptAt'>>`
    select j.id, case when j.state = 'parked' then 'operator' when j.state = 'held' then 'worker'
        when j.state = 'ready' or j.due_at <= now() then 'queue' when j.waits_for is not null and not exists (
          select from providers p
          where p.notification_type = j.waits_for and p.active and p.circuit = 'closed'
        ) then 'provider' else 'retry'
      end as "waitsFor",
      case when j.state = 'ready' or (j.state = 'waiting' and j.due_at <= now()) then j.due_at else j.since end as since,
      case when j.state = 'waiting' and j.due_at > now() then j.due_at end as "nextAttemptAt"
    from tasks j where j.queue = any(${queues}) and j.id = any(${ids}::uuid[])
    union all
    select t.id, 'worker', b.since, null from held_batches b cross join lateral unnest(b.tasks) as t (id)
    where b.queue = any(${queues}) and b.tasks && ${ids}::uuid[] and t.id = any(${ids}::uuid[])`.execute(db);
  const tasks = new Map(rows.map((row) => [row.id, row]));
  return page.map((one) => (one.kind === 'created' ? { ...one, ...tasks.get(one.id) } : one));
}
