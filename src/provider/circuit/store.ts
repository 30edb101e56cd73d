import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import { announceProviders, keepVersions } from '../store.ts';
import { type Calls, passesToClose, reasonToClose } from './circuit.ts';

/** Besides what decides about the circuit. */
type Figures = Readonly<{
  /** Of those taken: refused for good. */
  refused: number;
  /** How many took how long, by the steps of `durationSteps`. */
  durations: readonly number[];
}>;

/** The calls to one provider in one slot of a few seconds, by outcome. */
export type SlotCalls = Calls & Figures & Readonly<{ providerId: string; slot: Date }>;

/** Adds calls and deletes those before `oldest`. Rows are locked in the order of their providers. */
export async function addCalls(db: DbOrTrx, calls: readonly SlotCalls[], oldest: Date): Promise<void> {
  const ordered = calls.toSorted((a, b) => (a.providerId < b.providerId ? -1 : 1));
  const column = <T>(pick: (calls: SlotCalls) => T) => ordered.map(pick);
  await sql`
    with forgotten as (
      delete from provider_calls where slot < ${oldest} and provider_id = any(${column(({ providerId }) => providerId)}::uuid[])
    )
    insert into provider_calls as c (provider_id, slot, taken, failed, unknown, refused, durations)
    select provider_id, slot, taken, failed, unknown, refused, durations::int[] from unnest(${column(({ providerId }) => providerId)}::uuid[], ${column(({ slot }) => slot)}::timestamptz[],
      ${column(({ taken }) => taken)}::int[], ${column(({ failed }) => failed)}::int[], ${column(({ unknown }) => unknown)}::int[],
      ${column(({ refused }) => refused)}::int[], ${column(({ durations }) => `{${durations.join()}}`)}::text[])
      as t (provider_id, slot, taken, failed, unknown, refused, durations)
    on conflict (provider_id, slot) do update set taken = c.taken + excluded.taken,
      failed = c.failed + excluded.failed, unknown = c.unknown + excluded.unknown,
      refused = c.refused + excluded.refused, durations = coalesce((
        select array_agg(coalesce(a, 0) + coalesce(b, 0) order by n)
        from unnest(c.durations, excluded.durations) with ordinality as t (a, b, n)), '{}')`.execute(db);
}

/** The calls since `since`, or since the circuit was closed last, by provider id. */
export async function findCalls(
  db: DbOrTrx,
  providerIds: readonly string[],
  since: Date,
): Promise<ReadonlyMap<string, Calls>> {
  const { rows } = await sql<Calls & { providerId: string }>`
    select c.provider_id as "providerId", sum(c.taken) as taken, sum(c.failed) as failed, sum(c.unknown) as unknown
    from provider_calls c join providers p on p.id = c.provider_id
    where c.provider_id = any(${providerIds}::uuid[]) and c.slot > ${since}
      and c.slot > coalesce(p.calls_count_from, ${since}) group by 1`.execute(db);
  return new Map(rows.map(({ providerId, ...calls }) => [providerId, calls]));
}

/** Returns false if it was open already: of several processes that see the failures, one opens it. */
export async function openCircuit(
  trx: Trx,
  id: string,
  change: Readonly<{ reason: string; by: string; now: Date; until: Date }>,
): Promise<boolean> {
  const { reason, by, now, until } = change;
  const { numAffectedRows } = await sql`
    update providers set circuit = 'open', circuit_until = ${until}, circuit_openings = 1, probe_id = null,
      probe_until = null, probe_passes = 0, reason = ${reason}, created_by = (select id from users where id = ${by}),
      version = version + 1, updated_at = ${now}
    where id = ${id} and circuit = 'closed'`.execute(trx);
  if (!numAffectedRows) return false;
  await keepVersions(trx, [id]);
  return true;
}

/** What an operator makes of a circuit. `until`: null: open until somebody closes it. */
export type CircuitByHand = Readonly<
  ({ state: 'open'; until: Date | null } | { state: 'closed' }) & {
    reason: string;
    by: string | null;
    now: Date;
  }
>;

/**
 * Opens or closes a circuit by hand, as a version of the provider. A probe that is under way no longer counts, and
 * while a circuit is open without an end nothing probes it.
 */
export async function setCircuit(trx: Trx, id: string, change: CircuitByHand): Promise<void> {
  const { state, reason, by, now } = change;
  const isOpen = state === 'open';
  await trx
    .updateTable('providers')
    .set({
      circuit: state,
      circuit_until: isOpen ? change.until : null,
      circuit_openings: isOpen ? 1 : 0,
      probe_id: null,
      probe_until: null,
      probe_passes: 0,
      ...(!isOpen && { calls_count_from: now }),
      reason,
      created_by: by,
      version: sql<number>`version + 1`,
      updated_at: now,
    })
    .where('id', '=', id)
    .execute();
  await keepVersions(trx, [id]);
}

