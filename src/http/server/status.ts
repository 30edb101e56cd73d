import type { Registry } from 'prom-client';
import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { schemaVersion } from '../../database/migrate.ts';
import type { NotificationType } from '../../database/tables.ts';
import { type Documentation, defineRoute, type Route } from './define-route.ts';

export type StatusDeps = Readonly<{
  db: Db;
  registry: Registry;
  gitCommit: string;
  buildTime: string;
  /** The types of message that go through the sandbox. */
  sandboxTypes: readonly NotificationType[];
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
  async handler({ registry }: StatusDeps, _request, reply) {
    const text = await registry.metrics();
    return reply.type(registry.contentType).send(text);
  },
});

/**
 * `/_status` and `/`: whether the process serves, for load balancers and people (spec 04, section 9); `/metrics` for
 * Prometheus (spec 06, section 4.4).
 */
export const statusRoutes = [statusRoute('/_status'), statusRoute('/'), metrics];
