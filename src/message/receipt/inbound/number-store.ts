import { randomUUID } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { Db, DbOrTrx } from '../../../database/connection.ts';
import { addSmsSender, grantPermission } from '../../../tenant/service/store.ts';

/** A number that people can text. */
export type InboundNumber = Readonly<{
  id: string;
  number: string;
  provider: string;
  /** null: it is free. */
  serviceId: string | null;
  serviceName: string | null;
  active: boolean;
  createdAt: Date;
  updatedAt: Date | null;
}>;

/** The service that an active number belongs to; null when no service has it. */
export async function findOwner(
  db: DbOrTrx,
  number: string,
): Promise<{ serviceId: string; mayReceive: boolean } | null> {
  const { rows } = await sql<{ serviceId: string; mayReceive: boolean }>`
    select s.id as "serviceId", 'inbound_sms' = any(s.permissions) as "mayReceive"
    from inbound_numbers n join services s on s.id = n.service_id where n.number = ${number} and n.active`.execute(
    db,
  );
  return rows[0] ?? null;
}

async function find(db: DbOrTrx, condition: RawBuilder<unknown>): Promise<readonly InboundNumber[]> {
  const { rows } = await sql<InboundNumber>`
    select n.id, n.number, n.provider, n.service_id as "serviceId", s.name as "serviceName", n.active,
      n.created_at as "createdAt", n.updated_at as "updatedAt"
    from inbound_numbers n left join services s on s.id = n.service_id
    where ${condition} order by n.created_at, n.number`.execute(db);
  return rows;
}

export function findNumbers(db: DbOrTrx): Promise<readonly InboundNumber[]> {
  return find(db, sql`true`);
}

/** Numbers that can be given to a service, the oldest first. */
export function findFreeNumbers(db: DbOrTrx): Promise<readonly InboundNumber[]> {
  return find(db, sql`n.active and n.service_id is null`);
}

export async function findNumberOf(db: DbOrTrx, serviceId: string): Promise<InboundNumber | null> {
  return (await find(db, sql`n.service_id = ${serviceId}`))[0] ?? null;
}

/** Adds free numbers; existing ones stay as they are. Returns all of them as they are now. */
export async function addNumbers(
  db: DbOrTrx,
  provider: string,
  numbers: readonly string[],
  now: Date,
): Promise<readonly InboundNumber[]> {
  const distinct = [...new Set(numbers)].toSorted();
  await sql`
    insert into inbound_numbers (id, number, provider, created_at)
    select id, number, ${provider}, ${now}
    from unnest(${distinct.map(() => randomUUID())}::uuid[], ${distinct}::text[]) as input (id, number)
    on conflict (number) do nothing`.execute(db);
  return find(db, sql`n.number = any(${distinct}::text[])`);
}

/** Why a service got no number. */
export type NotGiven = 'no such service' | 'another number' | 'no such number' | 'none is free';

/**
 * Gives a service a free number, `wanted` or else the oldest, lets it receive texts, and makes the number one of its
 * senders. A service that has a number keeps it, switched on.
 */
export function giveNumber(
  db: Db,
  serviceId: string,
  wanted: string | null,
  now: Date,
): Promise<InboundNumber | NotGiven> {
  return db.transaction().execute(async (trx) => {
    const service = await trx
      .selectFrom('services')
      .select('id')
      .where('id', '=', serviceId)
      .forUpdate()
      .executeTakeFirst();
    if (!service) return 'no such service';
    const own = await findNumberOf(trx, serviceId);
    if (own && wanted !== null && own.id !== wanted) return 'another number';
    if (own)
      await trx
        .updateTable('inbound_numbers')
        .set({ active: true, updated_at: now })
        .where('id', '=', own.id)
        .where('active', '=', false)
        .execute();
    else {
      const chosen = wanted === null ? sql`` : sql`and id = ${wanted}`;
      const { rows } = await sql<{ id: string; number: string }>`
        update inbound_numbers set service_id = ${serviceId}, updated_at = ${now} where id = (
          select id from inbound_numbers where active and service_id is null ${chosen}
          order by created_at, number limit 1 for update skip locked
        ) returning id, number`.execute(trx);
      const given = rows[0];
      if (!given) return wanted === null ? 'none is free' : 'no such number';
      const hasDefault = await trx
        .selectFrom('service_sms_senders')
        .select('id')
        .where('service_id', '=', serviceId)
        .where('is_default', '=', true)
        .executeTakeFirst();
      const sender = { id: randomUUID(), text: given.number, isDefault: !hasDefault };
      await addSmsSender(trx, serviceId, sender, given.id);
    }
    await grantPermission(trx, serviceId, 'inbound_sms');
    return (await findNumberOf(trx, serviceId))!;
  });
}

/** Stops accepting texts to a service's number. Returns whether the service has one. */
export async function switchOff(db: DbOrTrx, serviceId: string, now: Date): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('inbound_numbers')
    .set({ active: false, updated_at: now })
    .where('service_id', '=', serviceId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
