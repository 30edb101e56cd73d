import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../../../database/connection.ts';
import { inPartitionsOf } from '../../../database/partitions.ts';
import { type Portion, searchPage } from '../../../database/reads.ts';
import type { GivenUpReason, NotificationType, SuppressionReason } from '../../../database/tables.ts';
import type { Clock } from '../../../ground/clock.ts';
import { idFloor, idMarginMilliseconds, idTime } from '../../../ground/id.ts';
import type { StoreDeps, StoredNotification } from '../../status/notification.ts';
import {
  accepted,
  fetchedBytes,
  findNotifications,
  findPortion,
  hashed,
  idCeiling,
  type MoreConditions,
  type NotificationFilter,
  oldestShown,
  sizedRows,
} from '../store.ts';
import type { Term } from './term.ts';

/** Which of a service's messages are listed; null means no filter. */
export type AdminFilter = Readonly<{
  serviceId: string;
  types: readonly string[] | null;
  statuses: readonly string[] | null;
  templateId: string | null;
  keyId: string | null;
  jobId: string | null;
  /** The person who sent them, one by one or from a file. */
  createdBy: string | null;
  /** The whole of the caller's reference. */
  reference: string | null;
  /** Created at this time or later, and before that one. */
  from: Date | null;
  until: Date | null;
  jobs: boolean;
  /** Those sent one by one, by hand. */
  oneOff: boolean;
  testKeys: boolean;
  olderThan: string | null;
}>;

/**
 * Index entries that one search collects for each form of its term: at first in all messages, then in one day's. What
 * matches more is frequent enough to be found by walking the service's messages, newest first.
 */
const mostCollected = { all: 10_000, day: 50_000 } as const;

/**
 * A page of at most `limit` messages, newest first, of those that match the term, if there is one. Shorter if they are
 * large or few of many match, and empty only if there is nothing more. Throws a Problem (504) if it finds nothing in time.
 */
export async function searchNotifications(
  deps: StoreDeps & Readonly<{ clock: Clock }>,
  db: Db,
  filter: AdminFilter,
  term: Term | null,
  limit: number,
): Promise<readonly StoredNotification[]> {
  const { from: lowest, until: before } = await rangeOf(db, filter);
  if (!term) return await walk(deps, db, filter, null, { from: lowest, until: before }, limit);
  const all = await collect(
    db,
    filter,
    term,
    { from: lowest, until: before, most: mostCollected.all },
    limit,
  );
  if (!all.isFrequent) return all.found;
  const walked = walkOf(filter, term, { from: lowest, until: before });
  const newest = await findPortion(db, walked, { before, size: 2000, wanted: limit, bytes: fetchedBytes });
  if (newest.found.length >= limit || newest.isFull || newest.last === null) return newest.found;
  // They may all be old, so each day is looked at by itself: with few of them or none it costs next to nothing.
  const end = [all.oldest, lowest ?? all.oldest].sort()[1]!;
  let bytes = 0;
  return await searchPage(limit, before, async (before, _size, wanted) => {
    const latest = Math.min(
      deps.clock.now(),
      before === null ? Number.POSITIVE_INFINITY : idTime(before) - 1,
    );
    const midnight = idFloor(latest - (latest % day));
    const isLast = midnight <= end;
    const range = { from: isLast ? end : midnight, until: before };
    const some = await collect(db, filter, term, { ...range, most: mostCollected.day }, wanted);
    const found = some.isFrequent ? await walk(deps, db, filter, term, range, wanted) : some.found;
    bytes += found.reduce((sum, { personalisation }) => sum + personalisation.length, 0);
    // A walk may have been cut short, too.
    const isFull = bytes >= fetchedBytes || (some.isFrequent && found.length > 0);
    return { found, last: isLast ? null : midnight, isFull };
  });
}

/** Between which ids all messages are that a filter can match. */
export async function rangeOf(
  db: Db,
  { from, until, olderThan, jobId }: AdminFilter,
): Promise<{ from: string | null; until: string | null }> {
  const ofJob = jobId === null ? null : await findJobSpan(db, jobId);
  const earliest = [from && idFloor(from.getTime()), ofJob?.from ?? null].filter((id) => id !== null);
  const latest = [olderThan, until && idFloor(until.getTime()), ofJob?.until ?? null];
  return {
    from: earliest.sort().at(-1) ?? null,
    until: latest.filter((id) => id !== null).sort()[0] ?? null,
  };
}

