import { Type } from 'typebox';
import type { Reads } from '../database/reads.ts';
import type { Clock } from '../ground/clock.ts';
import { defineRoute } from '../http/server/define-route.ts';
import { describeProcess, type StatusDeps, statusFields, statusQuery } from '../http/server/status.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import { countSending } from './store-stuck.ts';
import { floorOf, walkMilliseconds } from './stuck-routes.ts';

export type DeliveryStatusDeps = StatusDeps &
  Readonly<{
    /** How old a message is that should no longer be `sending`, in minutes. */
    alertMinutes: number;
    countLate: () => Promise<number>;
  }>;

type LateDeps = Pick<DeliveryStatusDeps, 'alertMinutes'> &
  Readonly<{ reads: Reads; clock: Clock; sendingTimeoutSeconds: number }>;

/** Anybody may ask, so that all who ask within this time get one answer. */
const keptMilliseconds = 5000;

/** Counts the messages that are `sending` for too long, for `walkMilliseconds` at most. */
export function createLateCount({ reads, clock, alertMinutes, sendingTimeoutSeconds }: LateDeps) {
  let latest: { at: number; count: Promise<number> } | null = null;
  return (): Promise<number> => {
    const now = clock.now();
    if (latest && now >= latest.at && now - latest.at < keptMilliseconds) return latest.count;
    const filter = {
      before: new Date(now - alertMinutes * 60_000),
      floor: floorOf(now, sendingTimeoutSeconds),
    };
    const count = reads(platformServiceId, new AbortController().signal, (db) =>
      countSending(db, filter, walkMilliseconds),
    );
    latest = { at: now, count };
    return count;
  };
}

const body = Type.Object({
  status: Type.String(),
  ...statusFields,
  message: Type.Optional(Type.String({ examples: ['0 notifications in sending state over 5 minutes'] })),
});

const show = defineRoute({
  method: 'GET',
  path: '/_delivery_status',
  authentication: 'none',
  handlerName: 'status.show_delivery_status',
  summary: 'Check whether messages are reported delivered in time',
  description: `For monitoring: 500 while messages that were created more than \`NOTIFICATIONS_ALERT\` minutes ago are \`sending\`. They are counted at most every ${keptMilliseconds / 1000} seconds, for ${walkMilliseconds / 1000} seconds at most; then the number is a lower bound.`,
  tag: 'Status',
  rawQuery: statusQuery,
  bodyLimit: 0,
  answers: {
    200: { description: 'There are none.', schema: body },
    500: { description: 'There are some; `status` is `error`.', schema: body },
  },
  async handler(deps: DeliveryStatusDeps, request, reply) {
    const { simple, elb } = request.query as Record<string, unknown>;
    if (simple || elb) return { status: 'ok' };
    const count = await deps.countLate();
    const message = `${count} notifications in sending state over ${deps.alertMinutes} minutes`;
    reply.code(count === 0 ? 200 : 500);
    const status = count === 0 ? 'ok' : 'error';
    return reply
      .type('application/json')
      .send(JSON.stringify({ status, ...(await describeProcess(deps)), message }));
  },
});

/** `/_delivery_status` (spec 04, section 9). */
export const deliveryStatusRoutes = [show];
