import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createWorld, type World } from '../support/world.ts';

describe('numbers for received texts', () => {
  let world: World;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
  });
  after(() => world.stop());

  const add = (numbers: unknown, provider: unknown = 'mmg') =>
    world.admin('POST', '/inbound-number', { provider, numbers });
  const give = (serviceId: string, body?: object) =>
    world.admin('POST', `/inbound-number/service/${serviceId}`, body);
  const read = async (path: string) => (await world.admin('GET', path)).body.data;
  const numbers = (list: { number: string }[]) => list.map(({ number }) => number);
  const rowOf = async (id: string) =>
    (await world.connection.pool.query('select * from services where id = $1', [id])).rows[0];

  test('an inbound number is added once, assigned, read, switched off and switched on', async () => {
    const tenant = await world.addTenant();
    assert.deepEqual((await give(tenant.id)).body, {
      result: 'error',
      message: 'No inbound number is free: add some first',
    });
    const added = await add(['+44 7700 900471', '07700900470', '447700900470']);
    assert.equal(added.status, 201);
    assert.deepEqual(numbers(added.body.data), ['07700900470', '07700900471']);
    const [first] = added.body.data;
    assert.deepEqual(first, {
      id: first.id,
      number: '07700900470',
      provider: 'mmg',
      service: null,
      active: true,
      created_at: first.created_at,
      updated_at: null,
    });
    assert.match(first.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.deepEqual(
      (await add(['07700900470'], 'firetext')).body.data,
      [first],
      'an existing number is unchanged',
    );

    assert.deepEqual(await read(`/inbound-number/service/${tenant.id}`), {});
    const given = await give(tenant.id);
    assert.equal(given.status, 200);
    const { name, version } = await rowOf(tenant.id);
    assert.deepEqual(given.body.data.service, { id: tenant.id, name });
    assert.equal(given.body.data.number, '07700900470');
    assert.deepEqual(await read(`/inbound-number/service/${tenant.id.toUpperCase()}`), given.body.data);
    assert.deepEqual(numbers(await read('/inbound-number/available')), ['07700900471']);
    assert.deepEqual(numbers(await read('/inbound-number')), ['07700900470', '07700900471']);
    assert.deepEqual((await rowOf(tenant.id)).permissions, ['sms', 'email', 'inbound_sms']);

    const off = await world.admin('POST', `/inbound-number/service/${tenant.id}/off`);
    assert.deepEqual([off.status, off.body], [204, null]);
    assert.equal((await read(`/inbound-number/service/${tenant.id}`)).active, false);
    const again = await give(tenant.id);
    assert.deepEqual([again.body.data.number, again.body.data.active], ['07700900470', true]);
    assert.equal(
      (await rowOf(tenant.id)).version,
      version,
      'a service that may already receive texts is unchanged',
    );
  });

  test('an assigned inbound number becomes a sender of its service, the default one if there is none', async () => {
    const tenant = await world.addTenant();
    const bare = await world.addTenant();
    await world.connection.pool.query('delete from service_sms_senders where service_id = $1', [bare.id]);
    const { body } = await add(['07700900472', '07700900473']);
    await give(tenant.id, { inbound_number_id: body.data[0].id });
    await give(bare.id, { inbound_number_id: body.data[1].id });
    await give(bare.id);
    const senders = async (id: string) =>
      (
        await world.connection.pool.query(
          'select sms_sender, is_default, inbound_number_id from service_sms_senders where service_id = $1 order by created_at',
          [id],
        )
      ).rows;
    assert.deepEqual(await senders(tenant.id), [
      { sms_sender: 'HARBOUR', is_default: true, inbound_number_id: null },
      { sms_sender: '07700900472', is_default: false, inbound_number_id: body.data[0].id },
    ]);
    assert.deepEqual(await senders(bare.id), [
      { sms_sender: '07700900473', is_default: true, inbound_number_id: body.data[1].id },
    ]);
  });

  test('of two services that want the last inbound number, one gets it', async () => {
    const tenants = [await world.addTenant(), await world.addTenant(), await world.addTenant()];
    await world.connection.pool.query('update inbound_numbers set active = false where service_id is null');
    await add(['07700900474']);
    const answers = await Promise.all(tenants.map(({ id }) => give(id)));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409, 409]);
  });

  test('an inbound number that cannot be assigned is refused with the reason', async () => {
    const tenant = await world.addTenant();
    const other = await world.addTenant();
    const { body } = await add(['07700900475', '07700900476']);
    const [one, two] = body.data;
    await give(tenant.id, { inbound_number_id: one.id });
    const standard = [404, { result: 'error', message: 'No result found' }];
    const table: [Promise<{ status: number; body: unknown }>, unknown][] = [
      [give(randomUUID()), standard],
      [give(other.id, { inbound_number_id: randomUUID() }), standard],
      [give(other.id, { inbound_number_id: one.id }), standard],
      [
        give(tenant.id, { inbound_number_id: two.id }),
        [400, { result: 'error', message: 'This service has another inbound number already' }],
      ],
      [
        give(other.id, { inbound_number_id: 'x' }),
        [400, { result: 'error', message: { inbound_number_id: ['Not a valid UUID.'] } }],
      ],
      [world.admin('POST', `/inbound-number/service/${other.id}/off`), standard],
    ];
    for (const [call, expected] of table) {
      const { status, body } = await call;
      assert.deepEqual([status, body], expected);
    }
  });

  test('all faults in a body for inbound numbers are reported at once, by field', async () => {
    const digits = (index: number) =>
      `Not a valid number at ${index}: it must be a text of 3 to 15 digits, such as "07700900456".`;
    const table: [string | object, unknown][] = [
      [{}, { provider: ['Missing data for required field.'], numbers: ['Missing data for required field.'] }],
      [
        { provider: 5, numbers: '07700900456' },
        { provider: ['Not a valid string.'], numbers: ['Not a valid list.'] },
      ],
      [
        { provider: 'sandbox', numbers: [] },
        { provider: ['Not a valid choice.'], numbers: ['At least one number is needed.'] },
      ],
      [{ provider: 'mmg', numbers: ['07700900456', 'Harbour'] }, { numbers: [digits(1)] }],
      [{ provider: 'mmg', numbers: [7700900456] }, { numbers: [digits(0)] }],
      ['[1]', { _schema: ['Invalid input type.'] }],
      ['{', 'The browser (or proxy) sent a request that this server could not understand.'],
    ];
    for (const [body, message] of table)
      assert.deepEqual(
        await world.admin('POST', '/inbound-number', body).then(({ status, body }) => [status, body]),
        [400, { result: 'error', message }],
        JSON.stringify(body),
      );
  });

  test('inbound numbers are for the admin client only, and a path with a malformed id is not found', async () => {
    const { id } = world.tenant;
    for (const [method, path] of [
      ['GET', '/inbound-number'],
      ['POST', '/inbound-number'],
      ['GET', '/inbound-number/available'],
      ['GET', `/inbound-number/service/${id}`],
      ['POST', `/inbound-number/service/${id}`],
      ['POST', `/inbound-number/service/${id}/off`],
    ] as const)
      assert.equal((await world.call(method, path)).status, 401, path);
    const { status, body } = await world.admin('GET', '/inbound-number/service/not-an-id');
    assert.equal(status, 404);
    assert.match(body.message, /^The requested URL was not found/);
  });
});
