import { sql } from 'kysely';
import { announceChange, type Cache, type Caches } from '../../database/cache.ts';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import { microsPerPound, type UnitRate } from './rate.ts';

/** The cache's only key is the type, `sms`. */
export type UnitRates = Pick<Cache<readonly UnitRate[]>, 'get'>;

export type UnitRateRecord = UnitRate &
  Readonly<{ id: string; reason: string | null; createdAt: Date; updatedAt: Date | null }>;

const cacheName = 'unit rates';

/** All that have ever applied are some dozen. */
const mostRates = 1000;

/** A rate can only be changed before its day, so an entry that is a minute old is right. */
export function createUnitRates(db: Db, caches: Caches): UnitRates {
  return caches.create({
    name: cacheName,
    load: () => findUnitRates(db),
    maxAgeMilliseconds: 60_000,
    limit: 1,
  });
}

/** The rates of texts, oldest first. */
export async function findUnitRates(db: DbOrTrx): Promise<readonly UnitRateRecord[]> {
  const { rows } = await sql<UnitRateRecord>`
    select id, valid_from::text as "from", (rate * ${microsPerPound})::int as micros, reason, created_at as "createdAt",
      updated_at as "updatedAt"
    from unit_rates where notification_type = 'sms' order by valid_from limit ${mostRates}`.execute(db);
  return rows;
}

type Given = UnitRate & Readonly<{ reason: string | null; at: Date }>;

const inRows = (micros: number) => sql<string>`${micros}::numeric / ${microsPerPound}`;

/** Returns its id; null if there is a rate from that day on. */
export async function addUnitRate(trx: Trx, { from, micros, reason, at }: Given): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    insert into unit_rates (notification_type, valid_from, rate, reason, created_at)
    values ('sms', ${from}::date, ${inRows(micros)}, ${reason}, ${at})
    on conflict (notification_type, valid_from) do nothing returning id`.execute(trx);
  await announceChange(trx, cacheName, 'sms');
  return rows[0]?.id ?? null;
}

/** Returns false if another one is from that day on. */
export async function changeUnitRate(
  trx: Trx,
  id: string,
  { from, micros, reason, at }: Given,
): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    update unit_rates set valid_from = ${from}::date, rate = ${inRows(micros)}, reason = ${reason}, updated_at = ${at}
    where id = ${id} and not exists (
      select from unit_rates other where other.id <> ${id} and other.notification_type = 'sms'
        and other.valid_from = ${from}::date)`.execute(trx);
  await announceChange(trx, cacheName, 'sms');
  return numAffectedRows > 0n;
}

/** Whoever changes rates holds this until the end of the transaction. */
export async function lockUnitRates(trx: Trx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('despatch.unit-rates', 0))`.execute(trx);
}
