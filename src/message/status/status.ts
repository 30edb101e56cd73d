import { type RawBuilder, sql } from 'kysely';
import type { Trx } from '../../database/connection.ts';
import { lookUp } from '../../database/look-up.ts';
import { inPartitionsOf } from '../../database/partitions.ts';
import type { GivenUpReason, NotificationStatus, SuppressionReason } from '../../database/tables.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { QueueTransaction } from '../../queue/tasks.ts';
import type { CallbackQueue } from '../callback/enqueue.ts';
import { suppressRecipientsOf } from '../suppression/store.ts';

/**
 * The state machine of a notification (spec 05, sections 5.5 and 10). Pure: an event goes in, the next status or the
 * reason why nothing changes comes out. No event leaves a final status, except that a receipt changes `sent` where the
 * country's networks report delivery; nothing goes back to `created`. `moveStatuses` below applies this table in SQL.
 */

/** The final status of a message whose provider posts no receipts. */
export type UnreportedEnd = 'delivered' | 'temporary-failure' | 'permanent-failure';

export type StatusEvent =
  /** A provider has taken the message. `end`: it posts no receipts, so this is how the message ends; else null. */
  | Readonly<{ kind: 'handed over'; international: boolean; end: UnreportedEnd | null }>
  /** A receipt says `status`. `reliable`: whether the country's networks report delivery (always, within the UK). */
  | Readonly<{
      kind: 'receipt';
      status: NotificationStatus;
      found: 'id' | 'reference';
      international: boolean;
      reliable: boolean;
    }>
  /** We give up: tries used up, refused for good, inactive service. `why`: null if the last attempt says it. */
  | Readonly<{ kind: 'given up'; why: GivenUpReason | null }>
  /** A provider refused it for good because of its recipient. */
  | Readonly<{ kind: 'refused'; recipient: 'permanent' | 'temporary' }>
  /** It is not sent, because its recipient is suppressed. */
  | Readonly<{ kind: 'suppressed'; reason: SuppressionReason }>
  /** No outcome was reported in time (spec 05, section 9.1). */
  | Readonly<{ kind: 'timed out' }>
  /** Its service cancelled it before it was due. */
  | Readonly<{ kind: 'cancelled' }>;

export type Transition = Readonly<{ to: NotificationStatus } | { stays: string }>;

const completed: ReadonlySet<NotificationStatus> = new Set<NotificationStatus>([
  'sent',
  'delivered',
  'technical-failure',
  'temporary-failure',
  'permanent-failure',
  'validation-failed',
  'cancelled',
]);

/** The statuses that a receipt can report; any other changes nothing. */
const receiptResults: ReadonlySet<NotificationStatus> = new Set<NotificationStatus>([
  'pending',
  'delivered',
  'technical-failure',
  'temporary-failure',
  'permanent-failure',
]);

/** The statuses that an event can change. */
export const openStatuses = ['created', 'sending', 'pending', 'sent'] as const;

/** Statuses that most messages have for some time. */
export const usualStatuses: readonly string[] = [...openStatuses, 'delivered'];

/**
 * SQL for the `rare_status` of a message with this status: the same, if usually few messages have it, which end neither
 * delivered nor sent. So there is an index of these messages alone, which other moves leave alone.
 */
export const rareStatusOf = (status: RawBuilder<unknown>) =>
  sql`case when ${status} not in (${sql.join(usualStatuses.map((one) => sql.lit(one)))}) then ${status} end`;

/** Writes the `rare_status` of messages that lack it. `where`: conditions on the history, as `h`. */
export async function putRareStatusesRight(trx: Trx, where: RawBuilder<unknown>): Promise<void> {
  const rare = rareStatusOf(sql`h.status`);
  await sql`update notification_history h set rare_status = ${rare}
    where ${where} and h.rare_status is distinct from ${rare}`.execute(trx);
}

/** Whether the API shows `completed_at` for a message in this status (spec 05, section 10). */
export function isCompleted(status: NotificationStatus): boolean {
  return completed.has(status);
}

