import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Db } from '../../../database/connection.ts';
import type { Clock } from '../../../ground/clock.ts';
import { idFloor } from '../../../ground/id.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { noResultFound } from '../../../ground/problem.ts';
import { dayAfter, dayStart } from '../../../ground/time-zone.ts';
import { sendJson } from '../../../http/validate/json-body.ts';
import { findNotification } from '../store.ts';
import type { ReadingDeps } from '../v2/show.ts';
import { readDayDescription, readListDescription, readOneDescription } from './description.ts';
import { listFilter, pageLinks, type Query, readDay, readListQuery } from './query.ts';
import { showDay, showNotificationV1 } from './show.ts';
import { countDay, findPage } from './store.ts';

export type NotificationRouteV1Deps = ReadingDeps & Readonly<{ db: Db; clock: Clock; metrics: Metrics }>;

type WithQuery = FastifyRequest<{ Querystring: Query }>;

/**
 * What is no UUID is no message: such a path falls onto the route that sends, which takes no GET, so that it is a 405
 * (spec 01, section 2.2).
 */
const uuid = '(^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$)';
/** No service has so many messages; a page behind it is not looked for. */
const furthestRow = 1_000_000_000;

/** Reading messages and figures in v1. Needs `requireKey` before it. */
export function notificationRoutesV1(app: FastifyInstance, deps: NotificationRouteV1Deps): void {
  const { db, clock } = deps;

  app.get<{ Params: { notification_id: string } }>(
    `/notifications/:notification_id${uuid}`,
    { config: { handler: 'notifications.get_notification_by_id', describe: readOneDescription } },
    async (request, reply) => {
      const id = request.params.notification_id.toLowerCase();
      const found = await findNotification(deps, db, request.caller.service.id, id);
      if (!found) throw noResultFound();
      return sendJson(reply, { data: { notification: await showNotificationV1(deps, found) } });
    },
  );

  app.get(
    '/notifications',
    { config: { handler: 'notifications.get_all_notifications', describe: readListDescription } },
    async (request: WithQuery, reply) => {
      const query = readListQuery(request.query);
      if (query.page > furthestRow / query.pageSize) throw noResultFound();
      const { service, key } = request.caller;
      const filter = listFilter({ serviceId: service.id, keyType: key.keyType }, query, clock.now());
      const { total, notifications } = await findPage(deps, db, filter, query);
      if (notifications.length === 0 && query.page > 1) throw noResultFound();
      return sendJson(reply, {
        notifications: await Promise.all(notifications.map((one) => showNotificationV1(deps, one))),
        page_size: query.pageSize,
        total,
        links: pageLinks(request.query, query, total),
      });
    },
  );

  app.get(
    '/notifications/statistics',
    {
      config: { handler: 'notifications.get_notification_statistics_for_day', describe: readDayDescription },
    },
    async (request: WithQuery, reply) => {
      const day = readDay(request.query, clock.now());
      const serviceId = request.caller.service.id;
      const counts = await countDay(deps, db, serviceId, {
        floor: startOf(day),
        ceiling: startOf(dayAfter(day, 1)),
      });
      return sendJson(reply, { data: [showDay(serviceId, day, counts)] });
    },
  );
}

/** The smallest id of a day; days from before there were ids begin with them. */
function startOf(day: string): string {
  return idFloor(day < '1971' ? 0 : dayStart(day));
}
