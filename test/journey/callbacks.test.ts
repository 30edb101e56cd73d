import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { platformUserId } from '../../src/tenant/user/store.ts';
import {
  callbacksOf,
  callbacksUntil,
  personalisation,
  type Receiver,
  receiver,
  registerCallback,
  send,
  token,
} from '../support/callback-receiver.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

describe('callbacks about messages', () => {
  let world: World;
  let ses: Receiver;
  let service: Receiver;
  before(async () => {
    let count = 0;
    ses = await receiver((_seen, response) => {
      count += 1;
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(`{"MessageId":"ses-${count}"}`);
    });
    service = await receiver();
    world = await createWorld({
      environment: {
        CALLBACK_ALLOW_PRIVATE: 'true',
        CALLBACK_RETRY_DELAY_SECONDS: '1',
        SERVICE_CALLBACK_TIMEOUT_SECONDS: '1',
        SES_ENABLED: '1',
        SES_URL: ses.url,
        AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'example',
      },
    });
  });
  after(async () => {
    ses.stop();
    service.stop();
    await world?.stop();
  });

  const about = (id: string) =>
    service.seen.filter(({ body }) => body.id === id || body.notification_id === id);

  test('a service gets one callback for each final status, with the payload, the token and a signature', async () => {
    const tenant = await world.addTenant();
    await registerCallback(world, tenant, `${service.url}/status?of=us`);
    const delivered = await send(world, tenant, '07700900123', { reference: 'order-118' });
    const failed = await send(world, tenant, '07700900002');
    const deliveredCount = (count: number) => (all: any[]) =>
      all.filter(({ status }) => status === 'delivered').length === count;
    await callbacksUntil(world, tenant, deliveredCount(2));
    await world.behave({ refusal_rate: 1 });
    const refused = await send(world, tenant, '07700 900 123');
    await callbacksUntil(world, tenant, deliveredCount(3));
    await world.behave({ refusal_rate: 0 });

    const { data } = await world.clientOf(tenant.keys.normal).getNotificationById(delivered);
    const [first, ...more] = about(delivered);
    assert.deepEqual(more, []);
    const { sent_at, ...rest } = first!.body;
    // If the receipt arrives before the hand-over is recorded, `sent_at` is when the attempt began.
    assert.ok(sent_at >= rest.created_at && sent_at <= rest.completed_at, sent_at);
    assert.deepEqual(rest, {
      id: delivered,
      reference: 'order-118',
      to: '07700900123',
      status: 'delivered',
      created_at: data['created_at'],
      completed_at: data['completed_at'],
      notification_type: 'sms',
      template_id: tenant.templates.sms,
      template_version: 1,
    });
    assert.equal(first!.path, '/status?of=us');
    assert.equal(first!.headers['content-type'], 'application/json');
    assert.equal(first!.headers.authorization, `Bearer ${token}`);
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(first!.headers['despatch-signature']))!;
    assert.equal(mac, createHmac('sha256', token).update(`${time}.${first!.text}`).digest('hex'));
    assert.ok(Math.abs(Number(time) - Date.now() / 1000) < 60);

    assert.deepEqual(
      about(failed).map(({ body }) => [body.status, body.reference]),
      [['permanent-failure', null]],
    );
    assert.deepEqual(
      about(refused).map(({ body }) => [body.status, body.sent_at, body.to]),
      [['technical-failure', null, '07700 900 123']],
    );
  });

  test('a service gets one callback for a complaint, however often it is posted', async () => {
    const tenant = await world.addTenant();
    await registerCallback(world, tenant, `${service.url}/complaint`, 'complaint');
    const { data } = await world
      .clientOf(tenant.keys.normal)
      .sendEmail(tenant.templates.email, 'kim@recipient.example', { personalisation, reference: 'mail-7' });
    const { rows } = await world.until(
      () =>
        world.connection.pool.query<{ reference: string }>(
          `select reference from notification_history where id = $1 and status = 'sending'`,
          [data.id],
        ),
      (found) => found.rows.length === 1,
    );
    const complaint = {
      Type: 'Notification',
      MessageId: randomUUID(),
      Message: JSON.stringify({
        notificationType: 'Complaint',
        mail: {
          timestamp: new Date().toISOString(),
          messageId: rows[0]!.reference,
          destination: ['kim@recipient.example'],
        },
        complaint: {
          feedbackId: 'fb-17',
          complaintFeedbackType: 'abuse',
          timestamp: '2026-05-02T13:04:00.000Z',
          complainedRecipients: [{ emailAddress: 'kim@recipient.example' }],
        },
      }),
    };
    for (let posts = 0; posts < 2; posts++)
      assert.equal(
        (await world.call('POST', '/notifications/email/ses', { body: complaint, key: null })).status,
        200,
      );
    const [callback, ...others] = await callbacksUntil(world, tenant, ([one]) => one?.status === 'delivered');
    assert.deepEqual(others, []);
    assert.equal(callback.notification_id, data.id);
    assert.deepEqual(
      about(data.id).map(({ path, body }) => [path, body]),
      [
        [
          '/complaint',
          {
            notification_id: data.id,
            complaint_id: callback.complaint_id,
            reference: 'mail-7',
            to: 'kim@recipient.example',
            complaint_date: '2026-05-02T13:04:00.000000Z',
          },
        ],
      ],
    );
  });

  test('there is no callback for a status that is not final, and none without a callback address', async () => {
    const tenant = await world.addTenant({ permissions: ['sms', 'email', 'international_sms'] });
    const silent = await world.addTenant();
    await registerCallback(world, tenant, service.url);
    // No receipt comes for either; the second goes abroad and is `sent`.
    const mail = await world
      .clientOf(tenant.keys.normal)
      .sendEmail(tenant.templates.email, 'kim@recipient.example', { personalisation });
    await world.behave({ receipt_drop_rate: 1 });
    const abroad = await send(world, tenant, '+1 202 555 0123');
    const becomes = (of: Tenant, id: string, status: string) =>
      world.until(
        async () => (await world.clientOf(of.keys.normal).getNotificationById(id)).data.status,
        (seen) => seen === status,
      );
    await becomes(tenant, abroad, 'sent');
    await becomes(tenant, mail.data.id, 'sending');
    await world.behave({ receipt_drop_rate: 0 });
    await becomes(silent, await send(world, silent), 'delivered');
    const last = await send(world, tenant);
    await becomes(tenant, last, 'delivered');
    await callbacksUntil(world, tenant, ([one]) => one?.status === 'delivered');
    assert.deepEqual(
      (await callbacksOf(world, tenant)).map(({ notification_id }) => notification_id),
      [last],
    );
    assert.deepEqual(await callbacksOf(world, silent), []);
  });

  test('a callback is retried after 500, 429 and a time-out, but not after 400 or a redirect', async (t) => {
    const flaky = await receiver((_seen, response, count) => {
      if (count === 1) response.writeHead(500).end();
      else if (count === 2) response.writeHead(429, { 'Retry-After': '2' }).end();
      // The third is not answered in time.
      else if (count > 3) response.writeHead(200).end('thanks');
    });
    const picky = await receiver((_seen, response, count) =>
      response.writeHead(count === 1 ? 400 : 302, { Location: '/elsewhere' }).end(),
    );
    t.after(flaky.stop);
    t.after(picky.stop);
    const tenant = await world.addTenant();
    const id = await registerCallback(world, tenant, flaky.url);
    const message = await send(world, tenant);
    const [callback] = await callbacksUntil(world, tenant, ([one]) => one?.status === 'delivered', 20);
    assert.deepEqual([callback.attempts, callback.last_code], [4, '200']);
    assert.equal(new Set(flaky.seen.map(({ text }) => text)).size, 1);
    assert.ok(flaky.seen[2]!.at - flaky.seen[1]!.at >= 1900, 'Retry-After is honoured');
    const steps = (
      await world.call('GET', `/v2/notifications/${message}/timeline`, { key: tenant.keys.normal })
    ).body.timeline as any[];
    assert.deepEqual(
      steps
        .filter(({ event }) => event.startsWith('callback'))
        .map((step) => [step.event, step.outcome, step.code]),
      [
        ['callback', undefined, undefined],
        ['callback attempt', 'retry', '500'],
        ['callback attempt', 'retry', '429'],
        ['callback attempt', 'retry', 'timeout'],
        ['callback attempt', 'delivered', '200'],
      ],
    );
    assert.doesNotMatch(JSON.stringify(steps), /07700900123/);

    const changed = await world.admin('POST', `/service/${tenant.id}/callback-api/${id}`, {
      url: picky.url,
      updated_by_id: platformUserId,
      callback_type: 'delivery_status',
    });
    assert.equal(changed.status, 200);
    for (const code of ['400', '302']) {
      const wrong = await send(world, tenant);
      const [one] = await callbacksUntil(
        world,
        tenant,
        ([newest]) => newest?.notification_id === wrong && newest.finished_at,
      );
      assert.deepEqual([one.status, one.attempts, one.last_code], ['failed', 1, code]);
    }
    assert.deepEqual(
      picky.seen.map(({ path }) => path),
      ['/', '/'],
    );
  });

  test('a callback that nobody answers is retried five times and then fails; a replay attempts it again', async (t) => {
    const gone = await receiver();
    gone.stop();
    const tenant = await world.addTenant();
    const id = await registerCallback(world, tenant, gone.url);
    const from = new Date(Date.now() - 1000).toISOString();
    await send(world, tenant);
    const [failed] = await callbacksUntil(world, tenant, ([one]) => one?.status === 'failed', 30);
    assert.deepEqual([failed.attempts, failed.last_code, failed.next_attempt_at], [6, 'ECONNREFUSED', null]);

    const back = await receiver();
    t.after(back.stop);
    await world.admin('POST', `/service/${tenant.id}/callback-api/${id}`, {
      url: back.url,
      updated_by_id: platformUserId,
      callback_type: 'delivery_status',
    });
    const replay = (body: object) =>
      world.call('POST', '/v2/callbacks/replay', { key: tenant.keys.normal, body });
    const to = new Date(Date.now() + 60_000).toISOString();
    assert.deepEqual((await replay({ from: to, to: '2199-01-01T00:00:00Z' })).body, { count: 0 });
    assert.deepEqual((await replay({ from, to, status: 'delivered' })).body, { count: 0 });
    assert.deepEqual((await replay({ from, to, callback_type: 'complaint' })).body, { count: 0 });
    const answer = await replay({ from, to });
    assert.deepEqual([answer.status, answer.body], [202, { count: 1 }]);
    const [done] = await callbacksUntil(world, tenant, ([one]) => one?.status === 'delivered');
    assert.deepEqual([done.id, done.attempts, done.last_code], [failed.id, 7, '204']);
    assert.equal(back.seen[0]!.body.id, failed.notification_id);

    const again = await world.admin('POST', `/service/${tenant.id}/callbacks/replay`, {
      from,
      to,
      status: 'delivered',
    });
    assert.deepEqual([again.status, again.body], [202, { count: 1 }]);
    await world.until(
      async () => back.seen.length,
      (count) => count === 2,
    );
    assert.equal(back.seen[0]!.text, back.seen[1]!.text);

    const one = `/service/${tenant.id}/callbacks/${failed.id}/replay`;
    await callbacksUntil(world, tenant, ([last]) => last?.status === 'delivered');
    const alone = await world.admin('POST', one, {});
    assert.deepEqual([alone.status, alone.body], [202, { count: 1 }]);
    await world.until(
      async () => back.seen.length,
      (count) => count === 3,
    );
    const other = await world.addTenant();
    const foreign = await world.admin('POST', one.replace(tenant.id, other.id), {});
    assert.equal(foreign.status, 404);
  });
});

