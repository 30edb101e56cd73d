import type { AddressInfo } from 'node:net';
import { ConfigError } from '../ground/problem.ts';
import { closeServer } from '../http/server/connection.ts';
import { plainErrors } from '../http/server/error-format.ts';
import { createServer, type Guard } from '../http/server/server.ts';
import { statusRoutes } from '../http/server/status.ts';
import type { Core } from './core.ts';
import { statusDeps } from './route-deps.ts';
import { watchDatabase } from './watch.ts';

/**
 * `/metrics` and `/_status` of a process without the API, so that its worker or scheduler can be watched. Returns the
 * base URL. `stopping`: aborted when the process begins to stop. Throws a ConfigError if the port is taken.
 */
export async function startMetrics(
  core: Core,
  port: number,
  stopping: AbortSignal,
): Promise<Readonly<{ url: string; close: () => Promise<void> }>> {
  watchDatabase(core);
  const open: Guard = (_request, _reply, done) => done();
  const server = createServer({ ...core, guards: { 'service key': open, admin: open } });
  server.scope(plainErrors, (mount) => mount(statusRoutes, { ...statusDeps(core), stopping }));
  const url = await listen(server.app, { host: core.config.api.host, port, variable: 'METRICS_PORT' });
  return { url, close: () => closeServer(server.app) };
}

/** Starts listening. Returns the base URL. */
export async function listen(
  app: Parameters<typeof closeServer>[0],
  { host, port, variable }: Readonly<{ host: string; port: number; variable: string }>,
): Promise<string> {
  await app.listen({ host, port }).catch((error: unknown) => {
    throw portProblem(error, variable, port);
  });
  const { port: actual } = app.server.address() as AddressInfo;
  return `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${actual}`;
}

function portProblem(error: unknown, variable: string, port: number): unknown {
  return (error as { code?: string }).code === 'EADDRINUSE'
    ? new ConfigError(
        `Port ${port} is taken by another program. Stop that, or choose another with ${variable}.`,
      )
    : error;
}
