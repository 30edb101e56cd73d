import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import { announceService } from './store.ts';
import type { Member } from './team.ts';

export async function findMembers(db: DbOrTrx, serviceId: string): Promise<readonly Member[]> {
  const { rows } = await sql<Member>`
    select m.user_id as "userId", u.state = 'active' as "isActive", m.permissions
    from service_users m join users u on u.id = m.user_id where m.service_id = ${serviceId}`.execute(db);
  return rows;
}

/** Returns false if the person is a member already. */
export async function addMember(
  trx: Trx,
  serviceId: string,
  userId: string,
  permissions: readonly string[],
  at: Date,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('service_users')
    .values({ service_id: serviceId, user_id: userId, permissions: [...permissions], created_at: at })
    .onConflict((conflict) => conflict.columns(['service_id', 'user_id']).doNothing())
    .executeTakeFirstOrThrow();
  await announceService(trx, serviceId);
  return Number(numInsertedOrUpdatedRows) > 0;
}

export async function removeMember(trx: Trx, serviceId: string, userId: string): Promise<void> {
  await trx
    .deleteFrom('service_users')
    .where('service_id', '=', serviceId)
    .where('user_id', '=', userId)
    .execute();
  await announceService(trx, serviceId);
}

export async function setMemberPermissions(
  trx: Trx,
  serviceId: string,
  userId: string,
  permissions: readonly string[],
): Promise<void> {
  await trx
    .updateTable('service_users')
    .set({ permissions: [...permissions] })
    .where('service_id', '=', serviceId)
    .where('user_id', '=', userId)
    .execute();
}

/** The guest list as it was entered, in its order. */
export async function findGuests(db: DbOrTrx, serviceId: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('service_guest_list')
    .select('recipient')
    .where('service_id', '=', serviceId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(({ recipient }) => recipient);
}

/** Replaces the guest list. `ids`: one for each recipient, ascending. */
export async function replaceGuests(
  trx: Trx,
  serviceId: string,
  recipients: readonly string[],
  ids: readonly string[],
  at: Date,
): Promise<void> {
  await trx.deleteFrom('service_guest_list').where('service_id', '=', serviceId).execute();
  await sql`
    insert into service_guest_list (id, service_id, recipient, created_at)
    select id, ${serviceId}, recipient, ${at} from unnest(${[...ids]}::uuid[], ${[...recipients]}::text[]) g (id, recipient)`.execute(
    trx,
  );
  await announceService(trx, serviceId);
}
