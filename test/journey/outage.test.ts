import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { addTemplateVersion, setServiceActive, setTemplateArchived } from '../support/operator.ts';
import { startProcess } from '../support/process.ts';
import { createWorld, environment } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };

test('messages wait while the provider is down, and are sent once it is back', async () => {
  const world = await createWorld({ environment: { DELIVER_RETRY_DELAY_SECONDS: '1' } });
  try {
    await world.behave({ outage: true });
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation,
    });
    await world.until(
      () => world.timeline(data.id),
      (steps) => steps.filter(({ outcome }) => outcome === 'failed').length >= 2,
    );
    assert.equal((await world.client.getNotificationById(data.id)).data.status, 'created');
    await world.behave({ outage: false });
    await world.drain();
    assert.equal((await world.client.getNotificationById(data.id)).data.status, 'delivered');
    assert.deepEqual((await world.sandbox('/counts')).duplicates, []);
  } finally {
    await world.stop();
  }
});

test('a message ends as a technical failure when it is refused permanently or its last retry fails', async () => {
  const world = await createWorld({
    environment: { DELIVER_RETRY_DELAY_SECONDS: '1', DELIVER_MAX_RETRIES: '1' },
  });
  try {
    await world.behave({ refusal_rate: 1 });
    const refused = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation,
    });
    await world.drain();
    assert.equal((await world.client.getNotificationById(refused.data.id)).data.status, 'technical-failure');
    assert.equal((await world.timeline(refused.data.id)).length, 3);

    await world.behave({ refusal_rate: 0, failure_rate: 1 });
    const failed = await world.client.sendSms(world.tenant.templates.sms, '07700900123', { personalisation });
    await world.drain();
    assert.equal((await world.client.getNotificationById(failed.data.id)).data.status, 'technical-failure');
    assert.deepEqual(
      (await world.timeline(failed.data.id)).map(({ outcome }) => outcome),
      [undefined, undefined, 'failed', 'failed'],
    );
  } finally {
    await world.stop();
  }
});

test('a message that no provider could be asked to send says so when it is given up', async () => {
  const world = await createWorld({
    environment: { DELIVER_RETRY_DELAY_SECONDS: '1', DELIVER_MAX_RETRIES: '1' },
  });
  try {
    await world.connection.pool.query('update providers set active = false');
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation,
    });
    await world.drain();
    assert.deepEqual(
      (await world.timeline(data.id)).map(({ event, reason }) => [event, reason]),
      [
        ['accepted', undefined],
        ['persisted', undefined],
        ['given up', 'no-provider'],
      ],
    );
  } finally {
    await world.stop();
  }
});

test('an attempt that times out is unknown, and a receipt that arrives meanwhile prevents a second one', async () => {
  const world = await createWorld({
    environment: { DELIVER_RETRY_DELAY_SECONDS: '1', PROVIDER_TIMEOUT_SECONDS: '1' },
  });
  try {
    await world.behave({ timeout_rate: 1 });
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation,
    });
    await world.drain();
    assert.equal((await world.client.getNotificationById(data.id)).data.status, 'delivered');
    await world.until(
      () => world.timeline(data.id),
      (steps) => steps.some(({ outcome }) => outcome === 'unknown'),
    );
    assert.deepEqual((await world.sandbox('/counts')).duplicates, []);
  } finally {
    await world.stop();
  }
});

test('duplicated receipts in the wrong order change a message once, and are all on its timeline', async () => {
  const world = await createWorld();
  try {
    await world.behave({ receipt_duplicate_rate: 1, receipt_shuffle: true });
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07833333333', {
      personalisation,
    });
    await world.drain();
    const steps = await world.until(
      () => world.timeline(data.id),
      (all) => all.filter(({ event }) => event === 'receipt').length === 4,
    );
    assert.equal((await world.client.getNotificationById(data.id)).data.status, 'temporary-failure');
    assert.ok(steps.some(({ applied }) => applied === false));
  } finally {
    await world.stop();
  }
});

