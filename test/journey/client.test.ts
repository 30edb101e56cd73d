import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { addInboundSms } from '../../src/message/receipt/inbound/store.ts';
import {
  type Answer,
  type Client,
  NotifyClient,
  notificationRules,
  shows,
  templateRules,
  url,
  uuid,
} from '../support/client-answers.ts';
import { addTemplateVersion, setLimits } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, environment, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };

describe('the official client for Node.js', () => {
  let world: World;
  let tenant: Tenant;
  let client: Client;
  before(async () => {
    world = await createWorld();
    tenant = world.tenant;
    client = new NotifyClient(world.api, tenant.keys.normal);
  });
  after(() => world.stop());

  /** The status and body with which a call is refused. */
  async function refusal(call: Promise<unknown>): Promise<unknown> {
    return await call.then(
      () => assert.fail('It was not refused'),
      (error: { response: Answer }) => [error.response.status, error.response.data],
    );
  }
  const badRequest = (message: string) => [
    400,
    { status_code: 400, errors: [{ error: 'BadRequestError', message }] },
  ];

  test('sendSms of the official client sends a text and returns every field', async () => {
    const { status, data } = await client.sendSms(tenant.templates.sms, '07700 900123', {
      personalisation,
      reference: 'tide',
      smsSenderId: tenant.senders.sms,
    });
    assert.equal(status, 201);
    shows(data, {
      id: uuid,
      reference: /^tide$/,
      uri: url,
      template: 'object',
      scheduled_for: 'null',
      content: 'object',
    });
    assert.deepEqual(data.content, { body: 'Hi Rowan, high tide at 14:05', from_number: 'HARBOUR' });
    shows(data.template, { id: uuid, version: 'number', uri: url });
  });

  test('sendEmail of the official client sends an email and returns every field', async () => {
    const unsubscribe = 'https://harbour.example/stop';
    const { status, data } = await client.sendEmail(tenant.templates.email, 'rowan@example.com', {
      personalisation: { ...personalisation, name: 'Sam [prize](https://win.example)' },
      reference: 'tide',
      emailReplyToId: tenant.senders.email,
      oneClickUnsubscribeURL: unsubscribe,
      sanitiseContentFor: ['name'],
    });
    assert.equal(status, 201);
    shows(data, {
      id: uuid,
      reference: /^tide$/,
      uri: url,
      template: 'object',
      scheduled_for: 'null',
      content: 'object',
      sanitised_content: 'object',
    });
    shows(data.content, {
      from_email: /^\S+@\S+$/,
      body: /^Hi Sam \\\[prize\\\]\\\(\\\),/,
      subject: 'string',
      one_click_unsubscribe_url: 'string',
    });
    assert.equal(data.content.one_click_unsubscribe_url, unsubscribe);
    assert.deepEqual(data.sanitised_content, {
      name: { unsanitised: 'Sam [prize](https://win.example)', sanitised: 'Sam \\[prize\\]\\(\\)' },
    });
    shows(data.template, { id: uuid, version: 'number', uri: url });
  });

  test('sanitising that is asked for is applied to lists and objects, or the request is refused', async () => {
    const send = (name: unknown, keys: unknown[] = ['name']) =>
      world.call('POST', '/v2/notifications/email', {
        key: tenant.keys.normal,
        body: {
          template_id: tenant.templates.email,
          email_address: 'rowan@example.com',
          personalisation: { ...personalisation, name },
          sanitise_content_for: keys,
        },
      });
    for (const name of [
      ['Sam', 'https://win.example/x'],
      [['https://win.example/x']],
      { 'https://win.example/x': 1 },
      [{ a: ['[x](https://win.example/x)'] }],
    ]) {
      const { status, body } = await send(name);
      assert.equal(status, 201, JSON.stringify(body));
      assert.doesNotMatch(body.content.body + body.content.subject, /win\.example/);
      const { unsanitised, sanitised } = body.sanitised_content.name;
      assert.match(unsanitised, /win\.example/);
      assert.doesNotMatch(sanitised, /win\.example/);
      const { messages } = await world.until(
        () => world.sandbox(`/messages?reference=${body.id}`),
        ({ messages }) => messages.length > 0,
      );
      assert.doesNotMatch(messages[0].html + messages[0].text + messages[0].subject, /win\.example/);
    }
    const file = await send({ file: 'aGk=', filename: 'hi.txt' });
    assert.deepEqual(
      [file.status, file.body.errors],
      [
        400,
        [{ error: 'BadRequestError', message: 'sanitise_content_for cannot be applied to a file: name' }],
      ],
    );
    const number = await send('Sam', [5]);
    assert.deepEqual(
      [number.status, number.body.errors],
      [400, [{ error: 'ValidationError', message: 'sanitise_content_for 5 is not of type string, null' }]],
    );
  });

  test('sendLetter and sendPrecompiledLetter of the official client are refused: no service may send letters', async () => {
    const notAllowed = badRequest('Service is not allowed to send letters');
    const address = { address_line_1: 'Rowan Oak', address_line_2: '2 Quay Street', postcode: 'BS1 4DJ' };
    const letter = client.sendLetter(randomUUID(), { personalisation: address });
    assert.deepEqual(await refusal(letter), notAllowed);
    const pdf = Buffer.from('%PDF-1.4');
    assert.deepEqual(await refusal(client.sendPrecompiledLetter('case-7', pdf, 'first')), notAllowed);
    const unnamed = client.sendPrecompiledLetter(undefined, pdf);
    assert.deepEqual(await refusal(unnamed), [
      400,
      {
        status_code: 400,
        errors: [{ error: 'ValidationError', message: 'reference is a required property' }],
      },
    ]);
  });

  test('getNotificationById of the official client reads a message with every field', async () => {
    for (const send of [
      () => client.sendSms(tenant.templates.sms, '07700900123', { personalisation }),
      () => client.sendEmail(tenant.templates.email, 'rowan@example.com', { personalisation }),
    ]) {
      const { id } = (await send()).data;
      const { status, data } = await client.getNotificationById(id);
      assert.equal(status, 200);
      shows(data, notificationRules);
      shows(data.template, { id: uuid, version: 'number', uri: url });
      const later = await world.until(
        () => client.getNotificationById(id),
        ({ data }) => data.status === 'delivered',
      );
      shows(later.data, {
        ...notificationRules,
        sent_at: 'time',
        completed_at: 'time',
        cost_in_pounds: 'number',
      });
      assert.equal(later.data.is_cost_data_ready, true);
    }
    assert.deepEqual(await refusal(client.getNotificationById(randomUUID())), [
      404,
      { status_code: 404, errors: [{ error: 'NoResultFound', message: 'No result found' }] },
    ]);
  });

  test('getNotifications of the official client lists each of 1,000 messages once, newest first, while others are being sent', async () => {
    const many = await world.addTenant();
    await setLimits(world.connection.db, many.id, {
      rateLimit: 12_000_000,
      limits: { sms: 1e6, email: 1e6 },
    });
    const its = new NotifyClient(world.api, many.keys.normal);
    const send = async (index: number): Promise<string> => {
      const options = { personalisation, reference: `batch-${index % 2}` };
      const { data } = await (index % 4 === 0
        ? its.sendEmail(many.templates.email, 'rowan@example.com', options)
        : its.sendSms(many.templates.sms, '07700900123', options));
      return data.id;
    };
    const sendMany = (from: number, count: number) =>
      Promise.all(Array.from({ length: count }, (_, index) => send(from + index)));
    const sent: string[] = [];
    while (sent.length < 1000) sent.push(...(await sendMany(sent.length, 50)));

    let paging = true;
    const others = (async () => {
      while (paging) await sendMany(0, 4);
    })();
    const pagesOf = async (...filters: unknown[]) => {
      const pages: any[][] = [];
      for (let last: string | undefined; ; ) {
        const { status, data } = await its.getNotifications(...filters, last);
        assert.equal(status, 200);
        if (data.notifications.length === 0) {
          assert.deepEqual(Object.keys(data.links), ['current']);
          return pages;
        }
        pages.push(data.notifications);
        last = data.notifications.at(-1).id;
        assert.ok(data.links.next.endsWith(`older_than=${last}`));
      }
    };
    const everything = await pagesOf(undefined, undefined, undefined);
    const emails = await pagesOf('email', undefined, 'batch-0');
    const done = await pagesOf(undefined, 'failed', undefined);
    paging = false;
    await others;

    const seen = everything.flat();
    for (const notification of seen) shows(notification, notificationRules);
    const ids = seen.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual(ids, ids.toSorted().reverse());
    const known = new Set(sent);
    assert.deepEqual(
      ids.filter((id) => known.has(id)),
      sent.toSorted().reverse(),
    );
    for (const page of everything.slice(0, -1)) assert.equal(page.length, 250);
    const wanted = sent.filter((_, index) => index % 4 === 0);
    assert.deepEqual(
      emails
        .flat()
        .map(({ id }) => id)
        .filter((id) => known.has(id)),
      wanted.toSorted().reverse(),
    );
    assert.ok(emails.flat().every(({ type, reference }) => type === 'email' && reference === 'batch-0'));
    assert.deepEqual(done, []);
  });

  test('getNotifications of the official client finds a message by the longest reference of the rarest characters', async () => {
    // Random four-byte characters, which compression cannot shorten.
    const reference = String.fromCodePoint(
      ...Array.from({ length: 1000 }, () => 0x20000 + randomInt(40_000)),
    );
    const { data } = await client.sendSms(tenant.templates.sms, '07700900123', {
      personalisation,
      reference,
    });
    await world.until(
      () => client.getNotificationById(data.id),
      ({ data }) => data.status === 'delivered',
    );
    const found = await client.getNotifications(undefined, undefined, reference);
    assert.deepEqual(
      found.data.notifications.map(({ id }: { id: string }) => id),
      [data.id],
    );
  });

  test('getPdfForLetterNotification of the official client is refused: no message is a letter', async () => {
    const { data } = await client.sendSms(tenant.templates.sms, '07700900123', { personalisation });
    const pdf = client.getPdfForLetterNotification(data.id);
    assert.deepEqual(await refusal(pdf), badRequest('Notification is not a letter'));
  });

  test('getTemplateById and getTemplateByIdAndVersion of the official client read a template and its versions', async () => {
    const { sms: id } = (await world.addTenant()).templates;
    const owner = await world.connection.db
      .selectFrom('templates')
      .select('service_id')
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    assert.notEqual(owner.service_id, tenant.id);
    assert.deepEqual(await refusal(client.getTemplateById(id)), [
      404,
      { status_code: 404, errors: [{ error: 'NoResultFound', message: 'No result found' }] },
    ]);
    const words = {
      name: 'Ebb',
      subject: '((what)) at ((time))',
      content: 'Low ((what??tide)) for ((name))',
    };
    await addTemplateVersion(world.connection.db, tenant.templates.email, words, new Date());
    const current = await client.getTemplateById(tenant.templates.email);
    assert.equal(current.status, 200);
    shows(current.data, { ...templateRules, updated_at: 'time', subject: 'string' });
    const { name, version, subject, body, personalisation } = current.data;
    assert.deepEqual(
      { name, version, subject, body, personalisation },
      {
        name: 'Ebb',
        version: 2,
        subject: words.subject,
        body: words.content,
        personalisation: { what: { required: true }, time: { required: true }, name: { required: true } },
      },
    );
    const first = await client.getTemplateByIdAndVersion(tenant.templates.email, 1);
    shows(first.data, { ...templateRules, updated_at: 'null', subject: 'string' });
    assert.deepEqual([first.data.name, first.data.version], ['Tide', 1]);
    const latest = await client.getTemplateByIdAndVersion(tenant.templates.email, 0);
    assert.deepEqual(latest.data, current.data);
  });

  test('getAllTemplates of the official client lists the templates of the service', async () => {
    const { status, data } = await client.getAllTemplates();
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(data), ['templates']);
    assert.equal(data.templates.length, 2);
    for (const template of data.templates) shows(template, templateRules);
    const { data: texts } = await client.getAllTemplates('sms');
    assert.deepEqual(
      texts.templates.map(({ id }: { id: string }) => id),
      [tenant.templates.sms],
    );
    assert.deepEqual((await client.getAllTemplates('letter')).data, { templates: [] });
  });

  test('previewTemplateById of the official client renders a template', async () => {
    const other = await world.addTenant();
    const its = new NotifyClient(world.api, other.keys.normal);
    const sms = await its.previewTemplateById(other.templates.sms, personalisation);
    assert.deepEqual(
      [sms.status, sms.data],
      [
        200,
        {
          id: other.templates.sms,
          type: 'sms',
          version: 1,
          body: 'Hi Rowan, high tide at 14:05',
          html: null,
          subject: null,
          postage: null,
        },
      ],
    );
    const email = await its.previewTemplateById(other.templates.email, personalisation);
    shows(email.data, {
      id: uuid,
      type: /^email$/,
      version: 'number',
      body: /^Hi Rowan,\n\nhigh tide at 14:05$/,
      html: /^<p [^>]*>Hi Rowan,<\/p>/,
      subject: /^Tide for Rowan$/,
      postage: 'null',
    });
    const missing = its.previewTemplateById(other.templates.email);
    assert.deepEqual(await refusal(missing), badRequest('Missing personalisation: name, time'));
  });

  test('getReceivedTexts of the official client lists received texts', async () => {
    const settings = environment('', '');
    const cipher = createCipher([settings['SECRET_KEY']!], settings['DANGEROUS_SALT']!);
    const ids: string[] = [];
    for (let index = 0; index < 251; index++) {
      const at = new Date(Date.UTC(2026, 10, 1) + index * 1000);
      ids.unshift(randomUUID());
      await addInboundSms(world.connection.db, cipher, {
        id: ids[0]!,
        serviceId: tenant.id,
        notifyNumber: '07700900456',
        userNumber: '447700900001',
        content: `Text ${index} – ✓`,
        provider: 'mmg',
        providerReference: null,
        providerDate: at,
        createdAt: at,
      });
    }
    const { status, data } = await client.getReceivedTexts();
    assert.equal(status, 200);
    const path = `${world.api}/v2/received-text-messages`;
    assert.deepEqual(
      data.received_text_messages.map(({ id }: { id: string }) => id),
      ids.slice(0, 250),
    );
    assert.deepEqual(data.links, { current: path, next: `${path}?older_than=${ids[249]}` });
    assert.deepEqual(data.received_text_messages[0], {
      id: ids[0],
      created_at: '2026-11-01T00:04:10.000000Z',
      service_id: tenant.id,
      notify_number: '07700900456',
      user_number: '447700900001',
      content: 'Text 250 – ✓',
    });
    const second = await client.getReceivedTexts(ids[249]);
    assert.equal(second.data.received_text_messages.length, 1);
    assert.deepEqual(second.data.links, { current: path, next: `${path}?older_than=${ids[250]}` });
    for (const end of [ids[250], randomUUID()])
      assert.deepEqual((await client.getReceivedTexts(end)).data, {
        received_text_messages: [],
        links: { current: path },
      });
  });
});
