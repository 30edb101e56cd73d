import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { NotificationStatus } from '../src/database/tables.ts';
import { isCompleted } from '../src/message/status/status.ts';
import type { ProviderCounts, SandboxClient } from './sandbox-client.ts';

const pollMilliseconds = 1000;

/** One message in the database; `unknown`: the number of its attempts whose outcome is unknown. */
export type Known = Readonly<{ id: string; status: NotificationStatus; unknown: number }>;

/** The outcome of a run, as numbers of messages. */
export type Verdict = Readonly<{
  /** Accepted, and in a final status. */
  final: number;
  /** Accepted, and never final. */
  lost: number;
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

/** Compares the accepted messages with those in the database and at the provider. */
export function judge(
  accepted: ReadonlySet<string>,
  known: readonly Known[],
  provider: Pick<ProviderCounts, 'distinct' | 'times'>,
): Verdict {
  const promised = known.filter(({ id }) => accepted.has(id));
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
    lost: accepted.size - final,
    twice,
    unknown: promised.filter(({ unknown }) => unknown > 0).length,
    repeated: repeats.length - twice,
    stray: Math.max(known.length - promised.length, provider.distinct - accepted.size, 0),
    missing: Math.max(0, handedOver - provider.distinct),
  };
}

/** A sentence for each promise that was broken. */
export function faultsOf({ lost, twice, stray, missing }: Verdict): string[] {
  return [
    ...(lost > 0 ? [`${lost} accepted messages did not reach a final status`] : []),
    ...(twice > 0
      ? [`${twice} messages reached the provider more than once, and no unknown attempt explains it`]
      : []),
    ...(stray > 0 ? [`${stray} messages exist that were not accepted`] : []),
    ...(missing > 0 ? [`${missing} messages are final, but never reached the provider`] : []),
  ];
}

/**
 * Waits until every accepted message is final and the provider has posted all receipts, or nothing has changed for
 * `patienceSeconds`. Returns the messages in the database and the counts of the provider.
 */
export async function settled(
  databaseUrl: string,
  accepted: ReadonlySet<string>,
  provider: SandboxClient,
  patienceSeconds: number,
): Promise<{ known: readonly Known[]; counts: ProviderCounts }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    let last = '';
    let movedAt = performance.now();
    for (;;) {
      const known = await readKnown(client);
      const counts = await provider.counts();
      const final = known.filter(({ id, status }) => accepted.has(id) && isCompleted(status)).length;
      if (final === accepted.size && counts.pending === 0) return { known, counts };
      const now = JSON.stringify([known.length, final, counts.distinct, counts.reported]);
      if (now !== last) movedAt = performance.now();
      last = now;
      if (performance.now() - movedAt > patienceSeconds * 1000) return { known, counts };
      await sleep(pollMilliseconds);
    }
  } finally {
    await client.end();
  }
}

async function readKnown(client: pg.Client): Promise<Known[]> {
  const { rows } = await client.query<Known>(
    `select h.id, h.status, coalesce(a.unknown, 0)::int as unknown
     from notification_history h
     left join (
       select notification_id, count(*) as unknown from attempts where outcome = 'unknown' group by notification_id
     ) a on a.notification_id = h.id
     union all select id, 'created', 0 from accepted`,
  );
  return rows;
}