test('while the database is unreachable requests are answered 503; once it is back everything continues', async () => {
  const world = await createWorld();
  try {
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation,
    });
    const database = new URL(world.databaseUrl).pathname.slice(1);
    const admin = async (statement: string) => {
      const pg = (await import('pg')).default;
      const client = new pg.Client({ connectionString: process.env['TEST_DATABASE_URL'] });
      await client.connect();
      await client.query(statement);
      await client.end();
    };
    await admin(`alter database ${database} with allow_connections false`);
    await admin(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`);
    const body = { template_id: world.tenant.templates.sms, phone_number: '07700900123', personalisation };
    const refused = await world.until(
      () => world.call('POST', '/v2/notifications/sms', { body }),
      ({ status }) => status !== 201,
    );
    assert.equal(refused.status, 503);
    assert.equal(refused.body.errors[0].error, 'ServiceUnavailable');
    assert.equal(refused.headers.get('retry-after'), '5');
    assert.equal((await world.call('GET', '/_status?simple=1', { key: null })).status, 200);

    await admin(`alter database ${database} with allow_connections true`);
    const accepted = await world.until(
      () => world.call('POST', '/v2/notifications/sms', { body }),
      ({ status }) => status === 201,
    );
    await world.drain(40);
    for (const id of [data.id, accepted.body.id])
      assert.equal((await world.client.getNotificationById(id)).data.status, 'delivered');
  } finally {
    await world.stop();
  }
});

test('a start on a port in use fails with an error that names the setting', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  try {
    await assert.rejects(
      createWorld({ environment: { PORT: String(port) } }),
      new RegExp(`Port ${port} is taken.*PORT`),
    );
  } finally {
    taken.close();
  }
});

test('a service archived after its message was accepted sends nothing', async () => {
  const world = await createWorld({ queues: ['db-sms'] });
  try {
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation,
    });
    await setServiceActive(world.connection.db, world.tenant.id, false);
    const worker = await world.startMore({ roles: ['worker'], queues: ['send-sms'] });
    const status = async () =>
      (await world.connection.pool.query('select status from notification_history where id = $1', [data.id]))
        .rows[0]?.status;
    assert.equal(
      await world.until(status, (seen) => seen !== undefined && seen !== 'created'),
      'technical-failure',
    );
    assert.deepEqual((await world.sandbox('/counts')).received, 0);
    await setServiceActive(world.connection.db, world.tenant.id, true);
    const steps = await world.until(
      () => world.timeline(data.id),
      (seen) => seen !== undefined,
    );
    assert.equal(steps.find(({ event }) => event === 'given up')?.reason, 'inactive-service');
    await worker.stop();
  } finally {
    await world.stop();
  }
});

test('a message is sent with the template version it was accepted with, even if the template is changed or archived since', async () => {
  const world = await createWorld({ queues: ['db-sms'] });
  try {
    const { templates } = world.tenant;
    const { data } = await world.client.sendSms(templates.sms, '07700900123', { personalisation });
    await addTemplateVersion(
      world.connection.db,
      templates.sms,
      { name: 'Tide', subject: null, content: 'New words' },
      new Date(),
    );
    const newer = await world.until(
      () => world.client.sendSms(templates.sms, '07700900123', { personalisation }),
      ({ data }) => (data['content'] as { body: string }).body === 'New words',
    );
    await setTemplateArchived(world.connection.db, templates.sms, true);
    const worker = await world.startMore({ roles: ['worker'], queues: ['send-sms'] });
    await world.drain();
    const bodyOf = async (id: string) =>
      (await world.sandbox(`/messages?reference=${id}`)).messages[0].body.split(': ')[1];
    assert.equal(await bodyOf(data.id), 'Hi Rowan, high tide at 14:05');
    assert.equal(await bodyOf(newer.data.id), 'New words');
    const refused = await world.until(
      () =>
        world.call('POST', '/v2/notifications/sms', {
          body: { template_id: templates.sms, phone_number: '07700900123' },
        }),
      ({ status }) => status === 400,
    );
    assert.equal(refused.body.errors[0].message, 'Template has been deleted');
    await worker.stop();
  } finally {
    await world.stop();
  }
});

test('a start waits for the database, and gives up with an error after DATABASE_WAIT_SECONDS', async () => {
  const settings = environment('postgres://nobody@127.0.0.1:1/nothing', tmpdir(), {
    DATABASE_WAIT_SECONDS: '1',
    LOG_LEVEL: 'warn',
  });
  await assert.rejects(startProcess([], settings), (error: Error) => {
    assert.match(error.message, /Waiting for the database to answer/);
    assert.match(error.message, /The database did not answer within 1 seconds .* DATABASE_WAIT_SECONDS/);
    assert.doesNotMatch(error.message, /\n {4}at /);
    return true;
  });
});
