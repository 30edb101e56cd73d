import type { Db } from '../../database/connection.ts';
import { type Clock, dayAfter, dayOf } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { foldChanges, removeEmpty } from './store.ts';
import { findDrift, findDueDay, rebuildDay } from './store-recount.ts';

export type KeepDeps = Readonly<{ db: Db; clock: Clock; log: Log; metrics: Metrics }>;

type Run = Readonly<{ signal: AbortSignal }>;

const foldBatch = 50_000;

/** The task `fold-figures`: adds the changes to the totals. Returns how many there were. */
export async function foldFigures({ db }: Pick<KeepDeps, 'db'>, { signal }: Run): Promise<number> {
  let total = 0;
  for (let count = foldBatch; count >= foldBatch && !signal.aborted; total += count)
    count = await foldChanges(db, foldBatch);
  return total;
}

/**
 * The task `build-figures`: counts days from the history whose totals are known not to be complete, the newest first:
 * those of before there were totals. Each is a transaction, so a crash loses no more than one. Returns how many.
 */
export async function buildFigures({ db, clock, log }: KeepDeps, { signal }: Run): Promise<number> {
  for (let count = 0; ; count += 1) {
    const now = new Date(clock.now());
    const day = signal.aborted ? null : await findDueDay(db, now);
    if (day === null) return count;
    await rebuildDay(db, day, now);
    log.info({ day }, 'Counted the figures of a day from the history');
  }
}

/** Messages end within 3 days (spec 05, section 9.1) after they were due, and are scheduled up to 7 days ahead. */
const daysUntilFinal = 12;

/** The days that are checked in a night: the last one, and the one whose messages have all ended by now. */
export function checkedDays(now: number): readonly string[] {
  const today = dayOf(now);
  return [dayAfter(today, -1), dayAfter(today, -daysUntilFinal)];
}

/**
 * The task `check-figures`: compares the totals of two days with the history. A difference is a fault of ours: it is
 * logged as an error and counted (`statistics.drift`), and left for an operator to see and to rebuild. Returns how many
 * there were.
 */
export async function checkFigures({ db, clock, log, metrics }: KeepDeps, { signal }: Run): Promise<number> {
  let total = 0;
  const days = checkedDays(clock.now());
  const last = days.at(-1)!;
  await removeEmpty(db, { from: dayAfter(last, -7), to: last });
  for (const day of days) {
    if (signal.aborted) break;
    const { count, examples } = await findDrift(db, day);
    metrics.count('statistics.drift', count);
    total += count;
    if (count > 0)
      log.error(
        { day, count, tables: [...new Set(examples.map(({ table }) => table))], example: examples[0] },
        `Figures of ${day} differ from the history: run \`despatch statistics rebuild --from ${day} --to ${day}\``,
      );
  }
  return total;
}
