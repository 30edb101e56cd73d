/**
 * A complete platform that receives receipts, with callback addresses for its own service and a database of its own.
 * Each case sets the clock and how external hosts respond.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { getGlobalDispatcher, MockAgent, setGlobalDispatcher } from 'undici';
import { temporaryEmbedded } from '../../embedded-postgres/embedded.ts';
import { signToken } from '../../src/cli/client.ts';
import { readConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/ground/log.ts';
import { startPlatform } from '../../src/process/compose.ts';
import { platformServiceId } from '../../src/tenant/service/service.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { freshDatabase } from '../support/database.ts';
import { environment } from '../support/world.ts';

export type Outgoing = Readonly<{ method: string; url: string }>;

export type ReceiptHarness = Readonly<{
  url: string;
  pool: pg.Pool;
  clock: { time: number };
  /** Requests that have left this machine since the last case, and how they are answered. */
  outside: { requests: Outgoing[]; status: number };
  /** The counters of receipts by their Prometheus names, without prefix and suffix. */
  counters(): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}>;

/**
 * Starts the harness, with its own PostgreSQL if TEST_DATABASE_URL is not set. `ratesFile` has each country's rules for
 * receipts.
 */
export async function startReceiptHarness(ratesFile: string | null): Promise<ReceiptHarness> {
  const embedded = process.env['TEST_DATABASE_URL'] ? null : await temporaryEmbedded();
  if (embedded) process.env['TEST_DATABASE_URL'] = embedded.url;
  const database = await freshDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-vectors-'));
  const clock = { time: Date.now() };

  const outside = { requests: [] as Outgoing[], status: 200 };
  const usual = getGlobalDispatcher();
  const agent = new MockAgent();
  agent.disableNetConnect();
  agent.enableNetConnect(/127\.0\.0\.1/);
  agent
    .get((origin) => !origin.includes('127.0.0.1'))
    .intercept({ path: () => true, method: () => true })
    .reply(({ method, origin, path }) => {
      outside.requests.push({ method, url: `${origin}${path}` });
      return { statusCode: outside.status, data: '' };
    })
    .persist();
  setGlobalDispatcher(agent);

  const config = readConfig(
    environment(database.url, dataDir, {
      DESPATCH_DEMO: '0',
      // The cases post to the endpoints of all of them.
      ...{ MMG_API_KEY: 'mmg', FIRETEXT_API_KEY: 'firetext', SES_ENABLED: '1' },
      ...(ratesFile !== null && { SMS_RATES_FILE: ratesFile }),
    }),
  );
  const platform = await startPlatform({
    config,
    roles: ['api'],
    queues: null,
    clock: { now: () => clock.time },
    log: createLog(config.installation.logLevel),
  });
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  // The cases' ids are from times that have no partition.
  for (const table of [
    ...['notifications', 'notification_history', 'attempts', 'receipts'],
    ...['service_callbacks', 'service_callback_attempts'],
  ])
    await pool.query(`create table ${table}_any partition of ${table} default`);
  const { url, credentials } = platform;
  if (url === null) throw new Error('The platform has no API.');
  for (const type of ['delivery_status', 'complaint']) {
    // Tokens are checked against this clock.
    clock.time = Date.now();
    const response = await fetch(`${url}/service/${platformServiceId}/callback-api`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${signToken(credentials.admin.issuer, credentials.admin.secret)}` },
      body: JSON.stringify({
        url: 'https://service.example/callbacks',
        bearer_token: 'token-of-the-service',
        updated_by_id: platformUserId,
        callback_type: type,
      }),
    });
    if (response.status !== 201) throw new Error(await response.text());
  }

  return {
    url,
    pool,
    clock,
    outside,
    async counters() {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = text.matchAll(/^despatch_(callback_\w+)_total (\d+)$/gm);
      return new Map([...lines].map(([, name, count]) => [name!, Number(count)]));
    },
    async stop() {
      await platform.stop();
      await pool.end();
      setGlobalDispatcher(usual);
      await agent.close();
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
      if (!embedded) return;
      delete process.env['TEST_DATABASE_URL'];
      await embedded.stop();
    },
  };
}
