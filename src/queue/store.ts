import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx, Trx } from '../database/connection.ts';
import { lookUp } from '../database/look-up.ts';
import type { HeldBatch, HeldTask, NewTask, Settlement } from './tasks.ts';

/**
 * The tables `tasks` and `held_batches` (docs/decisions/0030). A task is ready, held, waiting or parked; each of these has
 * an index of its own, so that nobody walks past tasks in another state. Tasks that are held from the start share a row of
 * `held_batches` instead. `queue` is a queue's name with the installation's prefix.
 */

/** A task whose holder has said nothing for this long is free again. */
const holdSeconds = sql.lit(15);
/** A task that was lost with its worker so often is parked: it may be what ends them. */
const mostLosses = sql.lit(1000);
/** Tasks of one queue that one statement makes ready. */
const mostReadied = sql.lit(1000);

const untilReleased = sql`now() + ${holdSeconds} * interval '1 second'`;

/** One hold of a task. */
export type Hold = Readonly<{ queue: string }> & Pick<HeldTask, 'id' | 'holds'>;

/** The CTE `given` with the columns queue, id and holds. */
const given = (holds: readonly Hold[]) => sql`given as (
  select * from unnest(${holds.map(({ queue }) => queue)}::text[], ${holds.map(({ id }) => id)}::uuid[],
    ${holds.map((one) => one.holds)}::int[]) as t (queue, id, holds)
)`;
/** Tasks as `t` that are still held as `given` says. One that was thought to be lost counts until it is taken again. */
const stillHeld = sql`${lookUp('t.queue', 'given.queue')} and ${lookUp('t.id', 'given.id')} and ${lookUp('t.holds', 'given.holds')} and t.state <> 'parked'`;

/** Returns whether any of the tasks is ready. */
export async function insertTasks(
  db: DbOrTrx,
  queue: string,
  tasks: readonly NewTask<unknown>[],
): Promise<boolean> {
  if (tasks.length === 0) return false;
  const column = <T>(pick: (task: NewTask<unknown>) => T) => tasks.map(pick);
  const { rows } = await sql<{ isReady: boolean }>`
    with input as (
      select * from unnest(${column(({ id }) => id)}::uuid[], ${column(({ priority = 0 }) => priority)}::int[],
        ${column(({ startAfterSeconds = 0 }) => startAfterSeconds)}::float8[],
        ${column(({ payload }) => JSON.stringify(payload))}::text[],
        ${column(({ requestId }) => requestId ?? null)}::text[]) as t (id, priority, wait, payload, request_id)
    ), inserted as (
      insert into tasks (queue, id, priority, state, due_at, payload, request_id)
      select ${queue}, id, priority, case when wait > 0 then 'waiting' else 'ready' end,
        now() + wait * interval '1 second', payload::jsonb, request_id
      from input on conflict do nothing
      returning state
    )
    select exists (select from inserted where state = 'ready') as "isReady"`.execute(db);
  return rows[0]!.isReady;
}

/** The statement that writes a ready task for each row of a query, none of which has one. */
export const insertTasksOf = (query: RawBuilder<unknown>) => sql`
  insert into tasks (queue, id, priority, state, due_at, payload, request_id)
  select t.queue, t.id, t.priority, 'ready', now(), t.payload, t.request_id
  from (${query}) as t (queue, id, priority, payload, request_id)`;

/** The statement that writes the batches of the rows of a query: they are held by this process from the start. */
export const insertHeldBatchesOf = (query: RawBuilder<unknown>) => sql`
  insert into held_batches (id, queue, due_at, payload, tasks, priorities, request_ids)
  select t.batch, t.queue, ${untilReleased}, t.payload, array_agg(t.id), array_agg(t.priority), array_agg(t.request_id)
  from (${query}) as t (batch, queue, id, priority, payload, request_id) group by t.batch, t.queue, t.payload`;

/** A task that is held from the start, as one of a batch. */
export function firstHold(
  task: Pick<HeldTask, 'id' | 'payload' | 'priority' | 'carried' | 'known'> & Readonly<{ batch: HeldBatch }>,
): HeldTask {
  task.batch.open.add(task.id);
  return { ...task, holds: 1, attempt: 0, earlySeconds: 0 };
}

