import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Type } from 'typebox';
import type { Reads } from '../../../database/reads.ts';
import { type Clock, dayAfter, dayStart } from '../../../ground/clock.ts';
import { idFloor } from '../../../ground/id.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { noResultFound } from '../../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../../http/server/define-route.ts';
import { callerLeaves, queryParameters } from '../../../http/server/request.ts';
import { oneOf, orNull, uuid } from '../../../http/validate/shapes.ts';
import { pageBytes } from '../page.ts';
import { findByIds, findNotification } from '../store.ts';
import { notificationId } from '../v2/schemas.ts';
import type { ReadingDeps } from '../v2/show.ts';
import { dayQuery, listFilter, listQuery, listRequest, pageLinks, refuseFuture } from './query.ts';
import { showDay, showNotificationV1 } from './show.ts';
import { countDay, findPage } from './store.ts';

export type NotificationRouteV1Deps = ReadingDeps &
  Readonly<{ reads: Reads; clock: Clock; metrics: Metrics }>;

const count = Type.Integer({ minimum: 0 });
const time = Type.String({ description: 'UTC, such as `2026-05-12T13:15:00.123000+00:00`.' });

/** A message as v1 shows it (spec 01, section 2.2). */
const notificationV1 = Type.Object(
  {
    id: uuid(),
    service: uuid(),
    api_key: orNull(uuid(), 'null if it was not sent with a key.'),
    to: Type.String({ description: 'The recipient, as given.' }),
    job: orNull(
      Type.Object({ id: uuid(), original_file_name: orNull(Type.String(), 'The name of the file.') }),
      'The file it was sent from.',
    ),
    job_row_number: orNull(Type.Integer(), 'Its row in that file.'),
    template: Type.Object({
      id: uuid(),
      name: Type.String(),
      template_type: oneOf(['sms', 'email']),
      version: Type.Integer({ minimum: 1 }),
    }),
    template_version: Type.Integer({ minimum: 1 }),
    billable_units: count,
    notification_type: oneOf(['sms', 'email']),
    status: Type.String(),
    created_at: time,
    sent_at: orNull(time, 'When the provider accepted it.'),
    updated_at: orNull(time, 'When its status last changed.'),
    sent_by: orNull(Type.String(), 'The provider.'),
    reference: orNull(Type.String(), 'The provider’s reference.'),
    body: Type.String({ description: 'The text with its values filled in.' }),
    content_char_count: orNull(Type.Integer(), 'Length of a text; null for an email.'),
    subject: Type.Optional(Type.String({ description: 'Only for an email.' })),
  },
  { $id: 'NotificationV1' },
);

const common = { tag: 'Version 1', authentication: 'service key', method: 'GET' } as const;
const wrong = (message: unknown) => ({
  description: 'The query is invalid.',
  example: { result: 'error', message },
});
/** No service has this many messages, so pages beyond it are not queried. */
const furthestRow = 1_000_000_000;

const readOne = defineRoute({
  ...common,
  // With any other id, the path matches only the sending route, which is POST only: a 405 (spec 01, section 2.2).
  path: `/notifications/${uuidPart('notification_id')}`,
  handlerName: 'notifications.get_notification_by_id',
  summary: 'Read a message (version 1)',
  description: 'Any of the service’s keys may be used.',
  params: Type.Object({ notification_id: notificationId }),
  answers: {
    200: {
      description: 'The message.',
      schema: Type.Object({ data: Type.Object({ notification: notificationV1 }) }),
    },
    404: { description: 'The service has no such message, or its retention period is over.' },
    405: { description: '`notification_id` is not a UUID.' },
  },
  async handler(deps: NotificationRouteV1Deps, { params, caller: { service } }, reply) {
    const found = await deps.reads(service.id, callerLeaves(reply), (db) =>
      findNotification(deps, db, service.id, params.notification_id),
    );
    if (!found) throw noResultFound();
    return { data: { notification: await showNotificationV1(deps, found) } };
  },
});

