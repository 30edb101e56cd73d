import { Type } from 'typebox';
import type { SettingInForce } from '../config/in-force.ts';
import type { Db } from '../database/connection.ts';
import { schemaVersion } from '../database/migrate.ts';
import type { Reads } from '../database/reads.ts';
import type { NotificationType, PeriodicTaskRow } from '../database/tables.ts';
import { type Clock, isoMicroseconds } from '../ground/clock.ts';
import { noResultFound } from '../ground/problem.ts';
import { defineRoute } from '../http/server/define-route.ts';
import { callerLeaves } from '../http/server/request.ts';
import { oneOf, orNull, time } from '../http/validate/shapes.ts';
import { recordEvent } from '../tenant/event/store.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import { nextDue, type Timing } from './due.ts';
import { endOf } from './retention/ends.ts';
import { findTableSizes, type TableSize } from './retention/store-sizes.ts';
import { askForRun, findTaskRuns } from './store.ts';
import { findDatabaseFacts } from './store-system.ts';

export type SystemRouteDeps = Readonly<{
  db: Db;
  reads: Reads;
  clock: Clock;
  clockSkew: () => number;
  version: string;
  gitCommit: string;
  buildTime: string;
  /** The types of message that go through the sandbox, and those that are refused. */
  sandboxTypes: readonly NotificationType[];
  unprovided: readonly NotificationType[];
  settings: readonly SettingInForce[];
  periodic: readonly (Timing & Readonly<{ name: string }>)[];
}>;

const common = { tag: 'Administration', authentication: 'admin', permission: 'operator' } as const;

const task = Type.Object(
  {
    name: Type.String(),
    schedule: Type.Union([
      Type.Object({ every_seconds: Type.Integer() }),
      Type.Object({ at: Type.String({ description: 'A cron expression.' }), zone: Type.String() }),
    ]),
    last_began_at: orNull(time, 'When the last run began, whether it succeeded or not.'),
    last_succeeded_at: orNull(time, 'When the last run that succeeded began.'),
    last_seconds: orNull(Type.Number(), 'How long that took.'),
    last_count: orNull(Type.Integer(), 'How many items it processed.'),
    last_failed_at: orNull(time, 'When the last run that failed began.'),
    last_failure: orNull(Type.String(), 'The class of its error; the log has its text.'),
    next_due_at: time,
    asked_at: orNull(time, 'When somebody asked for a run that has not been made yet.'),
  },
  { $id: 'PeriodicTask' },
);

const readTasks = defineRoute({
  ...common,
  method: 'GET',
  path: '/platform/tasks',
  handlerName: 'platform.get_tasks',
  summary: 'List the periodic tasks',
  description: 'What the role `scheduler` does, when it last did it, and when it will next.',
  answers: { 200: { description: 'The tasks.', schema: Type.Object({ tasks: Type.Array(task) }) } },
  async handler(deps: SystemRouteDeps) {
    const runs = await findTaskRuns(deps.db);
    return { tasks: deps.periodic.map((one) => showTask(one, runs.get(one.name), deps.clock)) };
  },
});

const runTask = defineRoute({
  ...common,
  method: 'POST',
  path: '/platform/tasks/:task_name/run',
  handlerName: 'platform.run_task',
  summary: 'Run a periodic task now',
  description:
    'A process with the role `scheduler` runs it within a second or two, or as soon as there is one. Asking again changes nothing until it has run.',
  params: Type.Object({ task_name: Type.String({ description: 'The `name` of the task.' }) }),
  answers: {
    202: { description: 'It will run.', schema: Type.Object({ data: task }) },
    404: { description: 'There is no such task.' },
  },
  async handler({ db, clock, periodic }: SystemRouteDeps, { params, actorId }) {
    const found = periodic.find(({ name }) => name === params.task_name);
    if (!found) throw noResultFound();
    const at = new Date(clock.now());
    await db.transaction().execute(async (trx) => {
      await askForRun(trx, found.name, at);
      const data = { task: found.name };
      const event = { type: 'run_task', serviceId: null, userId: actorId, subjectId: null, data };
      await recordEvent(trx, event, at);
    });
    return { data: showTask(found, (await findTaskRuns(db)).get(found.name), clock) };
  },
});