test('a service gets a callback for a message whose final status comes with its hand-over', async (t) => {
  const mail = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo({ address }, _session, done) {
      const [responseCode, text] =
        { 'gone@recipient.example': [550, '5.1.1 unknown'], 'full@recipient.example': [552, '5.2.2 full'] }[
          address
        ] ?? [];
      if (responseCode === undefined) done();
      else done(Object.assign(new Error(`${text}: <${address}>`), { responseCode }));
    },
    onData: (stream, _session, done) => {
      stream.resume().on('end', () => done());
    },
  });
  await new Promise<void>((resolve) => mail.listen(0, '127.0.0.1', resolve));
  t.after(() => mail.close(() => undefined));
  const service = await receiver();
  t.after(service.stop);
  const { port } = mail.server.address() as AddressInfo;
  const world = await createWorld({
    environment: { CALLBACK_ALLOW_PRIVATE: 'true', SMTP_URL: `smtp://127.0.0.1:${port}` },
  });
  t.after(() => world.stop());
  const { tenant } = world;
  await registerCallback(world, tenant, service.url);
  const { data } = await world.client.sendEmail(tenant.templates.email, 'kim@recipient.example', {
    personalisation,
  });
  await callbacksUntil(world, tenant, ([one]) => one?.status === 'delivered');
  assert.deepEqual(
    service.seen.map(({ body }) => [body.id, body.status, body.notification_type]),
    [[data.id, 'delivered', 'email']],
  );
  for (const [to, status, code] of [
    ['gone@recipient.example', 'permanent-failure', '550 5.1.1'],
    ['full@recipient.example', 'temporary-failure', '552 5.2.2'],
  ] as const) {
    const refused = await world.client.sendEmail(tenant.templates.email, to, { personalisation });
    await callbacksUntil(world, tenant, (all) =>
      all.some((one) => one.notification_id === refused.data.id && one.status === 'delivered'),
    );
    assert.deepEqual(
      service.seen.filter(({ body }) => body.id === refused.data.id).map(({ body }) => body.status),
      [status],
    );
    const { body: timeline } = await world.call('GET', `/v2/notifications/${refused.data.id}/timeline`);
    assert.match(JSON.stringify(timeline), new RegExp(`"rejected".*"${code}"`));
    assert.doesNotMatch(JSON.stringify(timeline), /@recipient/);
  }
});

