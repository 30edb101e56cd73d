import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials } from '../../src/bootstrap/credentials.ts';
import { makeToken, signToken } from '../../src/cli/client.ts';
import { readConfig } from '../../src/config/config.ts';
import { type Connection, connect } from '../../src/database/connection.ts';
import { type Clock, systemClock } from '../../src/ground/clock.ts';
import { createLog, type Log } from '../../src/ground/log.ts';
import { type Platform, type Role, startPlatform, usualRoles } from '../../src/process/compose.ts';
import type { QueueName } from '../../src/queue/define.ts';
import { freshDatabase } from './database.ts';
import { addTenant, salt, secretKey, type Tenant, type TenantOptions } from './tenant.ts';

/** The environment of a process of the product, with free ports. */
export function environment(
  databaseUrl: string,
  dataDir: string,
  more: Record<string, string> = {},
): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    SECRET_KEY: secretKey,
    DANGEROUS_SALT: salt,
    DESPATCH_DATA_DIR: dataDir,
    // Tests rely on the sandbox for every type that they give no provider.
    SANDBOX: '1',
    PORT: '0',
    SANDBOX_PORT: '0',
    WEB_PORT: '0',
    ADMIN_BASE_URL: 'http://localhost:6012',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    DATABASE_POOL_SIZE: '8',
    ...more,
  };
}

/** A notification as read over the API; the fields that tests use. */
export type SeenNotification = {
  id: string;
  status: string;
  completed_at: string | null;
  [field: string]: unknown;
};

export type TimelineStep = {
  event: string;
  outcome?: string;
  code?: string;
  applied?: boolean;
  provider_status?: string;
  reason?: string;
};

export type OfficialClient = {
  sendSms(
    template: string,
    phone: string,
    options?: object,
  ): Promise<{ status: number; data: Record<string, unknown> & { id: string } }>;
  sendEmail(
    template: string,
    address: string,
    options?: object,
  ): Promise<{ status: number; data: Record<string, unknown> & { id: string } }>;
  getNotificationById(id: string): Promise<{ status: number; data: SeenNotification }>;
};

const require = createRequire(import.meta.url);
const { NotifyClient } = require('notifications-node-client') as {
  NotifyClient: new (url: string, key: string) => OfficialClient;
};

export type World = {
  databaseUrl: string;
  dataDir: string;
  connection: Connection;
  api: string;
  sandboxUrl: string;
  /** Base URL of the pages; '' without the role. */
  webUrl: string;
  tenant: Tenant;
  credentials: Credentials;
  /** The platform's time, which keeps running. */
  clock: Clock;
  /**
   * Advances the platform's time and makes waiting tasks due that much earlier. The official client's tokens carry the
   * real time, so use `call` and `admin` afterwards.
   */
  advance(seconds: number): Promise<void>;
  client: OfficialClient;
  clientOf(key: string): OfficialClient;
  /** Calls the API, by default with a token of the tenant's normal key. */
  call(
    method: string,
    path: string,
    options?: { body?: string | object; headers?: Record<string, string>; key?: string | null },
  ): Promise<{ status: number; headers: Headers; body: any }>;
  /** The same for the admin API, with the admin client's token. */
  admin(
    method: string,
    path: string,
    body?: string | object,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: any }>;
  addTenant(options?: TenantOptions): Promise<Tenant>;
  timeline(id: string): Promise<TimelineStep[]>;
  /** Polls until `condition` holds; gives up after `seconds` (15) with the last value. */
  until<T>(look: () => Promise<T>, condition: (value: T) => boolean, seconds?: number): Promise<T>;
  /** Resolves when no task is due or active and every message has a final status. */
  drain(seconds?: number): Promise<void>;
  /** Changes how the sandbox behaves. */
  behave(behaviour: object): Promise<void>;
  sandbox(path: string): Promise<any>;
  /** Starts another instance on the same database, as a second process would. */
  startMore(options: { roles: readonly Role[]; queues?: readonly QueueName[] }): Promise<Platform>;
  stop(): Promise<void>;
};

async function until<T>(look: () => Promise<T>, condition: (value: T) => boolean, seconds = 15): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await look();
    if (condition(value)) return value;
    if (Date.now() > deadline)
      throw new Error(`Still not true after ${seconds} seconds: ${JSON.stringify(value)}`);
    await sleep(20);
  }
}

