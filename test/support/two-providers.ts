import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import type { Provider } from '../../src/provider/contract.ts';
import { startProviderServer } from '../conformance/http-provider.ts';
import { createWorld, type World } from './world.ts';

/** A provider's server that answers `yes` when it accepts a message. */
async function server(yes: string) {
  return await startProviderServer({
    replies: {
      accept: () => ({ status: 200, body: yes }),
      fail: () => ({ status: 500, body: 'down' }),
      reject: () => ({ status: 400, body: '{}' }),
      malformed: () => ({ status: 200, body: '<html>' }),
    },
    read: ({ body }) => ({ to: [], from: '', reference: null, body, fields: [] }),
    connect: () => ({}) as Provider,
  });
}

/** A platform whose texts go first to MMG and then to Firetext, both on this machine. */
export async function createTwoProviderWorld(t: TestContext, more: Record<string, string> = {}) {
  const mmg = await server('{"Reference": 55120934}');
  const firetext = await server('{"code":0,"description":"SMS successfully queued"}');
  const lines: { level: string; message: string }[] = [];
  const log = pino(
    { messageKey: 'message', formatters: { level: (level) => ({ level }) } },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  const world = await createWorld({
    log,
    environment: {
      MMG_URL: `${mmg.url}/json/api.php`,
      MMG_API_KEY: 'mmg-key',
      FIRETEXT_URL: `${firetext.url}/api/sendsms/json`,
      FIRETEXT_API_KEY: 'firetext-key',
      PROVIDER_CIRCUIT_OPEN_SECONDS: '20',
      ...more,
    },
  });
  t.after(async () => {
    await world.stop();
    for (const server of [mmg, firetext]) await server.stop();
  });
  return { world, mmg, firetext, lines };
}

/** Sends texts over HTTP with tokens of the platform's time; returns their ids. */
export async function send(
  world: World,
  count: number,
  more: Readonly<{ key?: string; template?: string; personalisation?: object }> = {},
): Promise<string[]> {
  const { key, template = world.tenant.templates.sms } = more;
  const { personalisation = { name: 'Rowan', time: '14:05' } } = more;
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const { status, body } = await world.call('POST', '/v2/notifications/sms', {
        ...(key !== undefined && { key }),
        body: { template_id: template, phone_number: '07700900123', personalisation },
      });
      assert.equal(status, 201, JSON.stringify(body));
      return body.id as string;
    }),
  );
}

/** Resolves when all of these messages have this status. */
export async function all(
  world: World,
  ids: readonly string[],
  status: string,
  seconds?: number,
): Promise<void> {
  await world.until(
    async () =>
      (
        await world.connection.pool.query<{ status: string; count: number }>(
          'select status, count(*) from notification_history where id = any($1) group by 1',
          [ids],
        )
      ).rows,
    (rows) => rows.length === 1 && rows[0]!.status === status && rows[0]!.count === ids.length,
    seconds,
  );
}

type Row = {
  identifier: string;
  circuit: string;
  version: number;
  reason: string | null;
};

export async function rowOf(world: World, name: string): Promise<Row & { id: string }> {
  const { rows } = await world.connection.pool.query(
    `select id, identifier, circuit, version, reason from providers where identifier = $1 and notification_type = 'sms'`,
    [name],
  );
  return rows[0];
}

export const becomes = (world: World, name: string, circuit: string) =>
  world.until(
    () => rowOf(world, name),
    (row) => row.circuit === circuit,
  );

/** The id of the message in a request of MMG's or Firetext's protocol. */
export const idOf = (got: { body: string }) =>
  got.body.startsWith('{')
    ? (JSON.parse(got.body).cid as string)
    : new URLSearchParams(got.body).get('reference')!;

/** Resolves when every message is stored and no task is due or active. */
export async function quiet(world: World): Promise<void> {
  await world.until(
    async () =>
      (
        await world.connection.pool.query<{ open: number }>(
          `select ((select count(*) from accepted) + (select count(*) from tasks
            where state in ('held', 'ready') or (state = 'waiting' and due_at <= now())))::int as open`,
        )
      ).rows[0]!.open,
    (open) => open === 0,
  );
}
