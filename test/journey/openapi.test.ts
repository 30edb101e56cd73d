import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import Schema from 'typebox/schema';
import { makeToken, signToken } from '../../src/cli/client.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { createIdSource } from '../../src/ground/id.ts';
import type { OpenApi, Operation } from '../../src/http/openapi/openapi.ts';
import { addInboundSms } from '../../src/message/receipt/inbound/store.ts';
import { unsubscribeUrl } from '../../src/message/suppression/link.ts';
import { makeInviteToken } from '../../src/tenant/invite/invite.ts';
import { platformServiceId } from '../../src/tenant/service/service.ts';
import { makeFirstOperatorToken } from '../../src/tenant/user/link.ts';
import { hashPassword } from '../../src/tenant/user/password.ts';
import { addUser, platformUserId, registerUser } from '../../src/tenant/user/store.ts';
import { addCode, beginSession } from '../../src/tenant/user/store-sign-in.ts';
import { uploadFile } from '../support/files.ts';
import { upload } from '../support/jobs.ts';
import { addTeamMember } from '../support/operator.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const run = promisify(execFile);

type NamedOperation = { name: string; method: string; operation: Operation };

/** The faults of a value by a schema of the document; empty if it fits. */
function faultsBy(document: OpenApi, schema: object, value: unknown): unknown[] {
  const validator = Schema.Compile({ ...schema, components: document.components });
  const [isGood, faults] = validator.Errors(value);
  return isGood ? [] : faults.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function jsonSchema(operation: Operation, status: number): object | undefined {
  return operation.responses[status]?.content?.['application/json']?.schema;
}

/** The status with which an example is answered: the first success that the route documents. */
function goodStatus({ responses }: Operation): number | undefined {
  return Object.keys(responses)
    .map(Number)
    .find((status) => status < 400);
}

describe('the OpenAPI document', () => {
  let world: World;
  let document: OpenApi;
  let operations: NamedOperation[];
  /** Values for the placeholders in examples. */
  let ids: Record<string, string>;
  /** Values for the placeholders of a single route, which take precedence. */
  let idsOf: Record<string, Record<string, string>>;
  let tenant: Tenant;

  before(async () => {
    world = await createWorld();
    document = (await world.call('GET', '/spec', { key: null })).body;
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        operation,
      })),
    );
    tenant = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
    const send = async (more: object = {}) => {
      const { body } = await world.call('POST', '/v2/notifications/sms', {
        key: tenant.keys.normal,
        body: {
          template_id: tenant.templates.sms,
          phone_number: '07700900123',
          personalisation: { name: 'Rowan', time: '14:05' },
          ...more,
        },
      });
      return body.id;
    };
    const providers = await world.admin('GET', '/provider-details');
    const link = (await uploadOne()).split('/');
    ids = {
      api_key: tenant.keys.normal,
      admin_secret: world.credentials.admin.secret,
      sms_template_id: tenant.templates.sms,
      email_template_id: tenant.templates.email,
      template_id: tenant.templates.email,
      sms_sender_id: tenant.senders.sms,
      email_reply_to_id: tenant.senders.email,
      notification_id: await send(),
      provider_details_id: providers.body.provider_details[0].id,
      id: link.at(-2)!,
      key: link.at(-1)!,
      service_id: tenant.id,
      user_id: platformUserId,
      task_name: 'make-partitions',
    };
    const setting = { notification_type: 'sms', days_of_retention: 7 };
    const retention = await world.admin('POST', `/service/${platformServiceId}/data-retention`, setting);
    ids['retention_id'] = retention.body.result.id;
    const { data: email } = await world
      .clientOf(tenant.keys.normal)
      .sendEmail(tenant.templates.email, 'rowan@example.com', { personalisation: { name: 'x', time: 'y' } });
    const unsubscribing = unsubscribeUrl('', createCipher([secretKey], salt), {
      ...{ id: email.id, normalisedRecipient: 'rowan@example.com' },
    }).split('/');
    ids['token'] = unsubscribing.at(-1)!;
    ids['inbound_sms_id'] = await receiveOne();
    ids['callback_id'] = await makeCallback();
    const organisation = await world.admin('POST', '/organisation', { name: 'Harbour Board' });
    ids['organisation_id'] = organisation.body.organisation.id;
    const later = new Date(systemClock.now() + 3_600_000).toISOString();
    const verifications = `/service/${tenant.id}/email-reply-to/verify`;
    const { body: verification } = await world.admin('POST', verifications, { email: 'mole@example.com' });
    idsOf = {
      'GET /service/{service_id}/email-reply-to/verify/{notification_id}': {
        notification_id: verification.data.id,
      },
      'POST /v2/notifications/{notification_id}/cancel': {
        notification_id: await send({ scheduled_for: later }),
      },
      'POST /service/{service_id}/notifications/{notification_id}/cancel': {
        notification_id: await send({ scheduled_for: later }),
      },
      'GET /unsubscribe/{notification_id}/{token}': { notification_id: email.id },
      'POST /unsubscribe/{notification_id}/{token}': { notification_id: email.id },
    };
    ids['row'] = '2';
    await world.until(
      async () => (await world.connection.pool.query('select from notification_history')).rows.length,
      (count) => count >= 2,
    );
  });
  after(() => world.stop());

  /** Examples create and delete callback addresses and suppressions, so each test starts with the same ones. */
  beforeEach(async () => {
    const uploads = '/service/{service_id}/upload/{upload_id}';
    ids['upload_id'] = await uploadRows();
    idsOf[`DELETE ${uploads}`] = { upload_id: await uploadRows() };
    idsOf[`POST ${uploads}/leave-out-faulty`] = { upload_id: await uploadRows() };
    const lists = '/service/{service_id}/contact-list';
    ids['contact_list_id'] = await keepList();
    idsOf[`DELETE ${lists}/{contact_list_id}`] = { contact_list_id: await keepList() };
    idsOf[`POST ${lists}`] = { upload_id: await uploadRows(goodRows) };
    await makeReports();
    await world.connection.pool.query('delete from service_callback_api');
    for (const [type, examples] of [
      ['inbound_sms', ['GET', 'POST']],
      ['complaint', ['DELETE']],
    ] as const) {
      const { body } = await world.admin('POST', `/service/${tenant.id}/callback-api`, {
        url: 'https://service.example/callbacks',
        bearer_token: 'token-of-the-service',
        updated_by_id: platformUserId,
        callback_type: type,
      });
      for (const method of examples)
        idsOf[`${method} /service/{service_id}/callback-api/{callback_api_id}`] = {
          callback_api_id: body.data.id,
        };
      if (type === 'complaint') continue;
      for (const what of ['test', 'resume'])
        idsOf[`POST /service/{service_id}/callback-api/{callback_api_id}/${what}`] = {
          callback_api_id: body.data.id,
        };
    }
    await makeSendersAndKeys();
    for (const method of ['POST', 'DELETE']) {
      const folders = `/service/${tenant.id}/template-folder`;
      const { body } = await world.admin('POST', folders, { name: 'Tides', parent_id: null });
      ids['template_folder_id'] ??= body.data.id;
      idsOf[`${method} /service/{service_id}/template-folder/{template_folder_id}`] = {
        template_folder_id: body.data.id,
      };
    }
    for (const [recipient, example] of [
      ['kim@example.com', 'DELETE /v2/suppressions/{suppression_id}'],
      ['sam@example.com', 'DELETE /service/{service_id}/suppressions/{suppression_id}'],
    ] as const) {
      const { body } = await world.admin('POST', `/service/${tenant.id}/suppressions`, { recipient });
      idsOf[example] = { suppression_id: body.data.id };
    }
  });

  /** Examples make a job of an upload, and take steps with jobs, so each has its own. */
  beforeEach(async () => {
    const path = '/service/{service_id}/job';
    const rows = [['07700900123', 'Rowan', '14:05']];
    const add = () => upload(world.connection.db, tenant, { header: ['phone number', 'name', 'time'], rows });
    idsOf[`POST ${path}`] = { upload_id: await add() };
    const made = async (more: object) => {
      const job_id = await add();
      const body = { id: job_id, created_by: platformUserId, ...more };
      const { status } = await world.admin('POST', `/service/${tenant.id}/job`, body);
      assert.equal(status, 201);
      return job_id;
    };
    const scheduled_for = new Date(systemClock.now() + 3_600_000).toISOString();
    idsOf[`POST ${path}/{job_id}/cancel`] = { job_id: await made({ scheduled_for }) };
    for (const step of ['stop', 'pause', 'resume'])
      idsOf[`POST ${path}/{job_id}/${step}`] = { job_id: await made({ hold_seconds: 600 }) };
    ids['job_id'] = await made({});
    const { job_id } = idsOf[`POST ${path}/{job_id}/resume`]!;
    await world.admin('POST', `/service/${tenant.id}/job/${job_id}/pause`);
  });

  /** Examples add and change a rate, whose days are free. */
  beforeEach(async () => {
    await world.connection.pool.query(`delete from unit_rates where valid_from > '2090-01-01'`);
    const { body } = await world.admin('POST', '/platform/rates', { valid_from: '2098-04-01', rate: 0.02 });
    ids['rate_id'] = body.data.id;
  });

  /** Examples release and drop what is parked, so each test has something. */
  beforeEach(async () => {
    for (const action of ['release', 'drop']) {
      const parked_id = randomUUID();
      await world.connection.pool.query(
        `insert into tasks (queue, id, state, priority, due_at, payload) values ('receipts', $1, 'parked', 0, now(), '{}')`,
        [parked_id],
      );
      idsOf[`POST /platform/parked/{parked_id}/${action}`] = { parked_id };
    }
  });

  /** Examples make, change and end keys and senders: each has its own, and the names that they use are free. */
  async function makeSendersAndKeys(): Promise<void> {
    const { pool } = world.connection;
    const ofTenant = `/service/${tenant.id}`;
    await pool.query(`update api_keys set name = id where name = 'harbour live'`);
    await pool.query(
      `update service_email_reply_to set email_address = id || '@example.com' where email_address in ('desk@example.com', 'office@example.com')`,
    );
    for (const example of [
      'GET /service/{service_id}/api-keys/{key_id}',
      'POST /service/{service_id}/api-key/revoke/{key_id}',
    ]) {
      const name = randomUUID();
      await world.admin('POST', `${ofTenant}/api-key`, {
        name,
        key_type: 'test',
        created_by: platformUserId,
      });
      const { rows } = await pool.query('select id from api_keys where name = $1', [name]);
      idsOf[example] = { key_id: rows[0].id };
    }
    for (const [kind, value] of [
      ['email-reply-to', () => ({ email_address: `${randomUUID()}@example.com` })],
      ['sms-sender', () => ({ sms_sender: randomUUID().slice(0, 8) })],
    ] as const)
      for (const example of ['GET', 'POST', 'archive']) {
        const { body } = await world.admin('POST', `${ofTenant}/${kind}`, { ...value(), is_default: false });
        const path = `/service/{service_id}/${kind}/{sender_id}`;
        idsOf[example === 'archive' ? `POST ${path}/archive` : `${example} ${path}`] = {
          sender_id: (body.data ?? body).id,
        };
      }
  }

  /** Examples make, change and end services and teams, so each test has ones of its own. */
  beforeEach(async () => {
    const { db, pool } = world.connection;
    await pool.query(
      `update services set name = id, normalised_name = null, email_from = id where name = 'Street parking'`,
    );
    const newUser = async () => {
      const id = randomUUID();
      await addUser(db, { id, name: 'Rowan', emailAddress: `${id}@example.com`, state: 'active' });
      return id;
    };
    const newService = async () => {
      const name = randomUUID();
      const of = { user_id: platformUserId, created_by: platformUserId, email_from: name };
      const { body } = await world.admin('POST', '/service', {
        ...of,
        name,
        message_limit: 50,
        restricted: true,
      });
      return body.data.id as string;
    };
    const service_id = await newService();
    const user_id = await newUser();
    await addTeamMember(db, service_id, user_id);
    await addTeamMember(db, tenant.id, user_id);
    idsOf['POST /service/{service_id}/send-notification'] = { user_id };
    idsOf['POST /service/{service_id}/archive'] = { service_id: await newService() };
    for (const [example, of] of [
      ['POST /service/{service_id}/suspend', {}],
      ['POST /service/{service_id}/resume', {}],
      ['POST /service/{service_id}/go-live-request', { service_id: await newService() }],
      ['POST /service/{service_id}/users/{user_id}', { user_id: await newUser() }],
      ['DELETE /service/{service_id}/users/{user_id}', { service_id: await newService(), user_id }],
      ['POST /user/{user_id}/service/{service_id}/permission', { user_id }],
    ] as const)
      idsOf[example] = { service_id, ...of };
    await addTeamMember(db, idsOf['DELETE /service/{service_id}/users/{user_id}']!['service_id']!, user_id);
  });

  /** Examples make, change and archive people, so each test has ones of its own. */
  beforeEach(async () => {
    const { db, pool } = world.connection;
    await pool.query(`update users set email_address = id || '@example.org'
      where email_address in ('kim@example.com', 'rowan@example.com', 'rowan.reed@example.com', 'ola@example.com')`);
    const register = async (emailAddress: string, state: 'active' | 'pending') => {
      const id = randomUUID();
      await registerUser(
        db,
        {
          ...{ id, name: 'Rowan', emailAddress, mobileNumber: '07700900123', authType: 'sms_auth', state },
          ...{ failedLoginCount: 0, loggedInAt: null },
          passwordHash: await hashPassword('a sentence that only Rowan knows'),
        },
        new Date(),
      );
      return id;
    };
    const rowan = await register('rowan@example.com', 'active');
    const other = () => register(`${randomUUID()}@example.com`, 'pending');
    const signedIn = await other();
    const session_id = randomUUID();
    await db.transaction().execute(async (trx) => {
      await beginSession(trx, signedIn, { id: session_id, browser: null, address: null }, new Date());
      const code = { id: randomUUID(), userId: rowan, type: 'sms', code: '40916' } as const;
      await addCode(trx, createCipher([secretKey], salt), code, new Date());
    });
    for (const { name } of operations)
      if (name.includes(' /user/{user_id}') && !name.includes('/service/')) idsOf[name] = { user_id: rowan };
    idsOf['DELETE /user/{user_id}/sessions/{session_id}'] = { user_id: signedIn, session_id };
    idsOf['PUT /user/{user_id}'] = { user_id: await other() };
    for (const what of ['activate', 'archive'])
      idsOf[`POST /user/{user_id}/${what}`] = { user_id: await other() };
  });

  /** Examples invite, cancel, resend and accept, so each test has invites of its own. */
  beforeEach(async () => {
    const { pool } = world.connection;
    await pool.query(`delete from invites where lower_address = 'ash@example.com'`);
    const at = new Date();
    for (const example of [
      'GET /service/{service_id}/invite/{invite_id}',
      'POST /service/{service_id}/invite/{invite_id}',
      'POST /service/{service_id}/invite/{invite_id}/resend',
      'GET /invite/service/{invite_id}',
      'GET /invite/{token}',
      'GET /invite/service/check/{token}',
      'POST /invite/{token}/accept',
    ]) {
      const email = `${randomUUID()}@example.com`;
      const { body } = await world.admin('POST', `/service/${tenant.id}/invite`, {
        ...{ email_address: email, from_user: platformUserId, permissions: 'send_texts' },
      });
      const invite_id = body.data.id as string;
      const token = makeInviteToken(createCipher([secretKey], salt), invite_id, at);
      const user_id = randomUUID();
      await addUser(world.connection.db, { id: user_id, name: 'Ash', emailAddress: email, state: 'active' });
      idsOf[example] = { invite_id, token, user_id };
    }
    // Nobody operates the installation until the example of the second has been tried.
    await pool.query(`update users set state = 'inactive' where platform_admin`);
    for (const path of ['/user/first-operator/check', '/user/first-operator'])
      idsOf[`POST ${path}`] = {
        token: makeFirstOperatorToken(createCipher([secretKey], salt), at.getTime()),
      };
  });

  /** Stores a text as if the tenant had received it; returns its id. */
  async function receiveOne(): Promise<string> {
    const id = randomUUID();
    const now = new Date();
    await addInboundSms(world.connection.db, createCipher([secretKey], salt), {
      ...{
        id,
        serviceId: tenant.id,
        notifyNumber: '07700900456',
        userNumber: '447700900123',
        content: 'Tide?',
      },
      ...{ provider: 'mmg', providerReference: null, providerDate: now, createdAt: now },
    });
    return id;
  }

  /** A callback that was delivered; returns its id. */
  async function makeCallback(): Promise<string> {
    const id = createIdSource(systemClock)();
    const payload = createCipher([secretKey], salt).seal('{"id":"1"}', id);
    await world.connection.pool.query(
      `insert into service_callbacks (id, service_id, callback_type, payload, created_at, queued_at, state)
        values ($1, $2, 'delivery_status', $3, now(), now(), 'delivered')`,
      [id, tenant.id, payload],
    );
    return id;
  }

  /** Uploads a file as if it were sent by email; returns its link. */
  /** A file of recipients with a faulty row. */
  const goodRows = 'phone number,name,time\n07700900123,Rowan,14:05\n';

  async function keepList(): Promise<string> {
    const of = { id: await uploadRows(goodRows), created_by: platformUserId };
    return (await world.admin('POST', `/service/${tenant.id}/contact-list`, of)).body.id;
  }

  /** Examples read a report and delete one, and ask for a new one. */
  async function makeReports(): Promise<void> {
    const reports = `/service/${tenant.id}/report-request`;
    await world.connection.pool.query('delete from report_requests');
    const ask = async (notification_type: string) => {
      const { body } = await world.admin('POST', reports, {
        ...{ user_id: platformUserId, report_type: 'notifications_report', notification_type },
        notification_status: 'all',
      });
      return body.data.id as string;
    };
    // The one that the example asks for is under way already.
    await world.connection.pool.query(
      `insert into report_requests (id, service_id, user_id, notification_type, notification_status, filter, status, parts,
         row_count, characters, created_at)
       values ($1, $2, $3, 'sms', 'failed', '{}', 'in progress', 0, 0, 0, now())`,
      [randomUUID(), tenant.id, platformUserId],
    );
    ids['report_request_id'] = await ask('sms');
    idsOf['DELETE /service/{service_id}/report-request/{report_request_id}'] = {
      report_request_id: await ask('email'),
    };
    await world.until(
      async () => (await world.admin('GET', `${reports}/${ids['report_request_id']}`)).body.data.status,
      (status) => status === 'stored',
    );
  }

  async function uploadRows(
    file = 'phone number,name,time\n07700900123,Rowan,14:05\n12,Ash,15:10\n',
  ): Promise<string> {
    const path = `/service/${tenant.id}/upload?template_id=${tenant.templates.sms}&file_name=tides.csv`;
    return (await world.admin('POST', path, file)).body.data.id;
  }

  async function uploadOne(): Promise<string> {
    return await uploadFile(world.connection.db, {
      ...{ serviceId: tenant.id, recipient: 'rowan@example.com', baseUrl: world.api, now: Date.now() },
      value: {
        file: Buffer.from('a,b\n').toString('base64'),
        filename: 'tides.csv',
        confirm_email_before_download: false,
      },
    });
  }

  function fill(text: string, where: string): string {
    return text.replace(/\{([a-z_]+)\}/g, (_all, name: string) => {
      const id = idsOf[where]?.[name] ?? ids[name];
      assert.ok(id, `the example of ${where} names {${name}}, which this test cannot fill`);
      return id;
    });
  }

  const withExample = () => operations.filter(({ operation }) => operation['x-codeSamples']);

  test('the OpenAPI document is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate({ ...document });
    assert.deepEqual(errors ?? [], []);
    assert.ok(valid);
    assert.equal(document.openapi, '3.1.0');
    assert.deepEqual((await world.call('GET', '/spec.json', { key: null })).body, document);
  });

  test('the OpenAPI document describes each operation once, and every schema that it names', () => {
    const names = operations.map(({ operation }) => operation.operationId);
    assert.equal(new Set(names).size, names.length);
    for (const path of [
      '/v2/notifications/sms',
      '/v2/notifications/email',
      '/v2/notifications/{notification_id}',
    ])
      assert.ok(document.paths[path], path);
    for (const [, place] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = place!.split('/').reduce<any>((node, part) => node?.[part], document);
      assert.ok(found, place);
    }
    const empty = faultsBy(document, { $ref: '#/components/schemas/Notification' }, {});
    assert.notDeepEqual(empty, [], 'references to schemas are followed');
  });

  test('every example in the OpenAPI document is answered as documented', async () => {
    for (const { name, method, operation } of withExample()) {
      const [content] = Object.values(operation.requestBody?.content ?? {});
      const example = content?.example;
      const response = await fetch(world.api + fill(operation['x-example-path'], name), {
        method,
        headers: { Authorization: `Bearer ${await token(operation)}` },
        ...(example !== undefined && {
          body: fill(typeof example === 'string' ? example : JSON.stringify(example), name),
        }),
      });
      const text = await response.text();
      const expected = goodStatus(operation);
      if (expected === undefined)
        assert.ok(operation.responses[response.status], `${name}: ${response.status} ${text}`);
      else assert.equal(response.status, expected, `${name}: ${text}`);
      for (const header of Object.keys(operation.responses[response.status]?.headers ?? {}))
        if (header !== 'Idempotency-Replayed') assert.ok(response.headers.has(header), `${name}: ${header}`);
      const schema = jsonSchema(operation, response.status);
      if (schema) assert.deepEqual(faultsBy(document, schema, JSON.parse(text)), [], `${name}: ${text}`);
    }
  });

  test('every answer and body shown in the OpenAPI document fits its schema', () => {
    for (const { name, operation } of operations) {
      for (const [status, response] of Object.entries(operation.responses))
        for (const { schema, example } of Object.values(response.content ?? {}))
          if (schema && example !== undefined)
            assert.deepEqual(faultsBy(document, schema, example), [], `${name} ${status}`);
      for (const { schema, example } of Object.values(operation.requestBody?.content ?? {}))
        if (schema && example !== undefined) {
          const filled = JSON.parse(fill(JSON.stringify(example), name));
          assert.deepEqual(faultsBy(document, schema, filled), [], name);
        }
    }
  });

  test('refused requests are answered in the shape that the OpenAPI document gives', async () => {
    for (const { name, method, operation } of withExample()) {
      const path = fill(operation['x-example-path'], name);
      const calls: [number, string, { key?: string | null; body?: string }][] = [[405, 'PATCH', {}]];
      if (operation.security.length > 0) calls.push([401, method, { key: null }]);
      if (operation.requestBody?.required && operation.requestBody.content['application/json'])
        calls.push([400, method, { body: '{', key: tenant.keys.normal }]);
      for (const [status, wrong, options] of calls) {
        const isAdmin = operation.security.some((scheme) => 'admin' in scheme) && options.key !== null;
        const answer = isAdmin
          ? await world.admin(wrong, path, options.body)
          : await world.call(wrong, path, options);
        assert.equal(answer.status, status, `${wrong} ${path}: ${JSON.stringify(answer.body)}`);
        const schema = jsonSchema(operation, status);
        assert.ok(schema, `${name} does not document ${status}`);
        assert.deepEqual(faultsBy(document, schema, answer.body), [], `${name} ${status}`);
      }
    }
  });

  /** The document's shell commands that make a service's token and an admin token. */
  function tokenCommands(): string {
    return ['apiKey', 'admin']
      .map((scheme) => {
        const text = String(document.components.securitySchemes[scheme]?.['description']);
        return fill(/```sh\n([\s\S]*?)\n```/.exec(text)![1]!, 'Authentication');
      })
      .join('\n');
  }

  const has = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;
  const canShell = process.platform !== 'win32' && has('openssl', 'version') && has('curl', '--version');
  const canToken = process.platform !== 'win32' && has('openssl', 'version');

  /** A token can be used for 30 seconds, and making one with a shell takes longer than most requests. */
  const made = new Map<string, { at: number; token: Promise<string> }>();
  const usedMilliseconds = 10_000;

  /** Makes one with the document's own commands. */
  async function shellToken(name: 'TOKEN' | 'ADMIN_TOKEN'): Promise<string> {
    const known = made.get(name);
    if (known && Date.now() - known.at < usedMilliseconds) return await known.token;
    const token = run('sh', ['-c', `${tokenCommands()}\nprintf %s "$${name}"`]).then(({ stdout }) => stdout);
    made.set(name, { at: Date.now(), token });
    return await token;
  }

  /** Makes a token, with the document's own commands if this machine can run them. */
  async function token({ security }: Operation): Promise<string> {
    const isAdmin = security.some((scheme) => 'admin' in scheme);
    if (canToken) return await shellToken(isAdmin ? 'ADMIN_TOKEN' : 'TOKEN');
    const { issuer, secret } = world.credentials.admin;
    return isAdmin ? signToken(issuer, secret) : makeToken(tenant.keys.normal);
  }

  test('every curl command of the API page works unchanged', { skip: !canShell }, async () => {
    for (const { name, operation } of withExample()) {
      const { source } = operation['x-codeSamples']!.find(({ lang }) => lang === 'Shell')!;
      const tokens = `TOKEN='${await shellToken('TOKEN')}'\nADMIN_TOKEN='${await shellToken('ADMIN_TOKEN')}'`;
      const commands = `${tokens}\n${fill(source, name)} -w '\\n%{http_code}'`;
      // What `/metrics` answers, after calls of every route, has more than the usual limit.
      const { stdout } = await run('sh', ['-c', commands], { maxBuffer: 64 * 1024 * 1024 });
      const status = Number(stdout.slice(stdout.lastIndexOf('\n') + 1));
      assert.ok(status < 400 || goodStatus(operation) === undefined, `${name}: ${stdout}`);
    }
  });

  test('every call with the official client on the API page works unchanged', async () => {
    const samples = operations.flatMap(({ name, operation }) =>
      (operation['x-codeSamples'] ?? [])
        .filter(({ lang }) => lang === 'JavaScript')
        .map(({ source }) => ({ name, source: fill(source, name) })),
    );
    assert.ok(samples.length >= 2);
    await Promise.all(
      samples.map(async ({ name, source }) => {
        const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', source], {
          cwd: new URL('../..', import.meta.url),
        });
        assert.notEqual(stdout, '', `${name}: ${stderr}`);
      }),
    );
  });

  test('the API page loads nothing from other hosts, runs no inline script and shows the OpenAPI document', async () => {
    const answer = await fetch(`${world.api}/docs`);
    const page = await answer.text();
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'; script-src 'self';/);
    assert.doesNotMatch(policy, /https?:|\*|script-src[^;]*unsafe/);
    assert.doesNotMatch(page, /(?:src|href)="(?:https?:)?\/\//);
    assert.doesNotMatch(page, /<script>|\son[a-z]+=/);
    const targets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target]) => target!);
    assert.ok(targets.length >= 5);
    for (const target of targets) {
      const loaded = await fetch(new URL(target, `${world.api}/docs`));
      const content = await loaded.text();
      assert.equal(loaded.status, 200, target);
      if (target === 'spec') continue;
      assert.equal(loaded.headers.get('cache-control'), 'public, max-age=31536000, immutable', target);
      if (target.endsWith('initializer.js')) assert.match(content, /url: 'spec'/);
    }
    for (const path of ['/docs/', '/docs/x/swagger-ui.css', `/${targets[1]}x`, '/docs/%2e%2e/package.json'])
      assert.equal((await fetch(world.api + path)).status, 404, path);
  });

  test('every route is in the OpenAPI document, except for a known few', async () => {
    const platform = await world.startMore({ roles: ['api'] });
    const missing = platform.routes
      .filter(({ route }) => route.summary === null)
      .map(({ route }) => route.path);
    await platform.stop();
    assert.deepEqual(missing.sort(), [
      ...['/', '/d/*', '/docs', '/docs/:folder/:file', '/notifications/:notification_type'],
      // Closed without Firetext, but for simulated receipts of our own.
      '/notifications/sms/firetext',
      ...['/spec', '/spec.json', '/v2/notifications/:notification_type'],
    ]);
    assert.equal(operations.length, platform.routes.length - missing.length);
  });

  test('a malformed part of a path is answered as the document says', async () => {
    const undocumented: string[] = [];
    for (const { name, method, operation } of operations) {
      const path = name.slice(method.length + 1);
      for (const { name: part } of (operation.parameters ?? []).filter(({ in: place }) => place === 'path')) {
        const own = (given: string) => (given === part ? 'a%00b' : (ids[given] ?? randomUUID()));
        const { status } = await fetch(
          world.api + path.replace(/\{(\w+)\}/g, (_all, given: string) => own(given)),
          {
            method,
            headers: {
              Authorization: `Bearer ${await token(operation)}`,
              'Content-Type': 'application/json',
            },
            ...(method !== 'GET' && { body: '{}' }),
          },
        );
        if (!operation.responses[status] && status !== 404)
          undocumented.push(`${name}: ${status} for a malformed ${part}`);
      }
    }
    assert.deepEqual(undocumented, []);
  });

  test('a malformed Host header is kept out of the commands that people paste', async () => {
    for (const path of ['/docs', '/spec']) {
      const answer = await fetch(world.api + path, { headers: { 'X-Forwarded-Host': "x'; rm -rf ~ #" } });
      const text = await answer.text();
      assert.doesNotMatch(text, /rm -rf/);
      assert.doesNotMatch(text, /despatch\.invalid/);
    }
    assert.ok(JSON.stringify(document).includes(world.api), "the document contains the API's address");
  });
});
