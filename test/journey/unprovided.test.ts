import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { readConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/ground/log.ts';
import { startPlatform } from '../../src/process/compose.ts';
import { freshDatabase } from '../support/database.ts';
import { createWorld, environment, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
const mmg = { MMG_URL: 'http://127.0.0.1:1', MMG_API_KEY: 'mmg-key' };

async function open(t: TestContext, settings: Record<string, string>, roles?: readonly 'api'[]) {
  const lines: { message: string; types?: string[] }[] = [];
  const log = pino({ messageKey: 'message' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const world = await createWorld({ log, environment: settings, ...(roles && { roles }) });
  t.after(() => world.stop());
  return { world, lines };
}

const v2 = (world: World, type: 'sms' | 'email', headers: Record<string, string> = {}, key?: string) =>
  world.call('POST', `/v2/notifications/${type}`, {
    headers,
    ...(key !== undefined && { key }),
    body: {
      template_id: world.tenant.templates[type],
      ...(type === 'sms' ? { phone_number: '07700900123' } : { email_address: 'a@example.com' }),
      personalisation,
    },
  });

async function kept({ connection }: World): Promise<number> {
  const { rows } = await connection.pool.query<{ count: number }>(
    'select ((select count(*) from accepted) + (select count(*) from notification_history))::int as count',
  );
  return rows[0]!.count;
}

// An empty setting counts as not set, so that the default of SANDBOX applies.
const byDefault = { SANDBOX: '' };

test('with a provider for texts only, an email is refused in both versions of the API, and nothing is kept', async (t) => {
  for (const settings of [
    { ...mmg, SANDBOX: '0' },
    { ...mmg, ...byDefault },
  ]) {
    const { world, lines } = await open(t, settings, ['api']);
    const message = 'This installation has no provider for emails';
    for (const key of [world.tenant.keys.normal, world.tenant.keys.team, world.tenant.keys.test]) {
      const { status, body } = await v2(world, 'email', { 'idempotency-key': 'one' }, key);
      assert.deepEqual([status, body.errors], [400, [{ error: 'BadRequestError', message }]]);
    }
    const v1 = await world.call('POST', '/notifications/email', {
      body: { to: 'a@example.com', template: world.tenant.templates.email, personalisation },
    });
    assert.deepEqual([v1.status, v1.body], [400, { result: 'error', message }]);
    assert.equal(await kept(world), 0);
    assert.equal((await v2(world, 'sms')).status, 201);
    const { rows } = await world.connection.pool.query('select identifier from providers order by 1');
    assert.deepEqual(
      rows.map(({ identifier }) => identifier),
      ['loadtesting', 'mmg'],
    );
    assert.deepEqual((await world.call('GET', '/_status', { key: null })).body.sandbox, []);
    assert.deepEqual(lines.find(({ message: text }) => text.startsWith('No provider is'))?.types, ['email']);
  }
});

test('with a provider for emails only, a text is refused, by a process without the role worker too', async (t) => {
  const { world } = await open(t, { SMTP_URL: 'smtp://127.0.0.1:1', ...byDefault });
  const { status, body } = await v2(world, 'sms');
  assert.deepEqual(
    [status, body.errors[0].message],
    [400, 'This installation has no provider for text messages'],
  );
  assert.equal(world.sandboxUrl, '');
});

test('the sandbox stands in beside a provider only where SANDBOX=1 says so, and says so itself', async (t) => {
  const { world, lines } = await open(t, { ...mmg, SANDBOX: '1' });
  assert.equal((await v2(world, 'email')).status, 201);
  await world.drain();
  assert.deepEqual((await world.call('GET', '/_status', { key: null })).body.sandbox, ['email']);
  assert.deepEqual((await world.call('GET', '/_status?simple=1', { key: null })).body, { status: 'ok' });
  assert.deepEqual(lines.find(({ message }) => message.startsWith('The sandbox stands in'))?.types, [
    'email',
  ]);
});

test('a message whose provider is gone is retried, and not delivered by the sandbox', async (t) => {
  const { world } = await open(t, { SANDBOX: '1' }, ['api']);
  const { body } = await v2(world, 'email');
  const later = await startPlatform({
    config: readConfig(
      environment(world.databaseUrl, world.dataDir, { ...mmg, SANDBOX: '0', DELIVER_MAX_RETRIES: '0' }),
    ),
    roles: ['worker'],
    queues: null,
    log: createLog('silent'),
  });
  t.after(() => later.stop());
  const { status } = await world.until(
    async () => (await world.call('GET', `/v2/notifications/${body.id}`)).body,
    (seen) => seen.status !== 'created',
  );
  assert.equal(status, 'technical-failure');
});

test('a start is refused where nothing could be sent, or where a setting needs a provider that is missing', async (t) => {
  const database = await freshDatabase();
  t.after(() => database.drop());
  const id = '6f1b4f0e-6f8a-4c7e-9d0e-0d9a6a1f4b11';
  const nothing = /^No provider is configured.*MMG_API_KEY.*SES_ENABLED.*SANDBOX=1/;
  const table: [Record<string, string>, RegExp][] = [
    [{ SANDBOX: '0' }, nothing],
    [{ ...byDefault, DESPATCH_DEMO: '0' }, nothing],
    [{ ...byDefault, DESPATCH_DEMO: '0', LOADTESTING_URL: 'http://127.0.0.1:1' }, nothing],
    [
      {
        ...byDefault,
        SMTP_URL: 'smtp://127.0.0.1:1',
        FUNCTIONAL_TEST_PROVIDER_SERVICE_ID: id,
        FUNCTIONAL_TEST_PROVIDER_SMS_TEMPLATE_ID: id,
      },
      /^FUNCTIONAL_TEST_PROVIDER_SERVICE_ID and .* need a provider for texts/,
    ],
  ];
  for (const [settings, message] of table)
    for (const roles of [null, ['api'], ['worker']] as const)
      await assert.rejects(
        startPlatform({
          config: readConfig(environment(database.url, '', settings)),
          roles,
          queues: null,
          log: createLog('silent'),
        }),
        { name: 'ConfigError', message },
        JSON.stringify(settings),
      );
});

test('with nothing set at all, a demo has the sandbox for every type', async (t) => {
  const { world } = await open(t, byDefault);
  assert.deepEqual((await world.call('GET', '/_status', { key: null })).body.sandbox, ['sms', 'email']);
  assert.equal((await v2(world, 'sms')).status, 201);
  await world.drain();
});
