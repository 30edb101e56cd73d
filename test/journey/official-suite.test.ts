import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
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
import { freshDatabase } from '../support/database.ts';
import { compileCache, type ProductProcess, startProcess } from '../support/process.ts';
import { environment } from '../support/world.ts';

const run = promisify(execFile);
const personalisation = { name: 'Foo' };
const smsBody = 'Hello Foo\n\nFunctional Tests make our world a better place';
const emailBody = 'Hello Foo\r\n\r\nFunctional test help make our world a better place';
const subject = 'Functional Tests are good';

/**
 * The steps of the official clients' integration suites but for letters, against a process of the product and with
 * nothing but what `despatch fixture` prints.
 */
describe('the integration suites of the official clients', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-fixture-'));
  let drop: () => Promise<void>;
  let product: ProductProcess;
  let settings: Record<string, string>;
  let variables: Record<string, string>;
  let client: Client;
  let teamClient: Client;

  async function fixture(...args: string[]): Promise<string> {
    const main = join(import.meta.dirname, '../../src/main.ts');
    const env = { ...compileCache, ...settings };
    return (await run(process.execPath, [main, 'fixture', ...args], { env })).stdout;
  }
  before(async () => {
    const database = await freshDatabase();
    drop = database.drop;
    settings = environment(database.url, dataDir);
    product = await startProcess([], settings);
    variables = JSON.parse(await fixture('--json'));
    client = new NotifyClient(variables['NOTIFY_API_URL']!, variables['API_KEY']!);
    teamClient = new NotifyClient(variables['NOTIFY_API_URL']!, variables['API_SENDING_KEY']!);
  });
  after(async () => {
    await product?.kill('SIGKILL');
    await drop?.();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const given = (name: string): string => variables[name] ?? assert.fail(`${name} was not printed`);

  test('get every variable that they read from `despatch fixture`, the same each time, as JSON or for a shell', async () => {
    const names = [
      ...['NOTIFY_API_URL', 'SERVICE_ID', 'API_KEY', 'API_SENDING_KEY', 'INBOUND_SMS_QUERY_KEY'],
      ...['FUNCTIONAL_TEST_NUMBER', 'FUNCTIONAL_TEST_EMAIL', 'SMS_TEMPLATE_ID', 'EMAIL_TEMPLATE_ID'],
      ...['SMS_SENDER_ID', 'EMAIL_REPLY_TO_ID'],
    ];
    assert.deepEqual(Object.keys(variables), names);
    assert.equal(variables['NOTIFY_API_URL'], product.url('API'));
    const again = await fixture();
    const { stdout } = await run('sh', ['-c', `${again}\nenv`]);
    const set = Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s)));
    for (const name of names) assert.equal(set[name], variables[name]);
    assert.equal(again.split('\n').length, names.length + 1);
    const { data } = await client.getAllTemplates();
    assert.deepEqual(
      data.templates.map(({ version }: { version: number }) => version),
      [2, 2],
    );
    // Its keys are in the database alone.
    assert.deepEqual(
      readdirSync(dataDir).filter((name) => name !== 'admin-secret'),
      ['credentials.json'],
    );
  });

  async function sent(answer: Promise<Answer>, content: object, reference: string | null): Promise<string> {
    const { status, data } = await answer;
    assert.equal(status, 201);
    for (const [name, value] of Object.entries(content)) assert.equal(data.content[name], value);
    assert.equal(data.reference, reference);
    assert.equal(data.scheduled_for, null);
    shows(data.template, { id: uuid, version: 'number', uri: url });
    assert.match(data.uri, url);
    return data.id;
  }
  const email = (options: object) =>
    client.sendEmail(given('EMAIL_TEMPLATE_ID'), given('FUNCTIONAL_TEST_EMAIL'), {
      ...{ personalisation, reference: 'client-ref' },
      ...options,
    });
  const emailContent = { body: emailBody, subject };

  test('send emails: plain, with a reply-to address, with files and with a link to unsubscribe', async () => {
    const file = client.prepareUpload(Buffer.from('%PDF-1.5 testpdf'));
    const named = client.prepareUpload(Buffer.from('a,b'), {
      ...{ filename: 'report.csv', confirmEmailBeforeDownload: true, retentionPeriod: '4 weeks' },
    });
    const link = 'https://functional-tests.example.com/stop';
    for (const options of [
      {},
      { emailReplyToId: given('EMAIL_REPLY_TO_ID') },
      { oneClickUnsubscribeURL: link },
      { personalisation: { ...personalisation, documents: file } },
    ])
      await sent(email(options), emailContent, 'client-ref');
    const withFile = await email({ personalisation: { name: named } });
    assert.match(withFile.data.content.body, /^Hello http:\/\/127\.0\.0\.1:\d+\/d\/\S+\r\n/);
    const { data } = await client.getNotificationById(
      await sent(email({ oneClickUnsubscribeURL: link }), emailContent, 'client-ref'),
    );
    assert.equal(data.one_click_unsubscribe_url, link);
  });

  test('send texts: with the test key, and with the team key under a sender of the service', async () => {
    const template = given('SMS_TEMPLATE_ID');
    const number = given('FUNCTIONAL_TEST_NUMBER');
    await sent(client.sendSms(template, number, { personalisation }), { body: smsBody }, null);
    const options = { personalisation, reference: 'client-ref', smsSenderId: given('SMS_SENDER_ID') };
    await sent(teamClient.sendSms(template, number, options), { body: smsBody }, 'client-ref');
    const stranger = teamClient.sendSms(template, '07700900999', options);
    await assert.rejects(stranger, (error: { response: Answer }) => error.response.status === 400);
  });

  test('read messages by their id and in lists', async () => {
    const text = await client.sendSms(given('SMS_TEMPLATE_ID'), given('FUNCTIONAL_TEST_NUMBER'), {
      personalisation,
    });
    const mail = await email({});
    const expected = [
      [text.data.id, 'sms', smsBody, null],
      [mail.data.id, 'email', emailBody, subject],
    ];
    for (const [id, type, body, wanted] of expected) {
      const { status, data } = await client.getNotificationById(id);
      assert.equal(status, 200);
      shows(data, notificationRules);
      assert.deepEqual([data.type, data.body, data.subject], [type, body, wanted]);
    }
    const { status, data } = await client.getNotifications();
    assert.equal(status, 200);
    assert.match(data.links.current, url);
    for (const one of data.notifications) shows(one, notificationRules);
    const ids = data.notifications.map(({ id }: { id: string }) => id);
    assert.ok(ids.includes(text.data.id) && ids.includes(mail.data.id));
    await assert.rejects(
      client.getNotificationById(randomUUID()),
      (error: { response: Answer }) => error.response.data.errors[0].message === 'No result found',
    );
  });

  test('read templates by their id, by their version and in lists', async () => {
    const [sms, mail] = [given('SMS_TEMPLATE_ID'), given('EMAIL_TEMPLATE_ID')];
    const texts = await client.getTemplateById(sms);
    shows(texts.data, templateRules);
    assert.deepEqual(
      [texts.data.name, texts.data.subject, texts.data.body],
      [
        'Client Functional test sms template',
        null,
        'Hello ((name))\r\n\r\nFunctional Tests make our world a better place',
      ],
    );
    const emails = await client.getTemplateById(mail);
    shows(emails.data, templateRules);
    assert.deepEqual(
      [emails.data.name, emails.data.subject, emails.data.body],
      [
        'Client Functional test email template',
        subject,
        'Hello ((name))\r\n\r\nFunctional test help make our world a better place',
      ],
    );
    const firsts = [
      [sms, 'Example text message template'],
      [mail, 'Client Functional test email template'],
    ] as const;
    for (const [id, name] of firsts) {
      const { data } = await client.getTemplateByIdAndVersion(id, 1);
      shows(data, templateRules);
      assert.deepEqual([data.id, data.version, data.name], [id, 1, name]);
    }
    for (const type of [undefined, 'sms', 'email', 'letter']) {
      const { status, data } = await client.getAllTemplates(type);
      assert.equal(status, 200);
      for (const template of data.templates) shows(template, templateRules);
      assert.equal(data.templates.length, type === undefined ? 2 : type === 'letter' ? 0 : 1);
    }
  });

  test('preview templates', async () => {
    const texts = await client.previewTemplateById(given('SMS_TEMPLATE_ID'), personalisation);
    assert.deepEqual([texts.status, texts.data.type, texts.data.subject ?? null], [200, 'sms', null]);
    assert.equal(texts.data.body, smsBody);
    const emails = await client.previewTemplateById(given('EMAIL_TEMPLATE_ID'), personalisation);
    assert.deepEqual([emails.status, emails.data.type, emails.data.subject], [200, 'email', subject]);
    assert.equal(emails.data.body, emailBody);
  });

  test('read received texts, page after page', async () => {
    const receiver = new NotifyClient(given('NOTIFY_API_URL'), given('INBOUND_SMS_QUERY_KEY'));
    const { status, data } = await receiver.getReceivedTexts();
    assert.equal(status, 200);
    assert.equal(data.received_text_messages.length, 3);
    for (const one of data.received_text_messages)
      shows(one, {
        ...{ id: uuid, created_at: 'time', service_id: uuid },
        ...{ notify_number: 'string', user_number: 'string', content: 'string' },
      });
    assert.match(data.links.current, url);
    const older = await receiver.getReceivedTexts(data.received_text_messages[0].id);
    assert.deepEqual(older.data.received_text_messages, data.received_text_messages.slice(1));
  });

  const python = process.env['PYTHON'] ?? 'python3';
  const hasClient = spawnSync(python, ['-c', 'import notifications_python_client']).status === 0;

  test('pass with the client for Python', {
    skip: hasClient ? false : `${python} has no package notifications-python-client`,
  }, async (t) => {
    const suite = join(import.meta.dirname, '../support/python/official_client_suite.py');
    const { stdout } = await run(python, [suite], { env: { ...process.env, ...variables } });
    const steps = stdout.trimEnd().split('\n');
    t.diagnostic(steps.join('; '));
    assert.equal(steps.length, 8);
  });
});
