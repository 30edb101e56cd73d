import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { Invite, ShownStatus } from './invite.ts';

const columns = sql`
  i.id, i.service_id as "serviceId", i.email_address as "emailAddress", i.from_user as "fromUser",
  u.name as "fromUserName", i.permissions, i.folder_permissions::text[] as "folderPermissions",
  i.auth_type as "authType", i.status, i.created_at as "createdAt"`;

/** null if there is none, or it is another service's. `serviceId`: null for any service's. */
export async function findInvite(db: DbOrTrx, id: string, serviceId: string | null): Promise<Invite | null> {
  const { rows } = await sql<Invite>`
    select ${columns} from invites i join users u on u.id = i.from_user
    where i.id = ${id} ${serviceId === null ? sql`` : sql`and i.service_id = ${serviceId}`}`.execute(db);
  return rows[0] ?? null;
}

/** At most `limit` invites of a service, the newest first. `olderThan`: only those before this one; null: all. */
export async function findInvites(
  db: DbOrTrx,
  serviceId: string,
  olderThan: string | null,
  limit: number,
): Promise<readonly Invite[]> {
  const { rows } = await sql<Invite>`
    select ${columns} from invites i join users u on u.id = i.from_user
    where i.service_id = ${serviceId} ${olderThan === null ? sql`` : sql`and i.id < ${olderThan}`}
    order by i.id desc limit ${limit}`.execute(db);
  return rows;
}

/** Whether a member of the service has this address, in any case. */
export async function isMemberAddress(db: DbOrTrx, serviceId: string, address: string): Promise<boolean> {
  const { rows } = await sql`
    select from service_users m join users u on u.id = m.user_id
    where m.service_id = ${serviceId} and lower(u.email_address) = lower(${address})`.execute(db);
  return rows.length > 0;
}

export type NewInvite = Omit<Invite, 'fromUserName' | 'status'>;

/**
 * Adds a pending invite. Those to its address that were sent at `expiredAt` or before make room. Returns false if another
 * is open: the unique index `invites_open` decides between two at one time.
 */
export async function addInvite(trx: Trx, invite: NewInvite, expiredAt: Date): Promise<boolean> {
  const { serviceId, emailAddress } = invite;
  await makeRoom(trx, { serviceId, emailAddress }, expiredAt);
  const { numAffectedRows = 0n } = await sql`
    insert into invites (id, service_id, email_address, lower_address, from_user, permissions, folder_permissions,
      auth_type, status, created_at)
    values (${invite.id}, ${serviceId}, ${emailAddress}, lower(${emailAddress}), ${invite.fromUser},
      ${[...invite.permissions]}::text[], ${[...invite.folderPermissions]}::uuid[], ${invite.authType}, 'pending',
      ${invite.createdAt})
    on conflict (service_id, lower_address) where status = 'pending' do nothing`.execute(trx);
  return numAffectedRows > 0n;
}

/**
 * Makes an invite pending from `at` on, sent by `fromUser`. Returns false if another to its address is open, under the
 * rule of `addInvite`; whoever changes invites of a service holds its lock, so none can come about meanwhile.
 */
export async function renewInvite(
  trx: Trx,
  { id, serviceId, emailAddress }: Invite,
  fromUser: string,
  at: Date,
  expiredAt: Date,
): Promise<boolean> {
  await makeRoom(trx, { serviceId, emailAddress }, expiredAt);
  const { numAffectedRows = 0n } = await sql`
    update invites i set status = 'pending', from_user = ${fromUser}, created_at = ${at}
    where i.id = ${id} and not exists (select from invites other
      where other.service_id = i.service_id and other.lower_address = i.lower_address and other.status = 'pending'
        and other.id <> i.id)`.execute(trx);
  return numAffectedRows > 0n;
}

async function makeRoom(
  trx: Trx,
  { serviceId, emailAddress }: Pick<Invite, 'serviceId' | 'emailAddress'>,
  expiredAt: Date,
): Promise<void> {
  await sql`
    update invites set status = 'expired'
    where service_id = ${serviceId} and lower_address = lower(${emailAddress}) and status = 'pending'
      and created_at <= ${expiredAt}`.execute(trx);
}

export async function setInviteStatus(trx: Trx, id: string, status: ShownStatus): Promise<void> {
  await sql`update invites set status = ${status} where id = ${id}`.execute(trx);
}

/** Deletes at most `limit` invites that were last sent before `before`; returns how many. */
export async function deleteInvites(db: DbOrTrx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from invites where id in (select id from invites where created_at < ${before} limit ${limit})`.execute(
    db,
  );
  return Number(numAffectedRows);
}
