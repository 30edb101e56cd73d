import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx, Trx } from '../database/connection.ts';
import type { NotificationType } from '../database/tables.ts';
import { announceService } from '../tenant/service/store.ts';
import { type Person, traceOf } from './person.ts';

/** A recipient in one service; null: in all of them. */
export type Scope = Readonly<{ person: Person; serviceId: string | null }>;

const inService = ({ serviceId }: Pick<Scope, 'serviceId'>, column: RawBuilder<unknown>) =>
  serviceId === null ? sql`` : sql`and ${column} = ${serviceId}::uuid`;

/** Rows that one statement reads or deletes. */
const portion = 500;

/** A stored message of the recipient. */
export type PersonalRow = Readonly<{
  id: string;
  serviceId: string;
  type: NotificationType;
  personalisation: Buffer;
}>;

/** Each service has its own part of the index over recipients. */
const messagesOf = ({ person, serviceId }: Scope) => sql`services s cross join lateral (
    select n.* from notifications n where n.service_id = s.id and n.normalised_recipient = ${person.normalised}
  ) n cross join lateral (select * from notification_history where id = n.id limit 1) h
  where true ${inService({ serviceId }, sql`s.id`)}`;

/** The next messages that nobody is going to send any more. Until the end of the transaction nobody else erases them. */
export async function findSentRows(trx: Trx, scope: Scope): Promise<readonly PersonalRow[]> {
  const { rows } = await sql<PersonalRow>`
    select id, service_id as "serviceId", type, personalisation from notifications
    join (
      select n.id, h.notification_type as type from ${messagesOf(scope)} and h.status <> 'created'
      order by n.id limit 50
    ) found using (id) order by id for update of notifications`.execute(trx);
  return rows;
}

/** Deletes what is personal of messages. What their history says stays. */
export async function deleteRows(trx: Trx, ids: readonly string[]): Promise<void> {
  await sql`delete from notifications where id = any(${ids}::uuid[])`.execute(trx);
}

/** Deletes the reports of services about messages of a type: each can have some of its rows. Returns how many. */
export async function deleteReportsOf(
  trx: Trx,
  services: readonly string[],
  type: NotificationType,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from report_requests where service_id = any(${services}::uuid[]) and notification_type = ${type}`.execute(
    trx,
  );
  return Number(numAffectedRows);
}

/** Deletes files that were sent as links, if they are of these services. Returns how many. */
export async function deleteDocuments(
  trx: Trx,
  services: readonly string[],
  ids: readonly string[],
): Promise<number> {
  const { rows } = await sql<{ id: string }>`
    delete from documents where id = any(${ids}::uuid[]) and service_id = any(${services}::uuid[]) returning id`.execute(
    trx,
  );
  await sql`delete from document_contents where id = any(${rows.map(({ id }) => id)}::uuid[])`.execute(trx);
  return rows.length;
}

/** Scheduled messages to the recipient that are not stored yet. */
export async function findScheduled(
  db: DbOrTrx,
  { person, serviceId }: Scope,
  after: string | null,
): Promise<readonly Readonly<{ id: string; serviceId: string }>[]> {
  const { rows } = await sql<{ id: string; serviceId: string }>`
    select id, service_id as "serviceId" from accepted
    where normalised_recipient = ${person.normalised} ${inService({ serviceId }, sql`service_id`)}
      ${after === null ? sql`` : sql`and id > ${after}::uuid`}
    order by id limit ${portion}`.execute(db);
  return rows;
}

/** Messages that are to be sent and that no provider can have: those of whose attempts each one is known to have failed. */
export async function findUnsent(
  db: DbOrTrx,
  scope: Scope,
  after: string | null,
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select n.id from ${messagesOf(scope)} and h.status = 'created'
      and not exists (select from attempts a where a.notification_id = n.id
        and (a.outcome is null or a.outcome in ('unknown', 'accepted')))
      ${after === null ? sql`` : sql`and n.id > ${after}::uuid`}
    order by n.id limit ${portion}`.execute(db);
  return rows.map(({ id }) => id);
}

