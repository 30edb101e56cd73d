import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { createLog } from '../../src/ground/log.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { receiver as startReceiver } from '../support/callback-receiver.ts';
import { createWorld, type World } from '../support/world.ts';

/** In everything that is personal or secret, so that a line with any of it is found. */
const marker = 'Zebulonmarker';
const number = '07700900765';
const address = `${marker}@example.com`;
/** What no line may contain: the number also as it is normalised, and the marker as parts of paths and headers write it. */
const forbidden = new RegExp(
  `${marker}|7700900765|7700 900 ?765|${Buffer.from(marker).toString('base64').slice(0, 14)}`,
  'i',
);

/** A provider of texts that repeats what it was asked in its refusals. */
async function startEcho(status: number) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.stringify({
        error: `Refused ${Buffer.concat(chunks)} for ${marker} ${number}`,
        code: marker,
      });
      response.writeHead(status, { 'content-type': 'application/json', 'x-said': marker }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('at level debug, no line of any role contains what is personal or secret:', () => {
  let world: World;
  let mmg: Awaited<ReturnType<typeof startEcho>>;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let smtp: SMTPServer;
  const lines: string[] = [];

  before(async () => {
    mmg = await startEcho(500);
    receiver = await startReceiver(
      (_seen, response) => void response.writeHead(400, { said: marker }).end(marker),
    );
    smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: ({ address: to }, _session, done) => done(new Error(`No mailbox of ${marker} at <${to}>`)),
    });
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    world = await createWorld({
      log: createLog('debug', {}, { to: { write: (line) => void lines.push(line) } }),
      environment: {
        MMG_URL: `${mmg.url}/api`,
        MMG_API_KEY: `${marker}key`,
        MMG_INBOUND_SMS_USERNAME: 'mmg',
        MMG_INBOUND_SMS_AUTH: `${marker}password`,
        SMTP_URL: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
        CALLBACK_ALLOW_PRIVATE: '1',
        DELIVER_MAX_RETRIES: '0',
        CALLBACK_MAX_RETRIES: '0',
      },
    });
    const added = await world.admin('POST', `/service/${world.tenant.id}/callback-api`, {
      url: `${receiver.url}/${marker}?key=${marker}`,
      bearer_token: `${marker}-of-the-callbacks`,
      updated_by_id: platformUserId,
      callback_type: 'delivery_status',
    });
    assert.equal(added.status, 201, JSON.stringify(added.body));
  });
  after(async () => {
    await world?.stop();
    receiver.stop();
    mmg.server.closeAllConnections();
    mmg.server.close();
    await new Promise<void>((resolve) => smtp.close(resolve));
    // What was written while it stopped.
    clean();
  });

  /** Fails with the lines that leak. */
  function clean(): void {
    assert.deepEqual(
      lines.filter((line) => forbidden.test(line)),
      [],
    );
  }
  const personalisation = { name: marker, time: marker, title: marker, date: marker };
  const sms = () => ({ template_id: world.tenant.templates.sms, phone_number: number, personalisation });
  const email = () => ({
    template_id: world.tenant.templates.email,
    email_address: address,
    personalisation,
  });
  const headers = {
    'User-Agent': `curl/8.0 (${address})`,
    'X-Said': marker,
    'X-B3-TraceId': address,
    Cookie: marker,
  };

  test('messages, with refusals of providers that repeat the recipient, and callbacks that fail', async () => {
    const sent = [
      await world.call('POST', '/v2/notifications/sms', { headers, body: { ...sms(), reference: marker } }),
      await world.call('POST', '/v2/notifications/email', {
        headers: { ...headers, 'Idempotency-Key': marker },
        body: { ...email(), reference: marker },
      }),
      await world.call('POST', '/notifications/sms', {
        headers,
        body: { template: world.tenant.templates.sms, to: number, personalisation },
      }),
      await world.admin('POST', `/service/${world.tenant.id}/send-notification`, {
        ...{
          template_id: world.tenant.templates.sms,
          to: number,
          personalisation,
          created_by: platformUserId,
        },
      }),
    ];
    assert.deepEqual(
      sent.slice(0, 3).map(({ status }) => status),
      [201, 201, 201],
    );
    await world.drain(60);
    await world.until(
      async () => receiver.seen.length,
      (count) => count >= 3,
      30,
    );
    await world.until(
      async () => lines.filter((line) => line.includes('send-delivery-status')).length,
      (count) => count >= 3,
    );
    assert.ok(
      lines.some((line) => line.includes('did not take email')),
      'the mail server refused',
    );
    assert.ok(
      lines.some((line) => line.includes('did not take sms')),
      'MMG refused',
    );
    clean();
  });

  test('requests that are refused: bodies, paths, queries, headers and tokens', async () => {
    const bodies = [
      `{"phone_number": "${marker}`,
      `"${marker}"`,
      { ...sms(), phone_number: `${marker} ${number}` },
      { ...sms(), template_id: marker },
      { ...sms(), personalisation: marker },
      { ...email(), email_address: `${marker}@@` },
      { ...sms(), [marker]: marker },
      { ...sms(), sms_sender_id: marker },
    ];
    for (const path of [
      '/v2/notifications/sms',
      '/v2/notifications/email',
      '/notifications/sms',
      `/v2/${marker}`,
    ])
      for (const body of bodies) await world.call('POST', path, { headers, body });
    const paths = [
      ...[
        `/${marker}`,
        `/v2/notifications/${marker}`,
        `/v2/notifications/${number}`,
        `/${address}/${number}`,
      ],
      ...[`/v2/notifications?reference=${marker}`, `/v2/templates?type=${marker}`, `/v2/template/${marker}`],
      ...[
        `/service/${marker}`,
        `/d/${marker}/${marker}`,
        `/unsubscribe/${marker}/${marker}`,
        `/%zz${marker}`,
      ],
      ...[`/user/email?email=${address}`, `/invite/${marker}`, `/docs/${marker}/${marker}`],
      ...[`/service/${world.tenant.id}/notifications?to=${number}`, `/platform/find?q=${marker}`],
      `/service/${world.tenant.id}/${marker}?x=${number}`,
    ];
    for (const path of paths)
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
        await world.call(method, path, { headers });
        await world.admin(method, path, undefined, headers);
        await world.call(method, path, {
          key: null,
          headers: { ...headers, Authorization: `Bearer ${marker}` },
        });
      }
    await garbage(`GET /${marker} HTTP/9\r\n${marker}\r\n\r\n`);
    clean();
  });

  /** Sends what is no HTTP to the API. */
  async function garbage(text: string): Promise<void> {
    const { hostname, port } = new URL(world.api);
    const socket = connect(Number(port), hostname);
    socket.end(text);
    await new Promise<void>((resolve) => socket.on('close', () => resolve()).resume());
  }

  test('receipts and received texts, well-formed or not', async () => {
    const post = (path: string, body: string, more: Record<string, string> = {}) =>
      world.call('POST', path, { key: null, headers: { ...headers, ...more }, body });
    const basic = { Authorization: `Basic ${Buffer.from(`mmg:${marker}password`).toString('base64')}` };
    const receipt = {
      CID: world.tenant.id,
      MSISDN: number,
      status: '3',
      deliverytime: marker,
      reference: marker,
    };
    for (const body of [
      ...[
        JSON.stringify(receipt),
        `{"CID": "${marker}`,
        marker,
        JSON.stringify({ ...receipt, CID: `${address} x` }),
      ],
      JSON.stringify({ ...receipt, status: address }),
    ])
      await post('/notifications/sms/mmg', body);
    const text = { ID: '1', MSISDN: number, Number: '07700900999', Message: marker, DateRecieved: marker };
    for (const body of [
      JSON.stringify(text),
      `{"Message": "${marker}`,
      JSON.stringify({ ...text, Number: address }),
    ])
      for (const more of [basic, {}]) await post('/notifications/sms/receive/mmg', body, more);
    clean();
  });

  test('uploads and jobs', async () => {
    const { id, templates, keys } = world.tenant;
    const csv = `phone number,name,time\n${number},${marker},${marker}\n`;
    for (const body of [csv, `${marker}\n${marker}`, `phone number,name\n${marker},"${marker}`]) {
      const path = `/service/${id}/upload?template_id=${templates.sms}&file_name=${marker}.csv`;
      const uploaded = await world.admin('POST', path, body);
      const job = {
        id: uploaded.body?.data?.id,
        created_by: platformUserId,
        original_file_name: `${marker}.csv`,
      };
      await world.admin('POST', `/service/${id}/job`, job);
    }
    const bulk = { template_id: templates.sms, name: marker, csv };
    const bulkSent = await world.call('POST', '/v2/notifications/bulk', { key: keys.normal, body: bulk });
    assert.equal(bulkSent.status, 201, JSON.stringify(bulkSent.body));
    await world.drain(60);
    clean();
  });

  test('people, sign-in, keys, templates and services, also when a value is there already', async () => {
    const person = {
      name: marker,
      email_address: address,
      mobile_number: number,
      password: `${marker} a long one`,
      auth_type: 'sms_auth',
    };
    const made = await world.admin('POST', '/user', person);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    await world.admin('POST', '/user', person);
    const user = `/user/${made.body.data.id}`;
    await world.admin('POST', `${user}/verify/password`, { password: `${marker} wrong` });
    await world.admin('POST', `${user}/sms-code`, { to: number });
    await world.admin('POST', `${user}/email-code`, { to: address });
    await world.admin('POST', `${user}/verify/code`, { code: marker, code_type: 'sms' });
    await world.admin('GET', `/user/email?email=${encodeURIComponent(address)}`);
    await world.admin('POST', '/user/reset-password', { email: address });
    await world.admin('POST', `/service/${world.tenant.id}/invite`, {
      ...{
        email_address: address,
        from_user: platformUserId,
        permissions: 'view_activity',
        auth_type: 'sms_auth',
      },
    });
    const key = { name: marker, created_by: platformUserId, key_type: 'normal' };
    for (let times = 0; times < 2; times++)
      await world.admin('POST', `/service/${world.tenant.id}/api-key`, key);
    const template = { name: marker, template_type: 'email', subject: marker, content: marker };
    await world.admin('POST', `/service/${world.tenant.id}/template`, {
      ...template,
      created_by: platformUserId,
    });
    const reply = { email_address: address, is_default: true };
    for (let times = 0; times < 2; times++)
      await world.admin('POST', `/service/${world.tenant.id}/email-reply-to`, reply);
    await world.drain(60);
    clean();
  });

  test('errors of the database, whose detail is the row', async () => {
    const { pool } = world.connection;
    await pool.query(
      `alter table accepted add constraint no_marker check (recipient !~ '07700900765|447700900765' and recipient !~* '${marker}')`,
    );
    const refused = [
      await world.call('POST', '/v2/notifications/sms', { body: sms() }),
      await world.call('POST', '/v2/notifications/email', { body: email() }),
    ];
    await pool.query('alter table accepted drop constraint no_marker');
    assert.deepEqual(
      refused.map(({ status }) => status),
      [500, 500],
    );
    assert.ok(
      lines.some((line) => line.includes('no_marker')),
      'the name of the constraint is logged',
    );
    await pool.query(
      `alter table notifications add constraint no_marker check (recipient !~ '7700900765') not valid`,
    );
    await world.call('POST', '/v2/notifications/sms', { body: sms() });
    await world.until(
      async () => lines.filter((line) => line.includes('RETRY: send_sms')).length,
      (count) => count > 0,
      30,
    );
    await pool.query('alter table notifications drop constraint no_marker');
    clean();
  });
});