/** Between which ids the messages of a job are, so that nothing else is looked at; null: there is no such job. */
async function findJobSpan(db: Db, id: string): Promise<Range | null> {
  const { rows } = await sql<{ created: Date; finished: Date | null }>`
    select created_at as created, processing_finished as finished from jobs where id = ${id}`.execute(db);
  const [job] = rows;
  if (!job) return null;
  const { created, finished } = job;
  return {
    from: idFloor(created.getTime() - idMarginMilliseconds),
    // Ids are made before: a job is finished when each row is a message.
    until: finished && idFloor(finished.getTime() + idMarginMilliseconds),
  };
}

const day = 86_400_000;

/**
 * Looks at the next `size` messages older than `before` for at most `wanted` that match, with no limit of time: for what
 * reads all of them, portion by portion.
 */
export function findNextPortion(
  db: Db,
  filter: AdminFilter,
  { before, size, wanted }: Readonly<{ before: string | null; size: number; wanted: number }>,
): Promise<Portion<StoredNotification>> {
  const [lowest, until] = [filter.from, filter.until].map((time) => time && idFloor(time.getTime()));
  const range = { from: lowest ?? null, until: null };
  const highest = [before, filter.olderThan, until].filter((id) => typeof id === 'string').sort()[0] ?? null;
  const walked = walkOf(filter, null, range);
  return findPortion(db, walked, { before: highest, size, wanted, bytes: fetchedBytes });
}

/** Ids from `from` to before `until`; null: no limit. */
type Range = Pick<MoreConditions, 'from' | 'until'>;
/** `most`: index entries of each form. */
type Collected = Range & Readonly<{ most: number }>;

function walk(
  deps: StoreDeps,
  db: Db,
  filter: AdminFilter,
  term: Term | null,
  range: Range,
  limit: number,
): Promise<readonly StoredNotification[]> {
  return findNotifications(deps, db, walkOf(filter, term, range), limit);
}

export function walkOf(filter: AdminFilter, term: Term | null, range: Range): NotificationFilter {
  const { serviceId, types, statuses, reference, jobs } = filter;
  const personal = term ? matchesTerm(term) : sql`true`;
  const more = { facts: factConditions(filter), personal, ...range };
  return { serviceId, keyType: null, jobs, types, statuses, reference, olderThan: null, more };
}

/**
 * The newest messages that match, as far as one statement may fetch. `isFrequent`: there are too many to collect, and
 * none are returned. `oldest`: the id of the oldest message of any service.
 */
async function collect(
  db: Db,
  filter: AdminFilter,
  term: Term,
  range: Collected,
  limit: number,
): Promise<Readonly<{ found: readonly StoredNotification[]; isFrequent: boolean; oldest: string }>> {
  const { serviceId } = filter;
  const matches = matchesFilter(filter);
  const { rows } = await sql<StoredNotification & { isFrequent: boolean; oldest: string }>`
    with candidates as materialized (${candidates(sql`(select ${serviceId}::uuid as id)`, term, range)}),
    counted as materialized (select count(*) > ${range.most} as frequent from candidates),
    found as materialized (
      select id from (
        (select c.id from (
            select distinct id from candidates where not (select frequent from counted) order by id desc
          ) c
          cross join lateral (select * from notification_history where id = c.id limit 1) h
          cross join lateral (select from notifications where id = c.id limit 1) n
          where ${matches} order by c.id desc limit ${limit})
        union all
        (select n.id from ${accepted} where n.id in (select id from candidates)
            and not (select frequent from counted) and ${matches}
          order by n.id desc limit ${limit})
      ) every order by id desc limit ${limit}
    ), sized as (${sizedRows(null)})
    select sized.*, counted.frequent as "isFrequent", ${oldestShown} as oldest
    from counted left join sized on sized.preceding < ${fetchedBytes} order by sized.id desc`.execute(db);
  const { isFrequent, oldest } = rows[0]!;
  return { found: rows.filter(({ id }) => id !== null), isFrequent, oldest };
}

