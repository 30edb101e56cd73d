import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { addInboundSms, deleteInboundSms } from '../../src/message/receipt/inbound/store.ts';
import { allCutoffs } from '../../src/tenant/service/retention.ts';
import { secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

describe('the retention of a service', () => {
  let world: World;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
  });
  after(() => world.stop());

  const path = (tenant: Tenant, rest = '') => `/service/${tenant.id}/data-retention${rest}`;
  const set = (tenant: Tenant, notification_type: unknown, days_of_retention: unknown) =>
    world.admin('POST', path(tenant), { notification_type, days_of_retention });
  const get = async (path: string) => (await world.admin('GET', path)).body;
  const answer = ({ status, body }: { status: number; body: unknown }) => [status, body];
  const range = { result: 'error', message: 'The number of days must be between 3 and 90' };

  test('the retention of a service is set by type, read and changed', async () => {
    const tenant = await world.addTenant();
    assert.deepEqual(await get(path(tenant)), []);
    const { status, body } = await set(tenant, 'sms', 30);
    assert.equal(status, 201);
    const { result } = body;
    const { rows } = await world.connection.pool.query('select name from services where id = $1', [
      tenant.id,
    ]);
    assert.deepEqual(result, {
      id: result.id,
      service_id: tenant.id,
      service_name: rows[0].name,
      notification_type: 'sms',
      days_of_retention: 30,
      created_at: result.created_at,
      updated_at: null,
    });
    assert.match(result.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await set(tenant, 'email', 3);
    const all = await get(path(tenant));
    assert.deepEqual(
      all.map((one: typeof result) => [one.notification_type, one.days_of_retention]),
      [
        ['email', 3],
        ['sms', 30],
      ],
    );
    assert.deepEqual(await get(path(tenant, '/notification-type/sms')), result);
    assert.deepEqual(await get(path(tenant, `/${result.id.toUpperCase()}`)), result);
    for (const nothing of ['/notification-type/letter', '/notification-type/fax', `/${randomUUID()}`])
      assert.deepEqual(await get(path(tenant, nothing)), {}, nothing);

    const changed = await world.admin('POST', path(tenant, `/${result.id}`), { days_of_retention: 90 });
    assert.deepEqual(answer(changed), [204, null]);
    const after = await get(path(tenant, `/${result.id}`));
    assert.equal(after.days_of_retention, 90);
    assert.match(after.updated_at, /Z$/);
  });

  test('each change of a retention is an event of its service, with who made it and the days before and after', async () => {
    const tenant = await world.addTenant();
    const { body } = await set(tenant, 'sms', 30);
    const { id } = body.result;
    for (const days_of_retention of [5, 5])
      await world.admin('POST', path(tenant, `/${id}`), { days_of_retention });
    assert.equal((await set(tenant, 'sms', 60)).status, 400);
    assert.equal((await set(tenant, 'email', 2)).status, 400);
    await world.admin('POST', path(tenant, `/${randomUUID()}`), { days_of_retention: 9 });
    const { events } = await get(`/service/${tenant.id}/events`);
    const told = (before: number, after: number) => ({
      notification_type: 'sms',
      before: { days_of_retention: before },
      after: { days_of_retention: after },
    });
    assert.deepEqual(
      events.map((one: any) => [one.event_type, one.subject_id, one.data]),
      [
        ['update_data_retention', id, told(30, 5)],
        ['create_data_retention', id, told(7, 30)],
      ],
    );
  });

  test('the retention of a service is between 3 and 90 days', async () => {
    const tenant = await world.addTenant();
    for (const days of [2, 0, -7, 91, 10_000_000_000, 1e300])
      assert.deepEqual(answer(await set(tenant, 'sms', days)), [400, range], String(days));
    const { body } = await set(tenant, 'sms', 3);
    assert.equal((await set(tenant, 'email', 90)).status, 201);
    for (const days of [2, 91])
      assert.deepEqual(
        answer(await world.admin('POST', path(tenant, `/${body.result.id}`), { days_of_retention: days })),
        [400, range],
      );
    const whole = await world.admin('POST', path(tenant, `/${body.result.id}`), '{"days_of_retention": 7.0}');
    assert.equal(whole.status, 204);
    assert.equal((await get(path(tenant, `/${body.result.id}`))).days_of_retention, 7);
  });

  test('the retention of a type is set once, and belongs to its service alone', async () => {
    const [tenant, other] = [await world.addTenant(), await world.addTenant()];
    const { result } = (await set(tenant, 'sms', 5)).body;
    assert.deepEqual(answer(await set(tenant, 'sms', 6)), [
      400,
      { result: 'error', message: 'Service already has data retention for sms notification type' },
    ]);
    assert.deepEqual(await get(path(other, `/${result.id}`)), {});
    assert.deepEqual(
      answer(await world.admin('POST', path(other, `/${result.id}`), { days_of_retention: 9 })),
      [
        404,
        {
          result: 'error',
          message: `The service data retention for id: ${result.id} was not found for service: ${other.id}`,
        },
      ],
    );
    assert.deepEqual(answer(await set({ ...other, id: randomUUID() }, 'sms', 5)), [
      404,
      { result: 'error', message: 'No result found' },
    ]);
    assert.equal((await world.call('GET', path(tenant))).status, 401);
    assert.equal((await world.admin('GET', '/service/x/data-retention')).status, 404);
  });

  test('faults in a body for retention are reported as errors of the schema', async () => {
    const tenant = await world.addTenant();
    const table: [string | object, string[]][] = [
      [{}, ['notification_type is a required property', 'days_of_retention is a required property']],
      [
        { notification_type: 'fax', days_of_retention: '7' },
        [
          'notification_type fax is not one of [sms, email, letter]',
          'days_of_retention 7 is not of type integer',
        ],
      ],
      [
        { notification_type: 5, days_of_retention: 7.5 },
        [
          'notification_type 5 is not one of [sms, email, letter]',
          'days_of_retention 7.5 is not of type integer',
        ],
      ],
      ['[1]', ['[1] is not of type object']],
    ];
    for (const [body, messages] of table)
      assert.deepEqual(
        answer(await world.admin('POST', path(tenant), body)),
        [
          400,
          { status_code: 400, errors: messages.map((message) => ({ error: 'ValidationError', message })) },
        ],
        JSON.stringify(body),
      );
    assert.deepEqual(answer(await world.admin('POST', path(tenant), '{')), [
      400,
      {
        result: 'error',
        message: 'The browser (or proxy) sent a request that this server could not understand.',
      },
    ]);
  });

  describe('the retention of received texts', () => {
    const cipher = createCipher([secretKey], 'tests');
    const now = Date.parse('2026-04-01T01:40:00Z');

    async function receive(tenant: Tenant, at: string): Promise<void> {
      const time = new Date(at);
      await addInboundSms(world.connection.db, cipher, {
        id: randomUUID(),
        serviceId: tenant.id,
        notifyNumber: '07700900456',
        userNumber: '447700900001',
        content: 'High tide?',
        provider: 'mmg',
        providerReference: null,
        providerDate: time,
        createdAt: time,
      });
    }
    async function left(tenant: Tenant): Promise<string[]> {
      const { rows } = await world.connection.pool.query<{ created_at: Date }>(
        'select created_at from inbound_sms where service_id = $1 order by created_at',
        [tenant.id],
      );
      return rows.map(({ created_at }) => created_at.toISOString());
    }
    const tidy = (limit = 10_000) => deleteInboundSms(world.connection.db, allCutoffs(now), limit);

    test('received texts are kept for seven whole days of the business time zone, or as long as the service has set', async () => {
      const [usual, long, short, email] = [
        await world.addTenant(),
        await world.addTenant(),
        await world.addTenant(),
        await world.addTenant(),
      ];
      await set(long, 'sms', 30);
      await set(short, 'sms', 3);
      // The retention of emails does not apply to texts.
      await set(email, 'email', 3);
      // The clocks changed on 29 March: that day began at midnight UTC, the one after it at 23:00.
      const times = [
        '2026-03-01T23:59:59.999Z',
        '2026-03-02T00:00:00.000Z',
        '2026-03-24T23:59:59.999Z',
        '2026-03-25T00:00:00.000Z',
        '2026-03-28T23:59:59.999Z',
        '2026-03-29T00:00:00.000Z',
        '2026-04-01T01:39:59.999Z',
      ];
      for (const tenant of [usual, long, short, email]) for (const time of times) await receive(tenant, time);
      assert.equal(await tidy(), 3 + 1 + 5 + 3);
      assert.deepEqual(await left(usual), times.slice(3));
      assert.deepEqual(await left(email), times.slice(3));
      assert.deepEqual(await left(long), times.slice(1));
      assert.deepEqual(await left(short), times.slice(5));
      assert.equal(await tidy(), 0);
    });

    test('one run deletes at most the given number of received texts', async () => {
      const [one, two] = [await world.addTenant(), await world.addTenant()];
      for (const tenant of [one, two])
        for (let index = 0; index < 4; index++) await receive(tenant, '2026-02-01T00:00:00Z');
      assert.deepEqual([await tidy(5), await tidy(5), await tidy(5)], [5, 3, 0]);
    });
  });
});
