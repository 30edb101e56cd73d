import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { NotificationStatus } from '../src/database/tables.ts';
import { isCompleted } from '../src/message/status/status.ts';
import type { ProviderCounts, SandboxClient } from './sandbox-client.ts';

const pollMilliseconds = 1000;

/** One message as the database knows it; `unknown`: how many of its attempts nobody knows the end of. */
export type Known = Readonly<{ id: string; status: NotificationStatus; unknown: number }>;

/** What became of the messages of a run. */
export type Verdict = Readonly<{
  /** Accepted, and in a final status. */
  final: number;
  /** Accepted, and not: what no later waiting will bring. */
  lost: number;
  /** Reached the provider more often than once and once more for each unknown attempt. */
  twice: number;
  /** With an attempt whose end is unknown: these alone may reach the provider more than once. */
  unknown: number;
  /** Of those, the ones that did. */
  repeated: number;
  /** Not promised to anybody: messages that no caller was told of, or that the provider has and nobody sent. */
  stray: number;
  /** Final as delivered or failed at the recipient, but the provider has not got them. */
  missing: number;
}>;

/** Compares what was promised with what the database and the provider have. */
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
  // A technical failure is the one final status in which a message may never have got anywhere.
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

/** A sentence for everything that must not be. */
export function faultsOf({ lost, twice, stray, missing }: Verdict): string[] {
  return [
    ...(lost > 0 ? [`${lost} accepted messages did not come to a final status`] : []),
    ...(twice > 0
      ? [`${twice} messages reached the provider more than once, and no unknown attempt explains it`]
      : []),
    ...(stray > 0 ? [`${stray} messages exist that no caller was told of`] : []),
    ...(missing > 0 ? [`${missing} messages are final, but the provider has never had them`] : []),
  ];
}

/**
 * Waits until every accepted message is final and the provider has posted all its receipts, or nothing has changed for
 * `patienceSeconds`. Answers what the database knows then.
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
