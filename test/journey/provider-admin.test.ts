import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { platformUser } from '../../src/bootstrap/platform-service.ts';
import { all, createTwoProviderWorld, idOf, rowOf, send } from '../support/two-providers.ts';
import { createWorld, type World } from '../support/world.ts';

describe('providers in the admin API', () => {
  let world: World;
  let ids: Record<string, string>;
  before(async () => {
    world = await createWorld({
      roles: ['api'],
      environment: { MMG_API_KEY: 'a', FIRETEXT_API_KEY: 'b', SMTP_URL: 'smtp://127.0.0.1:1' },
    });
    const { body } = await world.admin('GET', '/provider-details');
    ids = Object.fromEntries(
      body.provider_details.map(({ identifier, id }: { identifier: string; id: string }) => [identifier, id]),
    );
  });
  after(() => world.stop());

  const notFound = { result: 'error', message: 'No result found' };

  test('the admin API lists providers by priority, each with its state and the reason for it', async () => {
    const { status, body } = await world.admin('GET', '/provider-details');
    assert.equal(status, 200);
    assert.deepEqual(
      body.provider_details.map(({ identifier }: { identifier: string }) => identifier),
      ['mmg', 'smtp', 'firetext', 'loadtesting'],
    );
    assert.deepEqual(body.provider_details[0], {
      id: ids['mmg'],
      display_name: 'MMG',
      identifier: 'mmg',
      priority: 10,
      notification_type: 'sms',
      active: true,
      version: 1,
      updated_at: null,
      created_by: null,
      supports_international: true,
      reason: null,
      rate_limit: null,
      circuit: 'closed',
      circuit_until: null,
    });
    const one = await world.admin('GET', `/provider-details/${ids['mmg']}`);
    assert.deepEqual(one.body, { provider_details: body.provider_details[0] });
  });

  test('a provider is changed one version at a time, and every version keeps its author and reason', async () => {
    const path = `/provider-details/${ids['firetext']}`;
    const first = await world.admin('POST', path, {
      priority: 5,
      reason: 'Cheaper this month',
      rate_limit: 30,
      created_by: platformUser.id,
    });
    assert.equal(first.status, 200);
    const changed = first.body.provider_details;
    assert.match(changed.updated_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(
      [changed.priority, changed.active, changed.version, changed.reason, changed.rate_limit],
      [5, true, 2, 'Cheaper this month', 30],
    );
    assert.deepEqual(changed.created_by, {
      id: platformUser.id,
      name: platformUser.name,
      email_address: platformUser.emailAddress,
    });
    const second = await world.admin('POST', path, { active: false, rate_limit: null });
    assert.deepEqual(
      ['version', 'priority', 'active', 'reason', 'rate_limit', 'created_by'].map(
        (field) => second.body.provider_details[field],
      ),
      [3, 5, false, null, null, null],
    );
    const versions = await world.admin('GET', `${path}/versions`);
    assert.deepEqual(
      versions.body.data.map(({ version, priority, reason, active }: Record<string, unknown>) => [
        version,
        priority,
        reason,
        active,
      ]),
      [
        [3, 5, null, false],
        [2, 5, 'Cheaper this month', true],
        [1, 20, null, true],
      ],
    );
    assert.deepEqual(versions.body.data[0], second.body.provider_details);
    const mmg = await world.admin('GET', `/provider-details/${ids['mmg']}`);
    assert.deepEqual(
      [mmg.body.provider_details.priority, mmg.body.provider_details.version],
      [10, 1],
      'the other provider is unchanged',
    );
  });

  test('an invalid change of a provider is refused with the reason and changes nothing', async () => {
    const fields = (message: object) => ({ result: 'error', message });
    const table: [string | object, number, object][] = [
      [{ identifier: 'x' }, 400, fields({ identifier: ['Not permitted to be updated'] })],
      [{ priority: 1, version: 7 }, 400, fields({ version: ['Not permitted to be updated'] })],
      [{ priority: 'x' }, 400, fields({ priority: ['Not a valid integer.'] })],
      [
        { active: 'x', rate_limit: -1 },
        400,
        fields({ active: ['Not a valid boolean.'], rate_limit: ['Must be between 1 and 1000000.'] }),
      ],
      ['"text"', 400, fields({ _schema: ['Invalid input type.'] })],
      [{ created_by: randomUUID() }, 404, notFound],
      [{ created_by: 'nobody' }, 404, notFound],
      [{ created_by: 5, priority: 1 }, 404, notFound],
    ];
    const path = `/provider-details/${ids['smtp']}`;
    for (const [body, status, expected] of table) {
      const answer = await world.admin('POST', path, body);
      assert.deepEqual([answer.status, answer.body], [status, expected], JSON.stringify(body));
    }
    assert.equal((await world.admin('GET', path)).body.provider_details.version, 1);
  });

  test('an unknown provider is answered 404, and the endpoints for providers require an admin token', async () => {
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/versions'],
      ['GET', '/calls'],
      ['POST', ''],
      ['POST', '/circuit'],
      ['POST', '/test'],
    ] as const) {
      const unknown = await world.admin(method, `/provider-details/${randomUUID()}${path}`, undefined);
      assert.deepEqual([unknown.status, unknown.body], [404, notFound]);
      const malformed = await world.admin(method, `/provider-details/not-an-id${path}`, undefined);
      assert.equal(malformed.status, 404);
      assert.match(malformed.body.message, /^The requested URL was not found/);
      const stranger = await world.call(method, `/provider-details/${ids['mmg']}${path}`);
      assert.equal(stranger.status, 401);
    }
  });
});

