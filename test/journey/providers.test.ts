import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import type { Provider } from '../../src/provider/contract.ts';
import { startProviderServer } from '../conformance/http-provider.ts';
import { sendWithTestKey } from '../support/test-key.ts';
import { createWorld, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
const auth = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });

/** A provider's server that accepts messages with the body `yes()`, unless `behave` changes that. */
async function server(yes: () => string) {
  return await startProviderServer({
    replies: {
      accept: () => ({ status: 200, body: yes() }),
      fail: () => ({ status: 500, body: 'down' }),
      reject: () => ({ status: 400, body: '{}' }),
      malformed: () => ({ status: 200, body: '<html>' }),
    },
    read: ({ body }) => ({ to: [], from: '', reference: null, body, fields: [] }),
    connect: () => ({}) as Provider,
  });
}

const firetextYes = '{"code":0,"description":"SMS successfully queued"}';
const topic = 'arn:aws:sns:eu-west-1:000000000000:receipts';

/** A platform whose texts go to MMG and Firetext and whose emails go to SES, all three on this machine. */
async function createSupplied(t: TestContext, more: Record<string, string> = {}, roles?: readonly 'api'[]) {
  let messages = 0;
  const mmg = await server(() => '{"Reference": 55120934}');
  const firetext = await server(() => firetextYes);
  const ses = await server(() => `{"MessageId":"ses-${++messages}"}`);
  const world = await createWorld({
    ...(roles && { roles }),
    environment: {
      MMG_URL: `${mmg.url}/json/api.php`,
      MMG_API_KEY: 'mmg-key',
      MMG_RECEIPT_AUTH: 'mmg:mmg-pass',
      FIRETEXT_URL: `${firetext.url}/api/sendsms/json`,
      FIRETEXT_API_KEY: 'firetext-key',
      SES_ENABLED: '1',
      SES_URL: ses.url,
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example',
      ...more,
    },
  });
  t.after(async () => {
    await world.stop();
    for (const server of [mmg, firetext, ses]) await server.stop();
  });
  return { world, mmg, firetext, ses };
}

async function sms(world: World, number = '07700900123'): Promise<string> {
  return (await world.client.sendSms(world.tenant.templates.sms, number, { personalisation })).data.id;
}

async function email(world: World): Promise<string> {
  const { tenant, client } = world;
  return (await client.sendEmail(tenant.templates.email, 'kim@recipient.example', { personalisation })).data
    .id;
}

async function becomes(world: World, id: string, status: string): Promise<void> {
  await world.until(
    async () => (await world.client.getNotificationById(id)).data.status,
    (seen) => seen === status,
  );
}

const post = (world: World, path: string, body: string | object, headers: Record<string, string> = {}) =>
  world.call('POST', path, { body, headers, key: null });

const postMmg = (
  world: World,
  CID: string,
  status: string,
  headers: Record<string, string> = auth('mmg:mmg-pass'),
) => post(world, '/notifications/sms/mmg', { CID, status, MSISDN: '447700900123' }, headers);

const postFiretext = (world: World, reference: string, fields: Record<string, string>) =>
  post(world, '/notifications/sms/firetext', new URLSearchParams({ reference, ...fields }).toString());

const sesBody = (messageId: string, more: object = {}) =>
  JSON.stringify({
    Type: 'Notification',
    MessageId: randomUUID(),
    TopicArn: topic,
    Message: JSON.stringify({
      notificationType: 'Delivery',
      mail: { timestamp: new Date().toISOString(), messageId, destination: ['kim@recipient.example'] },
      ...more,
    }),
  });
const postSes = (world: World, messageId: string, more: object = {}) =>
  post(world, '/notifications/email/ses', sesBody(messageId, more));

