import type { Db, DbOrTrx } from '../../database/connection.ts';
import {
  dropPartition,
  findPartitions,
  type Partition,
  type PartitionedTable,
} from '../../database/partitions.ts';
import { type Clock, dayOf, stopwatch } from '../../ground/clock.ts';
import { idFloor } from '../../ground/id.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { moveStatuses, type StatusDeps } from '../../message/status/status.ts';
import type { Queues } from '../../queue/queues.ts';
import { allCutoffs, type Cutoff } from '../../tenant/service/retention.ts';
import type { Span } from '../range.ts';
import type { Run } from '../schedule.ts';
import {
  type Assessment,
  assessCallbacks,
  assessMessages,
  type Deleted,
  deleteCallbacks,
  deleteMessages,
  hasAccepted,
  hasCallbacks,
  hasMessages,
  type Kept,
  keepCallbacks,
  keepMessages,
  lockOpen,
  shortestRetention,
} from './store.ts';

export type DeletionDeps = StatusDeps &
  Readonly<{
    db: Db;
    queues: Pick<Queues, 'transaction'>;
    clock: Clock;
    log: Log;
    metrics: Metrics;
    /** Most rows in one statement. */
    batch?: number;
  }>;

/** What is kept for a time and partitioned by day: the table with the ids, and those that go with it. */
type Kind = Readonly<{
  table: PartitionedTable;
  others: readonly PartitionedTable[];
  assess: (db: Db, span: Span, cutoffs: readonly Cutoff[]) => Promise<Assessment>;
  remove: (
    db: DbOrTrx,
    span: Span,
    cutoffs: readonly Cutoff[],
    after: string,
    limit: number,
  ) => Promise<Deleted>;
  keep: (db: Db, span: Span, cutoffs: readonly Cutoff[], partitions: readonly Kept[]) => Promise<void>;
  /** Whether more rows with ids of that time may come. */
  isAwaited: (db: DbOrTrx, span: Span) => Promise<boolean>;
  /** Whether the table has rows with such ids, or will have. */
  isUsed: (db: DbOrTrx, span: Span) => Promise<boolean>;
}>;

const messages: Kind = {
  table: 'notifications',
  others: ['attempts', 'receipts'],
  assess: assessMessages,
  remove: deleteMessages,
  keep: keepMessages,
  isAwaited: hasAccepted,
  isUsed: hasMessages,
};
const callbacks: Kind = {
  table: 'service_callbacks',
  others: ['service_callback_attempts'],
  assess: assessCallbacks,
  remove: deleteCallbacks,
  keep: keepCallbacks,
  isAwaited: async () => false,
  isUsed: hasCallbacks,
};

const keys: Readonly<Partial<Record<PartitionedTable, string>>> = {
  notifications: 'id',
  attempts: 'notification_id',
  receipts: 'notification_id',
  service_callbacks: 'id',
  service_callback_attempts: 'callback_id',
};

/**
 * The task `delete-notifications-older-than-retention` (spec 06, sections 1.2 and 8): messages with their attempts and
 * receipts, and callbacks, are deleted after the retention of their service and type. Safe to repeat and to interrupt:
 * each step is a transaction, and the next run finds what is left, of whatever day. A message that is still unfinished
 * then times out first. Returns how many messages and callbacks were deleted.
 */
export function createDeletion(deps: DeletionDeps): (run: Run) => Promise<number> {
  const { db, clock, metrics } = deps;
  return ({ signal }) =>
    metrics.timed('tasks', 'delete_notifications_older_than_retention', async () => {
      const cutoffs = allCutoffs(clock.now());
      const shortest = await shortestRetention(db);
      const before = cutoffs.find(({ days }) => days === shortest)!.before.getTime();
      let total = 0;
      for (const kind of [messages, callbacks]) {
        const old = (await findPartitions(db, [kind.table, ...kind.others])).filter(
          ({ from }) => from < before,
        );
        for (const partition of old.filter(({ table }) => table === kind.table)) {
          if (signal.aborted) return total;
          total += await endDay(deps, kind, partition, { cutoffs, old, signal });
        }
        for (const partition of old.filter(({ table }) => table !== kind.table)) {
          if (signal.aborted) return total;
          await dropUnused(deps, kind, partition);
        }
      }
      return total;
    });
}