/** The calls to a provider in one minute or hour, by outcome. `at`: its beginning. */
export type PeriodCalls = Calls & Figures & Readonly<{ at: Date }>;

/** The calls to a provider from `from` to before `to`, oldest first; periods without calls are left out. */
export async function findPeriods(
  db: DbOrTrx,
  providerId: string,
  { by, from, to }: Readonly<{ by: 'minute' | 'hour'; from: Date; to: Date }>,
): Promise<readonly PeriodCalls[]> {
  const { rows } = await sql<PeriodCalls>`
    with slots as (
      select date_trunc(${by}, slot, 'UTC') as at, taken, failed, unknown, refused, durations from provider_calls
      where provider_id = ${providerId} and slot >= ${from} and slot < ${to}
    ), counted as (
      select at, array_agg(count order by n) as durations from (
        select at, n, sum(d)::int as count from slots, unnest(durations) with ordinality as t (d, n) group by at, n
      ) steps group by at
    )
    select s.at, sum(taken)::int as taken, sum(failed)::int as failed, sum(unknown)::int as unknown,
      sum(refused)::int as refused, coalesce(c.durations, '{}') as durations
    from slots s left join counted c on c.at = s.at group by s.at, c.durations order by s.at`.execute(db);
  return rows;
}

/** A message that is to probe a half-open provider. */
export type Probe = Readonly<{ providerId: string; messageId: string }>;

/**
 * Starts probes, one per provider at a time, which lapse at `until`. Returns the ids of the messages that may probe.
 */
export async function takeProbes(
  db: DbOrTrx,
  probes: readonly Probe[],
  now: Date,
  until: Date,
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    update providers p set probe_id = input.message_id, probe_until = ${until}
    from unnest(${probes.map(({ providerId }) => providerId)}::uuid[], ${probes.map(({ messageId }) => messageId)}::uuid[])
      as input (provider_id, message_id)
    where p.id = input.provider_id and p.circuit = 'open' and p.circuit_until <= ${now}
      and (p.probe_until is null or p.probe_until <= ${now})
    returning input.message_id as id`.execute(db);
  return new Set(rows.map(({ id }) => id));
}

/** The provider took the probe. Returns the new state of its circuit; null if the probe had lapsed. */
export async function passProbe(
  trx: Trx,
  { providerId, messageId }: Probe,
  change: Readonly<{ by: string; now: Date }>,
): Promise<'half-open' | 'closed' | null> {
  const { by, now } = change;
  const found = await trx
    .selectFrom('providers')
    .select('probe_passes as passes')
    .where('id', '=', providerId)
    .where('probe_id', '=', messageId)
    .executeTakeFirst();
  if (!found) return null;
  const closes = found.passes + 1 >= passesToClose;
  const { numUpdatedRows } = await trx
    .updateTable('providers')
    .set({
      probe_id: null,
      probe_until: null,
      ...(closes
        ? {
            circuit: 'closed' as const,
            circuit_until: null,
            circuit_openings: 0,
            probe_passes: 0,
            // Earlier failures must not open it again.
            calls_count_from: now,
            reason: reasonToClose,
            created_by: sql<string | null>`(select id from users where id = ${by})`,
            version: sql<number>`version + 1`,
            updated_at: now,
          }
        : { probe_passes: found.passes + 1 }),
    })
    .where('id', '=', providerId)
    .where('probe_id', '=', messageId)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return null;
  if (closes) await keepVersions(trx, [providerId]);
  else await announceProviders(trx);
  return closes ? 'closed' : 'half-open';
}

/**
 * The provider did not take the probe. `secondsAfter(openings)`: how long a circuit stays open after that many openings
 * in a row. Returns the time until which it is open; null if the probe had lapsed.
 */
export async function failProbe(
  trx: Trx,
  { providerId, messageId }: Probe,
  now: Date,
  secondsAfter: (openings: number) => number,
): Promise<Date | null> {
  const found = await trx
    .selectFrom('providers')
    .select('circuit_openings as openings')
    .where('id', '=', providerId)
    .where('probe_id', '=', messageId)
    .forUpdate()
    .executeTakeFirst();
  if (!found) return null;
  const openings = found.openings + 1;
  const until = new Date(now.getTime() + secondsAfter(openings) * 1000);
  await trx
    .updateTable('providers')
    .set({
      circuit_until: until,
      circuit_openings: openings,
      probe_id: null,
      probe_until: null,
      probe_passes: 0,
    })
    .where('id', '=', providerId)
    .execute();
  await announceProviders(trx);
  return until;
}

/** The messages made no call after all. */
export async function dropProbes(db: DbOrTrx, probes: readonly Probe[]): Promise<void> {
  await sql`
    update providers p set probe_id = null, probe_until = null
    from unnest(${probes.map(({ providerId }) => providerId)}::uuid[], ${probes.map(({ messageId }) => messageId)}::uuid[])
      as input (provider_id, message_id)
    where p.id = input.provider_id and p.probe_id = input.message_id`.execute(db);
  await announceProviders(db);
}
