import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { readConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/ground/log.ts';
import { mostWaiting } from '../../src/message/receipt/routes.ts';
import { startPlatform } from '../../src/process/compose.ts';
import { freshDatabase } from '../support/database.ts';
import { createWorld, environment, type World } from '../support/world.ts';

const mmg = { MMG_URL: 'http://127.0.0.1:1', MMG_API_KEY: 'mmg-key' };
const firetext = { FIRETEXT_URL: 'http://127.0.0.1:1', FIRETEXT_API_KEY: 'firetext-key' };
const ses = { SES_ENABLED: '1', SES_URL: 'http://127.0.0.1:1' };
const smtp = { SMTP_URL: 'smtp://127.0.0.1:1' };
const topic = 'arn:aws:sns:eu-west-1:000000000000:receipts';

async function open(t: TestContext, settings: Record<string, string>) {
  const lines: { level: number; message: string }[] = [];
  const log = pino({ messageKey: 'message' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const world = await createWorld({ log, roles: ['api'], environment: settings });
  t.after(() => world.stop());
  return { world, lines };
}

/** Another API on the database of a world. Returns its address. */
async function reopen(t: TestContext, world: World, settings: Record<string, string>): Promise<string> {
  const platform = await startPlatform({
    config: readConfig(environment(world.databaseUrl, world.dataDir, settings)),
    roles: ['api'],
    queues: null,
    log: createLog('silent'),
  });
  t.after(() => platform.stop());
  return platform.url!;
}

const paths = [
  '/notifications/sms/mmg',
  '/notifications/sms/firetext',
  '/notifications/email/ses',
  '/notifications/sms/receive/mmg',
  '/notifications/sms/receive/firetext',
];

/** Which endpoints exist there for a stranger. */
async function existing(api: string): Promise<string[]> {
  const found: string[] = [];
  const unknown = await (await fetch(`${api}/notifications/sms/receive/nobody`, { method: 'POST' })).text();
  for (const path of paths) {
    const response = await fetch(api + path, { method: 'POST', body: '{}' });
    const text = await response.text();
    if (response.status === 404) assert.equal(text, unknown);
    else found.push(path);
  }
  return found;
}

describe('the endpoints of providers', () => {
  test('they exist only for those that are configured, in the OpenAPI document too', async (t) => {
    const table: [Record<string, string>, string[]][] = [
      [{}, []],
      [{ ...mmg, ...smtp }, ['/notifications/sms/mmg', '/notifications/sms/receive/mmg']],
      [
        { ...firetext, ...ses },
        ['/notifications/sms/firetext', '/notifications/email/ses', '/notifications/sms/receive/firetext'],
      ],
      [{ FIRETEXT_INBOUND_SMS_AUTH: 'pass' }, ['/notifications/sms/receive/firetext']],
    ];
    for (const [settings, expected] of table) {
      const { world } = await open(t, settings);
      assert.deepEqual(await existing(world.api), expected);
      const { body } = await world.call('GET', '/spec', { key: null });
      assert.deepEqual(
        paths.filter((path) => path in body.paths),
        expected,
      );
    }
  });

  test('they stay for a provider that was configured once, for its late receipts', async (t) => {
    const { world } = await open(t, { ...mmg, ...ses });
    const api = await reopen(t, world, firetext);
    assert.deepEqual(await existing(api), paths);
  });

  test('one that is no longer configured and has no credentials closes off loopback', async (t) => {
    const { world } = await open(t, { ...mmg, ...ses });
    const settings = { ...smtp, HOST: '0.0.0.0', SES_SNS_TOPIC_ARNS: topic };
    assert.deepEqual(await existing(await reopen(t, world, settings)), [
      '/notifications/email/ses',
      '/notifications/sms/receive/mmg',
    ]);
  });

  test('off loopback, a start without credentials for receipts is refused', async (t) => {
    const database = await freshDatabase();
    t.after(() => database.drop());
    const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
    t.after(() => rmSync(dataDir, { recursive: true }));
    const start = (settings: Record<string, string>, roles: readonly ('api' | 'worker')[]) =>
      startPlatform({
        config: readConfig(environment(database.url, dataDir, { SANDBOX: '0', ...settings })),
        roles,
        queues: [],
        log: createLog('silent'),
      });
    const all = { ...mmg, ...firetext, ...ses };
    const exposed = [
      ...['0.0.0.0', '::', '192.0.2.1', 'api.example.com'].map((HOST) => ({ HOST })),
      { API_HOST_NAME: 'https://api.example.com' },
    ];
    for (const where of exposed) {
      await assert.rejects(start({ ...all, ...where }, ['api']), {
        name: 'ConfigError',
        message: /^MMG_RECEIPT_AUTH and FIRETEXT_RECEIPT_AUTH and SES_SNS_TOPIC_ARNS must be set unless HOST/,
      });
      const some = { ...all, ...where, MMG_RECEIPT_AUTH: 'a:b', SES_SNS_TOPIC_ARNS: topic };
      await assert.rejects(start(some, ['api']), { message: /^FIRETEXT_RECEIPT_AUTH must be set/ });
    }
    const good = [
      ...['127.0.0.1', 'localhost', '::1', '127.8.9.10'].map((HOST) => ({ ...all, HOST })),
      { ...smtp, HOST: '0.0.0.0' },
      { ...mmg, HOST: '0.0.0.0', MMG_RECEIPT_AUTH: 'a:b' },
    ];
    for (const settings of good) await (await start(settings, ['api'])).stop();
    await (await start({ ...all, HOST: '0.0.0.0' }, ['worker'])).stop();
  });
});

const receipt = (messageId: string, timestamp = new Date().toISOString()) =>
  JSON.stringify({
    Type: 'Notification',
    TopicArn: topic,
    Message: JSON.stringify({ notificationType: 'Delivery', mail: { timestamp, messageId } }),
  });

async function posted(world: World, count: number, timestamp?: string): Promise<Record<number, number>> {
  const seen: Record<number, number> = {};
  for (let done = 0; done < count; done += 50)
    await Promise.all(
      Array.from({ length: Math.min(50, count - done) }, async () => {
        const response = await fetch(`${world.api}/notifications/email/ses`, {
          method: 'POST',
          body: receipt(randomUUID(), timestamp),
        });
        await response.arrayBuffer();
        seen[response.status] = (seen[response.status] ?? 0) + 1;
      }),
    );
  return seen;
}

async function waiting({ connection }: World): Promise<number> {
  const { rows } = await connection.pool.query<{ count: number }>(
    `select count(*)::int as count from tasks where queue = 'receipts'`,
  );
  return rows[0]!.count;
}

describe('early receipts', () => {
  test('500 receipts of nobody queue nothing where SES is not configured, or no longer', async (t) => {
    const { world } = await open(t, smtp);
    assert.deepEqual(await posted(world, 503), { 404: 503 });
    assert.equal(await waiting(world), 0);
    const { world: former } = await open(t, ses);
    const api = await reopen(t, former, smtp);
    assert.deepEqual(await posted({ ...former, api }, 503), { 404: 503 });
    assert.equal(await waiting(former), 0);
  });

  test('a receipt from the future is not early; a clock that is a little ahead may be', async (t) => {
    const { world } = await open(t, ses);
    const ahead = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
    assert.deepEqual(await posted(world, 3, ahead(120)), { 404: 3 });
    assert.deepEqual(await posted(world, 3, '2999-01-01T00:00:00Z'), { 404: 3 });
    assert.equal(await waiting(world), 0);
    assert.deepEqual(await posted(world, 3, ahead(30)), { 200: 3 });
    assert.equal(await waiting(world), 3);
  });

  test('no more of them wait than the bound; beyond it SES is asked to post again, and it is logged and counted', async (t) => {
    const { world, lines } = await open(t, ses);
    const count = mostWaiting + 200;
    const { 200: taken, 503: refused } = await posted(world, count);
    // Those that are under way at once may pass it together.
    assert.ok(taken! >= mostWaiting && taken! < mostWaiting + 50, `${taken} taken`);
    assert.equal(refused, count - taken!);
    assert.equal(await waiting(world), taken);
    assert.ok(lines.some(({ message }) => message.startsWith('An early receipt of ses was refused')));
    const metrics = await (await fetch(`${world.api}/metrics`)).text();
    assert.match(metrics, new RegExp(`despatch_receipts_ses_refused_total ${refused}`));
  });
});