/** The conditions of a filter, without those on the id, on the facts as `h`. */
export function matchesFilter(filter: AdminFilter): RawBuilder<unknown> {
  const { types, statuses, reference, jobs } = filter;
  return sql`${factConditions(filter)} ${jobs ? sql`` : sql`and h.job_id is null`}
    ${types ? sql`and h.notification_type = any(${types}::text[])` : sql``}
    ${statuses ? sql`and h.status = any(${statuses}::text[])` : sql``}
    ${reference === null ? sql`` : sql`and h.client_reference = ${reference}`}`;
}

export function factConditions(filter: AdminFilter): RawBuilder<unknown> {
  const { templateId, keyId, jobId, createdBy, oneOff, testKeys } = filter;
  return sql`true ${testKeys ? sql`` : sql`and h.key_type <> 'test'`}
    ${templateId === null ? sql`` : sql`and h.template_id = ${templateId}`}
    ${keyId === null ? sql`` : sql`and h.api_key_id = ${keyId}`}
    ${jobId === null ? sql`` : sql`and h.job_id = ${jobId}`}
    ${createdBy === null ? sql`` : sql`and (h.created_by = ${createdBy}::uuid or h.job_id = any(${jobsOf(filter.serviceId, createdBy)}))`}
    ${oneOff ? sql`` : sql`and (h.api_key_id is not null or h.job_id is not null)`}`;
}

/** The ids of a service's jobs that a person made, as an array that is read once for a statement. */
function jobsOf(serviceId: string, userId: string): RawBuilder<unknown> {
  return sql`array(select id from jobs where service_id = ${serviceId}::uuid and created_by = ${userId}::uuid)`;
}

/** Whether a person sent this message, by itself or from a file. */
export async function isSentBy(
  db: Db,
  { serviceId, jobId, createdBy }: Pick<StoredNotification, 'serviceId' | 'jobId' | 'createdBy'>,
  userId: string,
): Promise<boolean> {
  if (createdBy?.id === userId) return true;
  if (jobId === null) return false;
  const { rows } = await sql<{ own: boolean }>`
    select exists (select from jobs where id = ${jobId} and service_id = ${serviceId} and created_by = ${userId}) as own`.execute(
    db,
  );
  return rows[0]!.own;
}

/** Greater than any text that begins with the same, in the order of bytes. */
const afterAll = '\u{10ffff}';

/** Conditions on personal data, as `n`, one for each form of the recipient; each is a range of an index. */
function recipientRanges({ beginnings, endings }: Term): readonly RawBuilder<unknown>[] {
  const range = (column: RawBuilder<unknown>, from: RawBuilder<unknown>) =>
    sql`${column} ~>=~ ${from} and ${column} ~<~ (${from} || ${afterAll})`;
  return [
    ...beginnings.map((text) => range(sql`n.normalised_recipient`, sql`${text}::text`)),
    ...endings.map((text) => range(sql`reverse(n.normalised_recipient)`, sql`reverse(${text}::text)`)),
  ];
}

/** For a walk: the same on every row, as `n` and `h`. */
function matchesTerm(term: Term): RawBuilder<unknown> {
  return sql`(${sql.join(
    [
      ...recipientRanges(term),
      sql`h.client_reference = ${term.reference}`,
      sql`h.reference = ${term.reference}`,
      ...(term.id === null ? [] : [sql`n.id = ${term.id}::uuid`]),
    ],
    sql` or `,
  )})`;
}

/**
 * The ids of messages of the services of `scope` that match a term; at most one more than `most` of each form. Each form
 * is one range of one index.
 */
function candidates(
  scope: RawBuilder<unknown>,
  term: Term,
  { from, until, most: mostEntries }: Collected,
): RawBuilder<unknown> {
  const bounds = (table: string) =>
    sql`${sql.ref(`${table}.id`)} >= ${from ?? idFloor(0)}::uuid and ${sql.ref(`${table}.id`)} < ${until ?? idCeiling}::uuid`;
  const most = sql`limit ${mostEntries + 1}`;
  const ranges = recipientRanges(term);
  const ofService = [
    ...ranges.map(
      (range) => sql`(select n.id from notifications n where n.service_id = s.id and ${range}
      and ${bounds('n')} ${most})`,
    ),
    sql`(select h.id from notification_history h where h.service_id = s.id and h.client_reference is not null
      and ${hashed(sql`h.client_reference`)} = ${hashed(sql`${term.reference}::text`)}
      and h.client_reference = ${term.reference} and ${bounds('h')} ${most})`,
    sql`(select n.id from accepted n where n.service_id = s.id and ${bounds('n')} and (${sql.join(
      [
        ...ranges,
        sql`n.client_reference = ${term.reference}`,
        ...(term.id === null ? [] : [sql`n.id = ${term.id}::uuid`]),
      ],
      sql` or `,
    )}) ${most})`,
  ];
  return sql`
    select c.id from ${scope} s cross join lateral (${sql.join(ofService, sql` union all `)}) c
    union all
    (select h.id from notification_history h join ${scope} s on s.id = h.service_id
      where h.reference = ${term.reference} and ${bounds('h')} ${most})
    ${
      term.id === null
        ? sql``
        : sql`union all (select h.id from notification_history h join ${scope} s on s.id = h.service_id
            where h.id = ${term.id}::uuid and ${bounds('h')})`
    }`;
}