describe('sending through real providers', () => {
  test('a text goes to MMG, and its receipt makes it delivered', async (t) => {
    const { world, mmg, firetext } = await createSupplied(t);
    const id = await sms(world);
    await becomes(world, id, 'sending');
    assert.equal(mmg.requests().length, 1);
    const { MSISDN, cid, sender, msg } = JSON.parse(mmg.requests()[0]!.body);
    assert.deepEqual([MSISDN, cid, sender], ['447700900123', id, 'HARBOUR']);
    assert.match(msg, /: Hi Rowan, high tide at 14:05$/);

    assert.equal((await postMmg(world, id, '3', {})).status, 401);
    assert.equal((await postMmg(world, id, '3', auth('mmg:guess'))).status, 403);
    await becomes(world, id, 'sending');
    assert.deepEqual((await postMmg(world, id, '3')).body, {
      result: 'success',
      message: `MMG callback succeeded. reference ${id} updated`,
    });
    await becomes(world, id, 'delivered');
    assert.deepEqual((await postMmg(world, id, '4')).body, { result: 'success', message: null });
    await becomes(world, id, 'delivered');
    assert.equal(firetext.requests().length, 0);
  });

  test('a text that MMG fails to accept goes to Firetext at once, and its failure after pending is a temporary one', async (t) => {
    const { world, mmg, firetext } = await createSupplied(t);
    mmg.behave('fail');
    const id = await sms(world);
    await becomes(world, id, 'sending');
    assert.deepEqual(
      (await world.timeline(id)).map(({ event, outcome }) => [event, outcome]),
      [
        ['accepted', undefined],
        ['persisted', undefined],
        ['attempt', 'failed'],
        ['attempt', 'accepted'],
      ],
    );
    assert.equal(new URLSearchParams(firetext.requests()[0]!.body).get('reference'), id);
    await postFiretext(world, id, { status: '2' });
    await becomes(world, id, 'pending');
    await postFiretext(world, id, { status: '1' });
    await becomes(world, id, 'temporary-failure');
  });

  test('a text goes to no other provider after an unreadable answer from MMG', async (t) => {
    const { world, mmg, firetext } = await createSupplied(t);
    mmg.behave('malformed');
    const id = await sms(world);
    await world.until(
      () => world.timeline(id),
      (steps) => steps.some(({ outcome }) => outcome === 'unknown'),
    );
    assert.equal(firetext.requests().length, 0);
    await postMmg(world, id, '3');
    await becomes(world, id, 'delivered');
  });

  test('an email goes to SES and is found by its reference; a complaint is stored once and changes no final status', async (t) => {
    const { world, ses } = await createSupplied(t);
    const id = await email(world);
    await becomes(world, id, 'sending');
    const sent = JSON.parse(ses.requests()[0]!.body);
    assert.deepEqual(sent.Destination.ToAddresses, ['kim@recipient.example']);
    assert.equal(sent.Content.Simple.Subject.Data, 'Tide for Rowan');
    assert.deepEqual((await postSes(world, 'ses-1')).body, {
      result: 'success',
      message: 'SES callback succeeded',
    });
    await becomes(world, id, 'delivered');
    const complaint = {
      notificationType: 'Complaint',
      complaint: {
        feedbackId: 'fb-1',
        complaintFeedbackType: 'abuse',
        timestamp: '2026-05-02T13:04:00.000Z',
      },
    };
    for (let i = 0; i < 2; i++) assert.equal((await postSes(world, 'ses-1', complaint)).status, 200);
    const { rows } = await world.connection.pool.query(
      'select notification_id, ses_feedback_id, complaint_type from complaints',
    );
    assert.deepEqual(rows, [{ notification_id: id, ses_feedback_id: 'fb-1', complaint_type: 'abuse' }]);
    await becomes(world, id, 'delivered');
  });

  test('simulated receipts for test keys need no credentials or signatures, and the recipient decides their outcome', async (t) => {
    const { world, mmg, ses } = await createSupplied(t, { SES_SNS_TOPIC_ARNS: topic });
    await sendWithTestKey(world);
    assert.equal(mmg.requests().length + ses.requests().length, 0);
    assert.equal((await postSes(world, 'ses-1')).status, 403, 'other receipts need a signature');
  });
});

