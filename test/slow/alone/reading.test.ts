/** Lists over the messages of one large service, and pages of large messages: their time and the memory they take. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ensurePartitions } from '../../../src/database/partitions.ts';
import { pagesOf, storeLargeEmails } from '../../support/large-messages.ts';
import type { Tenant } from '../../support/tenant.ts';
import { createWorld, type World } from '../../support/world.ts';

const day = 86_400_000;
const count = 300_000;
/** One in so many messages failed. */
const rarity = 60_000;
let world: World;
let large: Tenant;
before(async () => {
  world = await createWorld({ roles: ['api'] });
  large = await world.addTenant();
  const { db, pool } = world.connection;
  await ensurePartitions(db, Date.now() - 7 * day, Date.now());
  // Evenly over the last 6.5 days. Nothing that they are asked for needs their values.
  await pool.query(
    `with given as materialized (
       select i, at, (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7000' || '8'
         || substr(md5(i::text), 1, 15))::uuid as id
       from (select i, now() - (6.5 - i * 6.5 / $1::int) * interval '1 day' as at from generate_series(1, $1::int) i) n
     ), facts as (
       insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type,
         status, created_at, rare_status)
       select id, $2, $3, 1, 'normal', 'sms', case when i % $4::int = 7 then 'permanent-failure' else 'delivered' end, at,
         case when i % $4::int = 7 then 'permanent-failure' end
       from given
     )
     insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
     select id, $2, '07700900123', '447700900123', 'x' from given`,
    [count, large.id, large.templates.sms, rarity],
  );
});
after(() => world.stop());

/** Milliseconds of a request, the better of two. */
async function took(path: string, expected: number): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 2; run++) {
    const started = performance.now();
    const { status, body } = await world.call('GET', path, { key: large.keys.normal });
    times.push(performance.now() - started);
    assert.equal(status, expected, `${path}: ${JSON.stringify(body)}`);
  }
  return Math.min(...times);
}

test('a list that finds nothing, a far page and statistics over 300,000 messages are quick, another service is not slowed', async () => {
  const date = new Date(Date.now() - 2 * day).toISOString().slice(0, 10);
  const quick: [path: string, status: number, milliseconds: number][] = [
    ['/v2/notifications?status=created', 200, 1500],
    ['/v2/notifications?template_type=email', 200, 1500],
    ['/v2/notifications?reference=none', 200, 1000],
    ['/notifications?status=created', 200, 1500],
    ['/notifications?page=9000', 404, 1500],
    [`/notifications/statistics?day=${date}`, 200, 1000],
  ];
  for (const [path, status, milliseconds] of quick) {
    const time = await took(path, status);
    assert.ok(time < milliseconds, `${path} took ${Math.round(time)} ms`);
  }
  const other = await world.addTenant();
  const started = performance.now();
  assert.equal((await world.call('GET', '/v2/notifications', { key: other.keys.normal })).status, 200);
  assert.ok(performance.now() - started < 1000);
});

test('a list of 240 messages of 1 MB has each message once, on pages that take little memory', async () => {
  const tenant = await world.addTenant();
  const ids = await storeLargeEmails(world, tenant, { count: 240, bytes: 1_000_000 });
  const before = process.memoryUsage().rss;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 50);
  const pages = await pagesOf(world, tenant).finally(() => clearInterval(watch));
  assert.deepEqual(pages.flat(), ids);
  assert.ok(pages.length > 40, `${pages.length} pages`);
  // In this process are also the test, which reads the pages, and what storing the messages left behind.
  assert.ok(most - before < 400 * 1024 * 1024, `${Math.round((most - before) / 1024 / 1024)} MB more`);
});