/** A message as an operator finds it, without what is personal. */
export type FoundMessage = Readonly<{
  id: string;
  serviceId: string;
  serviceName: string;
  type: NotificationType;
  status: string;
  createdAt: Date;
}>;

/** The newest `limit` messages of all services that match a term. */
export async function findAnywhere(db: Db, term: Term, limit: number): Promise<readonly FoundMessage[]> {
  const { rows } = await sql<FoundMessage>`
    with candidates as materialized (${candidates(sql`services`, term, { from: null, until: null, most: mostCollected.all })}),
    newest as materialized (select distinct id from candidates order by id desc limit ${limit})
    select found.*, s.name as "serviceName" from (
      select h.id, h.service_id as "serviceId", h.notification_type as type, h.status, h.created_at as "createdAt"
      from newest cross join lateral (select * from notification_history where id = newest.id limit 1) h
      union all
      select n.id, n.service_id, n.notification_type, h.status, n.created_at
      from ${accepted} where n.id in (select id from newest)
    ) found join services s on s.id = found."serviceId" order by found.id desc`.execute(db);
  return rows;
}

/** What else has an id: the kind of thing, its name, and the service that it belongs to. */
export type FoundThing = Readonly<{
  kind: string;
  id: string;
  name: string | null;
  serviceId: string | null;
  serviceName: string | null;
}>;

/** Services, people, templates and so on with this id. */
export async function findThings(db: Db, id: string): Promise<readonly FoundThing[]> {
  const { rows } = await sql<FoundThing>`
    select found.*, s.name as "serviceName" from (
    select 'service' as kind, id, name, id as "serviceId" from services where id = ${id}
    union all select 'user', id, name, null from users where id = ${id}
    union all select 'template', t.id, v.name, t.service_id from templates t
      join template_versions v on v.template_id = t.id and v.version = t.version where t.id = ${id}
    union all select 'api_key', id, name, service_id from api_keys where id = ${id}
    union all select 'provider', id, display_name, null from providers where id = ${id}
    union all select 'sms_sender', id, sms_sender, service_id from service_sms_senders where id = ${id}
    union all select 'reply_to', id, null, service_id from service_email_reply_to where id = ${id}
    union all select 'inbound_number', id, number, service_id from inbound_numbers where id = ${id}
    union all select 'received_text', id, null, service_id from inbound_sms where id = ${id}
    union all select 'document', id, null, service_id from documents where id = ${id}
    union all select 'callback', id, null, service_id from service_callbacks where id = ${id}
    union all select 'complaint', id, null, service_id from complaints where id = ${id}
    union all select 'suppression', id, null, service_id from suppressions where id = ${id}
    union all select 'job', id, null, service_id from jobs where id = ${id}
    union all select 'upload', id, null, service_id from uploads where id = ${id}
    union all select 'event', id, event_type, service_id from events where id = ${id}
    ) as found left join services s on s.id = found."serviceId"`.execute(db);
  return rows;
}

/** What the admin API shows of a message beyond a StoredNotification. */
export type Circumstances = Readonly<{
  id: string;
  keyName: string | null;
  /** The name of the file that it came in. */
  fileName: string | null;
  suppressed: SuppressionReason | null;
  givenUp: GivenUpReason | null;
  /** How often it was handed to a provider. */
  attempts: number;
  /** Whether a provider reported its outcome, in its answer or a receipt. */
  isReported: boolean;
  /** Whether a try ended without an answer, or is under way: it may have arrived. */
  isUnknown: boolean;
  /** The message that it repeats. */
  resentFrom: string | null;
  /** The row of a job that repeats it. */
  resentAs: Readonly<{ job: string; job_row_number: number }> | null;
  /** When it is tried next; null: it is under way, or done. */
  nextAttemptAt: Date | null;
  /** Whether web pages hide the values in messages of its template (spec 02, section 10.6). */
  isRedacted: boolean;
}>;

