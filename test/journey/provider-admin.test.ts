import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { platformUser } from '../../src/bootstrap/platform-service.ts';
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
      ['POST', ''],
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
