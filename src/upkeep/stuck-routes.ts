import { Type } from 'typebox';
import type { Reads } from '../database/reads.ts';
import { type Clock, isoMicroseconds } from '../ground/clock.ts';
import { idFloor, idTime } from '../ground/id.ts';
import { defineRoute } from '../http/server/define-route.ts';
import { callerLeaves, linksOf } from '../http/server/request.ts';
import { oneOf, orNull, pageLinksSchema, time, uuid } from '../http/validate/shapes.ts';
import { findServiceNames } from '../statistics/platform/store.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import { causes, findStuck, type StuckKind, stuckKinds } from './store-stuck.ts';

export type StuckRouteDeps = Readonly<{
  reads: Reads;
  clock: Clock;
  publicUrl: string | null;
  queuePrefix: string;
  /** Seconds after which an unconfirmed message is timed out. */
  sendingTimeoutSeconds: number;
}>;

const pageSize = 50;
const usualSeconds = 300;
const longestSeconds = 366 * 86_400;
/** Time for walking the history in one request; a statement has 5 seconds. */
export const walkMilliseconds = 2000;
const day = 86_400_000;

const causeMeanings = {
  storing: 'accepted; a worker of `db-sms` or `db-email` has yet to store it',
  queue: 'due, and no worker has taken it: is its queue served?',
  worker: 'a worker has it',
  retry: 'its last try failed; the next is at `next_attempt_at`',
  provider:
    'the circuits of all its providers are open, or none is active; tried again when one can be called, at `next_attempt_at` at the latest',
  operator: 'it is parked',
  replay: 'it is in no queue; the task `replay-created-notifications` queues it again',
  receipt: 'its provider has sent no receipt',
  callback: 'its service has not taken the callback',
} as const satisfies Record<(typeof causes)[number], string>;

const stuck = Type.Object(
  {
    id: uuid(),
    service: uuid(),
    service_name: orNull(Type.String()),
    notification_type: oneOf(['sms', 'email']),
    status: Type.String(),
    kind: oneOf(stuckKinds),
    waits_for: oneOf(causes, causes.map((cause) => `- \`${cause}\`: ${causeMeanings[cause]}`).join('\n')),
    since: time,
    next_attempt_at: orNull(time),
  },
  { $id: 'StuckMessage' },
);

const totalsShape = Type.Object(
  {
    ...Object.fromEntries(stuckKinds.map((kind) => [kind, Type.Integer()])),
    counted_back_to: orNull(
      time,
      '`created` and `sending` were counted among the messages accepted since this time; null: among all.',
    ),
  },
  {
    description: 'How many there are of each kind; at most 100,000 are counted of `accepted` and `callback`.',
  },
);

const list = defineRoute({
  method: 'GET',
  path: '/platform/stuck',
  tag: 'Administration',
  authentication: 'admin',
  permission: 'operator',
  handlerName: 'platform.get_stuck',
  summary: 'List messages that hang, and on what',
  description: `Messages that have not been final for a while, and final ones whose service has not been told; newest first, at most ${pageSize} to a page. Searching takes 2 seconds at most, so a page may be empty and still have a \`links.next\`, which goes on; without one there is nothing more.`,
  query: Type.Object(
    {
      seconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: longestSeconds,
          description: `Only what has waited for this long; ${usualSeconds} without it.`,
        }),
      ),
      kind: Type.Optional(Type.Array(oneOf(stuckKinds))),
      older_than: Type.Optional(uuid('Only messages older than the one with this id.')),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'A page of messages.',
      schema: Type.Object({
        totals: orNull(totalsShape, 'Null with `older_than`: only the first page counts.'),
        messages: Type.Array(stuck),
        links: pageLinksSchema,
      }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler(deps: StuckRouteDeps, request, reply) {
    const { reads, clock, publicUrl, queuePrefix, sendingTimeoutSeconds } = deps;
    const { seconds = usualSeconds, kind, older_than: olderThan = null } = request.query;
    const now = clock.now();
    const filter = {
      kinds: (kind ?? stuckKinds) as readonly StuckKind[],
      before: new Date(now - seconds * 1000),
      olderThan,
      floor: floorOf(now, sendingTimeoutSeconds),
    };
    const isFirst = olderThan === null;
    const { page, names } = await reads(platformServiceId, callerLeaves(reply), async (db) => {
      const page = await findStuck(db, filter, {
        ...{ prefix: queuePrefix, limit: pageSize, milliseconds: walkMilliseconds, whole: isFirst },
      });
      const ids = page.stuck.map(({ serviceId }) => serviceId);
      return { page, names: await findServiceNames(db, [...new Set(ids)]) };
    });
    const { stuck: found, counts, last, walkedTo } = page;
    return {
      totals: isFirst
        ? { ...counts, counted_back_to: walkedTo && isoMicroseconds(new Date(idTime(walkedTo))) }
        : null,
      messages: found.map((one) => ({
        ...{ id: one.id, service: one.serviceId, service_name: names.get(one.serviceId) ?? null },
        ...{ notification_type: one.type, status: one.status },
        ...{ kind: one.kind, waits_for: one.waitsFor, since: isoMicroseconds(one.since) },
        next_attempt_at: one.nextAttemptAt && isoMicroseconds(one.nextAttemptAt),
      })),
      links: linksOf(request, publicUrl, '/platform/stuck', last ?? undefined),
    };
  },
});

/** No message with a smaller id is on its way: it was scheduled for 7 days later, and timed out by the night after. */
export function floorOf(now: number, sendingTimeoutSeconds: number): string {
  return idFloor(Math.max(0, now - sendingTimeoutSeconds * 1000 - 9 * day));
}

/** Messages that hang, for operators (spec 04, section 8.5). */
export const stuckRoutes = [list];