/** The circumstances of each message, by its id. `queues`: the names of all queues that messages are delivered from. */
export async function findCircumstances(
  db: Db,
  ids: readonly string[],
  queues: readonly string[],
): Promise<ReadonlyMap<string, Circumstances>> {
  const { rows } = await sql<Circumstances>`
    select h.id, k.name as "keyName", j.original_file_name as "fileName", h.suppressed, h.given_up as "givenUp", tries.count as attempts,
      tries.refused or exists (
        select from receipts where notification_id = h.id and ignored is null ${inPartitionsOf(ids, 'notification_id')}
      ) as "isReported",
      tries.unknown as "isUnknown",
      (select message_id from resends where job_id = h.job_id and job_row_number = h.job_row_number) as "resentFrom",
      (select json_build_object('job', job_id, 'job_row_number', job_row_number) from resends
        where message_id = h.id) as "resentAs",
      case when h.status = 'created' then (
        select due_at from tasks t where t.queue = any(${queues}::text[]) and t.id = h.id
          and t.state in ('ready', 'waiting')
      ) end as "nextAttemptAt",
      t.redacted_at is not null as "isRedacted"
    from unnest(${ids}::uuid[]) given (id)
    cross join lateral (
      select * from notification_history where id = given.id ${inPartitionsOf(ids, 'id')} limit 1
    ) h
    cross join lateral (
      select count(*)::int, coalesce(bool_or(outcome = 'rejected'), false) as refused,
        coalesce(bool_or(outcome is null or outcome = 'unknown'), false) as unknown from attempts
      where notification_id = h.id ${inPartitionsOf(ids, 'notification_id')}
    ) tries
    left join api_keys k on k.id = h.api_key_id
    left join jobs j on j.id = h.job_id
    left join templates t on t.id = h.template_id
    union all
    select a.id, k.name, null, null, null, 0, false, false, null, null, a.due_at, t.redacted_at is not null
    from accepted a left join api_keys k on k.id = a.api_key_id left join templates t on t.id = a.template_id
    where a.id = any(${ids}::uuid[])`.execute(db);
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Whether the recipient of `n` is `to` (normalised), for what reads the newest of a recipient in the order `latestFirst`.
 * Both are written so that only the index over recipients has the rows in this order. With `=` and `n.id desc`, where a
 * service sent most of a day's messages to one recipient, PostgreSQL expects as many for every other, and walks all
 * messages of that day to find the few.
 */
export function isTo(to: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`n.normalised_recipient ~>=~ ${to} and n.normalised_recipient ~<=~ ${to}`;
}
export const latestFirst = sql`n.normalised_recipient using ~>~, n.id desc`;

/** The newest `limit` texts that a service sent to a number (normalised), before the message or time of `before`. */
export async function findSentTo(
  db: Db,
  serviceId: string,
  number: string,
  before: Readonly<{ at: Date; id: string }> | null,
  limit: number,
): Promise<readonly StoredNotification[]> {
  const older = before
    ? sql`and (h.created_at, n.id) < (${before.at}::timestamptz, ${before.id}::uuid)`
    : sql``;
  const { rows } = await sql<StoredNotification>`
    with found as materialized (
      select id from (
        (select n.id from notifications n
          cross join lateral (select * from notification_history where id = n.id limit 1) h
          where n.service_id = ${serviceId} and ${isTo(sql`${number}::text`)}
            and h.key_type <> 'test' ${older}
          order by ${latestFirst} limit ${limit})
        union all
        (select n.id from ${accepted} where n.service_id = ${serviceId} and n.normalised_recipient = ${number}
          and n.key_type <> 'test' ${older} order by n.id desc limit ${limit})
      ) every order by id desc limit ${limit}
    ), sized as (${sizedRows(null)})
    select * from sized where preceding < ${fetchedBytes} order by id desc`.execute(db);
  return rows;
}
