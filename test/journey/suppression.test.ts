import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addTemplate } from '../../src/content/template/store.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { createIdSource } from '../../src/ground/id.ts';
import { unsubscribeUrl } from '../../src/message/suppression/link.ts';
import { deleteExpiredSuppressions } from '../../src/message/suppression/store.ts';
import { personalisation, type Receiver, receiver, registerCallback } from '../support/callback-receiver.ts';
import { keptLog } from '../support/messages.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const day = 86_400;

type Page = { status: number; headers: Headers; text: string };
async function ask(url: string, init: RequestInit = {}): Promise<Page> {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
}
const oneClick = (url: string) =>
  ask(url, { method: 'POST', body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }) });

/** Adds an email template whose emails end with a link to unsubscribe. */
async function addNewsletter(world: World, tenant: Tenant, priority = false): Promise<string> {
  const id = randomUUID();
  await addTemplate(world.connection.db, {
    ...{ id, serviceId: tenant.id, type: 'email', name: 'News', hasUnsubscribeLink: true, priority },
    ...{ subject: 'News for ((name))', content: 'Hi ((name)),\n\nhigh tide at ((time))' },
  });
  return id;
}

async function sendEmail(world: World, tenant: Tenant, template: string, address: string, more: object = {}) {
  const { status, body } = await world.call('POST', '/v2/notifications/email', {
    key: tenant.keys.normal,
    body: { template_id: template, email_address: address, personalisation, ...more },
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

async function sendText(world: World, tenant: Tenant, number: string, template = tenant.templates.sms) {
  const { body } = await world.call('POST', '/v2/notifications/sms', {
    key: tenant.keys.normal,
    body: { template_id: template, phone_number: number, personalisation },
  });
  return body.id as string;
}

const read = async (world: World, tenant: Tenant, id: string) =>
  (await world.call('GET', `/v2/notifications/${id}`, { key: tenant.keys.normal })).body;

/** The message in its final status, with its timeline and how often a provider was called for it. */
async function finished(world: World, tenant: Tenant, id: string) {
  await world.drain();
  const { status } = await read(world, tenant, id);
  const { body } = await world.call('GET', `/v2/notifications/${id}/timeline`, { key: tenant.keys.normal });
  const steps = body.timeline as { event: string; reason?: string }[];
  return {
    status: status as string,
    attempts: steps.filter(({ event }) => event === 'attempt').length,
    suppressed: steps.find(({ event }) => event === 'suppressed')?.reason ?? null,
  };
}
const sent = { status: 'delivered', attempts: 1, suppressed: null };
const stopped = (reason: string) => ({ status: 'permanent-failure', attempts: 0, suppressed: reason });

const listed = async (world: World, tenant: Tenant, query = '') =>
  (await world.call('GET', `/v2/suppressions${query}`, { key: tenant.keys.normal })).body
    .suppressions as Record<string, any>[];

describe('unsubscribing and suppression', () => {
  let world: World;
  let service: Receiver;
  const { log, lines } = keptLog();
  before(async () => {
    service = await receiver();
    world = await createWorld({ environment: { CALLBACK_ALLOW_PRIVATE: 'true' }, log });
  });
  after(async () => {
    service.stop();
    await world?.stop();
  });

  async function newsletterTo(address: string) {
    const tenant = await world.addTenant();
    const template = await addNewsletter(world, tenant);
    const { id } = await sendEmail(world, tenant, template, address);
    assert.deepEqual(await finished(world, tenant, id), sent);
    const { one_click_unsubscribe_url: url } = await read(world, tenant, id);
    return { tenant, template, id: id as string, url: url as string };
  }

  test('an email of a template with an unsubscribe link ends with the link, and its headers and the API show the same one', async () => {
    const tenant = await world.addTenant();
    const template = await addNewsletter(world, tenant);
    const { id, content } = await sendEmail(world, tenant, template, 'rowan@example.com');
    assert.equal(content.one_click_unsubscribe_url, null);
    assert.doesNotMatch(content.body, /nsubscribe/);
    await world.drain();
    const { body, one_click_unsubscribe_url: url } = await read(world, tenant, id);
    assert.doesNotMatch(body, /nsubscribe/);
    assert.ok(url.startsWith(`${world.api}/unsubscribe/${id}/`), url);
    const [message] = (await world.sandbox(`/messages?reference=${id}`)).messages;
    assert.ok(message.text.endsWith(`Unsubscribe from these emails: ${url}\n`), message.text);
    assert.ok(message.html.includes(`href="${url}"`), message.html);
    assert.deepEqual(message.headers, {
      'List-Unsubscribe': `<${url}>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    });
  });

  test('a URL given with the email replaces the link in the headers, and not the one in the email', async () => {
    const tenant = await world.addTenant();
    const template = await addNewsletter(world, tenant);
    const own = 'https://harbour.example/stop';
    const more = { one_click_unsubscribe_url: own };
    const { id, content } = await sendEmail(world, tenant, template, 'rowan@example.com', more);
    assert.equal(content.one_click_unsubscribe_url, own);
    await world.drain();
    assert.equal((await read(world, tenant, id)).one_click_unsubscribe_url, own);
    const [message] = (await world.sandbox(`/messages?reference=${id}`)).messages;
    assert.equal(message.headers['List-Unsubscribe'], `<${own}>`);
    assert.match(message.text, new RegExp(`these emails: ${world.api}/unsubscribe/${id}/`));
  });

  test('one click unsubscribes, and a repeat gets the same answer', async () => {
    const { tenant, id, url } = await newsletterTo('Rowan@Example.com');
    for (let click = 0; click < 2; click += 1) {
      const { status, headers, text } = await oneClick(url);
      assert.equal(status, 200);
      assert.match(headers.get('content-type') ?? '', /^application\/json/);
      assert.deepEqual(JSON.parse(text), { result: 'success', message: 'Unsubscribe successful' });
    }
    assert.deepEqual(
      (await listed(world, tenant)).map(({ id: _id, created_at, ...rest }) => rest),
      [
        {
          ...{ notification_type: 'email', recipient: 'rowan@example.com', reason: 'unsubscribed' },
          ...{ notification_id: id, expires_at: null },
        },
      ],
    );
  });

  test('who unsubscribed gets no more emails with a link to unsubscribe, and every other message', async () => {
    const { tenant, template, url } = await newsletterTo('rowan@example.com');
    await registerCallback(world, tenant, service.url);
    await oneClick(url);
    const next = await sendEmail(world, tenant, template, 'ROWAN@example.com');
    assert.deepEqual(await finished(world, tenant, next.id), stopped('unsubscribed'));
    const own = { one_click_unsubscribe_url: 'https://harbour.example/stop' };
    const withOwn = await sendEmail(world, tenant, tenant.templates.email, 'rowan@example.com', own);
    assert.deepEqual(await finished(world, tenant, withOwn.id), stopped('unsubscribed'));
    const reset = await sendEmail(world, tenant, tenant.templates.email, 'rowan@example.com');
    assert.deepEqual(await finished(world, tenant, reset.id), sent);
    const somebody = await sendEmail(world, tenant, template, 'kim@example.com');
    assert.deepEqual(await finished(world, tenant, somebody.id), sent);
    assert.deepEqual((await world.sandbox(`/messages?reference=${next.id}`)).messages, []);
    const [told] = await world.until(
      async () => service.seen.filter(({ body }) => body.id === next.id),
      (seen) => seen.length > 0,
    );
    assert.equal(told!.body.status, 'permanent-failure');
  });

  test('unsubscribing from one service leaves the emails of others', async () => {
    const { url } = await newsletterTo('rowan@example.com');
    await oneClick(url);
    const other = await world.addTenant();
    const { id } = await sendEmail(world, other, await addNewsletter(world, other), 'rowan@example.com');
    assert.deepEqual(await finished(world, other, id), sent);
    assert.deepEqual(await listed(world, other), []);
  });

  test('a link that a browser opens shows a page that changes nothing until its button is pressed', async () => {
    const { tenant, url } = await newsletterTo('rowan@example.com');
    for (const method of ['GET', 'HEAD']) {
      const opened = await ask(url, { method });
      assert.equal(opened.status, 200);
      assert.match(opened.headers.get('content-type') ?? '', /^text\/html/);
      assert.match(opened.headers.get('content-security-policy') ?? '', /default-src 'none'/);
      assert.equal(opened.headers.get('access-control-allow-origin'), null);
    }
    assert.deepEqual(await listed(world, tenant), []);
    const { text } = await ask(url);
    assert.doesNotMatch(text, /rowan@example/i, 'the email may have been forwarded');
    const [, name, value] = /<form method="post"><button name="(.+?)" value="(.+?)">/.exec(text) ?? [];
    const pressed = await ask(url, { method: 'POST', body: new URLSearchParams({ [name!]: value! }) });
    assert.equal(pressed.status, 200);
    assert.match(pressed.headers.get('content-type') ?? '', /^text\/html/);
    assert.match(pressed.text, /You have unsubscribed/);
    assert.equal((await listed(world, tenant)).length, 1);
    const wrong = `${url.slice(0, -8)}AAAAAAAA`;
    for (const init of [{}, { method: 'POST', body: new URLSearchParams({ [name!]: value! }) }]) {
      const page = await ask(wrong, init);
      assert.equal(page.status, 404);
      assert.match(page.text, /<h1>This link is not valid<\/h1>/);
    }
  });

  test('a wrong token, a link older than a year and an unknown message are refused in the words of the specification', async () => {
    const { url, id } = await newsletterTo('rowan@example.com');
    const cipher = createCipher([secretKey], salt);
    const linkOf = (id: string) =>
      unsubscribeUrl(world.api, cipher, { id, normalisedRecipient: 'rowan@example.com' });
    const notValid = 'This is not a valid unsubscribe link.';
    const yearAgo = createIdSource({ now: () => world.clock.now() - 365 * day * 1000 })();
    const cases: [string, string][] = [
      [`${url.slice(0, -8)}AAAAAAAA`, notValid],
      [`${world.api}/unsubscribe/${id}/x`, notValid],
      [`${world.api}/unsubscribe/nothing/x`, notValid],
      [`${world.api}/unsubscribe/${id}/${'x'.repeat(5000)}`, notValid],
      [linkOf(yearAgo), notValid],
      [linkOf(createIdSource(world.clock)()), 'This unsubscribe link is invalid or expired.'],
    ];
    for (const [link, text] of cases) {
      const { status, text: body } = await oneClick(link);
      assert.equal(status, 404, link);
      assert.deepEqual(JSON.parse(body), { result: 'error', message: { 'unsubscribe request': text } });
    }
  });

  test('a link works after the personal data of its message is deleted', async () => {
    const { tenant, template, id, url } = await newsletterTo('rowan@example.com');
    await world.connection.pool.query('delete from notifications where id = $1', [id]);
    assert.equal((await oneClick(url)).status, 200);
    const next = await sendEmail(world, tenant, template, 'rowan@example.com');
    assert.deepEqual(await finished(world, tenant, next.id), stopped('unsubscribed'));
  });

  test('the link of a test message unsubscribes nobody, and test messages are not suppressed', async () => {
    const { tenant, template, url } = await newsletterTo('rowan@example.com');
    const sendTest = async () => {
      const { body } = await world.call('POST', '/v2/notifications/email', {
        key: tenant.keys.test,
        body: { template_id: template, email_address: 'rowan@example.com', personalisation },
      });
      await world.drain();
      return read(world, tenant, body.id);
    };
    const first = await sendTest();
    assert.equal((await oneClick(first.one_click_unsubscribe_url)).status, 200);
    assert.deepEqual(await listed(world, tenant), []);
    await oneClick(url);
    assert.equal((await sendTest()).status, 'delivered');
  });

  test('no log line holds the token of a link', async () => {
    const { url } = await newsletterTo('rowan@example.com');
    const { pathname } = new URL(url);
    await oneClick(url);
    await ask(url);
    const spelled = pathname.replace('unsubscribe', '%75nsub%73cribe');
    assert.equal((await oneClick(world.api + spelled)).status, 200);
    const token = pathname.split('/').at(-1)!;
    assert.ok(lines.some(({ message }) => /^POST \/unsubscribe\/[\da-f-]{36}\/… 200/.test(message)));
    assert.deepEqual(
      lines.filter((line) => JSON.stringify(line).includes(token)),
      [],
    );
  });

  test('permanent failures suppress nobody unless the service asks for it', async () => {
    const tenant = await world.addTenant();
    const first = await sendText(world, tenant, '07700900002');
    assert.equal((await finished(world, tenant, first)).status, 'permanent-failure');
    assert.deepEqual(await listed(world, tenant), []);
    assert.equal((await finished(world, tenant, await sendText(world, tenant, '07700900002'))).attempts, 1);
  });

  test('a service that asks for it sends nothing but urgent messages for two weeks to who failed permanently', async () => {
    const tenant = await world.addTenant();
    const settings = `/service/${tenant.id}/suppressions/settings`;
    assert.deepEqual((await world.admin('GET', settings)).body, { suppress_failed_recipients: false });
    const on = { suppress_failed_recipients: true };
    assert.deepEqual(await world.admin('POST', settings, on).then(({ body }) => body), on);
    assert.deepEqual((await world.admin('GET', settings)).body, on);
    const urgent = randomUUID();
    await addTemplate(world.connection.db, {
      ...{ id: urgent, serviceId: tenant.id, type: 'sms', name: 'Code', subject: null, priority: true },
      content: 'Your code is ((time))',
    });
    const first = await sendText(world, tenant, '07700900002');
    assert.equal((await finished(world, tenant, first)).attempts, 1);
    const [entry] = await listed(world, tenant);
    assert.deepEqual(
      [entry!['recipient'], entry!['reason'], entry!['notification_id']],
      ['447700900002', 'permanent-failure', first],
    );
    const lasts = Date.parse(entry!['expires_at']) - Date.parse(entry!['created_at']);
    assert.equal(lasts, 14 * day * 1000);
    const second = await sendText(world, tenant, '07700 900002');
    assert.deepEqual(await finished(world, tenant, second), stopped('permanent-failure'));
    assert.equal((await listed(world, tenant))[0]!['expires_at'], entry!['expires_at'], 'not prolonged');
    const code = await sendText(world, tenant, '07700900002', urgent);
    assert.equal((await finished(world, tenant, code)).attempts, 1);
    // Over the same row: it has failed again, and counts from now.
    const [renewed, ...others] = await listed(world, tenant);
    assert.deepEqual(others, []);
    assert.equal(renewed!['notification_id'], code);
    await world.connection.pool.query('update suppressions set expires_at = now() where id = $1', [
      renewed!['id'],
    ]);
    assert.deepEqual(await listed(world, tenant), []);
    assert.equal((await finished(world, tenant, await sendText(world, tenant, '07700900002'))).attempts, 1);
    await world.admin('POST', settings, { suppress_failed_recipients: false });
    assert.equal((await finished(world, tenant, await sendText(world, tenant, '07700900002'))).attempts, 1);
  });

  test('failures of test messages suppress nobody', async () => {
    const tenant = await world.addTenant({
      permissions: ['sms', 'email', 'suppress_failed_recipients'],
    });
    await world.call('POST', '/v2/notifications/sms', {
      key: tenant.keys.test,
      body: { template_id: tenant.templates.sms, phone_number: '07700900002', personalisation },
    });
    await world.drain();
    assert.deepEqual(await listed(world, tenant), []);
  });

  test('expired entries are deleted', async () => {
    const { db, pool } = world.connection;
    const tenant = await world.addTenant();
    await pool.query(
      `insert into suppressions (id, service_id, notification_type, recipient, reason, created_at, expires_at)
       values (gen_random_uuid(), $1, 'sms', '1', 'permanent-failure', now(), now() - interval '1 second'),
         (gen_random_uuid(), $1, 'sms', '2', 'permanent-failure', now(), now() + interval '1 day'),
         (gen_random_uuid(), $1, 'sms', '3', 'manual', now(), null)`,
      [tenant.id],
    );
    await deleteExpiredSuppressions(db, new Date(), 100);
    const { rows } = await pool.query(
      'select recipient from suppressions where service_id = $1 order by recipient',
      [tenant.id],
    );
    assert.deepEqual(
      rows.map(({ recipient }) => recipient),
      ['2', '3'],
    );
  });

  describe('the API', () => {
    let tenant: Tenant;
    const base = () => `/service/${tenant.id}/suppressions`;
    const add = (recipient: string, reason?: string) =>
      world.admin('POST', base(), { recipient, ...(reason !== undefined && { reason }) });
    const page = async (query = '') => (await world.admin('GET', base() + query)).body;
    const recipients = async (query = '') =>
      ((await page(query)).suppressions as any[]).map(({ recipient, reason }) => [recipient, reason]);
    before(async () => {
      tenant = await world.addTenant();
    });

    test('a recipient added by hand gets nothing until the entry is removed', async () => {
      const added = await add('07700 900123');
      assert.equal(added.status, 201);
      assert.equal(added.body.data.recipient, '447700900123');
      assert.deepEqual((await add('+44 7700 900123')).body.data, added.body.data);
      const first = await sendText(world, tenant, '07700900123');
      assert.deepEqual(await finished(world, tenant, first), stopped('manual'));
      const path = `/v2/suppressions/${added.body.data.id}`;
      const remove = (key: string) => world.call('DELETE', path, { key });
      const stranger = await world.addTenant();
      assert.equal((await remove(stranger.keys.normal)).status, 404);
      const byTest = await remove(tenant.keys.test);
      assert.equal(byTest.status, 400);
      assert.match(byTest.body.errors[0].message, /Cannot remove suppressions with a test api key/);
      assert.equal((await remove(tenant.keys.normal)).status, 204);
      assert.equal((await remove(tenant.keys.normal)).status, 404);
      const second = await sendText(world, tenant, '07700900123');
      assert.deepEqual(await finished(world, tenant, second), sent);
    });

    test('each change by the admin client is an event of the service, which names no recipient', async () => {
      const own = await world.addTenant();
      const path = `/service/${own.id}/suppressions`;
      const recipient = 'rowan@example.com';
      const add = () => world.admin('POST', path, { recipient, reason: 'unsubscribed' });
      const { id } = (await add()).body.data;
      assert.equal((await add()).body.data.id, id, 'it is there already');
      for (const suppress_failed_recipients of [true, true, false])
        await world.admin('POST', `${path}/settings`, { suppress_failed_recipients });
      await world.admin('DELETE', `${path}/${id}`);
      assert.equal((await world.admin('DELETE', `${path}/${id}`)).status, 404);
      const { body } = await world.admin('GET', `/service/${own.id}/events`);
      const entry = (before: object | null, after: object | null) => ({
        notification_type: 'email',
        ...{ before, after },
      });
      const reason = { reason: 'unsubscribed' };
      const failed = (is: boolean) => ({ suppress_failed_recipients: is });
      assert.deepEqual(
        body.events.map((one: any) => [one.event_type, one.subject_id, one.data]),
        [
          ['delete_suppression', id, entry(reason, null)],
          ['update_service', own.id, { before: failed(true), after: failed(false) }],
          ['update_service', own.id, { before: failed(false), after: failed(true) }],
          ['create_suppression', id, entry(null, reason)],
        ],
      );
    });

    test('entries can be filtered by recipient and reason, added last first', async () => {
      await add('a@example.com', 'unsubscribed');
      await add('b@example.com');
      await add('a@example.com');
      assert.deepEqual(await recipients(), [
        ['a@example.com', 'manual'],
        ['b@example.com', 'manual'],
        ['a@example.com', 'unsubscribed'],
      ]);
      assert.deepEqual(await recipients('?recipient=A@Example.com&reason=manual'), [
        ['a@example.com', 'manual'],
      ]);
      assert.deepEqual(await recipients('?reason=complaint&reason=unsubscribed'), [
        ['a@example.com', 'unsubscribed'],
      ]);
      assert.deepEqual(await recipients('?recipient=07700900999'), []);
      const { suppressions } = await page();
      assert.deepEqual(await listed(world, tenant), suppressions);
      for (const { id } of suppressions)
        assert.equal((await world.admin('DELETE', `${base()}/${id}`)).status, 204);
      assert.deepEqual(await recipients(), []);
    });

    test('pages are bounded, and stay complete while entries are removed', async () => {
      const newId = createIdSource(world.clock);
      const ids = Array.from({ length: 501 }, newId);
      await world.connection.pool.query(
        `insert into suppressions (id, service_id, notification_type, recipient, reason, created_at)
         select id, $2, 'email', id || '@example.com', 'manual', now() from unnest($1::uuid[]) as t (id)`,
        [ids, tenant.id],
      );
      const seen: string[] = [];
      for (let url = base(); ; ) {
        const { suppressions, links } = (await world.admin('GET', url)).body;
        if (suppressions.length === 0) break;
        assert.ok(suppressions.length <= 250);
        seen.push(...suppressions.map(({ id }: any) => id));
        await world.connection.pool.query('delete from suppressions where id = any($1)', [seen]);
        url = links.next.slice(world.api.length);
      }
      assert.deepEqual(seen, ids.toReversed());
    });

    test('what cannot be meant is refused with what is wrong', async () => {
      for (const body of [
        { recipient: 'nobody' },
        { recipient: 'a@b' },
        { recipient: '' },
        { recipient: '\0' },
      ]) {
        const { status, body: answer } = await world.admin('POST', base(), body);
        assert.equal(status, 400);
        assert.match(JSON.stringify(answer), /recipient is not an email address or phone number/);
      }
      for (const [recipient, reason, text] of [
        ['07700900123', 'unsubscribed', /for email addresses only/],
        ['a@example.com', 'complaint', /reason.*Not a valid choice/],
      ] as const) {
        const { status, body } = await add(recipient, reason);
        assert.equal(status, 400);
        assert.match(JSON.stringify(body), text);
      }
      assert.equal((await world.admin('GET', `${base()}?recipient=x`)).status, 400);
      assert.equal((await world.admin('GET', `${base()}?colour=x`)).status, 400);
      assert.equal((await world.admin('GET', `/service/${randomUUID()}/suppressions`)).status, 404);
      assert.equal((await world.admin('DELETE', `${base()}/${randomUUID()}`)).status, 404);
    });
  });
});

describe('complaints', () => {
  let world: World;
  let ses: Receiver;
  before(async () => {
    let count = 0;
    ses = await receiver((_seen, response) => {
      count += 1;
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(`{"MessageId":"ses-${count}"}`);
    });
    world = await createWorld({
      environment: {
        SES_ENABLED: '1',
        SES_URL: ses.url,
        AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'example',
      },
    });
  });
  after(async () => {
    ses.stop();
    await world?.stop();
  });

  async function complain(tenant: Tenant, template: string, address: string, type: string) {
    const { id } = await sendEmail(world, tenant, template, address);
    const { rows } = await world.until(
      () =>
        world.connection.pool.query<{ reference: string }>(
          `select reference from notification_history where id = $1 and status = 'sending'`,
          [id],
        ),
      (found) => found.rows.length === 1,
    );
    const feedbackId = randomUUID();
    const post = async () => {
      const { status } = await world.call('POST', '/notifications/email/ses', {
        key: null,
        body: {
          Type: 'Notification',
          MessageId: randomUUID(),
          Message: JSON.stringify({
            notificationType: 'Complaint',
            mail: {
              timestamp: new Date().toISOString(),
              messageId: rows[0]!.reference,
              destination: [address],
            },
            complaint: { feedbackId, complaintFeedbackType: type, timestamp: new Date().toISOString() },
          }),
        },
      });
      assert.equal(status, 200);
    };
    await post();
    return { id: id as string, post };
  }

  test('who complained gets no more emails with a link to unsubscribe; a repeated complaint does not undo a removal', async () => {
    const tenant = await world.addTenant();
    const template = await addNewsletter(world, tenant);
    const { id, post } = await complain(tenant, template, 'rowan@example.com', 'abuse');
    const [entry] = await listed(world, tenant);
    assert.deepEqual(
      [entry!['recipient'], entry!['reason'], entry!['notification_id'], entry!['expires_at']],
      ['rowan@example.com', 'complaint', id, null],
    );
    const next = await sendEmail(world, tenant, template, 'rowan@example.com');
    assert.deepEqual(await finished(world, tenant, next.id), stopped('complaint'));
    await world.call('DELETE', `/v2/suppressions/${entry!['id']}`, { key: tenant.keys.normal });
    await post();
    assert.deepEqual(await listed(world, tenant), []);
  });

  test('a report that an email is wanted suppresses nobody', async () => {
    const tenant = await world.addTenant();
    await complain(tenant, await addNewsletter(world, tenant), 'kim@example.com', 'not-spam');
    assert.deepEqual(await listed(world, tenant), []);
  });
});
