import type { Sandbox } from '../../sandbox/server.ts';
import type { Credentials } from '../bootstrap/credentials.ts';
import type { Config } from '../config/config.ts';
import type { NotificationType } from '../database/tables.ts';
import { type Clock, systemClock } from '../ground/clock.ts';
import { createLog, type Log } from '../ground/log.ts';
import { ConfigError } from '../ground/problem.ts';
import type { MountedRoute } from '../http/server/server.ts';
import type { QueueName } from '../queue/define.ts';
import type { Api } from './api.ts';
import type { Core } from './core.ts';
import type { FirstLink } from './first-link.ts';
import { type OnStop, stoppable } from './stoppable.ts';
import { sandboxTypes, unprovidedTypes } from './suppliers.ts';
import type { Web } from './web.ts';

/** What a process does: serve the API, work the queues, run periodic tasks, serve the pages, simulate a provider. */
export const roles = ['api', 'worker', 'scheduler', 'web', 'sandbox'] as const;
export type Role = (typeof roles)[number];

export type PlatformOptions = Readonly<{
  config: Config;
  /** null: all, but the sandbox only if messages go through it and it does not run elsewhere. */
  roles: readonly Role[] | null;
  /** The queues that a worker serves; null: all. */
  queues: readonly QueueName[] | null;
  /** The time, for a test that moves it. Without it: the database's. */
  clock?: Clock;
  log?: Log;
}>;

export type Platform = Readonly<{
  /** Base URL of this process's API; null without that role. */
  url: string | null;
  /** That API's routes; empty without that role. */
  routes: readonly MountedRoute[];
  sandboxUrl: string | null;
  /** Base URL of this process's pages; null without that role. */
  webUrl: string | null;
  /** A link to the pages that signs in as the first operator, or makes them; null where there is one. */
  firstLink: FirstLink | null;
  /** The types of message that go through the sandbox, here or elsewhere. */
  sandboxTypes: readonly NotificationType[];
  databaseUrl: string;
  credentials: Credentials;
  /** Where the credentials were written; null without the role api. */
  credentialsPath: string | null;
  roles: readonly Role[];
  /**
   * Stops taking work, returns what has not begun, finishes what has (for as long as a provider may take, and a margin),
   * and closes everything.
   */
  stop(): Promise<void>;
}>;

/**
 * Time for work in progress when a process stops, beyond the time-out of a provider: for what comes before a call that
 * has been claimed, and for the record of its outcome, without which the message would be sent again.
 */
const graceMarginMilliseconds = 10_000;

/**
 * Builds everything that the roles need, in order, and starts it. If a step fails, everything started is stopped. A role
 * is loaded only by a process that has it: the modules of the API would be a sixth of a worker's live heap, and those of
 * the database and the queues half of what the pages take (docs/decisions/0022).
 */
export function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { logLevel, environment, logJson: json } = options.config.installation;
  const log = options.log ?? createLog(logLevel, { environment }, { json });
  return stoppable(log, (onStop) => startRoles(options, log, onStop));
}

async function startRoles(
  options: PlatformOptions,
  log: Log,
  onStop: OnStop,
): Promise<Omit<Platform, 'stop'>> {
  const { config, clock } = options;
  const has = options.roles ?? usualRoles(config);
  if (has.length === 1 && has[0] === 'web') return startPagesAlone(options, log, onStop);
  const { openInstallation } = await import('./installation.ts');
  const core = await openInstallation({ config, clock, log, onStop });
  const { db, cipher } = core;
  const sandbox = has.includes('sandbox') ? await openSandbox(core, onStop) : null;
  reportTypes(config, log);
  if (sandbox) await postOwedReceipts(core);
  const { queueNames } = await import('../queue/define.ts');
  const { startHeartbeat } = await import('../upkeep/processes.ts');
  const heartbeat = await startHeartbeat(core, {
    roles: has,
    queues: has.includes('worker') ? (options.queues ?? queueNames) : [],
    version: core.version,
    gitCommit: config.api.gitCommit,
  });
  onStop(heartbeat.stop);

  const sandboxUrl = config.sandbox.url ?? sandbox?.url ?? `http://127.0.0.1:${config.sandbox.port}`;
  const { collectCredentials, keptSecret, writeCredentials } = await import('../bootstrap/credentials.ts');
  const given = givenAdminSecrets(config);
  // At least one.
  const secrets = given.length > 0 ? given : [keptSecret(config.installation.dataDir, 'admin-secret')];
  const stopping = new AbortController();
  let api: Api | null = null;
  if (has.includes('api')) {
    const { startApi } = await import('./api.ts');
    api = await startApi(core, secrets, sandboxUrl, stopping.signal);
    onStop(api.close);
  } else if (config.installation.metricsPort !== 0) {
    const { startMetrics } = await import('./metrics.ts');
    const shown = await startMetrics(core, config.installation.metricsPort, stopping.signal);
    onStop(shown.close);
    log.info({ url: shown.url }, 'Metrics of this process are at /metrics');
  }
  // This process's own address first, since the public name may not resolve here.
  const ownUrl = api?.url ?? config.api.publicUrl ?? `http://127.0.0.1:${config.api.port}`;
  if (has.includes('worker')) {
    const { startWorkers } = await import('./worker.ts');
    const workers = await startWorkers(core, { sandboxUrl, ownUrl, only: options.queues });
    onStop(workers.close);
    onStop(() => workers.stop(config.providers.timeoutSeconds * 1000 + graceMarginMilliseconds));
  }
  if (has.includes('scheduler')) {
    const { periodicTasks } = await import('./periodic.ts');
    const { startSchedule } = await import('../upkeep/schedule.ts');
    const schedule = startSchedule(core, periodicTasks(core));
    onStop(schedule.stop);
  }

  let web: Web | null = null;
  let firstLink: FirstLink | null = null;
  if (has.includes('web')) {
    const { firstLink: linkFor } = await import('./first-link.ts');
    const { startWeb } = await import('./web.ts');
    const { secretKeys } = core;
    const shown = sandboxTypes(config).length > 0 ? sandboxUrl : null;
    const apiUrl = config.web.apiUrl ?? ownUrl;
    web = await startWeb({
      ...{ config, apiUrl, sandboxUrl: shown, adminSecret: secrets[0]!, secretKeys, clock: core.clock, log },
    });
    onStop(web.stop);
    firstLink = await linkFor(core);
  }

  // Registered last, so that it comes first.
  onStop(() => stopping.abort());
  const credentials = await collectCredentials(db, cipher, config.api.publicUrl ?? ownUrl, {
    issuer: config.secrets.adminUserName,
    secret: secrets[0]!,
  });
  return {
    url: api?.url ?? null,
    routes: api?.routes ?? [],
    sandboxUrl: sandbox?.url ?? null,
    webUrl: web?.url ?? null,
    firstLink,
    sandboxTypes: sandboxTypes(config),
    databaseUrl: core.connection.url,
    credentials,
    credentialsPath: api ? writeCredentials(config.installation.dataDir, credentials) : null,
    roles: has,
  };
}

