import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { addTemplate } from '../../src/content/template/store.ts';
import { dayAfter, dayOf, systemClock } from '../../src/ground/clock.ts';
import { addGuests, setLimits, setTemplateArchived } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
const notAllowed = 'The method is not allowed for the requested URL.';
const error = (message: unknown) => ({ result: 'error', message });

describe('the first version of the API', () => {
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.stop());

  const sms = (tenant: Tenant, more: object = {}) => ({
    to: '07700 900123',
    template: tenant.templates.sms,
    personalisation,
    ...more,
  });
  const post = (tenant: Tenant, body: object | string, type = 'sms', key = tenant.keys.normal) =>
    world.call('POST', `/notifications/${type}`, { body, key });
  const get = (tenant: Tenant, path: string, key = tenant.keys.normal) => world.call('GET', path, { key });
  const idOf = async (answer: ReturnType<typeof post>): Promise<string> =>
    (await answer).body.data.notification.id;
  const idsOf = (page: { notifications: { id: string }[] }) => page.notifications.map(({ id }) => id);

  async function template(tenant: Tenant, content: string, type: 'sms' | 'email' = 'sms'): Promise<string> {
    const id = randomUUID();
    await addTemplate(world.connection.db, {
      id,
      serviceId: tenant.id,
      type,
      name: 'Another',
      subject: type === 'email' ? 'A subject' : null,
      content,
    });
    return id;
  }

  test('a text sent with v1 is answered 201, found at once, delivered, and read with every field', async () => {
    const { tenant } = world;
    const { status, body } = await post(tenant, sms(tenant, { job: 'a', status: 'b', else: 1 }));
    assert.equal(status, 201);
    const { id } = body.data.notification;
    assert.deepEqual(body, {
      data: { notification: { id }, body: 'Hi Rowan, high tide at 14:05', template_version: 1 },
    });
    const path = `/notifications/${id}`;
    const first = await get(tenant, path);
    assert.equal(first.status, 200);
    // Any key of the service may read it, with the id in any case.
    assert.equal((await get(tenant, `/notifications/${id.toUpperCase()}`, tenant.keys.test)).status, 200);
    const seen = await world.until(
      async () => (await get(tenant, path)).body.data.notification,
      ({ status }) => status === 'delivered',
    );
    for (const field of ['created_at', 'sent_at', 'updated_at'])
      assert.match(seen[field], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/);
    const { rows } = await world.connection.pool.query(
      'select api_key_id, reference from notification_history where id = $1',
      [id],
    );
    assert.ok(rows[0].api_key_id);
    assert.deepEqual(
      { ...seen, created_at: 'x', sent_at: 'x', updated_at: 'x' },
      {
        id,
        service: tenant.id,
        api_key: rows[0].api_key_id,
        to: '07700 900123',
        job: null,
        job_row_number: null,
        template: { id: tenant.templates.sms, name: 'Tide', template_type: 'sms', version: 1 },
        template_version: 1,
        billable_units: 1,
        notification_type: 'sms',
        status: 'delivered',
        created_at: 'x',
        sent_at: 'x',
        updated_at: 'x',
        sent_by: 'sandbox',
        reference: rows[0].reference,
        body: 'Hi Rowan, high tide at 14:05',
        content_char_count: 28,
      },
    );
    const { messages } = await world.sandbox(`/messages?reference=${id}`);
    assert.match(messages[0].body, /^Harbour \w+: Hi Rowan, high tide at 14:05$/);
  });

  test('an email read with v1 has a subject and no character count', async () => {
    const { tenant } = world;
    const { status, body } = await post(
      tenant,
      { to: 'Rowan@Example.com', template: tenant.templates.email, personalisation },
      'email',
    );
    assert.equal(status, 201);
    const { id } = body.data.notification;
    assert.deepEqual(body, {
      data: {
        notification: { id },
        body: 'Hi Rowan,\n\nhigh tide at 14:05',
        template_version: 1,
        subject: 'Tide for Rowan',
      },
    });
    const { notification } = (await get(tenant, `/notifications/${id}`)).body.data;
    assert.deepEqual(
      [notification.to, notification.subject, notification.content_char_count, notification.billable_units],
      ['Rowan@Example.com', 'Tide for Rowan', null, 0],
    );
    await world.drain();
  });

  test('faults of a v1 request are reported in the texts of v1', async () => {
    const tenant = await world.addTenant();
    const stranger = await world.addTenant();
    const archived = await template(tenant, 'Hi');
    await setTemplateArchived(world.connection.db, archived, true);
    const anything = await template(tenant, '((anything))');
    const missing = 'Missing data for required field.';
    const phone = (reason: string) => ({ to: [`Invalid phone number: ${reason}`] });
    const table: [body: object | string, status: number, message: unknown, type?: string][] = [
      ['{}', 400, { to: [missing], template: [missing] }],
      ['', 400, { to: [missing], template: [missing] }],
      ['null', 400, { to: [missing], template: [missing] }],
      ['no json', 400, { to: [missing], template: [missing] }],
      [
        sms(tenant, { to: null, personalisation: 'x' }),
        400,
        {
          to: ['Field may not be null.'],
          personalisation: ['Not a valid mapping type.'],
        },
      ],
      [sms(tenant, { to: 7700900123 }), 400, { to: ['Not a valid string.'] }],
      [sms(tenant, { to: '' }), 400, phone('Not enough digits')],
      [sms(tenant, { to: '07700 900' }), 400, phone('Not enough digits')],
      [sms(tenant, { to: '0770090012345678' }), 400, phone('Too many digits')],
      [sms(tenant, { to: '07700 90012x' }), 400, phone('Must not contain letters or symbols')],
      [sms(tenant, { to: '020 7946 0000' }), 400, phone('Not a UK mobile number')],
      [
        sms(tenant, { to: 'x', template: 5 }),
        400,
        {
          ...phone('Must not contain letters or symbols'),
          template: ['Not a valid string.'],
        },
      ],
      [{ ...sms(tenant), to: 'rowan@' }, 400, { to: ['Not a valid email address'] }, 'email'],
      [sms(tenant, { template: randomUUID() }), 404, 'No result found'],
      [sms(tenant, { template: 'x\0' }), 404, 'No result found'],
      [sms(tenant, { template: stranger.templates.sms }), 404, 'No result found'],
      [
        sms(tenant, { template: tenant.templates.email }),
        400,
        'email template is not suitable for sms notification',
      ],
      [sms(tenant, { template: archived }), 400, 'Template has been deleted'],
      [sms(tenant, { personalisation: {} }), 400, { template: ['Missing personalisation: name, time'] }],
      [
        sms(tenant, { personalisation: { Name: 'x', time: null } }),
        400,
        {
          template: ['Missing personalisation: time'],
        },
      ],
      [
        sms(tenant, { template: anything, personalisation: { anything: 'x'.repeat(919) } }),
        400,
        {
          content: ['Content has a character count greater than the limit of 918'],
        },
      ],
      [
        sms(tenant, { template: anything, personalisation: { anything: '' } }),
        400,
        {
          content: ['Your message is empty.'],
        },
      ],
      [
        sms(tenant, { to: '+33 6 12 34 56 78' }),
        400,
        {
          to: ['Cannot send to international mobile numbers'],
        },
      ],
      [sms(tenant), 400, 'fax notification type is not supported', 'fax'],
      [
        sms(tenant),
        400,
        'letter notification type is not supported, please use the latest version of the client',
        'letter',
      ],
    ];
    for (const [body, status, message, type] of table) {
      const answer = await post(tenant, body, type);
      assert.deepEqual([answer.status, answer.body], [status, error(message)], JSON.stringify(body));
    }
    const list = (await get(tenant, '/notifications')).body;
    assert.deepEqual(list, { notifications: [], page_size: 250, total: 0, links: {} });
  });

  test('a v1 body that claims to be JSON must be JSON', async () => {
    const { tenant } = world;
    const send = (body: string, type: string) =>
      world.call('POST', '/notifications/sms', { body, headers: { 'content-type': type } });
    for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/hal+json'])
      assert.deepEqual(
        (await send('{"to":', type)).body,
        error('The browser (or proxy) sent a request that this server could not understand.'),
      );
    assert.ok((await send('', 'application/json')).body.message.to);
    assert.ok((await send('{"to":', 'text/plain')).body.message.to);
    assert.equal((await send(JSON.stringify(sms(tenant)), 'text/plain')).status, 201);
  });

  test('v1 checks the recipient and the content of a message in the order of the contract', async () => {
    const tenant = await world.addTenant({ permissions: ['email'] });
    const refused = 'Can’t send to this recipient using a team-only API key';
    const team = (body: object) => post(tenant, body, 'sms', tenant.keys.team);
    const abroad = sms(tenant, { to: '+33 6 12 34 56 78' });
    assert.deepEqual((await team(abroad)).body, error({ to: [refused] }));
    await addGuests(world.connection.db, tenant.id, ['+33612345678']);
    await world.until(
      async () => (await team(abroad)).body,
      ({ message }) => message.service?.[0] === 'Cannot send text messages',
    );
    const able = await world.addTenant({ permissions: ['sms', 'international_sms'] });
    assert.equal((await post(able, { ...abroad, template: able.templates.sms })).status, 201);
  });

  test('a limit is reported in the text of v1, after the fields and before the template', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { limits: { sms: 1 } });
    const full = error('Exceeded send limits (1) for today');
    await world.until(
      async () => (await post(tenant, sms(tenant))).body,
      (body) => body.message === full.message,
    );
    const answer = await post(tenant, sms(tenant, { template: randomUUID() }));
    assert.deepEqual([answer.status, answer.body], [429, full]);
    assert.equal((await post(tenant, '{}')).status, 400);
    assert.equal((await post(tenant, sms(tenant), 'sms', tenant.keys.test)).status, 201);

    const slow = await world.addTenant();
    await setLimits(world.connection.db, slow.id, { rateLimit: 1 });
    const text = 'Exceeded rate limit for key type LIVE of 1 requests per 60 seconds';
    const limited = await world.until(
      () => post(slow, sms(slow)),
      ({ status }) => status === 429,
    );
    assert.deepEqual(limited.body, error(text));
    assert.ok(Number(limited.headers.get('retry-after')) > 0);
    assert.deepEqual((await post(slow, sms(slow, { to: 'x' }))).status, 400);
    assert.deepEqual((await post(slow, sms(slow, { template: 'x' }))).body, error(text));
  });

  test('v1 answers a simulated recipient like any other and stores nothing', async () => {
    const tenant = await world.addTenant();
    const id = await idOf(post(tenant, sms(tenant, { to: '07700 900111' })));
    const answer = await get(tenant, `/notifications/${id}`);
    assert.deepEqual([answer.status, answer.body], [404, error('No result found')]);
    assert.equal((await get(tenant, '/notifications')).body.total, 0);
  });

  test('errors of authentication, paths and methods of v1 use its own envelope', async () => {
    const token = error({ token: ['Unauthorized: authentication token must be provided'] });
    for (const [method, path] of [
      ['POST', '/notifications/sms'],
      ['POST', '/notifications/fax'],
      ['GET', '/notifications'],
      ['GET', '/notifications?page=x'],
      ['GET', '/notifications/statistics'],
      ['GET', `/notifications/${randomUUID()}`],
    ] as const) {
      const answer = await world.call(method, path, { key: null });
      assert.deepEqual([answer.status, answer.body], [401, token], path);
    }
    for (const [method, path, allow] of [
      ['GET', '/notifications/sms', 'POST, OPTIONS'],
      ['GET', '/notifications/not-a-uuid', 'POST, OPTIONS'],
      ['GET', `/notifications/{${randomUUID()}}`, 'POST, OPTIONS'],
      ['PUT', `/notifications/${randomUUID()}`, 'GET, HEAD, POST, OPTIONS'],
      ['POST', '/notifications', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const answer = await world.call(method, path, { key: null });
      assert.deepEqual([answer.status, answer.body], [405, error(notAllowed)], path);
      assert.deepEqual(answer.headers.get('allow')?.split(', ').sort(), allow.split(', ').sort(), path);
    }
    for (const path of ['/notifications/', '/notifications/sms/', '/notifications/a/b']) {
      const answer = await world.call('POST', path, { key: null });
      assert.deepEqual([answer.status, answer.body.result], [404, 'error'], path);
    }
  });

  test('another service cannot read a message with v1', async () => {
    const id = await idOf(post(world.tenant, sms(world.tenant)));
    const answer = await get(await world.addTenant(), `/notifications/${id}`);
    assert.deepEqual([answer.status, answer.body], [404, error('No result found')]);
  });

  test('a v1 list has every message once, newest first, in linked pages', async () => {
    const tenant = await world.addTenant();
    const ids: string[] = [];
    for (let index = 0; index < 7; index++) {
      ids.unshift(await idOf(post(tenant, sms(tenant))));
      // Listed at once, stored or not.
      assert.deepEqual(idsOf((await get(tenant, '/notifications')).body), ids);
    }
    await world.drain();
    const pages: any[] = [];
    for (let path: string | undefined = '/notifications?page_size=3&limit_days=7'; path; ) {
      const { status, body } = await get(tenant, path);
      assert.equal(status, 200);
      pages.push(body);
      path = body.links.next;
    }
    assert.deepEqual(pages.map(idsOf), [ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
    for (const page of pages) assert.deepEqual([page.total, page.page_size], [7, 3]);
    const link = (page: number) => `/notifications?page=${page}&page_size=3&limit_days=7`;
    assert.deepEqual(
      pages.map(({ links }) => links),
      [{ next: link(2), last: link(3) }, { prev: link(1), next: link(3), last: link(3) }, { prev: link(2) }],
    );
    for (const page of ['4', '1000', '9'.repeat(40)]) {
      const answer = await get(tenant, `/notifications?page_size=3&page=${page}`);
      assert.deepEqual([answer.status, answer.body], [404, error('No result found')]);
    }
    // A full page is the last one if no message follows it.
    const full = (await get(tenant, '/notifications?page_size=7')).body;
    assert.deepEqual([idsOf(full), full.total, full.links], [ids, 7, {}]);
    const shown = (await get(tenant, `/notifications/${ids[0]}`)).body.data.notification;
    assert.deepEqual(full.notifications[0], shown);
  });

  test('a v1 list has exactly the messages that match its query and its key', async () => {
    const tenant = await world.addTenant();
    const email = { to: 'rowan@example.com', template: tenant.templates.email, personalisation };
    const good = await idOf(post(tenant, sms(tenant)));
    const mail = await idOf(post(tenant, email, 'email'));
    const bad = await idOf(post(tenant, sms(tenant, { to: '07822222222' })));
    const ofJob = await idOf(post(tenant, sms(tenant)));
    const tested = await idOf(post(tenant, sms(tenant), 'sms', tenant.keys.test));
    await world.drain();
    const job = randomUUID();
    await world.connection.pool.query(
      'update notification_history set job_id = $1, job_row_number = 4, api_key_id = null where id = $2',
      [job, ofJob],
    );
    const table: [query: string, ids: string[], key?: string][] = [
      ['', [bad, mail, good]],
      ['?template_type=email', [mail]],
      ['?template_type=email&template_type=sms', [bad, mail, good]],
      ['?template_type=letter', []],
      ['?status=failed', [bad]],
      ['?status=permanent-failure&status=delivered', [bad, mail, good]],
      ['?status=created', []],
      ['?status=delivered&template_type=sms', [good]],
      ['?limit_days=0', [bad, mail, good]],
      ['?limit_days=-3', []],
      ['?include_jobs=true', [ofJob, bad, mail, good]],
      ['?include_jobs=false', [bad, mail, good]],
      ['?include_jobs=true', [tested], tenant.keys.test],
      ['', [tested], tenant.keys.test],
      ['', [], tenant.keys.team],
      ['?page_size=2&page=2&include_jobs=1', [mail, good]],
    ];
    for (const [query, ids, key] of table) {
      const { status, body } = await get(tenant, `/notifications${query}`, key);
      assert.equal(status, 200, query);
      assert.deepEqual(idsOf(body), ids, query);
    }
    const shown = (await get(tenant, `/notifications/${ofJob}`)).body.data.notification;
    assert.deepEqual([shown.job.id, shown.job_row_number, shown.api_key], [job, 4, null]);
    const answer = await get(tenant, '/notifications?page=0&limit_days=x&status=y');
    assert.equal(answer.status, 400);
    assert.deepEqual(
      answer.body,
      error({
        status: ['Not a valid choice.'],
        page: ['Not a positive integer'],
        limit_days: ['Not a valid integer.'],
      }),
    );
  });

  test('the daily figures of v1 count only messages of the caller, without test keys', async () => {
    const tenant = await world.addTenant();
    const path = (day: string) => `/notifications/statistics?day=${day}`;
    const today = dayOf(systemClock.now());
    const none = {
      service: tenant.id,
      emails_requested: 0,
      emails_delivered: 0,
      emails_failed: 0,
      sms_requested: 0,
      sms_delivered: 0,
      sms_failed: 0,
    };
    assert.deepEqual((await get(tenant, path(today))).body, { data: [{ id: null, day: today, ...none }] });
    const email = { template: tenant.templates.email, personalisation };
    await post(tenant, sms(tenant));
    await post(tenant, sms(tenant, { to: '07822222222' }));
    await post(tenant, sms(tenant, { to: '07833333333' }));
    await post(tenant, sms(tenant), 'sms', tenant.keys.test);
    await post(tenant, { ...email, to: 'rowan@example.com' }, 'email');
    await post(tenant, { ...email, to: 'perm-fail@simulator.notify' }, 'email');
    assert.equal((await get(tenant, path(today))).body.data[0].sms_requested, 3);
    await world.drain();
    const [row] = (await get(tenant, path(today), tenant.keys.team)).body.data;
    assert.match(row.id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(row, {
      ...none,
      id: row.id,
      day: today,
      emails_requested: 2,
      emails_delivered: 1,
      emails_failed: 1,
      sms_requested: 3,
      sms_delivered: 1,
      sms_failed: 2,
    });
    for (const day of [dayAfter(today, -1), '2017-05-12', '1970-01-01', '0000-01-01'])
      assert.deepEqual((await get(tenant, path(day))).body, { data: [{ id: null, day, ...none }] });
    for (const [query, text] of [
      ['', 'Missing data for required field.'],
      ['?day=', 'Not a valid date.'],
      ['?day=2026-02-30', 'Not a valid date.'],
      [`?day=${dayAfter(today, 2)}`, 'Date cannot be in the future'],
    ]) {
      const answer = await get(tenant, `/notifications/statistics${query}`);
      assert.deepEqual([answer.status, answer.body], [400, error({ day: [text] })]);
    }
  });

  test('no v1 request is answered 5xx', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { rateLimit: 1_000_000, limits: { sms: 3, email: 3 } });
    const likely = fc.constantFrom<unknown>(
      ...[tenant.templates.sms, tenant.templates.email, '07700900123', '+33612345678', 'rowan@example.com'],
      ...[null, {}, [], 6, 'x\0', personalisation, { name: { a: [1] }, time: ['a', null] }],
    );
    const document = fc.oneof(
      fc.record(
        {
          to: fc.oneof(likely, fc.string()),
          template: likely,
          personalisation: fc.oneof(likely, fc.object()),
        },
        { requiredKeys: [] },
      ),
      fc.json(),
      fc.string(),
    );
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer().map(String),
      fc.constantFrom('1', 'failed', 'sms', 'true', '0', '0099-01-01', '1969-12-31', '1e3', '\0', '%'),
    );
    const names = ['page', 'page_size', 'limit_days', 'include_jobs', 'status', 'template_type', 'day'];
    const query = fc
      .array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 5 })
      .map((pairs) => `?${new URLSearchParams(pairs)}`);
    await fc.assert(
      fc.asyncProperty(
        document,
        fc.constantFrom('sms', 'email', 'fax', '%00'),
        query,
        fc.string(),
        fc.constantFrom('application/json', 'text/plain', ';', ''),
        async (body, type, query, path, contentType) => {
          const requests: [string, string, (object | string)?][] = [
            ['POST', `/notifications/${type}`, typeof body === 'string' ? body : { ...body }],
            ['GET', `/notifications${query}`],
            ['GET', `/notifications/statistics${query}`],
            ['GET', `/notifications/${encodeURIComponent(path)}`],
          ];
          for (const [method, path, body] of requests) {
            const answer = await world.call(method, path, {
              key: tenant.keys.normal,
              headers: { 'content-type': contentType },
              ...(body !== undefined && { body }),
            });
            assert.ok(answer.status < 500, `${method} ${path} ${JSON.stringify(body)}: ${answer.status}`);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test('each v1 request is counted under the name of its handler', async () => {
    const text = await (await fetch(`${world.api}/metrics`)).text();
    for (const stat of [
      'POST_notifications_send_notification_201',
      'GET_notifications_get_notification_by_id_200',
      'GET_notifications_get_all_notifications_200',
    ])
      assert.match(text, new RegExp(`^despatch_${stat}_total [1-9]`, 'm'));
  });
});