export function nextStatus(current: NotificationStatus, event: StatusEvent): Transition {
  const stays = (why: string): Transition => ({ stays: why });
  const isUnderWay = current === 'sending' || current === 'pending';
  switch (event.kind) {
    case 'handed over':
      if (current !== 'created') return stays(`already ${current}`);
      return { to: event.end ?? (event.international ? 'sent' : 'sending') };
    case 'given up':
    case 'refused':
      if (current === 'created' || isUnderWay)
        return { to: event.kind === 'refused' ? `${event.recipient}-failure` : 'technical-failure' };
      return stays(`already ${current}`);
    case 'timed out':
      if (current === 'created') return { to: 'technical-failure' };
      if (isUnderWay) return { to: 'temporary-failure' };
      return stays(`already ${current}`);
    case 'suppressed':
      return current === 'created' ? { to: 'permanent-failure' } : stays(`already ${current}`);
    case 'cancelled':
      return current === 'created' ? { to: 'cancelled' } : stays(`already ${current}`);
    case 'receipt':
      if (!receiptResults.has(event.status)) return stays(`a receipt cannot say ${event.status}`);
      if (event.international && !event.reliable)
        return stays('networks of this country do not report delivery');
      if (isUnderWay) return { to: event.status };
      // A receipt that overtakes the record of the hand-over can identify the row only by our own id.
      if (current === 'created' && event.found === 'id') return { to: event.status };
      if (current === 'sent' && event.international) return { to: event.status };
      return stays(`already ${current}`);
  }
}

/** An event for a message, and the facts known from it. */
export type StatusMove = Readonly<{
  id: string;
  event: StatusEvent;
  at: Date;
  /**
   * The facts of the hand-over. With the event `handed over` they are written in any status, since a receipt may have
   * come first; with any other event they only fill in what is missing. null: nothing is known.
   */
  handOver: HandOver | null;
}>;

/** What a hand-over adds to a message's history (spec 05, section 3.4). */
export type HandOver = Readonly<{
  sentAt: Date | null;
  sentBy: string;
  /** The provider's own id for the message. */
  reference: string | null;
  billableUnits: number | null;
}>;

/** A message whose status has just changed. */
export type StatusChange = Readonly<{ id: string; serviceId: string; status: NotificationStatus }>;

export type StatusDeps = Readonly<{ metrics: Metrics; callbacks: Pick<CallbackQueue, 'deliveryStatuses'> }>;

/**
 * The only writer of an existing message's status. Takes the rows in id order, as every writer does, applies
 * `nextStatus`, and in the same transaction queues the callbacks for completed messages and suppresses the recipients
 * that failed permanently, where a service wants that. Moves that `nextStatus` does not allow change nothing. Several
 * moves of one message are applied in order. What changes for the figures is appended by the same statement. `name`: the
 * data-access function of spec 06, section 4.2, that this is counted and timed as. `also`: what else is written in the
 * same statement, as CTEs. `overtaken`: for whoever has decided on what it read without a lock, by moves that all change
 * their messages: gets the ids of messages that another transaction has changed meanwhile, to which no move is applied.
 * Returns the messages that changed, in the order of the moves.
 */
export async function moveStatuses(
  { metrics, callbacks }: StatusDeps,
  transaction: QueueTransaction,
  name: string,
  moves: readonly StatusMove[],
  { also = [], overtaken }: { also?: readonly RawBuilder<unknown>[]; overtaken?: Set<string> } = {},
): Promise<readonly StatusChange[]> {
  const changes = new Map<string, StatusChange>();
  if (moves.length === 0 && also.length > 0)
    await sql`with ${sql.join(also)} select 1`.execute(transaction.trx);
  for (let wave = moves; wave.length > 0; ) {
    const first = new Map<string, StatusMove>();
    for (const move of wave) if (!first.has(move.id)) first.set(move.id, move);
    const more = wave === moves ? also : [];
    const changed = await metrics.timed('dao', name, () =>
      applyMoves(transaction, [...first.values()], more, overtaken === undefined),
    );
    for (const change of changed) changes.set(change.id, change);
    if (overtaken && wave === moves) for (const id of first.keys()) if (!changes.has(id)) overtaken.add(id);
    const isLeft = (move: StatusMove) => first.get(move.id) !== move && !overtaken?.has(move.id);
    wave = first.size === wave.length ? [] : wave.filter(isLeft);
  }
  const all = [...new Set(moves.map(({ id }) => id))].flatMap((id) => changes.get(id) ?? []);
  await callbacks.deliveryStatuses(
    transaction,
    all.filter(({ status }) => isCompleted(status)),
  );
  const failed = all.filter(({ status }) => status === 'permanent-failure').map(({ id }) => id);
  if (failed.length > 0)
    await suppressRecipientsOf(transaction.trx, 'permanent-failure', failed, moves[0]!.at);
  return all;
}