/** How many messages to the recipient are still to be sent. */
export async function countPending(db: DbOrTrx, scope: Scope): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select ((select count(*) from ${messagesOf(scope)} and h.status = 'created')
      + (select count(*) from accepted where normalised_recipient = ${scope.person.normalised}
        ${inService(scope, sql`service_id`)}))::int as count`.execute(db);
  return rows[0]!.count;
}

/** Of these messages those to the recipient, whether or not they are stored yet. */
export async function findOwn(
  db: DbOrTrx,
  { person, serviceId }: Scope,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from (
      select id, service_id, normalised_recipient from notifications where id = any(${ids}::uuid[])
      union all select id, service_id, normalised_recipient from accepted where id = any(${ids}::uuid[])
    ) n where normalised_recipient = ${person.normalised} ${inService({ serviceId }, sql`service_id`)}`.execute(
    db,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Deletes texts that the recipient has sent. Returns how many. */
export async function deleteReceived(db: DbOrTrx, { person, serviceId }: Scope): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from inbound_sms where id = any(array(
      select i.id from services s cross join lateral (
        select id from inbound_sms where service_id = s.id and user_number = ${person.normalised}
      ) i where true ${inService({ serviceId }, sql`s.id`)} limit ${portion}))`.execute(db);
  return Number(numAffectedRows);
}

/** Of these callbacks those of the service, or all of them. */
export async function findCallbacksOf(
  db: DbOrTrx,
  scope: Pick<Scope, 'serviceId'>,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from service_callbacks where id = any(${ids}::uuid[]) ${inService(scope, sql`service_id`)}`.execute(
    db,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Deletes callbacks, also those that are not made yet. */
export async function deleteCallbacks(db: DbOrTrx, ids: readonly string[]): Promise<void> {
  await sql`
    with gone as (delete from service_callbacks where id = any(${ids}::uuid[]) returning id)
    delete from service_callback_attempts where callback_id in (select id from gone)`.execute(db);
}

/** Forgets the answers to requests of the admin API; repeated ones are then told that nobody knows what became of them. */
export async function forgetAnswers(db: DbOrTrx, ids: readonly string[]): Promise<void> {
  await sql`update admin_requests set status = null, answer = null where id = any(${ids}::uuid[])`.execute(
    db,
  );
}

/** What the rows of a file or contact list mean. `isOpen`: a job of it is not done, so that rows may still be sent. */
export type FileRow = Readonly<{
  id: string;
  serviceId: string;
  name: string;
  type: NotificationType;
  header: readonly string[];
  filledWidth: number;
  isVerbatim: boolean;
  isOpen: boolean;
  createdAt: Date;
}>;

/** A file with its header as it is stored: sealed, or plain if it is an upload of an old release. */
export type StoredFile = Omit<FileRow, 'header'> &
  Readonly<{ sealed: Buffer | null; plain: readonly string[] | null }>;

/** The files or contact lists with these ids. */
export async function findFiles(
  db: DbOrTrx,
  table: 'uploads' | 'contact_lists',
  { person, serviceId }: Scope,
  ids: readonly string[],
): Promise<readonly StoredFile[]> {
  const isOpen = sql`exists (select from jobs j where j.id = f.id
    and j.status in ('scheduled', 'pending', 'in progress', 'paused'))`;
  const headers =
    table === 'uploads'
      ? sql`f.header as plain, f.sealed_header as sealed`
      : sql`null as plain, f.header as sealed`;
  const { rows } = await sql<StoredFile>`
    select f.id, f.service_id as "serviceId", f.original_file_name as name, f.template_type as type, ${headers},
      f.filled_width as "filledWidth", f.created_at as "createdAt",
      ${table === 'uploads' ? sql`f.format = 'messages'` : sql`false`} as "isVerbatim",
      ${table === 'uploads' ? isOpen : sql`false`} as "isOpen"
    from ${sql.table(table)} f where f.id = any(${ids}::uuid[]) and f.template_type = ${person.type}
      ${inService({ serviceId }, sql`f.service_id`)}`.execute(db);
  return rows;
}

/** A recipient that was entered: a guest. */
export type GuestEntry = Readonly<{ id: string; serviceId: string; recipient: string; createdAt: Date }>;

/** The next guests of guest lists, whoever they are. */
export async function findGuestsFrom(
  db: DbOrTrx,
  scope: Pick<Scope, 'serviceId'>,
  after: string | null,
): Promise<readonly GuestEntry[]> {
  const { rows } = await sql<GuestEntry>`
    select id, service_id as "serviceId", recipient, created_at as "createdAt" from service_guest_list
    where true ${inService(scope, sql`service_id`)} ${after === null ? sql`` : sql`and id > ${after}::uuid`}
    order by id limit ${portion}`.execute(db);
  return rows;
}

export async function deleteGuests(trx: Trx, guests: readonly GuestEntry[]): Promise<void> {
  await sql`delete from service_guest_list where id = any(${guests.map(({ id }) => id)}::uuid[])`.execute(
    trx,
  );
  for (const serviceId of new Set(guests.map((guest) => guest.serviceId)))
    await announceService(trx, serviceId);
}

/** An event whose data may name the recipient; `data` as text. */
export type EventRow = Readonly<{ id: string; subjectId: string | null; data: string }>;

/** Looks through the next events; `last`: the last one that was looked at, null: there are no more. */
export async function findEventsFrom(
  db: DbOrTrx,
  { person, serviceId }: Scope,
  after: string | null,
): Promise<Readonly<{ last: string | null; events: readonly EventRow[] }>> {
  const text = sql`data::text`;
  const searched =
    person.type === 'sms' ? sql`regexp_replace(${text}, '[^0-9]', '', 'g')` : sql`lower(${text})`;
  const { rows } = await sql<EventRow & { isFound: boolean }>`
    with looked_at as materialized (
      select id, subject_id, data::text, position(${traceOf(person)} in ${searched}) > 0 as is_found from events
      where true ${inService({ serviceId }, sql`service_id`)} ${after === null ? sql`` : sql`and id > ${after}::uuid`}
      order by id limit ${portion}
    )
    select id, subject_id as "subjectId", data, is_found as "isFound" from looked_at where is_found
      or id = (select id from looked_at order by id desc limit 1) order by id`.execute(db);
  return { last: rows.at(-1)?.id ?? null, events: rows.filter(({ isFound }) => isFound) };
}

/** Replaces the data of an event, if it is still as it was read. */
export async function replaceEventData(db: DbOrTrx, { id, data }: EventRow, now: unknown): Promise<void> {
  await sql`update events set data = ${JSON.stringify(now)}::json where id = ${id} and data::text = ${data}`.execute(
    db,
  );
}

/** Entries that keep messages from the recipient. */
export async function findSuppressionsOf(db: DbOrTrx, { person, serviceId }: Scope) {
  const { rows } = await sql<{
    serviceId: string;
    reason: string;
    createdAt: Date;
    expiresAt: Date | null;
  }>`
    select service_id as "serviceId", reason, created_at as "createdAt", expires_at as "expiresAt" from suppressions
    where recipient = ${person.normalised} and notification_type = ${person.type}
      ${inService({ serviceId }, sql`service_id`)} order by id`.execute(db);
  return rows;
}

/** People who sign in, and people who were invited, that may have this number or address. */
export async function findAccounts(db: DbOrTrx, { person }: Pick<Scope, 'person'>) {
  const found =
    person.type === 'sms'
      ? sql`position(${traceOf(person)} in regexp_replace(coalesce(mobile_number, ''), '[^0-9]', '', 'g')) > 0`
      : sql`lower(email_address) = ${person.normalised}`;
  const { rows: users } = await sql<{ id: string; name: string; recipient: string; createdAt: Date }>`
    select id, name, created_at as "createdAt",
      ${person.type === 'sms' ? sql`mobile_number` : sql`email_address`} as recipient
    from users where ${found} order by id`.execute(db);
  const { rows: invites } = await sql<{ id: string; serviceId: string; createdAt: Date }>`
    select id, service_id as "serviceId", created_at as "createdAt" from invites
    where ${person.type === 'email' ? sql`lower_address = ${person.normalised}` : sql`false`} order by id`.execute(
    db,
  );
  return { users, invites };
}

/** The next messages to the recipient, the oldest first. */
export async function findMessages(
  db: DbOrTrx,
  scope: Scope,
  after: string | null,
): Promise<readonly Readonly<{ id: string; serviceId: string }>[]> {
  const later = after === null ? sql`` : sql`and n.id > ${after}::uuid`;
  const { rows } = await sql<{ id: string; serviceId: string }>`
    select id, service_id as "serviceId" from (
      (select n.id, n.service_id from ${messagesOf(scope)} ${later} order by n.id limit ${portion})
      union all
      (select n.id, n.service_id from accepted n where n.normalised_recipient = ${scope.person.normalised}
        ${inService(scope, sql`n.service_id`)} ${later} order by n.id limit ${portion})
    ) every order by id limit ${portion}`.execute(db);
  return rows;
}

/** The services that the recipient has sent texts to. */
export async function findTexted(db: DbOrTrx, { person, serviceId }: Scope): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select s.id from services s where exists (
      select from inbound_sms where service_id = s.id and user_number = ${person.normalised}
    ) ${inService({ serviceId }, sql`s.id`)} order by s.id`.execute(db);
  return rows.map(({ id }) => id);
}

/** The names of services. */
export async function findServiceNames(db: DbOrTrx): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ id: string; name: string }>`select id, name from services`.execute(db);
  return new Map(rows.map(({ id, name }) => [id, name]));
}