/** One of a batch that is not done. */
export type Member = Readonly<{ queue: string; held: HeldTask; settlement: Exclude<Settlement, 'done'> }>;

/** Gives tasks of batches rows of their own, unless they have them already. Returns the queues that have one ready by it. */
export async function separateTasks(db: DbOrTrx, members: readonly Member[]): Promise<ReadonlySet<string>> {
  if (members.length === 0) return new Set();
  const column = <T>(pick: (member: Member) => T) => members.map(pick);
  const again = column(({ settlement }) => (settlement === 'parked' ? null : settlement));
  const { rows } = await sql<{ queue: string }>`
    with inserted as (
      insert into tasks (queue, id, priority, state, due_at, attempt, payload, request_id, waits_for, reason)
      select queue, id, priority, case when wait is null then 'parked' when wait > 0 then 'waiting' else 'ready' end,
        now() + coalesce(wait, 0) * interval '1 second', coalesce(tries, 0), payload::jsonb, request_id, waits_for,
        case when wait is null then 'unreadable' end
      from unnest(${column(({ queue }) => queue)}::text[], ${column(({ held }) => held.id)}::uuid[],
        ${column(({ held }) => held.priority)}::int[], ${again.map((one) => one && waitOf(one))}::float8[],
        ${again.map((one) => one && triesOf(one))}::int[], ${column(({ held }) => JSON.stringify(held.payload))}::text[],
        ${column(({ held }) => held.carried ?? null)}::text[], ${again.map((one) => one?.waitsFor ?? null)}::text[])
        as t (queue, id, priority, wait, tries, payload, request_id, waits_for)
      on conflict do nothing returning queue, state
    )
    select distinct queue from inserted where state = 'ready'`.execute(db);
  return new Set(rows.map(({ queue }) => queue));
}

type Again = Exclude<Settlement, string>;
const waitOf = (again: Again) => ('waitSeconds' in again ? again.waitSeconds : again.retryAfterSeconds);
const triesOf = (again: Again) => ('waitSeconds' in again ? 0 : 1);

/** Takes at most `limit` ready tasks: those of the highest priority, and of these the ones that are ready longest. */
export async function takeTasks(db: DbOrTrx, queue: string, limit: number): Promise<HeldTask[]> {
  const { rows } = await sql<HeldTask>`
    with chosen as materialized (
      select ctid as version from tasks where queue = ${queue} and state = 'ready'
      order by priority desc, due_at, id limit ${limit} for update skip locked
    )
    update tasks t set state = 'held', due_at = ${untilReleased}, since = now(), holds = t.holds + 1
    from chosen where t.ctid = chosen.version
    returning ${heldColumns}`.execute(db);
  return rows.map((row) => ({ ...row, carried: row.carried ?? undefined }));
}

/** The columns of a HeldTask, from a task as `t`. */
const heldColumns = sql`t.id, t.holds, t.payload, t.priority, t.attempt,
  coalesce(t.early_seconds, 0) as "earlySeconds", t.request_id as carried`;

/**
 * Makes tasks ready whose time has come: they waited for it, or their holder is lost. Removes the batches in `finished`.
 * Returns which of the queues have ready tasks.
 */