/** Messages without a final status, and tasks that are due or active. */
async function openWork({ pool }: Connection): Promise<{ open: number; due: number }> {
  const { rows } = await pool.query<{ open: number; due: number }>(`
    select ((select count(*) from notification_history where status in ('created', 'sending', 'pending')) + (select count(*) from accepted))::int as open,
      (select count(*) from tasks where state in ('held', 'ready') or (state = 'waiting' and due_at <= now()))::int as due`);
  return rows[0]!;
}

/** Makes waiting tasks and scheduled messages due that much earlier: the queues use the time of the database. */
async function bringForward({ pool }: Connection, seconds: number): Promise<void> {
  await pool.query(`update tasks set due_at = due_at - $1 * interval '1 second' where state = 'waiting'`, [
    seconds,
  ]);
  await pool.query(`update accepted set due_at = due_at - $1 * interval '1 second'`, [seconds]);
}

/** A request to an HTTP server that answers with JSON, text or nothing. */
async function request(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: string | object | undefined,
): Promise<{ status: number; headers: Headers; body: any }> {
  const response = await fetch(url, {
    method,
    headers,
    ...(body !== undefined && {
      body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    }),
  });
  const text = await response.text();
  const isText = response.headers.get('content-type')?.startsWith('text/');
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? null : isText ? text : JSON.parse(text),
  };
}

/** A complete platform: a fresh database, all roles in this process, the sandbox as provider. */
export async function createWorld(
  options: {
    roles?: readonly Role[];
    queues?: readonly QueueName[];
    environment?: Record<string, string>;
    /** The log of the platform, instead of one with TEST_LOG_LEVEL. */
    log?: Log;
  } = {},
): Promise<World> {
  const database = await freshDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  const config = readConfig(environment(database.url, dataDir, options.environment));
  const log = options.log ?? createLog(config.installation.logLevel);
  let ahead = 0;
  const clock: Clock = { now: () => systemClock.now() + ahead };
  const platform = await startPlatform({
    config,
    clock,
    // The pages only where a test is about them.
    roles: options.roles ?? usualRoles(config).filter((role) => role !== 'web'),
    queues: options.queues ?? null,
    log,
  });
  const connection = connect(database.url, 4, log);
  const { db } = connection;
  const api = platform.url ?? '';
  const sandboxUrl = platform.sandboxUrl ?? '';

  const tenant = await addTenant(db);
  const { credentials } = platform;
  const world: World = {
    databaseUrl: database.url,
    dataDir,
    connection,
    api,
    sandboxUrl,
    webUrl: platform.webUrl ?? '',
    tenant,
    credentials,
    clock,
    async advance(seconds) {
      ahead += seconds * 1000;
      await bringForward(connection, seconds);
    },
    startMore: ({ roles, queues = null }) =>
      startPlatform({
        clock,
        config: readConfig(
          environment(database.url, dataDir, {
            ...options.environment,
            SANDBOX_URL: sandboxUrl,
            API_HOST_NAME: api,
          }),
        ),
        roles,
        queues,
        log,
      }),
    client: new NotifyClient(api, tenant.keys.normal),
    clientOf: (key) => new NotifyClient(api, key),
    addTenant: (more) => addTenant(db, more),
    until,
    call(method, path, { body, headers = {}, key = tenant.keys.normal } = {}) {
      const token = key !== null && { Authorization: `Bearer ${makeToken(key, clock.now())}` };
      return request(api + path, method, { ...token, ...headers }, body);
    },
    admin: async (method, path, body, headers = {}) =>
      world.call(method, path, {
        key: null,
        headers: {
          ...headers,
          Authorization: `Bearer ${signToken(credentials.admin.issuer, credentials.admin.secret, clock.now())}`,
        },
        ...(body !== undefined && { body }),
      }),
    async timeline(id) {
      return (await world.call('GET', `/v2/notifications/${id}/timeline`)).body.timeline;
    },
    async drain(seconds = 20) {
      await until(
        () => openWork(connection),
        ({ open, due }) => open === 0 && due === 0,
        seconds,
      );
    },
    async behave(behaviour) {
      const response = await fetch(`${sandboxUrl}/behaviour`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(behaviour),
      });
      if (!response.ok) throw new Error(await response.text());
    },
    async sandbox(path) {
      return await (await fetch(sandboxUrl + path, { headers: { accept: 'application/json' } })).json();
    },
    async stop() {
      await platform.stop();
      await connection.close();
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  if (sandboxUrl) await world.behave({ receipt_delay_ms: { min: 0, max: 0 } });
  return world;
}
