import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { makeToken } from '../../src/cli/client.ts';
import { databaseTime } from '../../src/database/connection.ts';
import { setLimits } from '../support/operator.ts';
import { type ProductProcess, startProcess } from '../support/process.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, environment, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
const minutes = 60_000;

/** The environment of a process whose machine's clock is wrong by so many milliseconds. */
function wrongBy(milliseconds: number): Record<string, string> {
  const code = `const Real = Date; globalThis.Date = class extends Real {
    constructor(...parts) { parts.length === 0 ? super(Real.now() + ${milliseconds}) : super(...parts); }
    static now() { return Real.now() + ${milliseconds}; }
  };`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` };
}

async function send(api: string, tenant: Tenant, more: object = {}) {
  const response = await fetch(`${api}/v2/notifications/sms`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${makeToken(tenant.keys.normal)}` },
    body: JSON.stringify({
      ...{ template_id: tenant.templates.sms, phone_number: '07700900123', personalisation, ...more },
    }),
  });
  return { status: response.status, body: (await response.json()) as { id: string } };
}

/** Resolves after more than two seconds: an exhausted bucket of one token a second gets two if nobody asks meanwhile. */
async function twoTokensLater({ connection, until }: World): Promise<void> {
  const began = await databaseTime(connection);
  await until(
    () => databaseTime(connection),
    (now) => now > began + 2500,
  );
}

for (const [name, wrong] of [
  ['20 minutes ahead', 20 * minutes],
  ['20 minutes behind', -20 * minutes],
] as const)
  describe(`a process whose clock is ${name}`, () => {
    let world: World;
    let process: ProductProcess;
    before(async () => {
      world = await createWorld({ roles: ['api', 'sandbox'] });
      process = await startProcess(['--roles', 'api,worker'], {
        ...environment(world.databaseUrl, world.dataDir, {
          ...{ SANDBOX_URL: world.sandboxUrl, API_HOST_NAME: world.api, LOG_LEVEL: 'info' },
        }),
        ...wrongBy(wrong),
      });
    });
    after(async () => {
      await process?.kill('SIGKILL');
      await world?.stop();
    });

    test('takes tokens, stamps messages and delivers them by the time of the database', async () => {
      const tenant = await world.addTenant();
      const ids: string[] = [];
      for (const api of [process.url('API'), world.api]) {
        const { status, body } = await send(api, tenant);
        assert.equal(status, 201);
        ids.push(body.id);
      }
      await world.drain();
      const { rows } = await world.connection.pool.query(
        `select greatest(abs(extract(epoch from h.created_at - h.persisted_at)), abs(extract(epoch from a.started_at - h.persisted_at)),
            abs(extract(epoch from h.sent_at - h.persisted_at)), abs(extract(epoch from r.received_at - h.persisted_at)))::float8 as most
          from notification_history h join attempts a on a.notification_id = h.id join receipts r on r.notification_id = h.id
          where h.id = any($1::uuid[])`,
        [ids],
      );
      assert.equal(rows.length, 2);
      for (const { most } of rows) assert.ok(most < 15, `${most} seconds apart`);
    });

    test('neither ends the refill of a service nor refills it early', async () => {
      const tenant = await world.addTenant();
      await setLimits(world.connection.db, tenant.id, { rateLimit: 60 });
      const exhaust = async (api: string) => {
        const answers = await Promise.all(Array.from({ length: 40 }, () => send(api, tenant)));
        return answers.filter(({ status }) => status === 201).length;
      };
      // Capacity 21, of which the last token is never granted, and one more a second.
      const began = performance.now();
      const most = () => 20 + Math.ceil((performance.now() - began) / 1000);
      const taken = (await exhaust(world.api)) + (await exhaust(process.url('API')));
      assert.ok(taken >= 20 && taken <= most(), `${taken} accepted`);
      for (const api of [world.api, process.url('API')]) {
        await twoTokensLater(world);
        assert.equal((await send(api, tenant)).status, 201);
      }
    });

    test('says so in its log and its metrics', async () => {
      const text = await (await fetch(`${process.url('API')}/metrics`)).text();
      const skew = Number(/^despatch_clock_skew_seconds (\S+)$/m.exec(text)?.[1]);
      assert.ok(Math.abs(skew - wrong / 1000) < 5, `${skew}`);
      const lines = process.output.filter((line) => line.includes('The clock of this machine is'));
      assert.equal(lines.length, 1);
      assert.match(
        lines[0]!,
        wrong > 0 ? /1200\.\d seconds ahead of|1199\.9/ : /(1200|1199)\.\d seconds behind/,
      );
    });
  });

describe('the time of a process that is set back', () => {
  let world: World;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
  });
  after(() => world?.stop());

  const post = (tenant: Tenant) =>
    world.call('POST', '/v2/notifications/sms', {
      key: tenant.keys.normal,
      body: { template_id: tenant.templates.sms, phone_number: '07700900123', personalisation },
    });

  test('ends the refill of no service, neither in the process nor in the database', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { rateLimit: 60 });
    await world.advance(1200);
    const answers = await Promise.all(Array.from({ length: 40 }, () => post(tenant)));
    assert.ok(answers.some(({ status }) => status === 429));
    await world.advance(-1200);
    await twoTokensLater(world);
    assert.equal((await post(tenant)).status, 201);
  });

  test('leaves a bucket that was refilled in the future to be refilled from now on', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { rateLimit: 60 });
    await Promise.all(Array.from({ length: 40 }, () => post(tenant)));
    // Until then the process refuses without asking the database.
    await twoTokensLater(world);
    await world.connection.pool.query(
      `update rate_buckets set refilled_at = now() + interval '20 minutes', tokens = 1 where service_id = $1`,
      [tenant.id],
    );
    assert.equal((await post(tenant)).status, 429);
    await twoTokensLater(world);
    assert.equal((await post(tenant)).status, 201);
  });

  test('keeps no cached key alive', async () => {
    const tenant = await world.addTenant();
    assert.equal((await post(tenant)).status, 201);
    // The notices of the new key have arrived by then, so the next request caches it for good.
    await twoTokensLater(world);
    assert.equal((await post(tenant)).status, 201);
    await world.advance(-3600);
    // Without a notice, as when it is missed: only the age of what is cached counts. The end is past by either time.
    await world.connection.pool.query(
      `update api_keys set expires_at = now() - interval '2 hours' where service_id = $1`,
      [tenant.id],
    );
    const answer = await world.until(
      () => post(tenant),
      ({ status }) => status === 403,
      10,
    );
    assert.match(answer.body.errors[0].message, /API key revoked/);
    await world.advance(3600);
  });
});

test('the age of a token is that at its arrival, however long the service and its keys take to read', async (context) => {
  const world = await createWorld({ roles: ['api'] });
  context.after(() => world.stop());
  const { tenant, connection } = world;
  const holder = await connection.pool.connect();
  try {
    await holder.query('begin; lock table services in access exclusive mode');
    const answer = world.call('GET', '/v2/templates');
    await world.until(
      async () =>
        (
          await connection.pool.query(
            `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%services%'`,
          )
        ).rows.length,
      (count) => count > 0,
    );
    await world.advance(60);
    await holder.query('commit');
    assert.equal((await answer).status, 200, tenant.id);
  } finally {
    holder.release();
  }
});
