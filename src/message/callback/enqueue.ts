import { sql } from 'kysely';
import type { Cache, Caches } from '../../database/cache.ts';
import type { Db, Trx } from '../../database/connection.ts';
import { lookUp } from '../../database/look-up.ts';
import { inPartitionsOf } from '../../database/partitions.ts';
import type { CallbackType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { createIdSource } from '../../ground/id.ts';
import type { QueueTransaction } from '../../queue/tasks.ts';

/** The queue's name: the table `service_callbacks` (docs/decisions/0011). */
export const callbackQueue = 'service-callbacks';

/**
 * The cache of callback addresses, with the single entry `callbackCacheKey`. Every change of an address must be
 * announced.
 */
export const callbackCacheName = 'callbacks';
export const callbackCacheKey = 'all';

/** A message, complaint or received text, and the service it belongs to. */
export type OfService = Readonly<{ id: string; serviceId: string }>;

/**
 * Queues callbacks to services (spec 05, section 8). Each function runs in the transaction that wrote what the
 * callbacks are about, so that both are committed or neither is, and takes a whole batch at once. The JSON body is
 * built and sealed at that moment; later changes do not alter it. Nothing is read or written for services without a
 * callback address.
 */
export type CallbackQueue = Readonly<{
  /**
   * Messages whose status has just changed in this transaction. Their status is read again, and only `delivered` and
   * the failures are reported, so any change may be handed in.
   */
  deliveryStatuses(transaction: QueueTransaction, changed: readonly OfService[]): Promise<void>;
  complaints(transaction: QueueTransaction, complaints: readonly OfService[]): Promise<void>;
  /** `requestId`: of the provider's request that brought them. */
  inboundSms(transaction: QueueTransaction, texts: readonly OfService[], requestId: string): Promise<void>;
}>;

export type CallbackQueueDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  caches: Caches;
}>;

type Addressed = ReadonlyMap<string, ReadonlySet<CallbackType>>;

type Snapshot = Readonly<{
  serviceId: string;
  type: CallbackType;
  notificationId: string | null;
  subjectId: string | null;
  /** Of the request that brought the message. */
  requestId: string | null;
  body: object;
}>;

export function createCallbackQueue({ db, clock, cipher, caches }: CallbackQueueDeps): CallbackQueue {
  const newId = createIdSource(clock);
  const addressed: Cache<Addressed> = caches.create({
    name: callbackCacheName,
    load: () => findAddressed(db),
    maxAgeMilliseconds: 2000,
  });

  /**
   * The ids of those whose service has an address for this type of callback. Until the cache is loaded, all ids: the
   * statement that reads them checks again, and a transaction must not wait for another connection.
   */
  function withAddress(type: CallbackType, all: readonly OfService[]): readonly string[] {
    if (all.length === 0) return [];
    const known = addressed.peek(callbackCacheKey);
    // Loads the cache for the next batch.
    if (!known) addressed.get(callbackCacheKey).catch(() => undefined);
    const wanted = known ? all.filter(({ serviceId }) => known.get(serviceId)?.has(type)) : all;
    return wanted.map(({ id }) => id);
  }

  async function insert({ trx, announce }: QueueTransaction, snapshots: readonly Snapshot[]): Promise<void> {
    if (snapshots.length === 0) return;
    const at = new Date(clock.now());
    const rows = snapshots.map(({ body, ...rest }) => {
      const id = newId();
      return { ...rest, id, payload: cipher.seal(JSON.stringify(body), id) };
    });
    const column = <T>(pick: (row: (typeof rows)[number]) => T) => rows.map(pick);
    await sql`
      insert into service_callbacks (id, service_id, callback_type, notification_id, subject_id, payload, created_at,
        queued_at, due_at, state, request_id)
      select id, service_id, callback_type, notification_id, subject_id, payload, ${at}, ${at}, ${at}, 'pending',
        request_id
      from unnest(${column(({ id }) => id)}::uuid[], ${column(({ serviceId }) => serviceId)}::uuid[],
        ${column(({ type }) => type)}::text[], ${column(({ notificationId }) => notificationId)}::uuid[],
        ${column(({ subjectId }) => subjectId)}::uuid[], ${column(({ payload }) => payload)}::bytea[],
        ${column(({ requestId }) => requestId)}::text[])
        as t (id, service_id, callback_type, notification_id, subject_id, payload, request_id)`.execute(trx);
    announce(callbackQueue);
  }

  return {
    async deliveryStatuses(transaction, changed) {
      const ids = withAddress('delivery_status', changed);
      if (ids.length === 0) return;
      await insert(transaction, (await findStatuses(transaction.trx, ids)).map(deliveryStatus));
    },
    async complaints(transaction, complaints) {
      const ids = withAddress('complaint', complaints);
      if (ids.length === 0) return;
      await insert(transaction, (await findComplaints(transaction.trx, ids)).map(complaint));
    },
    async inboundSms(transaction, texts, requestId) {
      const ids = withAddress('inbound_sms', texts);
      if (ids.length === 0) return;
      const found = await findTexts(transaction.trx, ids);
      await insert(
        transaction,
        found.map((text) => inboundSms(text, cipher.open(text.content, text.id), requestId)),
      );
    },
  };
}

