import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { schemaVersion } from '../../database/migrate.ts';
import type { Description } from '../openapi/describe.ts';

const showStatus: Description = {
  summary: 'Whether the process serves',
  description: 'For load balancers and people. `/` answers the same, and so does POST.',
  tag: 'Status',
  authentication: 'none',
  query: Type.Object({
    simple: Type.Optional(
      Type.String({ description: 'With any value the answer is short, and the database is not asked.' }),
    ),
  }),
  responses: {
    200: {
      description: 'It serves.',
      schema: Type.Object({
        status: Type.Literal('ok'),
        git_commit: Type.Optional(Type.String()),
        build_time: Type.Optional(Type.String()),
        db_version: Type.Optional(
          Type.Union([Type.String(), Type.Null()], { description: 'The last migration of the database.' }),
        ),
      }),
    },
  },
};
const showMetrics: Description = {
  summary: 'Metrics for Prometheus',
  tag: 'Status',
  authentication: 'none',
  responses: { 200: { description: 'Metrics in the text format.', contentType: 'text/plain' } },
};

/**
 * `/_status` and `/`: whether the process serves, for load balancers and people (spec 04, section 9); `/metrics` for
 * Prometheus (spec 06, section 4.4). No authentication.
 */
export function statusRoutes(
  app: FastifyInstance,
  deps: Readonly<{ db: Db; registry: Registry; gitCommit: string; buildTime: string }>,
): void {
  for (const url of ['/_status', '/'])
    app.route<{ Querystring: Record<string, string | undefined> }>({
      method: ['GET', 'POST'],
      url,
      config: { handler: 'status.show_status', ...(url === '/_status' && { describe: showStatus }) },
      async handler(request, reply) {
        const { simple, elb } = request.query;
        // The short form asks nothing of the database: a load balancer takes a process out only when it is gone.
        const body =
          simple || elb
            ? { status: 'ok' }
            : {
                status: 'ok',
                git_commit: deps.gitCommit,
                build_time: deps.buildTime,
                db_version: await schemaVersion(deps.db),
              };
        return reply.type('application/json').send(JSON.stringify(body));
      },
    });
  app.get(
    '/metrics',
    { config: { handler: 'status.metrics', describe: showMetrics } },
    async (_request, reply) => {
      const text = await deps.registry.metrics();
      return reply.type(deps.registry.contentType).send(text);
    },
  );
}