/**
 * Applies at most one move per message. Those whose message another transaction has changed in between are left out, or
 * applied `again` to what it has become: so rows need not be locked before they are written, which would be written to the
 * log.
 */
async function applyMoves(
  { trx }: QueueTransaction,
  moves: readonly StatusMove[],
  also: readonly RawBuilder<unknown>[],
  again: boolean,
): Promise<readonly StatusChange[]> {
  const changes: StatusChange[] = [];
  for (let left = moves; left.length > 0; ) {
    const outcomes = await applyToFound(trx, left, left === moves ? also : []);
    const missed = new Set<string>();
    for (const outcome of outcomes)
      if (outcome.status === null) missed.add(outcome.id);
      else changes.push(outcome);
    left = again ? left.filter(({ id }) => missed.has(id)) : [];
  }
  return changes;
}

/** Without a status: the message was changed between its reading and its writing, so that nothing was written. */
type Outcome = StatusChange | Readonly<{ id: string; serviceId: null; status: null }>;

/** Four columns carry the transitions: the next status from each open status. */
async function applyToFound(
  trx: Trx,
  moves: readonly StatusMove[],
  also: readonly RawBuilder<unknown>[],
): Promise<readonly Outcome[]> {
  const ordered = moves.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const column = <T>(pick: (move: StatusMove) => T) => ordered.map(pick);
  const next = (from: NotificationStatus) =>
    column(({ event }) => {
      const transition = nextStatus(from, event);
      return 'to' in transition ? transition.to : null;
    });
  const [fromCreated, fromSending, fromPending, fromSent] = openStatuses.map(next);
  const inPartitions = inPartitionsOf(
    ordered.map(({ id }) => id),
    'h.id',
  );
  const { rows } = await sql<Outcome>`
    with input as materialized (
      select * from unnest(${column(({ id }) => id)}::uuid[], ${column(({ at }) => at)}::timestamptz[],
        ${column(({ event }) => event.kind === 'handed over')}::boolean[],
        ${fromCreated}::text[], ${fromSending}::text[], ${fromPending}::text[], ${fromSent}::text[],
        ${column(({ handOver }) => handOver?.sentAt ?? null)}::timestamptz[],
        ${column(({ handOver }) => handOver?.sentBy ?? null)}::text[],
        ${column(({ handOver }) => handOver?.reference ?? null)}::text[],
        ${column(({ handOver }) => handOver?.billableUnits ?? null)}::int[],
        ${column(({ event }) => (event.kind === 'suppressed' ? event.reason : null))}::text[],
        ${column(({ event }) => (event.kind === 'given up' ? event.why : null))}::text[])
        as t (id, at, is_hand_over, from_created, from_sending, from_pending, from_sent, sent_at, sent_by, reference,
          billable_units, suppressed, given_up)
    ), found as materialized (
      -- With all that is to be written: joined again, a batch would take time by the square of its size.
      select input.*, h.ctid as version, ${columnsBefore('h')}, case h.status when 'created' then input.from_created when 'sending' then input.from_sending
          when 'pending' then input.from_pending when 'sent' then input.from_sent end as next
      from input join notification_history h on ${lookUp('h.id', 'input.id')} ${inPartitions} order by h.id
    ), updated as (
      update notification_history h set
        status = coalesce(m.next, h.status),
        rare_status = case when m.next is null then h.rare_status else ${rareStatusOf(sql`m.next`)} end,
        updated_at = case when m.next is null then h.updated_at else m.at end,
        sent_at = case when is_hand_over then m.sent_at else coalesce(h.sent_at, m.sent_at) end,
        sent_by = case when is_hand_over then m.sent_by else coalesce(h.sent_by, m.sent_by) end,
        reference = coalesce(m.reference, h.reference),
        suppressed = case when m.next is null then h.suppressed else coalesce(m.suppressed, h.suppressed) end,
        given_up = case when m.next is null then h.given_up else coalesce(m.given_up, h.given_up) end,
        billable_units = case when is_hand_over or h.billable_units = 0
          then coalesce(m.billable_units, h.billable_units) else h.billable_units end
      from found m
      where h.ctid = m.version and ${lookUp('h.id', 'm.id')} and ${isNews} ${inPartitions}
      returning h.id, ${movedColumns('h', 'm')}, m.next is not null as changed
    ), ${sql.join([countMoved('updated'), ...also])}
    select id, service_id as "serviceId", after_status as status from updated where changed
    union all
    -- In brackets it is looked up by hash, not joined.
    select id, null, null from found m where ${isNews} and (id in (select id from updated)) is not true`.execute(
    trx,
  );
  return rows;
}