const readList = defineRoute({
  ...common,
  path: '/notifications',
  handlerName: 'notifications.get_all_notifications',
  summary: 'List messages (version 1)',
  description:
    'Messages sent with the caller’s type of key, newest first, in numbered pages. To read many messages, the version 2 list is faster.',
  query: listQuery,
  answers: {
    200: {
      description: 'One page.',
      schema: Type.Object({
        notifications: Type.Array(notificationV1),
        page_size: Type.Integer({ minimum: 1 }),
        total: Type.Integer({ minimum: 0, description: 'Number of messages on all pages.' }),
        links: Type.Object(
          {
            prev: Type.Optional(Type.String()),
            next: Type.Optional(Type.String()),
            last: Type.Optional(Type.String()),
          },
          { description: 'Relative; `last` only if there is a next page.' },
        ),
      }),
    },
    400: wrong({ page: ['Not a valid integer.'] }),
    404: { description: 'There is no such page.' },
  },
  async handler(deps: NotificationRouteV1Deps, request, reply) {
    const query = listRequest(request.query);
    if (query.page > furthestRow / query.pageSize) throw noResultFound();
    const { service, key } = request.caller;
    const filter = listFilter({ serviceId: service.id, keyType: key.keyType }, query, deps.clock.now());
    const left = callerLeaves(reply);
    const { total, ids } = await deps.reads(service.id, left, (db) => findPage(deps, db, filter, query));
    if (ids.length === 0 && query.page > 1) throw noResultFound();
    const rows = showRows(deps, service.id, ids, left);
    const { first, isAll } = await takeRows(rows);
    const links = pageLinks('/notifications', queryParameters(request.url), query, total);
    const end = `],${JSON.stringify({ page_size: query.pageSize, total, links }).slice(1)}`;
    reply.type('application/json');
    if (isAll) return reply.send(`{"notifications":[${first.join(',')}${end}`);
    return reply.send(Readable.from(pageText(first, rows, end)));
  },
});

/** Messages as JSON, one after the other, with only some of them in memory. Other requests go on in between. */
async function* showRows(
  deps: NotificationRouteV1Deps,
  serviceId: string,
  ids: readonly string[],
  left: AbortSignal,
): AsyncGenerator<string, undefined> {
  for (let rest = ids; rest.length > 0; ) {
    const batch = await deps.reads(serviceId, left, (db) => findByIds(db, rest));
    for (const one of batch.found) {
      yield JSON.stringify(await showNotificationV1(deps, one));
      await setImmediate();
    }
    rest = batch.rest;
  }
}

/** The rows of a page that is answered in one piece, or the first rows of a larger one. */
async function takeRows(
  rows: AsyncGenerator<string, undefined>,
): Promise<{ first: readonly string[]; isAll: boolean }> {
  const first: string[] = [];
  for (let bytes = 0; bytes < pageBytes; bytes += Buffer.byteLength(first.at(-1)!)) {
    const { value } = await rows.next();
    if (value === undefined) return { first, isAll: true };
    first.push(value);
  }
  return { first, isAll: false };
}

/** A large page: a numbered page is never cut, so it is sent as fast as the caller takes it. */
async function* pageText(first: readonly string[], rows: AsyncGenerator<string>, end: string) {
  yield `{"notifications":[${first.join(',')}`;
  for await (const row of rows) yield `,${row}`;
  yield end;
}

/** Earlier days hold no messages; PostgreSQL does not know all of them. */
const firstDay = '1970-01-01';

const readDay = defineRoute({
  ...common,
  path: '/notifications/statistics',
  handlerName: 'notifications.get_notification_statistics_for_day',
  summary: 'Count a day’s messages (version 1)',
  description: 'Messages of the caller’s service, except those sent with test keys.',
  query: dayQuery,
  answers: {
    200: {
      description: 'One row, for the caller’s service.',
      schema: Type.Object({
        data: Type.Array(
          Type.Object({
            id: orNull(uuid(), 'null if nothing was sent.'),
            day: Type.String({ format: 'date' }),
            service: uuid(),
            emails_requested: count,
            emails_delivered: count,
            emails_failed: count,
            sms_requested: count,
            sms_delivered: count,
            sms_failed: count,
          }),
        ),
      }),
    },
    400: wrong({ day: ['Not a valid date.'] }),
  },
  async handler(deps: NotificationRouteV1Deps, { query: { day }, caller }, reply) {
    refuseFuture(day, deps.clock.now());
    const serviceId = caller.service.id;
    const known = day < firstDay ? firstDay : day;
    const range = { day: known, floor: startOf(known), ceiling: startOf(dayAfter(known, 1)) };
    const counts = await deps.reads(serviceId, callerLeaves(reply), (db) =>
      countDay(deps, db, serviceId, range),
    );
    return { data: [showDay(serviceId, day, counts)] };
  },
});

/** Reading messages and statistics in v1 (spec 01, sections 2.2 and 2.3). */
export const notificationRoutesV1 = [readOne, readList, readDay];

/** A day's smallest possible id. Days before 1971 predate all ids and start at the smallest one. */
function startOf(day: string): string {
  return idFloor(day < '1971' ? 0 : dayStart(day));
}