export async function readyTasks(
  db: DbOrTrx,
  queues: readonly string[],
  finished: readonly string[] = [],
): Promise<readonly string[]> {
  const { rows } = await sql<{ queue: string }>`
    with ${endingBatches(finished)}, lost as (
      delete from held_batches where due_at <= now() and queue = any(${queues}::text[]) and id <> all(${finished}::uuid[])
      returning queue, payload, tasks, priorities, request_ids
    ), separated as (
      insert into tasks (queue, id, priority, state, due_at, losses, payload, request_id)
      select lost.queue, t.id, t.priority, 'ready', now(), 1, lost.payload, t.request_id
      from lost cross join lateral unnest(tasks, priorities, request_ids) as t (id, priority, request_id)
      on conflict do nothing returning queue
    ), chosen as materialized (
      select due.* from unnest(${queues}::text[]) as given (queue) cross join lateral (
        select ctid as version, (state = 'held')::int as lost from tasks
        where queue = given.queue and state in ('held', 'waiting') and due_at <= now()
        order by due_at limit ${mostReadied} for update skip locked
      ) due
    ), changed as (
      update tasks t set losses = t.losses + chosen.lost,
        state = case when t.losses + chosen.lost < ${mostLosses} then 'ready' else 'parked' end,
        reason = case when t.losses + chosen.lost < ${mostLosses} then null else 'lost' end
      from chosen where t.ctid = chosen.version
      returning t.queue
    )
    select queue from changed
    union
    select queue from separated
    union
    -- Not "exists", which may be a join that reads all that is ready.
    select queue from unnest(${queues}::text[]) as given (queue)
    where (select true from tasks where tasks.queue = given.queue and state = 'ready' limit 1)`.execute(db);
  return rows.map(({ queue }) => queue);
}

/** Says that the tasks are still being worked on. Returns the ids that are still held as given. */
export async function extendHolds(db: DbOrTrx, holds: readonly Hold[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    with ${given(holds)}
    update tasks t set state = 'held', due_at = ${untilReleased} from given where ${stillHeld} returning t.id`.execute(
    db,
  );
  return new Set(rows.map(({ id }) => id));
}

/** The same for batches of tasks. */
export async function extendBatches(db: DbOrTrx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    update held_batches b set due_at = ${untilReleased} from unnest(${ids}::uuid[]) as given (id)
    where ${lookUp('b.id', 'given.id')} returning b.id`.execute(db);
  return new Set(rows.map(({ id }) => id));
}

/** Makes tasks ready again whose holder cannot finish them. */
export async function giveBackTasks(db: DbOrTrx, holds: readonly Hold[]): Promise<void> {
  if (holds.length === 0) return;
  await sql`
    with ${given(holds)}
    update tasks t set state = 'ready', due_at = now() from given where ${stillHeld}`.execute(db);
}

/** A CTE that removes tasks. One that another process holds by now is left alone. */
export const endingTasks = (holds: readonly Hold[]) => sql`ended as (
  with ${given(holds)} delete from tasks t using given where ${stillHeld}
)`;

/** A CTE that removes batches of which every task has ended. */
export const endingBatches = (ids: readonly string[]) => sql`released as (
  delete from held_batches b using unnest(${ids}::uuid[]) as given (id) where ${lookUp('b.id', 'given.id')}
)`;

/** A hold of a task, and how it ends. */
export type Ended = Hold & Readonly<{ settlement: Settlement }>;

/**
 * Ends holds, with one statement for each way to end them. A task that another process holds by now is left alone.
 * Returns the queues that have a task ready by it.
 */
export async function settleTasks(trx: Trx, ended: readonly Ended[]): Promise<ReadonlySet<string>> {
  const done = ended.filter(({ settlement }) => settlement === 'done');
  const parked = ended.filter(({ settlement }) => settlement === 'parked');
  const again = ended.flatMap(({ settlement, ...hold }) =>
    typeof settlement === 'string' ? [] : [{ ...hold, ...settlement }],
  );
  if (done.length > 0) await sql`with ${endingTasks(done)} select 1`.execute(trx);
  if (parked.length > 0)
    await sql`
      with ${given(parked)}
      update tasks t set state = 'parked', due_at = now(), since = now(), reason = 'unreadable' from given where ${stillHeld}`.execute(
      trx,
    );
  if (again.length === 0) return new Set();
  const { rows } = await sql<{ queue: string }>`
    with ${given(again)}, input as (
      select given.*, wait, tries, waits_for from given join unnest(${again.map(({ queue }) => queue)}::text[],
        ${again.map(({ id }) => id)}::uuid[], ${again.map(waitOf)}::float8[],
        ${again.map(triesOf)}::int[],
        ${again.map(({ waitsFor }) => waitsFor ?? null)}::text[]) as w (queue, id, wait, tries, waits_for)
      using (queue, id)
    ), changed as (
      update tasks t set state = case when given.wait > 0 then 'waiting' else 'ready' end,
        due_at = now() + given.wait * interval '1 second', since = now(), attempt = t.attempt + given.tries, losses = 0,
        waits_for = given.waits_for, early_seconds = null
      from input given where ${stillHeld}
      returning t.queue, t.state
    )
    select distinct queue from changed where state = 'ready'`.execute(trx);
  return new Set(rows.map(({ queue }) => queue));
}

/**
 * Makes tasks ready that wait for `reason`: at most `limit` in all, or all of them if null. Returns how many became so
 * in each queue.
 */
export async function readyEarly(
  db: DbOrTrx,
  queues: readonly string[],
  reason: string,
  limit: number | null,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ queue: string; count: number }>`
    with chosen as materialized (
      select ctid as version from tasks where queue = any(${queues}::text[]) and state = 'waiting' and waits_for = ${reason}
      limit ${limit} for update skip locked
    ), changed as (
      update tasks t set state = 'ready', due_at = now(),
        early_seconds = ceil(extract(epoch from greatest(t.due_at - now(), interval '0')))
      from chosen where t.ctid = chosen.version
      returning t.queue
    )
    select queue, count(*)::int as count from changed group by queue`.execute(db);
  return new Map(rows.map(({ queue, count }) => [queue, count]));
}

