import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { makeToken, signToken } from '../../cli/client.ts';
import { systemClock } from '../../ground/clock.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { defineRoute } from '../server/define-route.ts';
import { plainErrors } from '../server/error-format.ts';
import { createServer } from '../server/server.ts';
import { adminGuard } from './admin.ts';

describe('the admin API', () => {
  let app: FastifyInstance;
  before(async () => {
    const log = createLog('silent');
    const guard = adminGuard({
      clock: systemClock,
      issuer: 'notify-admin',
      secrets: ['new secret', 'old secret'],
    });
    const server = createServer({
      log,
      metrics: createMetrics(null, log),
      guards: { admin: guard, 'service key': guard },
    });
    const inside = defineRoute({
      method: 'GET',
      path: '/inside',
      authentication: 'admin',
      permission: 'operator',
      handlerName: 'test.inside',
      summary: null,
      handler: () => ({}),
    });
    server.scope(plainErrors, (mount) => mount([inside], null));
    app = server.app;
    await app.ready();
  });
  after(() => app.close());

  async function ask(authorization?: string) {
    const { statusCode, body } = await app.inject({
      url: '/inside',
      headers: authorization === undefined ? {} : { authorization },
    });
    return [statusCode, JSON.parse(body)];
  }
  const refused = (text: string) => ({ result: 'error', message: { token: [text] } });

  test('admits a token signed with any of its secrets, whatever the case of the scheme', async () => {
    assert.deepEqual(await ask(`Bearer ${signToken('notify-admin', 'new secret')}`), [200, {}]);
    assert.deepEqual(await ask(`BEARER ${signToken('notify-admin', 'old secret')}`), [200, {}]);
  });

  test('refuses any other token and says why (spec 04, section 0.1)', async () => {
    const late = systemClock.now() - 60_000;
    const key = 'a-d6aa2c68-a2d9-4437-ab19-3ae8eb202553-6f1b4f0e-6f8a-4c7e-9d0e-0d9a6a1f4b11';
    const table: [string | undefined, number, string][] = [
      [undefined, 401, 'Unauthorized: authentication token must be provided'],
      ['Basic abc', 401, 'Unauthorized: authentication bearer scheme must be used'],
      [`Bearer ${makeToken(key)}`, 401, 'Unauthorized: not allowed to perform this action'],
      [
        'Bearer nothing',
        403,
        'Invalid token: make sure your API token matches the example at https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header',
      ],
      [`Bearer ${signToken('notify-admin', 'wrong')}`, 403, 'Invalid token: API key not found'],
      [
        `Bearer ${signToken('notify-admin', 'new secret', late)}`,
        403,
        'Error: Your system clock must be accurate to within 30 seconds',
      ],
    ];
    for (const [authorization, status, text] of table)
      assert.deepEqual(await ask(authorization), [status, refused(text)]);
    const { body } = await app.inject({
      url: '/inside',
      headers: { authorization: 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA' },
    });
    assert.deepEqual(JSON.parse(body), refused('Invalid token: iss field not provided'));
  });
});
