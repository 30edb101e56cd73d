import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { migrationGap, schemaVersion } from '../../database/migrate.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { type Documentation, defineRoute, type Route } from './define-route.ts';

export type StatusDeps = Readonly<{
  db: Db;
  metrics: Pick<Metrics, 'scrape' | 'registry'>;
  gitCommit: string;
  buildTime: string;
  /** The types of message that go through the sandbox. */
  sandboxTypes: readonly NotificationType[];
  /** Aborted as soon as the process is stopping. */
  stopping: AbortSignal;
}>;

/** Of the status routes. */
export const statusQuery = Type.Object({
  simple: Type.Optional(
    Type.String({ description: 'With any value, the response is short and the database is not queried.' }),
  ),
});

/** What the long form says of the process, beside its status. */
export const statusFields = {
  git_commit: Type.Optional(Type.String()),
  build_time: Type.Optional(Type.String()),
  db_version: Type.Optional(
    Type.Union([Type.String(), Type.Null()], { description: 'The latest migration of the database.' }),
  ),
  sandbox: Type.Optional(
    Type.Array(Type.Enum(['sms', 'email']), {
      description:
        'The types of message that the sandbox takes in place of a provider: nobody receives them.',
    }),
  ),
} as const;

/** Values for them. */
export async function describeProcess({ db, gitCommit, buildTime, sandboxTypes }: StatusDeps) {
  return {
    git_commit: gitCommit,
    build_time: buildTime,
    db_version: await schemaVersion(db),
    sandbox: sandboxTypes,
  };
}

const documentation: Documentation = {
  summary: 'Check whether the process is up',
  description: 'For load balancers and people. `/` and POST do the same.',
  tag: 'Status',
  answers: {
    200: {
      description: 'The process is up.',
      schema: Type.Object({ status: Type.Literal('ok'), ...statusFields }),
    },
  },
};

function statusRoute(path: '/_status' | '/'): Route<StatusDeps> {
  return defineRoute({
    ...(path === '/' ? { summary: null } : documentation),
    method: ['GET', 'POST'],
    path,
    authentication: 'none',
    handlerName: 'status.show_status',
    rawQuery: statusQuery,
    bodyLimit: 0,
    async handler(deps: StatusDeps, request) {
      const { simple, elb } = request.query as Record<string, unknown>;
      // The short form does not query the database: a load balancer should remove a process only when it is gone.
      if (simple || elb) return { status: 'ok' };
      return { status: 'ok', ...(await describeProcess(deps)) };
    },
  });
}

const metrics = defineRoute({
  method: 'GET',
  path: '/metrics',
  authentication: 'none',
  handlerName: 'status.metrics',
  sameOrigin: true,
  summary: 'Metrics for Prometheus',
  tag: 'Status',
  answers: { 200: { description: 'Metrics in the text format.', contentType: 'text/plain' } },
  async handler({ metrics }: StatusDeps, _request, reply) {
    const text = await metrics.scrape();
    return reply.type(metrics.registry.contentType).send(text);
  },
});

const longestLookMilliseconds = 3000;

/** Why the process should get no requests now; null: it is ready. */
async function unready({ db, stopping }: StatusDeps): Promise<string | null> {
  if (stopping.aborted) return 'The process is stopping.';
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, longestLookMilliseconds, null);
  const gap = await Promise.race([migrationGap(db).catch(() => null), late]);
  clearTimeout(timer);
  if (gap === null) return 'The database does not answer.';
  return gap.missing.length === 0 ? null : `Migrations are missing: ${gap.missing.join(', ')}.`;
}

const ready = defineRoute({
  method: 'GET',
  path: '/_status/ready',
  authentication: 'none',
  handlerName: 'status.show_ready',
  summary: 'Check whether the process can serve',
  description:
    'For load balancers and readiness probes: 503 while the process is stopping, its database does not answer, or migrations are missing. `/_status?simple=1` is for liveness: it asks only whether the process answers.',
  tag: 'Status',
  answers: {
    200: { description: 'It can.', schema: Type.Object({ status: Type.Literal('ok') }) },
    503: {
      description: 'It cannot; `message` says why.',
      schema: Type.Object({ status: Type.Literal('error'), message: Type.String() }),
    },
  },
  async handler(deps: StatusDeps, _request, reply) {
    const message = await unready(deps);
    if (message === null) return { status: 'ok' };
    return reply
      .code(503)
      .type('application/json')
      .send(JSON.stringify({ status: 'error', message }));
  },
});

/**
 * `/_status` and `/`: whether the process serves, for load balancers and people (spec 04, section 9); `/metrics` for
 * Prometheus (spec 06, section 4.4).
 */
export const statusRoutes = [statusRoute('/_status'), statusRoute('/'), ready, metrics];