type Night = Readonly<{ cutoffs: readonly Cutoff[]; old: readonly Partition[]; signal: AbortSignal }>;

/**
 * Deletes what is past its retention in one day's partitions, in the cheapest way (docs/decisions/0024): where nothing is
 * kept, the table is dropped; where little is kept, this little is put into an emptied one; else rows are deleted in
 * batches. Returns how many were deleted.
 */
async function endDay(
  deps: DeletionDeps,
  kind: Kind,
  partition: Partition,
  { cutoffs, old, signal }: Night,
): Promise<number> {
  const { db, log, batch = 50_000 } = deps;
  const elapsed = stopwatch();
  // In this order: what is awaited becomes a row, and is then assessed.
  const isAwaited = await kind.isAwaited(db, partition);
  const { gone, kept, open } = await kind.assess(db, partition, cutoffs);
  const isOver = partition.until <= cutoffs[0]!.before.getTime();
  if (gone === 0 && (kept > 0 || !isOver)) return 0;
  if (open > 0) await endOpen(deps, kind, partition, cutoffs, batch);
  let count = gone;
  if (kept === 0 && !isAwaited) {
    if (!(await dropPartition(db, partition, (trx) => kind.isAwaited(trx, partition)))) return 0;
  } else if (!isAwaited && kept <= batch && kept < gone) {
    const sameDay = old.filter(({ from, until }) => from === partition.from && until === partition.until);
    const rewritten = sameDay.map(({ table, name }) => ({ name, key: keys[table]! }));
    await kind.keep(db, partition, cutoffs, rewritten);
  } else count = await deleteInBatches(kind, db, partition, { cutoffs, batch, signal });
  const seconds = Math.round(elapsed()) / 1000;
  if (count > 0)
    log.info({ table: kind.table, day: dayOf(partition.from), count, seconds }, 'Deleted after retention');
  return count;
}

async function deleteInBatches(
  kind: Kind,
  db: Db,
  span: Span,
  { cutoffs, batch, signal }: Pick<Night, 'cutoffs' | 'signal'> & Readonly<{ batch: number }>,
): Promise<number> {
  let total = 0;
  for (let after: string | null = idFloor(0); after !== null && !signal.aborted; ) {
    const deleted: Deleted = await kind.remove(db, span, cutoffs, after, batch);
    total += deleted.count;
    after = deleted.last;
  }
  return total;
}

/**
 * Ends the messages that are still unfinished when their retention ends: without what is personal they could never be
 * sent. The time-out has usually done so long before; not where a message was stored late, or no scheduler ran.
 */
async function endOpen(
  deps: DeletionDeps,
  kind: Kind,
  span: Span,
  cutoffs: readonly Cutoff[],
  batch: number,
): Promise<void> {
  const { queues, clock, log } = deps;
  if (kind.table !== 'notifications') {
    log.warn({ day: dayOf(span.from) }, 'Callbacks that were never made are deleted after their retention');
    return;
  }
  const limit = Math.min(batch, 10_000);
  for (let count = limit; count === limit; )
    count = await queues.transaction(async (transaction) => {
      const ids = await lockOpen(transaction.trx, span, cutoffs, limit);
      const at = new Date(clock.now());
      const moves = ids.map((id) => ({ id, event: { kind: 'timed out' }, at, handOver: null }) as const);
      await moveStatuses(deps, transaction, 'dao_timeout_notifications', moves);
      return ids.length;
    });
}

/** Drops a day of attempts or receipts when the messages of the day are gone; the same for attempts of callbacks. */
async function dropUnused({ db }: DeletionDeps, kind: Kind, partition: Partition): Promise<void> {
  if (await kind.isUsed(db, partition)) return;
  // A day whose rows may still come has both tables.
  const own = await findPartitions(db, [kind.table]);
  if (own.some(({ from, until }) => from < partition.until && until > partition.from)) return;
  await dropPartition(db, partition, (trx) => kind.isUsed(trx, partition));
}
