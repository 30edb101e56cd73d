import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { makeToken } from '../../src/cli/client.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let locking: pg.Client;
before(async () => {
  world = await createWorld({ roles: ['api'] });
  locking = new pg.Client({ connectionString: world.databaseUrl });
  await locking.connect();
});
after(async () => {
  await locking.end();
  await world.stop();
});

/** Makes every statement on stored messages wait, like one that takes very long. */
async function whileReadsHang(work: () => Promise<void>): Promise<void> {
  await locking.query('begin; lock table notification_history, status_totals in access exclusive mode');
  await work().finally(() => locking.query('rollback'));
}

/** How many statements of the platform wait for the lock. */
async function hanging(): Promise<number> {
  const { rows } = await world.connection.pool.query<{ count: number }>(
    `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
  );
  return rows[0]!.count;
}

const lists = [
  ...['/v2/notifications?status=permanent-failure', '/notifications/statistics?day=2026-05-04'],
  ...['/v2/notifications?template_type=email', '/notifications?page=5000', '/v2/callbacks?status=failed'],
];

test('reads that hang keep no message from being accepted, and are answered 504 in the envelope of their path', async () => {
  const reader = await world.addTenant();
  // A process that has accepted nothing looks first whether the day has its partitions, which the lock would hold up.
  await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
    personalisation: { name: 'Rowan', time: '14:05' },
  });
  const answers: ReturnType<World['call']>[] = [];
  await whileReadsHang(async () => {
    const read = (path: string) => world.call('GET', path, { key: reader.keys.normal });
    answers.push(...lists.slice(0, 2).map(read));
    // These have the first turns.
    await world.until(hanging, (count) => count > 0);
    answers.push(...[...lists, ...lists, ...lists].slice(2).map(read));
    for (let sent = 0; sent < 20; sent++) {
      const { status } = await world.call('POST', '/v2/notifications/sms', {
        body: {
          phone_number: '07700900123',
          template_id: world.tenant.templates.sms,
          personalisation: { name: 'Rowan', time: '14:05' },
        },
      });
      assert.equal(status, 201);
    }
    assert.ok((await hanging()) > 0, 'the reads ended before the messages were accepted');
    const [v2, v1] = await Promise.all(answers.slice(0, 2));
    assert.deepEqual([v2!.status, v2!.body.errors[0].error], [504, 'SoftEventletTimeout']);
    assert.match(v2!.body.errors[0].message, /^Timeout serving request: .*Ask for less/);
    assert.deepEqual([v1!.status, v1!.body.result], [504, 'error']);
  });
  // Those that waited go on when reading works again, unless they waited too long.
  for (const { status } of await Promise.all(answers.slice(2)))
    assert.ok([200, 404, 429, 504].includes(status), `${status}`);
});

test('the statement of a caller who hangs up is cancelled in the database', async () => {
  await whileReadsHang(async () => {
    const hangUp = new AbortController();
    const answer = fetch(`${world.api}/v2/notifications`, {
      headers: { Authorization: `Bearer ${makeToken(world.tenant.keys.normal, Date.now())}` },
      signal: hangUp.signal,
    }).catch(() => 'hung up');
    await world.until(hanging, (count) => count === 1);
    hangUp.abort();
    assert.equal(await answer, 'hung up');
    await world.until(hanging, (count) => count === 0, 3);
  });
});
