import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connect } from '../src/database/connection.ts';
import type { NotificationStatus } from '../src/database/tables.ts';
import { createLog } from '../src/ground/log.ts';
import { isCompleted } from '../src/message/status/status.ts';
import { foldFigures } from '../src/statistics/totals/keep.ts';
import { findDrift } from '../src/statistics/totals/store-recount.ts';
import type { ProviderCounts, SandboxClient } from './sandbox-client.ts';

const pollMilliseconds = 1000;

/** One message in the database. */
export type Known = Readonly<{
  id: string;
  status: NotificationStatus;
  /** The number of its attempts whose outcome is unknown. */
  unknown: number;
  /** Its row in the file, from 0; null: it was sent by itself. */
  row: number | null;
}>;

/** What was sent: single messages, by the ids that were answered, and the rows of a file. */
export type Sent = Readonly<{ ids: ReadonlySet<string>; rows: number }>;

/** The outcome of a run, as numbers of messages. */
export type Verdict = Readonly<{
  /** Accepted, or of a row, and in a final status. */
  final: number;
  /** Accepted, or of a row, and never final. */
  lost: number;
  /** Messages of rows that have another message already. */
  doubled: number;
  /** Arrived at the provider more often than once plus once for each unknown attempt. */
  twice: number;
  /** With an attempt whose outcome is unknown: only these may arrive more than once. */
  unknown: number;
  /** Those of them that did. */
  repeated: number;
  /** In the database without having been accepted, or at the provider without having been sent. */
  stray: number;
  /** Final after having been sent, but the provider does not have them. */
  missing: number;
}>;

/** The messages that were sent: those that were accepted, and one for each row of the file. */
function promisedOf({ ids, rows }: Sent, known: readonly Known[]): readonly Known[] {
  const firstOf = new Map<number, string>();
  for (const { id, row } of known)
    if (row !== null && row >= 0 && row < rows && !firstOf.has(row)) firstOf.set(row, id);
  return known.filter(({ id, row }) => (row === null ? ids.has(id) : firstOf.get(row) === id));
}

/** Compares what was sent with the messages in the database and at the provider. */
export function judge(
  sent: Sent,
  known: readonly Known[],
  provider: Pick<ProviderCounts, 'distinct' | 'times'>,
): Verdict {
  const total = sent.ids.size + sent.rows;
  const promised = promisedOf(sent, known);
  const isDoubled = ({ row }: Known) => row !== null && row >= 0 && row < sent.rows;
  const doubled = known.filter(isDoubled).length - promised.filter(isDoubled).length;
  const final = promised.filter(({ status }) => isCompleted(status)).length;
  const unknownOf = new Map(known.map(({ id, unknown }) => [id, unknown]));
  const repeats = [...provider.times];
  const twice = repeats.filter(([id, times]) => times > 1 + (unknownOf.get(id) ?? 0)).length;
  // Only a technical failure may be final without having been sent.
  const handedOver = promised.filter(
    ({ status }) => isCompleted(status) && status !== 'technical-failure',
  ).length;
  return {
    final,
    lost: total - final,
    doubled,
    twice,
    unknown: promised.filter(({ unknown }) => unknown > 0).length,
    repeated: repeats.length - twice,
    stray: Math.max(known.length - promised.length - doubled, provider.distinct - total, 0),
    missing: Math.max(0, handedOver - provider.distinct),
  };
}

/** A sentence for each promise that was broken. */
export function faultsOf({ lost, doubled, twice, stray, missing }: Verdict): string[] {
  return [
    ...(lost > 0 ? [`${lost} accepted messages or rows did not reach a final status`] : []),
    ...(doubled > 0 ? [`${doubled} messages are of a row that has another one`] : []),
    ...(twice > 0
      ? [`${twice} messages reached the provider more than once, and no unknown attempt explains it`]
      : []),
    ...(stray > 0 ? [`${stray} messages exist that were not accepted`] : []),
    ...(missing > 0 ? [`${missing} messages are final, but never reached the provider`] : []),
  ];
}

/**
 * Waits until every message that was sent is final and the provider has posted all receipts, or nothing has changed for
 * `patienceSeconds`. Returns the messages in the database and the counts of the provider.
 */
export async function settled(
  databaseUrl: string,
  sent: Sent,
  provider: SandboxClient,
  patienceSeconds: number,
): Promise<{ known: readonly Known[]; counts: ProviderCounts }> {
  let last = '';
  let movedAt = performance.now();
  for (;;) {
    const counts = await provider.counts();
    // Fails while the database recovers from its crash.
    const known = await readKnown(databaseUrl).catch((error: unknown) => {
      if (performance.now() - movedAt > patienceSeconds * 1000) throw error;
      return null;
    });
    if (known) {
      const final = promisedOf(sent, known).filter(({ status }) => isCompleted(status)).length;
      if (final === sent.ids.size + sent.rows && counts.pending === 0) return { known, counts };
      const now = JSON.stringify([known.length, final, counts.distinct, counts.reported]);
      if (now !== last) movedAt = performance.now();
      last = now;
      if (performance.now() - movedAt > patienceSeconds * 1000) return { known, counts };
    }
    await sleep(pollMilliseconds);
  }
}

/**
 * How many figures of these days (YYYY-MM-DD) differ from what the history says, after all changes are folded
 * (docs/decisions/0023).
 */
export async function driftOf(databaseUrl: string, days: readonly string[]): Promise<number> {
  const { db, close } = connect(databaseUrl, 1, createLog('warn'));
  try {
    await foldFigures({ db }, { signal: new AbortController().signal });
    let total = 0;
    for (const day of days) {
      const { count, examples } = await findDrift(db, day);
      total += count;
      if (count > 0) console.error(`  Figures of ${day} differ, such as ${JSON.stringify(examples[0])}`);
    }
    return total;
  } finally {
    await close();
  }
}

async function readKnown(databaseUrl: string): Promise<Known[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<Known>(
      `select h.id, h.status, coalesce(a.unknown, 0)::int as unknown, h.job_row_number as row
       from notification_history h
       left join (
         select notification_id, count(*) as unknown from attempts where outcome = 'unknown' group by notification_id
       ) a on a.notification_id = h.id
       union all select id, 'created', 0, null from accepted`,
    );
    return rows;
  } finally {
    await client.end();
  }
}
