import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { makeToken, signToken } from '../../src/cli/client.ts';
import type { Authentication } from '../../src/http/server/define-route.ts';
import type { MountedRoute } from '../../src/http/server/server.ts';
import { revokeKey } from '../support/operator.ts';
import { createWorld, type World } from '../support/world.ts';

type Caller = 'nobody' | 'a stranger' | 'a revoked key' | 'a service key' | 'the admin' | 'a false admin';

/** The status with which a route refuses each caller; null if it admits the caller. */
const refusals: Readonly<Record<Authentication, Readonly<Record<Caller, 401 | 403 | null>> | 'open'>> = {
  'service key': {
    nobody: 401,
    'a stranger': 403,
    'a revoked key': 403,
    'a service key': null,
    'the admin': 403,
    'a false admin': 403,
  },
  admin: {
    nobody: 401,
    'a stranger': 401,
    'a revoked key': 401,
    'a service key': 401,
    'the admin': null,
    'a false admin': 403,
  },
  // Guarded by the provider's own credentials, if any are configured; our tokens do not count.
  provider: 'open',
  none: 'open',
};

/** Every path that needs no token, apart from the providers' endpoints. A new one must be added here deliberately. */
const openPaths = [
  '/',
  '/_delivery_status',
  '/_status',
  '/_status/ready',
  '/d/*',
  '/d/:id/:key',
  '/d/:id/:key/download',
  '/docs',
  '/docs/:folder/:file',
  '/metrics',
  '/spec',
  '/spec.json',
  '/unsubscribe/:notification_id/:token',
];

describe('access to routes', () => {
  let world: World;
  let api: string;
  let routes: readonly MountedRoute[];
  let stop: () => Promise<void>;
  /** Made for each call, because a token is valid for 30 seconds. */
  let tokens: Readonly<Record<Caller, () => string | null>>;

  before(async () => {
    // Every provider is in use, so that the endpoints of all of them are there.
    const environment = {
      ...{ MMG_API_KEY: 'a-key', MMG_INBOUND_SMS_USERNAME: 'tide', MMG_INBOUND_SMS_AUTH: 'pass' },
      ...{ FIRETEXT_API_KEY: 'a-key', FIRETEXT_INBOUND_SMS_AUTH: 'pass', SES_ENABLED: '1' },
    };
    world = await createWorld({ roles: [], environment });
    const platform = await world.startMore({ roles: ['api'] });
    ({ routes } = platform);
    api = platform.url!;
    stop = platform.stop;
    const revoked = await world.addTenant();
    const { db, pool } = world.connection;
    const { rows } = await pool.query('select id from api_keys where service_id = $1', [revoked.id]);
    for (const { id } of rows) await revokeKey(db, revoked.id, id, new Date());
    const { issuer, secret } = world.credentials.admin;
    tokens = {
      nobody: () => null,
      'a stranger': () => makeToken(`stranger-${randomUUID()}-${randomUUID()}`),
      'a revoked key': () => makeToken(revoked.keys.normal),
      'a service key': () => makeToken(world.tenant.keys.normal),
      'the admin': () => signToken(issuer, secret),
      'a false admin': () => signToken(issuer, randomUUID()),
    };
  });
  after(async () => {
    await stop?.();
    await world?.stop();
  });

  async function statusOf(method: string, path: string, caller: Caller): Promise<number> {
    const token = tokens[caller]();
    const response = await fetch(api + path, {
      method,
      redirect: 'manual',
      headers: token === null ? {} : { Authorization: `Bearer ${token}` },
      ...((method === 'POST' || method === 'PUT') && { body: '{}' }),
    });
    await response.arrayBuffer();
    return response.status;
  }

  test('every route accepts only the credentials that it declares', async (t) => {
    let calls = 0;
    for (const { route } of routes) {
      const path = route.path
        .replace(/:(?:version|row)\([^)]*\)/, '1')
        .replace(/:[a-z_]+(\([^)]*\))?/g, randomUUID())
        .replace('*', 'x');
      const expected = refusals[route.authentication];
      for (const method of [...[route.method].flat(), 'OPTIONS']) {
        const statuses: number[] = [];
        for (const caller of Object.keys(tokens) as Caller[]) {
          const status = await statusOf(method, path, caller);
          const shown = `${method} ${route.path} by ${caller}: ${status}`;
          calls += 1;
          statuses.push(status);
          if (expected === 'open') continue;
          const refusal = expected[caller];
          if (refusal === null) assert.ok(status !== 401 && status !== 403, shown);
          else assert.equal(status, refusal, shown);
        }
        if (expected !== 'open') continue;
        // An open route ignores tokens.
        const [bare, ...others] = statuses;
        const isProtected = route.authentication === 'provider' && bare === 401;
        const same = isProtected ? 403 : bare;
        assert.deepEqual(others, Array(others.length).fill(same), `${method} ${route.path}`);
        if (!isProtected) assert.ok(bare !== 401 && bare !== 403, `${method} ${route.path}`);
      }
    }
    const count = (authentication: Authentication) =>
      routes.filter(({ route }) => route.authentication === authentication).length;
    t.diagnostic(
      `${routes.length} routes, ${calls} calls; ${(Object.keys(refusals) as Authentication[]).map((one) => `${one}: ${count(one)}`).join(', ')}`,
    );
    assert.ok(count('service key') >= 18 && count('admin') >= 29 && count('provider') >= 5);
  });

  test('only the listed routes are open without credentials', () => {
    const open = routes.filter(({ route }) => route.authentication === 'none').map(({ route }) => route.path);
    assert.deepEqual([...new Set(open)].sort(), openPaths);
  });

  test('the request metrics name every handler <module>.<handler>', () => {
    for (const { route } of routes) assert.match(route.handlerName, /^[a-z0-9_]+\.[a-z0-9_]+$/, route.path);
  });
});