describe('levers on providers', () => {
  test('a circuit that an operator opens sends messages elsewhere at once until it is closed, with author, reason and event', async (t) => {
    const { world, mmg, firetext } = await createTwoProviderWorld(t);
    const { id } = await rowOf(world, 'mmg');
    const path = `/provider-details/${id}/circuit`;
    const opened = await world.admin('POST', path, {
      state: 'open',
      reason: 'Their receipts are wrong',
      created_by: platformUser.id,
    });
    assert.equal(opened.status, 200, JSON.stringify(opened.body));
    const { circuit, circuit_until, version, reason, created_by } = opened.body.provider_details;
    assert.deepEqual(
      [circuit, circuit_until, version, reason, created_by.id],
      ['open', null, 2, 'Their receipts are wrong', platformUser.id],
    );
    await all(world, await send(world, 3), 'sending');
    await world.advance(3600);
    await all(world, await send(world, 3), 'sending');
    assert.deepEqual(
      [mmg.requests().length, firetext.requests().length],
      [0, 6],
      'nothing tries it, however late',
    );

    const closed = await world.admin('POST', path, { state: 'closed' });
    assert.deepEqual(
      ['circuit', 'version', 'reason'].map((field) => closed.body.provider_details[field]),
      ['closed', 3, 'Circuit closed by hand'],
    );
    await all(world, await send(world, 2), 'sending');
    assert.equal(mmg.requests().length, 2);
    const again = await world.admin('POST', path, { state: 'closed' });
    assert.equal(again.body.provider_details.version, 3, 'closing what is closed changes nothing');
    const { body } = await world.admin(
      'GET',
      `/events?type=open_provider_circuit&type=close_provider_circuit`,
    );
    assert.deepEqual(
      body.events.map(({ event_type, user_id, subject_id, data }: any) => [
        event_type,
        user_id,
        subject_id,
        data.after.circuit,
      ]),
      [
        ['close_provider_circuit', null, id, 'closed'],
        ['open_provider_circuit', platformUser.id, id, 'open'],
      ],
    );
    const { body: versions } = await world.admin('GET', `/provider-details/${id}/versions`);
    assert.deepEqual(
      versions.data.map(({ circuit, reason, created_by }: any) => [circuit, reason, created_by?.id ?? null]),
      [
        ['closed', 'Circuit closed by hand', null],
        ['open', 'Their receipts are wrong', platformUser.id],
        ['closed', null, null],
      ],
    );
  });

  test('a circuit opened for some minutes is half-open afterwards, and messages that wait for it are sent when it closes', async (t) => {
    const { world, mmg, firetext } = await createTwoProviderWorld(t);
    const ids = await Promise.all(['mmg', 'firetext'].map(async (name) => (await rowOf(world, name)).id));
    for (const id of ids) {
      const body = { state: 'open', minutes: 30 };
      const { body: answer } = await world.admin('POST', `/provider-details/${id}/circuit`, body);
      const until = Date.parse(answer.provider_details.circuit_until);
      assert.ok(Math.abs(until - world.clock.now() - 1_800_000) < 60_000);
    }
    const waiting = await send(world, 2);
    await world.advance(1801);
    const half = await world.admin('GET', `/provider-details/${ids[0]}`);
    assert.equal(half.body.provider_details.circuit, 'half-open');
    await world.admin('POST', `/provider-details/${ids[1]}/circuit`, { state: 'closed' });
    await all(world, waiting, 'sending', 30);
    assert.equal(mmg.requests().length + firetext.requests().length, 2);
  });

  test('the calls of a provider are counted by minute and hour, by outcome and with how long they took', async (t) => {
    const { world, mmg } = await createTwoProviderWorld(t);
    const { id } = await rowOf(world, 'mmg');
    const path = `/provider-details/${id}/calls`;
    assert.deepEqual((await world.admin('GET', path)).body, { data: [] });
    await all(world, await send(world, 4), 'sending');
    mmg.behave('fail');
    await all(world, await send(world, 2), 'sending');
    const sums = (data: any[]) =>
      ['calls', 'accepted', 'refused', 'failed', 'unknown'].map((field) =>
        data.reduce((sum, period) => sum + period[field], 0),
      );
    for (const by of ['minute', 'hour']) {
      const { body } = await world.until(
        () => world.admin('GET', `${path}?by=${by}`),
        ({ body }) => sums(body.data)[0] === 6,
      );
      assert.deepEqual(sums(body.data), [6, 4, 0, 2, 0]);
      for (const { from, p50_ms, p95_ms } of body.data) {
        assert.match(from, by === 'hour' ? /:00:00\.000000Z$/ : /:00\.000000Z$/);
        assert.ok(p50_ms >= 25 && p50_ms <= p95_ms, `${p50_ms} ${p95_ms}`);
      }
    }
    const none = await world.admin('GET', `${path}?from=2000-01-01&to=2000-01-02`);
    assert.deepEqual([none.status, none.body], [200, { data: [] }]);
    for (const query of ['by=day', 'from=x', 'to=%00', 'more=1'])
      assert.equal((await world.admin('GET', `${path}?${query}`)).status, 400, query);
  });

  test('a test message goes through exactly one provider, and its answer and an event without the recipient are all that is left', async (t) => {
    const { world, mmg, firetext, lines } = await createTwoProviderWorld(t);
    const { id } = await rowOf(world, 'firetext');
    const path = `/provider-details/${id}/test`;
    await world.admin('POST', `/provider-details/${id}`, { active: false });
    await world.admin('POST', `/provider-details/${id}/circuit`, { state: 'open' });
    const { status, body } = await world.admin('POST', path, { recipient: '07700 900 123' });
    assert.equal(status, 200, JSON.stringify(body));
    const { reference, milliseconds, ...said } = body.data;
    assert.deepEqual(said, { outcome: 'accepted', code: null, detail: null });
    assert.ok(milliseconds >= 0);
    assert.deepEqual([mmg.requests().length, firetext.requests().length], [0, 1]);
    const form = new URLSearchParams(firetext.requests()[0]!.body);
    assert.deepEqual(
      ['to', 'message', 'reference'].map((name) => form.get(name)),
      ['447700900123', 'This is a test message from Despatch.', reference],
    );
    assert.equal(idOf(firetext.requests()[0]!), reference);

    firetext.behave('fail');
    const failed = await world.admin('POST', path, { recipient: '+447700900123' });
    assert.deepEqual([failed.body.data.outcome, failed.body.data.code], ['failed', '500']);
    const { body: events } = await world.admin('GET', '/events?type=test_provider');
    assert.deepEqual(
      events.events.map(({ subject_id, data }: any) => [subject_id, data.outcome]),
      [
        [id, 'failed'],
        [id, 'accepted'],
      ],
    );
    assert.ok(!JSON.stringify([events, lines]).includes('7700900123'));
    assert.equal((await rowOf(world, 'firetext')).version, 3, 'tests do not touch the provider');

    const receipt = new URLSearchParams({
      mobile: '447700900123',
      status: '0',
      time: '2026-05-02 13:00:00',
      reference,
    });
    const posted = await fetch(`${world.api}/notifications/sms/firetext`, { method: 'POST', body: receipt });
    assert.ok(posted.status < 500, String(posted.status));

    const field = (text: string) => ({ result: 'error', message: { recipient: [text] } });
    for (const [recipient, expected] of [
      ['not a number', field('Mobile numbers can only include: 0 1 2 3 4 5 6 7 8 9 ( ) + -')],
      ['a@example.com', null],
      ['+33 6 12 34 56 78', field('Cannot send to international mobile numbers')],
      ['\0', null],
      [5, field('Not a valid string.')],
    ] as const) {
      const refused = await world.admin('POST', path, { recipient });
      assert.equal(refused.status, 400, String(recipient));
      if (expected !== null) assert.deepEqual(refused.body, expected);
    }
    const missing = await world.admin('POST', path, {});
    assert.deepEqual(missing.body.message, { recipient: ['Missing data for required field.'] });
  });

  test('an invalid change of a circuit is refused and changes nothing', async (t) => {
    const { world } = await createTwoProviderWorld(t);
    const { id } = await rowOf(world, 'mmg');
    const table: [object | string, number, object | null][] = [
      [{}, 400, { state: ['Missing data for required field.'] }],
      [{ state: 'half-open' }, 400, { state: ['Not a valid choice.'] }],
      [{ state: 'open', minutes: 0 }, 400, null],
      [{ state: 'open', minutes: 1e300 }, 400, null],
      [{ state: 'open', minutes: 'x' }, 400, { minutes: ['Not a valid integer.'] }],
      [{ state: 'closed', minutes: 5 }, 400, { minutes: ['Only with the state open.'] }],
      [{ state: 'open', reason: '\0' }, 400, null],
      [{ state: 'open', reason: 'x'.repeat(256) }, 400, null],
      [{ state: 'open', created_by: randomUUID() }, 404, null],
      ['[]', 400, null],
    ];
    for (const [body, status, message] of table) {
      const answer = await world.admin('POST', `/provider-details/${id}/circuit`, body);
      assert.equal(answer.status, status, JSON.stringify([body, answer.body]));
      if (message !== null) assert.deepEqual(answer.body.message, message);
    }
    assert.equal((await rowOf(world, 'mmg')).version, 1);
  });
});
