import { Type } from 'typebox';
import type { Db } from '../../../database/connection.ts';
import type { Clock } from '../../../ground/clock.ts';
import { idFloor } from '../../../ground/id.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { noResultFound } from '../../../ground/problem.ts';
import { dayAfter, dayStart } from '../../../ground/time-zone.ts';
import { defineRoute, uuidPart } from '../../../http/server/define-route.ts';
import { queryParameters } from '../../../http/validate/request-documents.ts';
import { oneOf, orNull, uuid } from '../../../http/validate/shapes.ts';
import { findNotification } from '../store.ts';
import { notificationId } from '../v2/schemas.ts';
import type { ReadingDeps } from '../v2/show.ts';
import { dayQuery, listFilter, listQuery, listRequest, pageLinks, refuseFuture } from './query.ts';
import { showDay, showNotificationV1 } from './show.ts';
import { countDay, findPage } from './store.ts';

export type NotificationRouteV1Deps = ReadingDeps & Readonly<{ db: Db; clock: Clock; metrics: Metrics }>;

const count = Type.Integer({ minimum: 0 });
const time = Type.String({ description: 'UTC, such as `2026-05-12T13:15:00.123000+00:00`.' });

/** A message as v1 shows it (spec 01, section 2.2). */
const notificationV1 = Type.Object(
  {
    id: uuid(),
    service: uuid(),
    api_key: orNull(uuid(), 'null if no key sent it.'),
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
    reference: orNull(Type.String(), 'The reference of the provider.'),
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
/** No service has so many messages; a page beyond it is not looked for. */
const furthestRow = 1_000_000_000;

const readOne = defineRoute({
  ...common,
  // A path with any other id is that of the route that sends, which takes no GET: a 405 (spec 01, section 2.2).
  path: `/notifications/${uuidPart('notification_id')}`,
  handlerName: 'notifications.get_notification_by_id',
  summary: 'Read a message (version 1)',
  description: 'With any key of its service.',
  params: Type.Object({ notification_id: notificationId }),
  answers: {
    200: {
      description: 'The message.',
      schema: Type.Object({ data: Type.Object({ notification: notificationV1 }) }),
    },
    404: { description: 'The service has no such message, or its retention period is over.' },
    405: { description: '`notification_id` is not a UUID.' },
  },
  async handler(deps: NotificationRouteV1Deps, { params, caller }) {
    const found = await findNotification(deps, deps.db, caller.service.id, params.notification_id);
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
    'Messages sent with the caller’s type of key, newest first, in numbered pages. The list of version 2 is faster for reading many.',
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
  async handler(deps: NotificationRouteV1Deps, request) {
    const { db, clock } = deps;
    const asked = listRequest(request.query);
    if (asked.page > furthestRow / asked.pageSize) throw noResultFound();
    const { service, key } = request.caller;
    const filter = listFilter({ serviceId: service.id, keyType: key.keyType }, asked, clock.now());
    const { total, notifications } = await findPage(deps, db, filter, asked);
    if (notifications.length === 0 && asked.page > 1) throw noResultFound();
    return {
      notifications: await Promise.all(notifications.map((one) => showNotificationV1(deps, one))),
      page_size: asked.pageSize,
      total,
      links: pageLinks(queryParameters(request.url), asked, total),
    };
  },
});

const readDay = defineRoute({
  ...common,
  path: '/notifications/statistics',
  handlerName: 'notifications.get_notification_statistics_for_day',
  summary: 'Count the messages of a day (version 1)',
  description: 'Messages of the caller’s service, without those of test keys.',
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
  async handler(deps: NotificationRouteV1Deps, { query: { day }, caller }) {
    refuseFuture(day, deps.clock.now());
    const serviceId = caller.service.id;
    const counts = await countDay(deps, deps.db, serviceId, {
      floor: startOf(day),
      ceiling: startOf(dayAfter(day, 1)),
    });
    return { data: [showDay(serviceId, day, counts)] };
  },
});

/** Reading messages and figures in v1 (spec 01, sections 2.2 and 2.3). */
export const notificationRoutesV1 = [readOne, readList, readDay];

/** The smallest id of a day. Days before there were ids begin with the smallest of all. */
function startOf(day: string): string {
  return idFloor(day < '1971' ? 0 : dayStart(day));
}