/** The pages without anything else: they speak to an API elsewhere, and need no database. Throws a ConfigError. */
async function startPagesAlone(
  { config, clock = systemClock }: PlatformOptions,
  log: Log,
  onStop: OnStop,
): Promise<Omit<Platform, 'stop'>> {
  const [secret] = givenAdminSecrets(config);
  if (secret === undefined)
    throw new ConfigError(
      'ADMIN_CLIENT_SECRET must be set for the pages where they run alone: it signs what they ask of the API.',
    );
  const apiUrl = config.web.apiUrl ?? config.api.publicUrl ?? `http://127.0.0.1:${config.api.port}`;
  const { startWeb } = await import('./web.ts');
  const sandboxUrl = sandboxTypes(config).length > 0 ? config.sandbox.url : null;
  const { keys: secretKeys } = config.secrets;
  const web = await startWeb({ config, apiUrl, sandboxUrl, adminSecret: secret, secretKeys, clock, log });
  onStop(web.stop);
  return {
    ...{ url: null, routes: [], sandboxUrl: null, webUrl: web.url, firstLink: null },
    ...{ sandboxTypes: sandboxTypes(config), databaseUrl: '', credentialsPath: null, roles: ['web'] },
    credentials: { api: apiUrl, admin: { issuer: config.secrets.adminUserName, secret }, services: [] },
  };
}

function reportTypes(config: Config, log: Log): void {
  const sandboxed = sandboxTypes(config);
  if (sandboxed.length > 0)
    log.warn({ types: sandboxed }, 'The sandbox stands in for a provider: nobody receives these messages');
  const refused = unprovidedTypes(config);
  if (refused.length > 0)
    log.warn(
      { types: refused },
      'No provider is configured for these messages: requests to send them are refused',
    );
}

async function openSandbox({ config, log }: Core, onStop: OnStop): Promise<Sandbox> {
  const { host, port } = config.sandbox;
  const allowAnyReceiptHost = config.api.publicUrl !== null;
  const { startSandbox } = await import('../../sandbox/server.ts');
  const sandbox = await startSandbox({ host, port, log, allowAnyReceiptHost });
  onStop(() => sandbox.stop());
  return sandbox;
}

async function postOwedReceipts({ db, queues, clock, log }: Core): Promise<void> {
  const { resumeReceipts } = await import('./owed-receipts.ts');
  const count = await resumeReceipts(db, queues, clock.now());
  if (count > 0) log.info({ count }, 'The sandbox is posting receipts left over from an earlier run');
}

/** The roles of a process that is not told: all, but the sandbox only where messages go through one of its own. */
export function usualRoles(config: Config): readonly Role[] {
  const isSandboxNeeded = config.sandbox.url === null && sandboxTypes(config).length > 0;
  return roles.filter((role) => role !== 'sandbox' || isSandboxNeeded);
}

/** The secrets of the settings that sign the admin client's tokens. */
function givenAdminSecrets({ secrets }: Config): readonly string[] {
  return [
    ...(secrets.clients?.[secrets.adminUserName] ?? []),
    ...(secrets.adminSecret === null ? [] : [secrets.adminSecret]),
  ];
}
