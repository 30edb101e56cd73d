import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { readConfig } from '../src/config/config.ts';
import { periodicTimings } from '../src/process/periodic.ts';
import { platformServiceId } from '../src/tenant/service/service.ts';
import { platformTemplateIds } from '../src/tenant/user/platform-message.ts';
import { platformUserId } from '../src/tenant/user/store.ts';
import { freshDatabase } from './support/database.ts';
import { runCommand } from './support/process.ts';
import { createWorld, environment, type World } from './support/world.ts';

type Finding = { check: string; ok: boolean; detail: string; repaired: boolean };

describe('`despatch doctor`', () => {
  let world: World;
  let settings: Record<string, string>;
  before(async () => {
    world = await createWorld();
    settings = environment(world.databaseUrl, world.dataDir);
  });
  after(() => world?.stop());

  const pool = () => world.connection.pool;
  /** Runs it with --json; returns what is wrong by check. */
  async function wrong(...args: string[]) {
    const { code, out, err } = await runCommand(['doctor', '--json', ...args], settings);
    assert.equal(err, '');
    const findings = JSON.parse(out) as Finding[];
    assert.equal(code, findings.every(({ ok }) => ok) ? 0 : 1);
    return {
      wrong: Object.fromEntries(findings.filter(({ ok }) => !ok).map(({ check, detail }) => [check, detail])),
      repaired: findings.filter(({ repaired }) => repaired).map(({ check }) => check),
    };
  }

  test('says ok to everything, line by line, while all is well', async () => {
    const tasks = periodicTimings(readConfig(settings)).length;
    await world.until(
      async () =>
        (await pool().query('select count(*)::int as count from periodic_tasks where last_run is not null'))
          .rows[0].count,
      (count) => count >= tasks,
    );
    const { code, out, err } = await runCommand(['doctor'], settings);
    assert.equal(err, '');
    assert.equal(code, 0, out);
    assert.equal(
      out,
      [
        'database: ok',
        'migrations: ok',
        'clock: ok',
        'secret key: ok',
        'platform: ok',
        'providers: ok (the sandbox stands in for text messages and emails: nobody receives them)',
        'schedule: ok',
        'parked: ok',
        'partitions: ok',
        '',
      ].join('\n'),
    );
  });

  test('names what is wrong and what to do, and repairs what it can: missing and unusable parts of the platform, and partitions', async () => {
    const { smsCode, passwordReset, emailCode } = platformTemplateIds;
    await pool().query('delete from template_versions where template_id = $1', [smsCode]);
    await pool().query('delete from templates where id = $1', [smsCode]);
    await pool().query(
      `update template_versions set content = 'Hello ((user_name))' where template_id = $1`,
      [passwordReset],
    );
    await pool().query('update templates set archived = true where id = $1', [emailCode]);
    await pool().query('update services set active = false where id = $1', [platformServiceId]);
    await pool().query(`update users set state = 'inactive' where id = $1`, [platformUserId]);
    const tomorrow = new Date(world.clock.now() + 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
    await pool().query(`drop table attempts_${tomorrow}`);

    const before = await wrong();
    assert.deepEqual(Object.keys(before.wrong), ['platform', 'partitions']);
    for (const text of [
      `The platform's user ${platformUserId} is not active.`,
      `The platform's service ${platformServiceId} is not active.`,
      `Template ${smsCode} (Sign-in code) is missing.`,
      `Template ${passwordReset} (Password reset) must have the placeholders ((url)).`,
      `Template ${emailCode} (Sign-in code by email) is deleted.`,
      'Run `despatch doctor --repair`.',
    ])
      assert.ok(before.wrong['platform']!.includes(text), `${text}\n${before.wrong['platform']}`);
    assert.match(before.wrong['partitions']!, /^1 partitions of the next 3 days are missing/);

    const repaired = await wrong('--repair');
    assert.deepEqual(repaired, { wrong: {}, repaired: ['platform', 'partitions'] });
    const base = `/service/${platformServiceId}/template`;
    const { body } = await world.admin('GET', `${base}/${passwordReset}`);
    assert.equal(body.data.version, 2);
    assert.match(body.data.content, /\(\(url\)\)/);
    const { body: list } = await world.admin('GET', `/events?service_id=${platformServiceId}`);
    assert.deepEqual(list.events.map((event: { event_type: string }) => event.event_type).sort(), [
      'restore_template',
      'update_service',
      'update_template',
    ]);
    assert.equal(list.events[0].user_id, platformUserId);
  });

  test('finds parked messages and tasks, a schedule that stands still, and a provider that is switched off', async () => {
    await pool().query(`update providers set active = false where notification_type = 'sms'`);
    const { wrong: found } = await wrong();
    assert.match(
      found['providers']!,
      /^No provider of text messages is active: .* activate one of .*sandbox\.$/,
    );
    await pool().query('update providers set active = true');
    await world.stop();
    world = await createWorld({ roles: ['api'] });
    settings = environment(world.databaseUrl, world.dataDir);
    await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation: { name: 'Rowan', time: '14:05' },
    });
    await pool().query('update accepted set due_at = null, turn_at = null');
    const { wrong: still } = await wrong();
    assert.deepEqual(Object.keys(still), ['schedule', 'parked']);
    assert.match(still['parked']!, /^1 messages and 0 tasks are parked/);
    assert.match(still['schedule']!, /^No process with the role scheduler has run a task .*: start one\.$/);
  });

  test('tells that keys are still encrypted under a secret that is no longer the first', async () => {
    const { code, out } = await runCommand(['doctor'], {
      ...settings,
      SECRET_KEY: `another secret key of ours,${settings['SECRET_KEY']}`,
    });
    assert.equal(code, 1);
    assert.match(out, /^secret key: ok \(\d+ secrets of keys and callbacks .*: run `despatch keys rotate`/m);
  });

  test('finds a secret key that opens nothing, and settings without a provider', async () => {
    const { SANDBOX, ...without } = settings;
    settings = { ...without, SECRET_KEY: 'another secret key of ours', SMTP_URL: 'smtp://127.0.0.1:1' };
    const { wrong: found } = await wrong();
    assert.match(found['secret key']!, /^SECRET_KEY \(or DANGEROUS_SALT\) is not the one/);
    assert.match(found['providers']!, /No provider of text messages is configured/);
  });

  test('makes nothing: of a database without tables it says what to do, of one that is away too', async () => {
    const database = await freshDatabase();
    try {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      await client.query('drop schema public cascade; create schema public').finally(() => client.end());
      settings = environment(database.url, world.dataDir);
      const { wrong: found } = await wrong('--repair');
      assert.match(found['migrations']!, /migrations have not run: run `despatch migrate`/);
      settings = environment('postgres://nobody@127.0.0.1:1/none', world.dataDir, {
        DATABASE_WAIT_SECONDS: '0',
      });
      assert.match((await wrong()).wrong['database']!, /^The database did not answer/);
    } finally {
      await database.drop();
    }
  });
});