describe('callbacks without a receipt', () => {
  let world: World;
  let service: Receiver;
  before(async () => {
    service = await receiver();
    world = await createWorld({
      environment: {
        CALLBACK_ALLOW_PRIVATE: 'true',
        MMG_INBOUND_SMS_USERNAME: 'mmg',
        MMG_INBOUND_SMS_AUTH: 'pass',
      },
    });
  });
  after(async () => {
    await world.stop();
    service.stop();
  });
  const bodiesAt = (path: string) =>
    service.seen.filter((seen) => seen.path === path).map(({ body }) => body);

  test('a service gets one callback for a received text, however often it is posted', async () => {
    const { tenant } = world;
    await world.admin('POST', '/inbound-number', { provider: 'mmg', numbers: ['07700900456'] });
    await world.admin('POST', `/inbound-number/service/${tenant.id}`);
    await registerCallback(world, tenant, `${service.url}/inbound`, 'inbound_sms');
    for (let posts = 0; posts < 2; posts++) {
      const { status } = await world.call('POST', '/notifications/sms/receive/mmg', {
        key: null,
        headers: { Authorization: `Basic ${Buffer.from('mmg:pass').toString('base64')}` },
        body: {
          MSISDN: '447700900001',
          Number: '447700900456',
          Message: 'High+tide%3F+%F0%9F%8C%8A',
          ID: 'mmg-1',
          DateRecieved: '2017-05-02+14%3A03%3A07',
        },
      });
      assert.equal(status, 200);
    }
    const read = await world.call('GET', '/v2/received-text-messages');
    const [text, ...more] = read.body.received_text_messages;
    assert.deepEqual(more, []);
    await world.until(
      async () => bodiesAt('/inbound'),
      (bodies) => bodies.length > 0,
    );
    await world.drain();
    assert.deepEqual(bodiesAt('/inbound'), [
      {
        id: text.id,
        source_number: '447700900001',
        destination_number: '07700900456',
        message: 'High tide? 🌊',
        date_received: '2017-05-02T14:03:07.000000Z',
      },
    ]);
  });

  test('a service gets a callback for a message that was not confirmed within 72 hours', async () => {
    const { tenant } = world;
    await registerCallback(world, tenant, `${service.url}/status`);
    await world.behave({ receipt_drop_rate: 1 });
    const { data } = await world.client.sendSms(tenant.templates.sms, '07700900123', {
      personalisation: { name: 'Rowan', time: '14:05' },
    });
    await world.until(
      () => world.client.getNotificationById(data.id),
      (seen) => seen.data.status === 'sending',
    );
    // Past the time-out and the next 03:00 in London, when the scheduler ends the message.
    await world.advance(97 * 3600);
    const [body] = await world.until(
      async () => bodiesAt('/status'),
      (bodies) => bodies.length > 0,
    );
    assert.deepEqual([body.id, body.status], [data.id, 'temporary-failure']);
    const { body: seen } = await world.call('GET', `/v2/notifications/${data.id}`);
    assert.deepEqual([seen.status, seen.completed_at], ['temporary-failure', body.completed_at]);
  });
});