/**
 * Whether a move of the CTE `found`, as `m`, changes its message. A receipt that came before the record of the hand-over
 * has written what its claim knew of it: with the time at which the call began, which stays if it took no second.
 */
const isNews = sql`(m.next is not null or m.is_hand_over and (m.reference is not null or m.before_sent_at is null
  or m.sent_at not between m.before_sent_at and m.before_sent_at + interval '1 second'
  or m.before_sent_by is distinct from m.sent_by or m.before_billable_units <> m.billable_units))`;

/**
 * What figures count (docs/decisions/0023). Every statement that stores messages, or changes what is counted of them,
 * appends the net change itself: so a figure never lacks a message, and never has one twice. `statistics/totals` folds
 * the changes into totals, and counts the history by the same fragments when it checks them.
 */

/** By what a message is counted and never changes, besides its day. */
const fixed = [
  'service_id',
  'template_id',
  'job_id',
  'notification_type',
  'key_type',
  'international',
  'rate_multiplier',
] as const;
const key = sql.raw(['day', ...fixed, 'via_api', 'status', 'provider'].join(', '));

/**
 * The columns `day` (of the business zone: spec 06, section 3.2), `via_api` (made by itself with an API key, not by hand
 * and not by a job: spec 06, section 9) and the other facts that never change. `row`: one of the history.
 */
export const fixedFacts = (row: string) =>
  sql.raw(
    `(${row}.created_at at time zone 'Europe/London')::date as day, ${fixed.map((column) => `${row}.${column}`).join(', ')},
    (${row}.api_key_id is not null and ${row}.job_id is null) as via_api`,
  );

/**
 * The bucket of a delay: bucket b holds those above 10 s × 2^((b-1)/4) up to 10 s × 2^(b/4), the first and last whatever
 * is below or above. So bucket 0 ends at 10 seconds. `interval`: SQL for the delay, never null.
 */
const bucketOf = (interval: string) =>
  `greatest(-40, least(60, ceil(4 * ln(greatest(date_part('epoch', ${interval}), 0.001) / 10) / ln(2))))::smallint`;

/**
 * The bucket of how long after it was due a message was handed over, and of how long after that it was delivered; null
 * if it was not. `prefix`: of the names of its `sent_at`, `status` and `updated_at`.
 */
const handedOver = (row: string, prefix = '') =>
  `case when ${row}.${prefix}sent_at is not null then ${bucketOf(
    `${row}.${prefix}sent_at - greatest(${row}.created_at, ${row}.scheduled_for)`,
  )} end`;
const delivered = (row: string, prefix = '', status = `${row}.${prefix}status`) =>
  `case when ${status} = 'delivered' and ${row}.${prefix}sent_at is not null then ${bucketOf(
    `${row}.${prefix}updated_at - ${row}.${prefix}sent_at`,
  )} end`;