describe('receipts of a provider that was not asked to send the message', () => {
  const notAsked = 'this provider was not asked to send the message';
  const receiptsOf = async (world: World, id: string) =>
    (await world.call('GET', `/v2/notifications/${id}/timeline`)).body.timeline
      .filter(({ event }: { event: string }) => event === 'receipt')
      .map((step: Record<string, unknown>) =>
        ['provider', 'status', 'applied', 'ignored_because'].map((field) => step[field]),
      );

  test('they change nothing and stay on the timeline with the reason; those of the right provider still count', async (t) => {
    const { world } = await createSupplied(t);
    const id = await sms(world);
    await becomes(world, id, 'sending');
    const answer = await postFiretext(world, id, { status: '0' });
    assert.deepEqual([answer.status, answer.body], [200, { result: 'success', message: null }]);
    assert.equal((await world.client.getNotificationById(id)).data.status, 'sending');
    await postMmg(world, id, '3');
    await becomes(world, id, 'delivered');
    await postFiretext(world, id, { status: '1' });
    assert.deepEqual(await receiptsOf(world, id), [
      ['firetext', 'delivered', false, notAsked],
      ['mmg', 'delivered', true, null],
      ['firetext', 'permanent-failure', false, notAsked],
    ]);
  });

  test('every provider that had an attempt was asked, also before the outcome of its call is known', async (t) => {
    const { world, mmg } = await createSupplied(t);
    mmg.behave('fail');
    const handedOn = await sms(world);
    await becomes(world, handedOn, 'sending');
    await postMmg(world, handedOn, '3');
    await becomes(world, handedOn, 'delivered');
    assert.deepEqual(await receiptsOf(world, handedOn), [['mmg', 'delivered', true, null]]);

    mmg.behave('malformed');
    const unknown = await sms(world);
    await world.until(
      () => world.timeline(unknown),
      (steps) => steps.some(({ outcome }) => outcome === 'unknown'),
    );
    await postFiretext(world, unknown, { status: '0' });
    await becomes(world, unknown, 'created');
    await postMmg(world, unknown, '3');
    await becomes(world, unknown, 'delivered');
  });

  test('nobody can settle a message before any provider was asked', async (t) => {
    const { world } = await createSupplied(t);
    await world.connection.pool.query('update providers set active = false');
    const id = await sms(world);
    await world.until(
      () => world.timeline(id),
      (steps) => steps.some(({ event }) => event === 'persisted'),
    );
    await postMmg(world, id, '3');
    await postFiretext(world, id, { status: '1' });
    assert.equal((await world.client.getNotificationById(id)).data.status, 'created');
    assert.deepEqual(await receiptsOf(world, id), [
      ['mmg', 'delivered', false, notAsked],
      ['firetext', 'permanent-failure', false, notAsked],
    ]);
  });

  test('a complaint about an email of another provider is neither stored nor confirmed', async (t) => {
    const world = await createWorld();
    t.after(() => world.stop());
    const id = await email(world);
    await world.drain();
    const { pool } = world.connection;
    // SES was used here once.
    await pool.query(
      `insert into providers (id, identifier, display_name, notification_type, priority, active, supports_international)
      values (gen_random_uuid(), 'ses', 'Amazon SES', 'email', 10, true, false)`,
    );
    const api = await world.startMore({ roles: ['api'] });
    t.after(() => api.stop());
    const before = (await world.client.getNotificationById(id)).data.status;
    const { rows } = await pool.query('select reference from notification_history where id = $1', [id]);
    const complaint = { notificationType: 'Complaint', complaint: { feedbackId: 'fb-1' } };
    const answer = await fetch(`${api.url}/notifications/email/ses`, {
      method: 'POST',
      body: sesBody(rows[0].reference, complaint),
    });
    assert.equal(answer.status, 404);
    assert.equal((await world.client.getNotificationById(id)).data.status, before);
    assert.equal((await pool.query('select from complaints')).rowCount, 0);
    assert.deepEqual((await receiptsOf(world, id)).at(-1), ['ses', 'delivered', false, notAsked]);
  });
});