async function findAddressed(db: Db): Promise<Addressed> {
  const rows = await db
    .selectFrom('service_callback_api')
    .select(['service_id as serviceId', 'callback_type as type'])
    .execute();
  const types = new Map<string, Set<CallbackType>>();
  for (const { serviceId, type } of rows)
    types.set(serviceId, (types.get(serviceId) ?? new Set<CallbackType>()).add(type));
  return types;
}

type Status = Readonly<{
  id: string;
  serviceId: string;
  clientReference: string | null;
  recipient: string | null;
  status: string;
  createdAt: Date;
  updatedAt: Date | null;
  sentAt: Date | null;
  type: string;
  templateId: string;
  templateVersion: number;
  requestId: string | null;
}>;

async function findStatuses(trx: Trx, ids: readonly string[]): Promise<readonly Status[]> {
  // A left join, since the recipient is gone once its retention has passed.
  const { rows } = await sql<Status>`
    select h.id, h.service_id as "serviceId", h.client_reference as "clientReference", n.recipient, h.status,
      h.created_at as "createdAt", h.updated_at as "updatedAt", h.sent_at as "sentAt", h.notification_type as "type",
      h.template_id as "templateId", h.template_version as "templateVersion",
      n.request_id as "requestId"
    from unnest(${ids}::uuid[]) as input (id)
    join notification_history h on ${lookUp('h.id', 'input.id')} ${inPartitionsOf(ids, 'h.id')}
    join service_callback_api a on ${lookUp('a.service_id', 'h.service_id')} and a.callback_type = 'delivery_status'
    left join notifications n on ${lookUp('n.id', 'input.id')} ${inPartitionsOf(ids, 'n.id')}
    where h.status in ('delivered', 'permanent-failure', 'temporary-failure', 'technical-failure')`.execute(
    trx,
  );
  return rows;
}

const timestamp = (time: Date | null) => time && isoMicroseconds(time);

/** Spec 05, section 8.2. */
function deliveryStatus(row: Status): Snapshot {
  return {
    serviceId: row.serviceId,
    type: 'delivery_status',
    notificationId: row.id,
    subjectId: null,
    requestId: row.requestId,
    body: {
      id: row.id,
      reference: row.clientReference,
      to: row.recipient,
      status: row.status,
      created_at: timestamp(row.createdAt),
      completed_at: timestamp(row.updatedAt),
      sent_at: timestamp(row.sentAt),
      notification_type: row.type,
      template_id: row.templateId,
      template_version: row.templateVersion,
    },
  };
}

type Complaint = Readonly<{
  id: string;
  serviceId: string;
  notificationId: string;
  clientReference: string | null;
  recipient: string | null;
  requestId: string | null;
  complaintDate: Date;
}>;

async function findComplaints(trx: Trx, ids: readonly string[]): Promise<readonly Complaint[]> {
  const { rows } = await sql<Complaint>`
    select c.id, c.service_id as "serviceId", c.notification_id as "notificationId",
      h.client_reference as "clientReference", n.recipient, n.request_id as "requestId", c.complaint_date as "complaintDate"
    from unnest(${ids}::uuid[]) as input (id) join complaints c on ${lookUp('c.id', 'input.id')}
    join service_callback_api a on ${lookUp('a.service_id', 'c.service_id')} and a.callback_type = 'complaint'
    join notification_history h on ${lookUp('h.id', 'c.notification_id')}
    left join notifications n on ${lookUp('n.id', 'c.notification_id')}`.execute(trx);
  return rows;
}

function complaint(row: Complaint): Snapshot {
  return {
    serviceId: row.serviceId,
    type: 'complaint',
    notificationId: row.notificationId,
    subjectId: row.id,
    requestId: row.requestId,
    body: {
      notification_id: row.notificationId,
      complaint_id: row.id,
      reference: row.clientReference,
      to: row.recipient,
      complaint_date: timestamp(row.complaintDate),
    },
  };
}

type ReceivedText = Readonly<{
  id: string;
  serviceId: string;
  userNumber: string;
  notifyNumber: string;
  content: Buffer;
  providerDate: Date;
}>;

async function findTexts(trx: Trx, ids: readonly string[]): Promise<readonly ReceivedText[]> {
  const { rows } = await sql<ReceivedText>`
    select i.id, i.service_id as "serviceId", i.user_number as "userNumber", i.notify_number as "notifyNumber",
      i.content, i.provider_date as "providerDate"
    from unnest(${ids}::uuid[]) as input (id) join inbound_sms i on ${lookUp('i.id', 'input.id')}
    join service_callback_api a on ${lookUp('a.service_id', 'i.service_id')} and a.callback_type = 'inbound_sms'`.execute(
    trx,
  );
  return rows;
}

function inboundSms(row: ReceivedText, message: string, requestId: string): Snapshot {
  return {
    serviceId: row.serviceId,
    type: 'inbound_sms',
    notificationId: null,
    subjectId: row.id,
    requestId,
    body: {
      id: row.id,
      source_number: row.userNumber,
      destination_number: row.notifyNumber,
      message,
      date_received: timestamp(row.providerDate),
    },
  };
}