/** The delays of a message of the history, as rows (measure, bucket); a bucket that is null does not count. */
export const delaysOf = (row: string) =>
  sql.raw(`('handed-over', ${handedOver(row)}), ('delivered', ${delivered(row)})`);

/** The columns of the history that a CTE of newly stored messages has to return for `countStored`. */
export const storedColumns = sql`id, status, created_at, ${fixedFacts('notification_history')}`;

/** A CTE that counts the messages of the CTE `stored`, which have just been stored and were never handed over. */
export const countStored = (stored: string) => sql`counted as (
  insert into status_changes (${key}, count, units, last_at)
  select ${key}, count(*), 0, max(created_at)
  from (select *, null::text as provider from ${sql.table(stored)}) facts_of_each group by ${key}
)`;

/**
 * The columns that a CTE of changed messages has to return for `countMoved`. `row`: after the change; `before`: has what
 * was before, as `before_status` and so on.
 */
const movedColumns = (row: string, before: string) =>
  sql`${fixedFacts(row)}, ${sql.raw(
    [
      ...['created_at', 'scheduled_for', 'sent_by', 'billable_units', 'sent_at', 'updated_at'].map(
        (column) => `${row}.${column}`,
      ),
      `${row}.status as after_status`,
      ...changing.map((column) => `${before}.before_${column}`),
    ].join(', '),
  )}`;
const changing = ['status', 'sent_by', 'billable_units', 'sent_at', 'updated_at'] as const;
const columnsBefore = (row: string) =>
  sql.raw(changing.map((column) => `${row}.${column} as before_${column}`).join(', '));

/**
 * CTEs that count what the CTE `moved` has changed. A delay is counted anew only if one of its ends has moved. Both read
 * it once for each sign and measure: a list of values for each message would take several times as long.
 */
const countMoved = (moved: string) => sql`counted as (
  insert into status_changes (${key}, count, units, last_at)
  select ${key}, sum(sign), sum(sign * units), max(created_at)
  from (
    select ${unmoved}, before_status as status, before_sent_by as provider, before_billable_units as units, -1 as sign
    from ${sql.table(moved)}
    union all
    select ${unmoved}, after_status, sent_by, billable_units, 1 from ${sql.table(moved)}
  ) v group by ${key} having sum(sign) <> 0 or sum(sign * units) <> 0
), delayed as (
  insert into delay_changes (day, notification_type, provider, via_api, measure, bucket, count)
  select day, notification_type, provider, via_api, measure, bucket, sum(sign)
  from (
    ${sql.join(
      [
        delaysMoved(moved, 'before_', 'handed-over'),
        delaysMoved(moved, '', 'handed-over'),
        delaysMoved(moved, 'before_', 'delivered'),
        delaysMoved(moved, '', 'delivered'),
      ],
      sql` union all `,
    )}
  ) v
  -- Not "where bucket is not null": it would be computed once more for every message.
  group by 1, 2, 3, 4, 5, 6 having count(bucket) > 0 and sum(sign) <> 0
)`;
const unmoved = sql.raw(['day', ...fixed, 'via_api', 'created_at'].join(', '));

/** The delays of one measure, each with its bucket or null: what they were, to be taken away, or what they are. */
function delaysMoved(
  moved: string,
  prefix: 'before_' | '',
  measure: 'handed-over' | 'delivered',
): RawBuilder<unknown> {
  const isBefore = prefix === 'before_';
  const bucket =
    measure === 'handed-over'
      ? handedOver('m', prefix)
      : delivered('m', prefix, isBefore ? 'm.before_status' : 'm.after_status');
  const isAnew =
    measure === 'delivered' || '(m.sent_at, m.sent_by) is distinct from (m.before_sent_at, m.before_sent_by)';
  return sql.raw(`select day, notification_type, m.${prefix}sent_by as provider, via_api, '${measure}' as measure,
      ${bucket} as bucket, ${isBefore ? -1 : 1} as sign
    from ${moved} m where m.key_type <> 'test' and m.${prefix}sent_by is not null and ${isAnew}`);
}
