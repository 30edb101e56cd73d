import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Db } from '../database/connection.ts';
import { schemaVersion } from '../database/migrate.ts';

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
      config: { handler: 'status.show_status' },
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
  app.get('/metrics', { config: { handler: 'status.metrics' } }, async (_request, reply) => {
    const text = await deps.registry.metrics();
    return reply.type(deps.registry.contentType).send(text);
  });
}
