import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import { announceService } from './store.ts';

/** The two kinds of sender: where each keeps its rows and its text. */
const tables = {
  sms: { name: 'service_sms_senders', text: 'sms_sender', number: 'inbound_number_id' },
  email: { name: 'service_email_reply_to', text: 'email_address', number: 'null::uuid' },
} as const;

/** `sms`: a sender of texts; `email`: an address for replies. */
export type SenderKind = keyof typeof tables;

/** A sender or reply-to address as the admin API shows it. */
export type SenderRecord = Readonly<{
  id: string;
  serviceId: string;
  text: string;
  isDefault: boolean;
  archived: boolean;
  createdAt: Date;
  updatedAt: Date | null;
  /** The number for received texts that it is; null for any other. */
  inboundNumberId: string | null;
}>;

const columnsOf = ({ text, number }: (typeof tables)[SenderKind]) =>
  sql.raw(`
  id, service_id as "serviceId", ${text} as text, is_default as "isDefault", archived, created_at as "createdAt",
  updated_at as "updatedAt", ${number} as "inboundNumberId"`);

/** Those of a service that are not archived, or only the one with this `id`: the default first, then the newest. */
export async function findSenders(
  db: DbOrTrx,
  kind: SenderKind,
  serviceId: string,
  id: string | null = null,
): Promise<readonly SenderRecord[]> {
  const table = tables[kind];
  const { rows } = await sql<SenderRecord>`
    select ${columnsOf(table)} from ${sql.table(table.name)}
    where service_id = ${serviceId} and not archived and (${id}::uuid is null or id = ${id})
    order by is_default desc, created_at desc, id`.execute(db);
  return rows;
}

/**
 * Whoever changes the senders of a service waits for the end of this transaction, so that they agree on the default.
 * Returns false if there is no such service.
 */
export async function lockSenders(trx: Trx, serviceId: string): Promise<boolean> {
  const { rows } = await sql`select id from services where id = ${serviceId} for no key update`.execute(trx);
  return rows.length > 0;
}

export type SenderChange = Readonly<{
  serviceId: string;
  id: string;
  text: string;
  isDefault: boolean;
  at: Date;
}>;

/**
 * Adds a sender; as the default it takes the place of the one before. A reply-to address that the service has already,
 * in whatever case, is an error of the database (see `isTaken`).
 */
export async function addSender(trx: Trx, kind: SenderKind, change: SenderChange): Promise<SenderRecord> {
  const { serviceId, id, text, isDefault, at } = change;
  const table = tables[kind];
  if (isDefault) await clearDefault(trx, kind, change);
  const { rows } = await sql<SenderRecord>`
    insert into ${sql.table(table.name)} (id, service_id, ${sql.ref(table.text)}, is_default, created_at)
    values (${id}, ${serviceId}, ${text}, ${isDefault}, ${at}) returning ${columnsOf(table)}`.execute(trx);
  await announceService(trx, serviceId);
  return rows[0]!;
}

/** Changes a sender that exists; otherwise like `addSender`. */
export async function changeSender(trx: Trx, kind: SenderKind, change: SenderChange): Promise<SenderRecord> {
  const { serviceId, id, text, isDefault, at } = change;
  const table = tables[kind];
  if (isDefault) await clearDefault(trx, kind, change);
  const { rows } = await sql<SenderRecord>`
    update ${sql.table(table.name)} set ${sql.ref(table.text)} = ${text}, is_default = ${isDefault}, updated_at = ${at}
    where id = ${id} returning ${columnsOf(table)}`.execute(trx);
  await announceService(trx, serviceId);
  return rows[0]!;
}

export async function archiveSender(
  trx: Trx,
  kind: SenderKind,
  { serviceId, id, at }: Pick<SenderChange, 'serviceId' | 'id' | 'at'>,
): Promise<SenderRecord> {
  const table = tables[kind];
  const { rows } = await sql<SenderRecord>`
    update ${sql.table(table.name)} set archived = true, updated_at = ${at}
    where id = ${id} returning ${columnsOf(table)}`.execute(trx);
  await announceService(trx, serviceId);
  return rows[0]!;
}

/** The sender that was the default until now is changed too; the new one is left alone. */
async function clearDefault(
  trx: Trx,
  kind: SenderKind,
  { serviceId, id, at }: Pick<SenderChange, 'serviceId' | 'id' | 'at'>,
): Promise<void> {
  await sql`
    update ${sql.table(tables[kind].name)} set is_default = false, updated_at = ${at}
    where service_id = ${serviceId} and is_default and id <> ${id}`.execute(trx);
}

/** Whether an error of the database says that the service has a reply-to address already. */
export function isTaken(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return code === '23505' && constraint === 'service_email_reply_to_address';
}