const table = Type.Object(
  {
    name: Type.String(),
    bytes: Type.Integer({ description: 'With its indexes and partitions.' }),
    bytes_a_week_ago: orNull(Type.Integer(), 'On the earliest night of the last week that was measured.'),
    rows: Type.Integer({ description: 'An estimate.' }),
    ends: orNull(
      Type.String(),
      'Which periodic task deletes its rows and when, what else does, or why they are kept for ever.',
    ),
  },
  { $id: 'TableSize' },
);

function showTable({ name, bytes, bytesBefore, rows }: TableSize) {
  return { name, bytes, bytes_a_week_ago: bytesBefore, rows, ends: endOf(name) };
}

const setting = Type.Object(
  {
    name: Type.String({ description: 'The environment variable.' }),
    value: orNull(Type.String(), 'As it could be set, or its default in words; null: it is secret.'),
    is_secret: Type.Boolean(),
    is_default: Type.Boolean({ description: 'Nothing else is set.' }),
    meaning: Type.String(),
  },
  { $id: 'Setting' },
);

function showSetting({ name, value, isDefault, meaning }: SettingInForce) {
  return { name, value, is_secret: value === null, is_default: isDefault, meaning };
}

const types = Type.Array(oneOf(['sms', 'email']));
const readSystem = defineRoute({
  ...common,
  method: 'GET',
  path: '/platform/system',
  handlerName: 'platform.get_system',
  summary: 'Read what is installed',
  answers: {
    200: {
      description: 'The installation, as the answering process sees it.',
      schema: Type.Object({
        version: Type.String(),
        git_commit: Type.String(),
        build_time: Type.String(),
        time,
        clock_skew_seconds: Type.Number({
          description: 'How far the clock of this machine is ahead of the database’s; negative: behind.',
        }),
        sandbox: types,
        unprovided: types,
        settings: Type.Array(setting, { description: 'Those of the answering process.' }),
        database: Type.Object({
          version: Type.String({ description: 'Of PostgreSQL.' }),
          migration: orNull(Type.String(), 'The last one that has run.'),
          bytes: Type.Integer(),
          tables: Type.Array(table, { description: 'All of them, the largest first.' }),
        }),
      }),
    },
  },
  async handler(deps: SystemRouteDeps, _request, reply) {
    const { reads, clock, version, gitCommit, buildTime, sandboxTypes, unprovided } = deps;
    const database = await reads(platformServiceId, callerLeaves(reply), async (db) => ({
      migration: await schemaVersion(db),
      ...(await findDatabaseFacts(db)),
      tables: (await findTableSizes(db, new Date(clock.now()))).map(showTable),
    }));
    return {
      ...{ version, git_commit: gitCommit, build_time: buildTime },
      time: isoMicroseconds(new Date(clock.now())),
      clock_skew_seconds: deps.clockSkew() / 1000,
      ...{ sandbox: sandboxTypes, unprovided, settings: deps.settings.map(showSetting), database },
    };
  },
});

/** Periodic tasks and the installation, for operators (spec 04, section 8.5). */
export const systemRoutes = [readTasks, runTask, readSystem];

function showTask(
  timing: Timing & Readonly<{ name: string }>,
  runs: PeriodicTaskRow | undefined,
  clock: Clock,
) {
  const shown = (at: Date | null | undefined) => (at ? isoMicroseconds(at) : null);
  const lastRun = runs?.last_run?.getTime() ?? null;
  return {
    name: timing.name,
    schedule: 'at' in timing ? { at: timing.at, zone: timing.zone } : { every_seconds: timing.everySeconds },
    last_began_at: shown(runs?.began_at ?? runs?.last_run),
    last_succeeded_at: shown(runs?.last_run),
    last_seconds: runs?.last_seconds ?? null,
    last_count: runs?.last_count ?? null,
    last_failed_at: shown(runs?.failed_at),
    last_failure: runs?.failure ?? null,
    next_due_at: isoMicroseconds(new Date(nextDue(timing, lastRun, clock.now()))),
    asked_at: shown(runs?.asked_at),
  };
}