/** Which of these ids have a task in one of the queues, in whatever state. */
export async function findQueued(
  db: DbOrTrx,
  queues: readonly string[],
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from tasks where queue = any(${queues}::text[]) and id = any(${ids}::uuid[])
    union
    select t.id from held_batches b cross join lateral unnest(b.tasks) as t (id)
    where b.queue = any(${queues}::text[]) and b.tasks && ${ids}::uuid[] and t.id = any(${ids}::uuid[])`.execute(
    db,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Whether a queue has at least `count` tasks, those that are parked left out. */
export async function hasTasks(db: DbOrTrx, queue: string, count: number): Promise<boolean> {
  const { rows } = await sql`
    select from tasks where queue = ${queue} and state <> 'parked' offset ${count - 1} limit 1`.execute(db);
  return rows.length > 0;
}

const most = sql.lit(5000);
/** A worker of the release before says so every few seconds that it still works on its tasks. */
const silent = sql`interval '60 seconds'`;

/** Whether there are queues of the release before, which were tables of pg-boss. */
export async function hasFormerQueues(db: DbOrTrx): Promise<boolean> {
  const { rows } = await sql<{ has: boolean }>`select to_regclass('pgboss.job') is not null as has`.execute(
    db,
  );
  return rows[0]!.has;
}

/**
 * Moves tasks of the release before into the table `tasks`: at most 5,000 that no worker of it holds. Returns how many.
 * While processes of that release still run, they go on writing such tasks.
 */
export async function moveFormerTasks(db: DbOrTrx, queues: readonly string[]): Promise<number> {
  const { rows } = await sql`
    with moved as (
      delete from pgboss.job j using (
        select name, id from pgboss.job where name = any(${queues}::text[]) and state <> 'completed'
          and (state <> 'active' or greatest(started_on, heartbeat_on) < now() - ${silent})
        limit ${most} for update skip locked
      ) chosen
      where j.name = any(${queues}::text[]) and j.name = chosen.name and j.id = chosen.id
      returning j.*
    )
    insert into tasks (queue, id, priority, state, due_at, attempt, payload, request_id, waits_for, reason)
    select name, id, priority, ${formerState},
      case when state > 'active' then coalesce(completed_on, now()) else least(start_after, now() + interval '1 year') end,
      case when jsonb_typeof(data->'attempt') = 'number' then least((data->>'attempt')::numeric, 1000000)::int else 0 end,
      coalesce(data->'payload', 'null'), data->>'request_id', data->>'waits_for',
      case when state = 'failed' then 'lost' when state = 'cancelled' then output->>'reason' end
    from moved on conflict do nothing
    returning 1`.execute(db);
  return rows.length;
}

const formerState: RawBuilder<unknown> = sql`case when state > 'active' then 'parked'
  when state <> 'active' and start_after > now() then 'waiting' else 'ready' end`;
