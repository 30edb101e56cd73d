import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { addInboundSms } from '../../src/message/receipt/inbound/store.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const values = { name: 'Rowan', time: '14:05' };

describe('finding and reading messages in the admin API', () => {
  let world: World;
  let harbour: Tenant;
  before(async () => {
    world = await createWorld();
    harbour = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
  });
  after(() => world.stop());

  async function send(to: string, more: object = {}, key = harbour.keys.normal): Promise<string> {
    const isEmail = to.includes('@');
    const { status, body } = await world.call('POST', `/v2/notifications/${isEmail ? 'email' : 'sms'}`, {
      key,
      body: {
        [isEmail ? 'email_address' : 'phone_number']: to,
        template_id: isEmail ? harbour.templates.email : harbour.templates.sms,
        personalisation: values,
        ...more,
      },
    });
    assert.equal(status, 201, JSON.stringify(body));
    return body.id;
  }
  const path = () => `/service/${harbour.id}/notifications`;
  async function page(query: Record<string, string>) {
    const { status, body } = await world.admin('GET', `${path()}?${new URLSearchParams(query)}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }
  const ids = async (query: Record<string, string>): Promise<string[]> =>
    (await page(query)).notifications.map(({ id }: { id: string }) => id);

  test('a message is found by the whole, the beginning and the end of its recipient in any notation, by every id and reference, stored or not yet', async () => {
    const text = await send('07700 900701', { reference: 'Order 701' });
    const email = await send('Rowan.Tide@Quay.example.com', { reference: 'order-702' });
    const look = async (stage: string) => {
      const table: [to: string, expected: string[]][] = [
        ['07700 900701', [text]],
        ['+44 7700 900-701', [text]],
        ['07700 9007', [text]],
        ['0701', [text]],
        ['900 701', [text]],
        ['rowan.tide@quay.example.com', [email]],
        ['ROWAN.T', [email]],
        ['@quay.example.com', [email]],
        ['quay.example.com', [email]],
        [text, [text]],
        [email.toUpperCase(), [email]],
        ['Order 701', [text]],
        ['order-702', [email]],
        ['order-70', []],
        ['07700 900702', []],
        ['%%%%', []],
        ['____', []],
        ['\\\\\\\\', []],
        [randomUUID(), []],
      ];
      for (const [to, expected] of table) {
        assert.deepEqual(await ids({ to }), expected, `${stage}: ${to}`);
        const posted = await world.admin('POST', path(), { to });
        assert.deepEqual(
          posted.body.notifications.map(({ id }: { id: string }) => id),
          expected,
          `${stage}: ${to}`,
        );
      }
    };
    const later = new Date(world.clock.now() + 3_600_000).toISOString();
    const waiting = await send('07700 900803', { scheduled_for: later });
    assert.deepEqual(await ids({ to: '0803' }), [waiting]);
    assert.equal(
      (await page({ to: '0803' })).notifications[0].next_attempt_at.slice(0, 19),
      later.slice(0, 19),
    );
    await world.until(
      () => page({ to: text }),
      ({ notifications }) => notifications[0]?.status === 'delivered',
    );
    await look('stored');
    const { reference } = (await page({ to: email })).notifications[0];
    assert.deepEqual(await ids({ to: reference }), [email]);
    assert.equal((await world.admin('GET', `/platform/find?q=${reference}`)).body.messages[0].id, email);

    const other = await world.addTenant();
    const elsewhere = await world.admin('GET', `/service/${other.id}/notifications?to=0701`);
    assert.deepEqual(elsewhere.body.notifications, []);

    const found = async (q: string) => {
      const { status, body } = await world.admin('GET', `/platform/find?${new URLSearchParams({ q })}`);
      assert.equal(status, 200);
      return body;
    };
    for (const q of [text, '07700900701', 'Order 701']) {
      const { messages } = await found(q);
      assert.equal(messages[0]?.id, text, q);
      assert.equal(messages[0].service, harbour.id);
    }
    assert.deepEqual((await found('0803')).messages[0].id, waiting);
    assert.deepEqual((await found(harbour.templates.sms)).others, [
      {
        kind: 'template',
        id: harbour.templates.sms,
        name: 'Tide',
        service: harbour.id,
        service_name: `Harbour ${harbour.id.slice(0, 8)}`,
      },
    ]);
    assert.equal((await found(harbour.id)).others[0].kind, 'service');
    assert.equal((await world.admin('GET', '/platform/find?q=12')).status, 400);
    assert.equal((await world.admin('GET', '/platform/find')).status, 400);
  });

  test('a list is filtered by status, type, template, key, reference and time, with test keys only if asked', async () => {
    const start = new Date(world.clock.now()).toISOString();
    const text = await send('07700900711', { reference: 'one' });
    const email = await send('ash@example.com', { reference: 'two' });
    const tried = await send('07700900712', {}, harbour.keys.test);
    await world.until(
      () => page({ created_from: start, include_from_test_key: 'true' }),
      ({ notifications }) =>
        notifications.length === 3 && notifications.every((one: any) => one.status === 'delivered'),
    );
    const since = { created_from: start };
    const { body: one } = await world.admin('GET', `${path()}/${text}`);
    const table: [query: Record<string, string>, expected: string[]][] = [
      [{}, [email, text]],
      [{ include_from_test_key: 'true' }, [tried, email, text]],
      [{ status: 'delivered' }, [email, text]],
      [{ status: 'failed' }, []],
      [{ status: 'no-such-status' }, []],
      [{ template_type: 'sms' }, [text]],
      [{ template_id: harbour.templates.email }, [email]],
      [{ api_key_id: one.api_key }, [email, text]],
      [{ api_key_id: randomUUID() }, []],
      [{ job_id: randomUUID() }, []],
      [{ client_reference: 'two' }, [email]],
      [{ client_reference: 'tw' }, []],
      [{ limit_days: '0' }, [email, text]],
      [{ created_before: start }, []],
      [{ to: '0071', template_type: 'sms' }, []],
      [{ to: '900711', status: 'failed' }, []],
      [{ to: '90071', include_from_test_key: 'true' }, []],
      [{ to: '0770090071', include_from_test_key: 'true' }, [tried, text]],
      [{ to: '0770090071' }, [text]],
      [{ older_than: email }, [text]],
      [{ page_size: '1' }, [email]],
      [{ page_size: '1', older_than: email }, [text]],
      [{ to: '0770090071', include_from_test_key: 'true', older_than: tried }, [text]],
      [{ include_jobs: 'false' }, [email, text]],
      [{ include_one_off: 'false' }, [email, text]],
    ];
    for (const [query, expected] of table)
      assert.deepEqual(await ids({ ...since, ...query }), expected, JSON.stringify(query));
    const answer = await page({ ...since, older_than: email });
    assert.deepEqual(answer.links, { prev: true }, 'there are no older ones since');
    assert.deepEqual((await page({ ...since, page_size: '1' })).links, { next: true });
    assert.deepEqual((await page({ ...since, count_pages: 'false' })).links, {});
    assert.equal(answer.page_size, 50);
    assert.deepEqual((await page({ created_before: '2017-01-01T00:00:00Z' })).links, {});
    assert.equal('total' in answer, false);
  });

  test('what cannot be searched or filtered is refused with a sentence', async () => {
    const short =
      'Too short: search for at least 4 characters of a recipient, or 4 digits of a phone number, such as the last ones.';
    const table: [query: string, message: object][] = [
      ['to=123', { to: [short] }],
      ['to=%00%00%00%00', { to: [short] }],
      ['page=x', { page: ['Not a valid integer.'] }],
      ['page=0', { page: ['Not a positive integer'] }],
      [
        'page=2',
        { page: ['Pages are not numbered. For the next one give the id of the last message as older_than.'] },
      ],
      ['page_size=0', { page_size: ['Not a positive integer'] }],
      ['template_id=x', { template_id: ['Not a valid UUID.'] }],
      ['created_from=yesterday', { created_from: ['Not a valid datetime.'] }],
      ['include_jobs=perhaps', { include_jobs: ['Not a valid boolean.'] }],
    ];
    for (const [query, message] of table) {
      const { status, body } = await world.admin('GET', `${path()}?${query}`);
      assert.deepEqual([status, body], [400, { result: 'error', message }], query);
    }
    assert.equal((await world.admin('GET', `${path()}?template_type=fax`)).status, 400);
    assert.equal((await world.admin('GET', `${path()}?recipient=0701`)).status, 400);
    for (const query of [
      'status=%00',
      'client_reference=%00',
      'limit_days=99999999',
      'created_from=0001-01-01T00:00:00Z',
      'created_before=9999-12-31T23:59:59Z',
      'to=%F0%9F%92%A7%F0%9F%92%A7%F0%9F%92%A7%F0%9F%92%A7',
    ])
      assert.equal((await world.admin('GET', `${path()}?${query}`)).status, 200, query);
  });

  test('one message has its rendered text, its reason in words and a timeline; another service does not have it', async () => {
    const id = await send('cedar@example.com', { reference: 'three' });
    const read = () => world.admin('GET', `${path()}/${id}`);
    const { body } = await world.until(read, ({ body }) => body.status === 'delivered');
    assert.equal(body.body, 'Hi Rowan,\n\nhigh tide at 14:05');
    assert.equal(body.subject, 'Tide for Rowan');
    assert.match(body.html, /^<!DOCTYPE html[\s\S]*high tide at 14:05/i);
    assert.deepEqual(body.personalisation, values);
    assert.deepEqual(body.template, {
      ...{ id: harbour.templates.email, name: 'Tide', template_type: 'email', version: 1 },
      redact_personalisation: false,
      ...{ subject: 'Tide for ((name))', content: 'Hi ((name)),\n\nhigh tide at ((time))' },
    });
    assert.deepEqual(
      [body.reason, body.next_attempt_at, body.key_name, body.key_type, body.client_reference, body.service],
      [null, null, 'a normal key', 'normal', 'three', harbour.id],
    );
    // Its receipt may have overtaken the record of its attempt.
    const { body: told } = await world.until(
      () => world.admin('GET', `${path()}/${id}/timeline`),
      ({ body }) => body.timeline.every(({ outcome }: { outcome?: string }) => outcome !== 'in progress'),
    );
    assert.deepEqual(told.timeline, await timelineOf(id));
    assert.ok(told.timeline.length >= 4);

    const failed = await send('perm-fail@simulator.notify', {}, harbour.keys.test);
    const { body: shown } = await world.until(
      () => world.admin('GET', `${path()}/${failed}`),
      ({ body }) => body.status === 'permanent-failure',
    );
    assert.equal(
      shown.reason,
      'Not delivered: the email address does not exist. Trying again will not help.',
    );

    const other = await world.addTenant();
    for (const [method, end] of [
      ['GET', ''],
      ['GET', '/timeline'],
      ['POST', '/cancel'],
    ] as const) {
      const { status, body } = await world.admin(method, `/service/${other.id}/notifications/${id}${end}`);
      assert.deepEqual([status, body], [404, { result: 'error', message: 'No result found' }], end);
    }
  });

  const timelineOf = async (id: string) =>
    (await world.call('GET', `/v2/notifications/${id}/timeline`, { key: harbour.keys.normal })).body.timeline;

  test('a scheduled message is cancelled once, with an event of who did it; any other is not', async () => {
    const id = await send('07700900731', {
      scheduled_for: new Date(world.clock.now() + 3_600_000).toISOString(),
    });
    for (let time = 0; time < 2; time++) {
      const { status, body } = await world.admin('POST', `${path()}/${id}/cancel`);
      assert.deepEqual([status, body.status], [200, 'cancelled']);
      assert.equal(body.reason, 'Not sent: it was cancelled before its time.');
    }
    const { body } = await world.admin('GET', `/events?service_id=${harbour.id}&type=cancel_notification`);
    assert.deepEqual(
      body.events.map((one: any) => one.subject_id),
      [id],
    );
    const sent = await send('07700900732');
    const refused = await world.admin('POST', `${path()}/${sent}/cancel`);
    assert.deepEqual(
      [refused.status, refused.body.message],
      [400, 'Only a notification that is scheduled and not yet due can be cancelled'],
    );
  });

  test('received texts are listed by day and number; a conversation has both sides, each once over its pages', async () => {
    const cipher = createCipher([secretKey], salt);
    const receive = async (number: string, content: string, at: number) => {
      const id = randomUUID();
      const text = {
        ...{ id, serviceId: harbour.id, notifyNumber: '07700900456', userNumber: number, content },
        ...{ provider: 'mmg', providerReference: null, providerDate: new Date(at), createdAt: new Date(at) },
      };
      await addInboundSms(world.connection.db, cipher, text);
      return id;
    };
    const list = async (query: string) => {
      const { status, body } = await world.admin('GET', `/service/${harbour.id}/inbound-sms?${query}`);
      assert.equal(status, 200, JSON.stringify(body));
      return body.data.map(({ id }: { id: string }) => id);
    };
    // 23:30 UTC is the next day in London in summer.
    const night = await receive('447700900741', 'Late?', Date.parse('2026-06-01T23:30:00Z'));
    const first = await receive('447700900741', 'When is high tide?', world.clock.now());
    const name = await receive('Harbour', 'Hello', world.clock.now());
    const question = await send('07700 900741');
    await world.until(
      () => page({ to: question }),
      ({ notifications }) => notifications[0]?.status === 'delivered',
    );
    const last = await receive('447700900741', 'Thanks', world.clock.now() + 1000);

    assert.deepEqual(await list('day=2026-06-02'), [night]);
    assert.deepEqual(await list('day=2026-06-01'), []);
    assert.deepEqual(
      (await list('number=07700%20900741')).filter((id: string) => id !== night),
      [last, first],
    );
    assert.deepEqual(await list('number=Harbour'), [name]);
    assert.equal((await list(`older_than=${last}&number=%2B447700900741`))[0] !== last, true);
    for (const query of ['day=tomorrow', 'older_than=x', 'from=x'])
      assert.equal(
        (await world.admin('GET', `/service/${harbour.id}/inbound-sms?${query}`)).status,
        400,
        query,
      );
    for (const query of ['number=%00', 'day=9999-12-31', 'day=0001-01-01'])
      assert.deepEqual(await list(query), [], query);
    const one = await world.admin('GET', `/service/${harbour.id}/inbound-sms/${first}`);
    assert.deepEqual([one.status, one.body.content], [200, 'When is high tide?']);
    assert.equal(
      (await world.admin('GET', `/service/${harbour.id}/inbound-sms/${randomUUID()}`)).status,
      404,
    );

    const talk = async (query = '') => {
      const path = `/service/${harbour.id}/inbound-sms/${first}/conversation${query}`;
      return (await world.admin('GET', path)).body.data;
    };
    const all = (await talk()).filter(({ id }: { id: string }) => id !== night);
    assert.deepEqual(
      all.map(({ id, direction, content }: any) => [id, direction, content]),
      [
        [last, 'received', 'Thanks'],
        [question, 'sent', (await page({ to: question })).notifications[0].body],
        [first, 'received', 'When is high tide?'],
      ],
    );
    assert.deepEqual((await talk(`?older_than=${last}`))[0].id, question);
    assert.deepEqual((await talk(`?older_than=${question}`))[0].id, first);
    assert.deepEqual(await talk(`?older_than=${randomUUID()}`), []);
    const other = await world.addTenant();
    for (const end of ['', '/conversation'])
      assert.equal((await world.admin('GET', `/service/${other.id}/inbound-sms/${first}${end}`)).status, 404);
  });

  test('the messages of a service are counted by type and days, without test keys', async () => {
    const tenant = await world.addTenant();
    const count = async (query: string) => {
      const { status, body } = await world.admin('GET', `/service/${tenant.id}/notifications/count?${query}`);
      return status === 200 ? body.notifications_sent_count : status;
    };
    assert.equal(await count(''), 0);
    const body = { template_id: tenant.templates.sms, phone_number: '07700900123', personalisation: values };
    for (const key of [tenant.keys.normal, tenant.keys.test])
      await world.call('POST', '/v2/notifications/sms', { key, body });
    const email = { template_id: tenant.templates.email, email_address: 'ash@example.com' };
    await world.call('POST', '/v2/notifications/email', {
      key: tenant.keys.normal,
      body: { ...email, personalisation: values },
    });
    await world.connection.pool.query(
      `insert into daily_counts select service_id, day - 3, name, 10, wanted, day_limit, admitted
        from daily_counts where service_id = $1 and name = 'sms'`,
      [tenant.id],
    );
    const table: [query: string, count: number][] = [
      ['', 12],
      ['template_type=sms', 11],
      ['template_type=email&limit_days=7', 1],
      ['template_type=letter', 0],
      ['limit_days=0', 2],
      ['limit_days=2&template_type=sms', 1],
      ['limit_days=3&template_type=sms', 11],
      ['limit_days=-1', 400],
      ['limit_days=x', 400],
      ['limit_days=99999999999999999999', 400],
      ['template_type=fax', 400],
      ['days=7', 400],
    ];
    for (const [query, expected] of table) assert.equal(await count(query), expected, query);
    const { body: both } = await world.admin('GET', `/service/${tenant.id}/notifications/count`);
    assert.deepEqual(both.by_type, { sms: 11, email: 1 });
  });

  test('whoever may not see the messages of a service sees those that they sent, and no others', async () => {
    const { pool, db } = world.connection;
    const own = randomUUID();
    await addUser(db, { id: own, name: 'Sam Ferry', emailAddress: `${own}@example.com`, state: 'active' });
    await pool.query('insert into service_users (service_id, user_id, permissions) values ($1, $2, $3)', [
      harbour.id,
      own,
      ['send_texts'],
    ]);
    const as = { 'X-Notify-User-Id': own };
    const sent = await world.admin(
      'POST',
      `/service/${harbour.id}/send-notification`,
      {
        ...{ template_id: harbour.templates.sms, to: '07700 900731', personalisation: values },
        created_by: own,
      },
      as,
    );
    assert.equal(sent.status, 201, JSON.stringify(sent.body));
    const others = await send('07700 900732');
    const listed = async (query: string, headers: Record<string, string>) =>
      (await world.admin('GET', `${path()}?${query}`, undefined, headers)).body.notifications.map(
        ({ id }: { id: string }) => id,
      );
    assert.deepEqual(await listed('', as), [sent.body.id]);
    assert.deepEqual(await listed('to=0732', as), []);
    assert.deepEqual(await listed(`created_by=${own}`, {}), [sent.body.id]);
    assert.deepEqual(await listed(`created_by=${randomUUID()}`, {}), []);
    for (const end of ['', '/timeline']) {
      const status = async (id: string) =>
        (await world.admin('GET', `${path()}/${id}${end}`, undefined, as)).status;
      assert.equal(await status(sent.body.id), 200);
      assert.equal(await status(others), 404);
    }
    // A file of theirs is theirs row by row.
    const job = randomUUID();
    await world.until(
      () => pool.query('select from notification_history where id = $1', [others]),
      ({ rowCount }) => rowCount === 1,
    );
    await pool.query(
      `insert into jobs (id, service_id, template_id, template_version, template_type, key_type, original_file_name, notification_count,
         status, created_by, created_at) values ($1, $2, $3, 1, 'sms', 'normal', 'a.csv', 1, 'finished', $4, now())`,
      [job, harbour.id, harbour.templates.sms, own],
    );
    await pool.query('update notification_history set job_id = $1, job_row_number = 0 where id = $2', [
      job,
      others,
    ]);
    assert.deepEqual(await listed('', as), [others, sent.body.id]);
    assert.equal((await world.admin('GET', `${path()}/${others}`, undefined, as)).status, 200);
  });

  test('a message that no provider takes says when it is tried next', async () => {
    await world.behave({ outage: true, receipt_delay_ms: { min: 0, max: 0 } });
    const id = await send('07700900721');
    const { body } = await world.until(
      () => world.admin('GET', `${path()}/${id}`),
      ({ body }) =>
        body.next_attempt_at !== null && Date.parse(body.next_attempt_at) > world.clock.now() + 60_000,
    );
    assert.equal(body.status, 'created');
    await world.behave({ outage: false, receipt_delay_ms: { min: 0, max: 0 } });
  });
});