describe('receipts that cannot be applied at once', () => {
  test('a receipt that the database cannot store is applied later, and its provider need not post it again', async (t) => {
    const { world } = await createSupplied(t);
    const id = await sms(world);
    await becomes(world, id, 'sending');
    const { pool } = world.connection;
    await pool.query('alter table receipts rename to receipts_away');
    await pool.query('alter table notification_history rename to history_away');
    const answer = await postMmg(world, id, '3');
    assert.deepEqual([answer.status, answer.body], [200, { result: 'success' }]);
    const due = () => pool.query(`select payload from tasks where queue = 'receipts' and state = 'waiting'`);
    await world.until(due, ({ rows }) => rows.length === 1);
    await pool.query('alter table receipts_away rename to receipts');
    await pool.query('alter table history_away rename to notification_history');
    // Five minutes later.
    await pool.query(`update tasks set due_at = now() where state = 'waiting' and queue = 'receipts'`);
    await becomes(world, id, 'delivered');
  });

  test('an SES receipt that arrives before its reference is stored is applied later, and queued without personal data', async (t) => {
    const { world } = await createSupplied(t);
    assert.equal((await postSes(world, 'ses-1')).status, 200);
    const { pool } = world.connection;
    const { rows } = await pool.query(`select payload from tasks where queue = 'receipts'`);
    assert.equal(rows.length, 1);
    assert.ok(!JSON.stringify(rows).includes('kim@'));
    const id = await email(world);
    await becomes(world, id, 'sending');
    await pool.query(`update tasks set due_at = now() where state = 'waiting' and queue = 'receipts'`);
    await becomes(world, id, 'delivered');
  });

  test('an old SES receipt for an unknown email is answered as not found', async (t) => {
    const { world } = await createSupplied(t, {}, ['api']);
    const mail = { timestamp: new Date(Date.now() - 6 * 60_000).toISOString(), messageId: 'gone' };
    const answer = await postSes(world, 'gone', { mail });
    assert.equal(answer.status, 404);
    assert.match(answer.body.message, /Status delivered for notification reference gone$/);
  });

  test('a receipt for a text does not change an email', async (t) => {
    const { world } = await createSupplied(t);
    const id = await email(world);
    await becomes(world, id, 'sending');
    assert.deepEqual((await postMmg(world, id, '5')).body, { result: 'success', message: null });
    await becomes(world, id, 'sending');
  });
});

describe('which providers are used', () => {
  const rowsOf = async ({ connection }: World) =>
    (
      await connection.pool.query(
        'select identifier, notification_type as type, priority, active, supports_international as abroad from providers order by 2, 3',
      )
    ).rows.map(({ identifier, type, priority, active, abroad }) =>
      [type, identifier, priority, active ? 'active' : 'inactive', abroad ? 'abroad' : 'home'].join(' '),
    );

  test('configured providers have rows; the sandbox is used only for a type without any', async (t) => {
    const { world } = await createSupplied(t, { SMTP_URL: 'smtp://127.0.0.1:1' });
    assert.deepEqual(await rowsOf(world), [
      'email ses 10 active home',
      'email smtp 20 active home',
      'sms mmg 10 active abroad',
      'sms firetext 20 active home',
      'sms loadtesting 30 inactive home',
    ]);
    assert.equal(world.sandboxUrl, '');
    assert.equal((await post(world, '/notifications/sms/sandbox', {})).status, 404);
  });

  test('a sandbox still in the table gets nothing once there is a real provider', async (t) => {
    const { world, mmg, firetext } = await createSupplied(t, { DELIVER_MAX_RETRIES: '0' });
    await world.connection.pool.query(
      `insert into providers (id, identifier, display_name, notification_type, priority, active, supports_international)
      values (gen_random_uuid(), 'sandbox', 'Sandbox', 'sms', 100, true, true)`,
    );
    mmg.behave('fail');
    firetext.behave('fail');
    const id = await sms(world);
    await becomes(world, id, 'technical-failure');
    assert.equal((await world.timeline(id)).filter(({ event }) => event === 'attempt').length, 2);
  });

  test('the loadtesting provider makes no call and its messages end as delivered', async (t) => {
    const world = await createWorld();
    t.after(() => world.stop());
    await world.connection.pool.query(`update providers set active = true where identifier = 'loadtesting'`);
    await world.until(
      async () => {
        const id = await sms(world);
        await world.drain();
        return (await world.client.getNotificationById(id)).data.status === 'delivered'
          ? (await world.sandbox(`/messages?reference=${id}`)).messages.length
          : -1;
      },
      (inSandbox) => inSandbox === 0,
    );
  });
});
