import { type CommandResponse, fromKysely, type PgBoss } from 'pg-boss';
import type { Trx } from '../database/connection.ts';
import type { QueueName } from './define.ts';

/** What stands in a task's `data`: its payload, and what travels with every task. */
export type TaskData = {
  payload: unknown;
  /** How often it was put back to be tried again. */
  attempt: number;
  priority?: number;
  request_id?: string;
  /** What it waits for until its next try: when that happens, it is made due early (`Queues.makeDue`). */
  waits_for?: string;
  /** It was made due so many seconds before its next try. */
  early_seconds?: number;
};

/** A task that this process holds. `retryCount` tells this taking from a later one, perhaps by another process. */
export type HeldTask = Readonly<{ id: string; retryCount: number; data: TaskData }>;

/**
 * What becomes of a task. `parked`: it stays in its queue, but is not taken again until an operator resumes it.
 * `retryAfterSeconds` counts as a try, `waitSeconds` does not: the task only came too early. `waitsFor`: what may make
 * it due before that (`Queues.makeDue`).
 */
export type Settlement =
  | 'done'
  | 'parked'
  | Readonly<{ retryAfterSeconds: number; waitsFor?: string | null }>
  | Readonly<{ waitSeconds: number; waitsFor?: string | null }>;

export type Settled = Readonly<{ queue: QueueName; held: HeldTask; settlement: Settlement }>;

/**
 * Takes tasks out of their queues, or puts them back due later, in the caller's transaction: a few statements for any
 * number of tasks. A task that another process holds by now is left alone.
 */
export async function settle(
  { boss, physical }: Readonly<{ boss: PgBoss; physical: (name: QueueName) => string }>,
  trx: Trx,
  tasks: readonly Settled[],
): Promise<void> {
  const options = { db: fromKysely(trx) };
  for (const name of new Set(tasks.map(({ queue }) => queue))) {
    const own = tasks.filter(({ queue }) => queue === name);
    const some = (isIt: (settlement: Settlement) => boolean) =>
      own.filter(({ settlement }) => isIt(settlement));
    const done = some((settlement) => settlement === 'done');
    const parked = some((settlement) => settlement === 'parked');
    const again = some((settlement) => typeof settlement === 'object');
    const queue = physical(name);
    const keys = (of: readonly Settled[]) => of.map(({ held }) => keyOf(held));
    if (parked.length > 0) await boss.cancel(queue, keys(parked), options);
    if (done.length + again.length === 0) continue;
    // To put a task back is to replace it: deleting says which of them are still ours.
    const reached = reachedIds(await boss.deleteJob(queue, keys([...done, ...again]), options));
    const replaced = again.filter(({ held }) => reached.has(held.id)).map(replacement);
    if (replaced.length > 0) await boss.insert(queue, replaced, options);
  }
}

/** The task as it is written again. */
function replacement({ held, settlement }: Settled) {
  const { waits_for: _waits, early_seconds: _early, ...rest } = held.data;
  const later = settlement as Exclude<Settlement, string>;
  const data: TaskData = { ...rest, ...(later.waitsFor && { waits_for: later.waitsFor }) };
  const isTry = 'retryAfterSeconds' in later;
  return {
    id: held.id,
    priority: data.priority ?? 0,
    data: isTry ? { ...data, attempt: data.attempt + 1 } : data,
    startAfter: isTry ? later.retryAfterSeconds : later.waitSeconds,
  };
}

/** How pg-boss names one taking of a task. */
export function keyOf({ id, retryCount }: Pick<HeldTask, 'id' | 'retryCount'>) {
  return { id, retryCount };
}

/** The ids that a command of pg-boss reached; the type of its answer leaves them out. */
export function reachedIds(answer: CommandResponse): ReadonlySet<string> {
  const response = answer as { jobs: string[]; requested: number; affected: number; settled?: string[] };
  if (response.settled) return new Set(response.settled);
  if (response.affected === response.requested) return new Set(response.jobs);
  throw new Error('The queue did not say which tasks it reached.');
}
