import { Type } from 'typebox';
import type { Db } from '../database/connection.ts';
import type { Reads } from '../database/reads.ts';
import type { ProcessRow } from '../database/tables.ts';
import { isoMicroseconds } from '../ground/clock.ts';
import { defineRoute } from '../http/server/define-route.ts';
import { callerLeaves } from '../http/server/request.ts';
import { oneOf, orNull, time, uuid } from '../http/validate/shapes.ts';
import { queueNames } from '../queue/define.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import { findActive, findBacklog } from './store-backlog.ts';
import { countParked } from './store-parked.ts';
import { findProcesses } from './store-processes.ts';

export type QueueRouteDeps = Readonly<{ db: Db; reads: Reads; queuePrefix: string }>;

/** Parked tasks that are counted in each queue. */
const mostCounted = 100_000;

const common = { tag: 'Administration', authentication: 'admin', permission: 'operator' } as const;

const queue = Type.Object(
  {
    name: oneOf(queueNames),
    waiting: Type.Integer({ description: 'Tasks that could be taken now.' }),
    delayed: Type.Integer({ description: 'Those that are scheduled, or wait for their next try.' }),
    active: orNull(
      Type.Integer(),
      'Those that are being worked on, as counted within the last seconds; null for queues whose tasks are not marked: `db-sms`, `db-email`, `service-callbacks`.',
    ),
    oldest_due_seconds: Type.Number({ description: 'For how long the oldest has been due; 0: none is.' }),
    parked: Type.Integer({ description: 'Those that no worker takes until they are released.' }),
    served_by: Type.Array(uuid(), { description: 'The processes that serve it. None: what it has waits.' }),
  },
  { $id: 'Queue' },
);

const readQueues = defineRoute({
  ...common,
  method: 'GET',
  path: '/platform/queues',
  handlerName: 'platform.get_queues',
  summary: 'Read what waits in each queue',
  description:
    'The queues `db-sms` and `db-email` are the accepted messages that are not stored yet. At most 100,000 are counted.',
  answers: {
    200: { description: 'The queues.', schema: Type.Object({ queues: Type.Array(queue) }) },
  },
  async handler({ reads, queuePrefix }: QueueRouteDeps, _request, reply) {
    return await reads(platformServiceId, callerLeaves(reply), async (db) => {
      const backlog = await findBacklog(db, queuePrefix);
      const active = await findActive(db, queuePrefix);
      const parked = await countParked(db, queuePrefix, mostCounted);
      const processes = await findProcesses(db);
      return {
        queues: queueNames.map((name) => {
          const found = backlog.get(name)!;
          return {
            name,
            waiting: found.despatch_queue_due_tasks,
            delayed: found.despatch_queue_delayed_tasks,
            active: active.get(name) ?? null,
            oldest_due_seconds: found.despatch_queue_oldest_due_seconds,
            parked: parked.get(name) ?? 0,
            served_by: processes.filter(({ queues }) => queues.includes(name)).map(({ id }) => id),
          };
        }),
      };
    });
  },
});

const processShape = Type.Object(
  {
    id: uuid(),
    roles: Type.Array(Type.String()),
    queues: Type.Array(Type.String(), { description: 'Those that it serves.' }),
    host: Type.String(),
    pid: Type.Integer(),
    version: Type.String(),
    git_commit: Type.String(),
    clock_skew_seconds: Type.Number({
      description: 'How far the clock of its machine is ahead of the database’s; negative: behind.',
    }),
    started_at: time,
    last_seen_at: time,
  },
  { $id: 'Process' },
);

const readProcesses = defineRoute({
  ...common,
  method: 'GET',
  path: '/platform/processes',
  handlerName: 'platform.get_processes',
  summary: 'List the processes that are alive',
  description:
    'The oldest first. Each says every 10 seconds that it is alive; one that was killed is listed for half a minute more.',
  answers: {
    200: { description: 'The processes.', schema: Type.Object({ processes: Type.Array(processShape) }) },
  },
  async handler({ db }: QueueRouteDeps) {
    return { processes: (await findProcesses(db)).map(showProcess) };
  },
});

/** What waits and who works on it, for operators (spec 04, section 8.5). */
export const queueRoutes = [readQueues, readProcesses];

function showProcess(row: ProcessRow) {
  const { id, roles, queues, host, pid, version, git_commit, clock_skew_seconds } = row;
  return {
    ...{ id, roles, queues, host, pid, version, git_commit, clock_skew_seconds },
    started_at: isoMicroseconds(row.started_at),
    last_seen_at: isoMicroseconds(row.seen_at),
  };
}
