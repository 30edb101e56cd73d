import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { makeToken } from '../../src/cli/client.ts';
import { addGuests, addTeamMember, setLimits } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };

/** A world whose API runs in two processes; `second` is the base URL of the other one. */
async function createPair(): Promise<{ world: World; second: string; stop: () => Promise<void> }> {
  const world = await createWorld();
  const platform = await world.startMore({ roles: ['api'] });
  const stop = async () => {
    await platform.stop();
    await world.stop();
  };
  return { world, second: platform.url ?? '', stop };
}

describe('limits on volume and recipients', () => {
  let world: World;
  let second: string;
  let stop: () => Promise<void>;
  before(async () => {
    ({ world, second, stop } = await createPair());
  });
  after(() => stop());

  const sms = (tenant: Tenant, more: object = {}) => ({
    template_id: tenant.templates.sms,
    phone_number: '07700900123',
    personalisation,
    ...more,
  });
  const post = (tenant: Tenant, options: Parameters<World['call']>[2] = {}) =>
    world.call('POST', '/v2/notifications/sms', { key: tenant.keys.normal, body: sms(tenant), ...options });
  const statuses = (answers: readonly { status: number }[]) => {
    const counts: Record<number, number> = {};
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };
  /** Sends `count` requests at once, alternating between two API processes. */
  async function storm(
    tenant: Tenant,
    count: number,
    body: (index: number) => object = () => sms(tenant),
    headers: Record<string, string> = {},
  ) {
    return await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const response = await fetch(`${index % 2 ? second : world.api}/v2/notifications/sms`, {
          method: 'POST',
          headers: { Authorization: `Bearer ${makeToken(tenant.keys.normal)}`, ...headers },
          body: JSON.stringify(body(index)),
        });
        return { status: response.status, headers: response.headers, body: (await response.json()) as any };
      }),
    );
  }

  test('of 5,000 concurrent requests on two processes exactly the daily limit of 1,000 is accepted', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { rateLimit: 12_000_000, limits: { sms: 1000 } });
    const answers: Awaited<ReturnType<typeof storm>> = [];
    // The bucket holds at most 999 tokens and gains 200,000 a second, so batches of 500 never empty it.
    for (let batch = 0; batch < 10; batch++) answers.push(...(await storm(tenant, 500)));
    assert.deepEqual(statuses(answers), { 201: 1000, 429: 4000 });
    const refused = answers.find(({ status }) => status === 429)!;
    assert.deepEqual(refused.body, {
      status_code: 429,
      errors: [{ error: 'TooManyRequestsError', message: 'Exceeded send limits (sms: 1000) for today' }],
    });
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.match(refused.headers.get('ratelimit') ?? '', /^"sms";r=0;t=\d+$/);
    await world.drain(60);
    const { rows } = await world.connection.pool.query(
      'select count(*)::int as count from notification_history where service_id = $1',
      [tenant.id],
    );
    assert.equal(rows[0].count, 1000);
  });

  test('a burst gets exactly what the rate limit allows, whichever process it reaches', async () => {
    const tenant = await world.addTenant();
    // Capacity 21, of which the last token is never granted; the next one arrives after a second.
    await setLimits(world.connection.db, tenant.id, { rateLimit: 60 });
    const started = Date.now();
    const answers = await storm(tenant, 200);
    const refilled = Math.floor((Date.now() - started) / 1000) + 1;
    const accepted = statuses(answers)[201] ?? 0;
    assert.ok(accepted >= 20 && accepted <= 20 + refilled, `${accepted} accepted`);
    const refused = answers.find(({ status }) => status === 429)!;
    assert.deepEqual(refused.body.errors, [
      {
        error: 'RateLimitError',
        message: 'Exceeded rate limit for key type LIVE of 60 requests per 60 seconds',
      },
    ]);
    assert.equal(refused.headers.get('retry-after'), '1');
    assert.equal(refused.headers.get('ratelimit-policy'), '"rate";q=60;w=60');
    // Each key type has a bucket of its own.
    assert.equal(
      (await world.call('POST', '/v2/notifications/sms', { key: tenant.keys.test, body: sms(tenant) }))
        .status,
      201,
    );
  });

  test('a success reports how much of the rate limit is left, and a request refused for a fault counts too', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { rateLimit: 30 });
    const left = async () => Number(/r=(\d+)/.exec((await post(tenant)).headers.get('ratelimit') ?? '')?.[1]);
    const before = await left();
    assert.equal((await post(tenant, { body: '{' })).status, 400);
    assert.ok((await left()) <= before - 2 + 1);
  });

  test('a service with a high rate can send after days of silence', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { rateLimit: 12_000_000 });
    assert.equal((await post(tenant)).status, 201);
    await world.connection.pool.query(
      `update rate_buckets set refilled_at = now() - interval '30 days' where service_id = $1`,
      [tenant.id],
    );
    assert.equal((await post(tenant)).status, 201);
  });

  test('the limit of international texts is counted separately from that of all texts', async () => {
    const tenant = await world.addTenant({ permissions: ['sms', 'international_sms'] });
    await setLimits(world.connection.db, tenant.id, { limits: { international_sms: 2 } });
    const abroad = await storm(tenant, 10, () => sms(tenant, { phone_number: '+33612345678' }));
    assert.deepEqual(statuses(abroad), { 201: 2, 429: 8 });
    assert.equal(
      abroad.find(({ status }) => status === 429)!.body.errors[0].message,
      'Exceeded send limits (international_sms: 2) for today',
    );
    assert.equal((await post(tenant)).status, 201);
    const { rows } = await world.connection.pool.query(
      `select name, used from daily_counts where service_id = $1 order by name`,
      [tenant.id],
    );
    assert.deepEqual(rows, [
      { name: 'international_sms', used: 2 },
      { name: 'sms', used: 3 },
    ]);
  });

  test('test keys and simulated recipients do not count towards the daily limit, and messages to simulated ones are not stored', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { limits: { sms: 1 } });
    const simulated = await post(tenant, { body: sms(tenant, { phone_number: '+447700900111' }) });
    assert.equal(simulated.status, 201);
    assert.equal(
      (await world.call('GET', `/v2/notifications/${simulated.body.id}`, { key: tenant.keys.normal })).status,
      404,
    );
    for (let index = 0; index < 3; index++)
      assert.equal((await post(tenant, { key: tenant.keys.test })).status, 201);
    assert.deepEqual(statuses([await post(tenant), await post(tenant)]), { 201: 1, 429: 1 });
  });

  test('a team key and a service in trial mode reach only the team and the guest list', async () => {
    const tenant = await world.addTenant();
    const team = await post(tenant, { key: tenant.keys.team });
    assert.deepEqual(
      [team.status, team.body.errors[0].message],
      [400, 'Can’t send to this recipient using a team-only API key'],
    );
    await addGuests(world.connection.db, tenant.id, ['07700 900 123', 'Guest@Example.com']);
    const user = randomUUID();
    await world.connection.pool.query(
      `insert into users (id, name, email_address, mobile_number) values ($1, 'Kim', $2, '07700 900 789')`,
      [user, `kim.${user}@example.com`],
    );
    await addTeamMember(world.connection.db, tenant.id, user);
    await world.until(
      () => post(tenant, { key: tenant.keys.team }),
      ({ status }) => status === 201,
    );
    const email = {
      template_id: tenant.templates.email,
      email_address: 'guest@example.com',
      personalisation,
    };
    assert.equal(
      (await world.call('POST', '/v2/notifications/email', { key: tenant.keys.team, body: email })).status,
      201,
    );

    assert.equal(
      (await post(tenant, { key: tenant.keys.team, body: sms(tenant, { phone_number: '07700900789' }) }))
        .status,
      201,
    );
    await world.connection.pool.query('update services set restricted = true where id = $1', [tenant.id]);
    const trial = await world.until(
      () => post(tenant, { body: sms(tenant, { phone_number: '07700900456' }) }),
      ({ status }) => status === 400,
      3,
    );
    assert.equal(
      trial.body.errors[0].message,
      'Can’t send to this recipient when service is in trial mode – see https://www.notifications.service.gov.uk/trial-mode',
    );
    assert.equal((await post(tenant)).status, 201);
    assert.equal(
      (await post(tenant, { key: tenant.keys.test, body: sms(tenant, { phone_number: '07700900456' }) }))
        .status,
      201,
    );
  });
});

describe('a repeated request', () => {
  let world: World;
  let second: string;
  let stop: () => Promise<void>;
  before(async () => {
    ({ world, second, stop } = await createPair());
  });
  after(() => stop());

  const body = () => ({
    template_id: world.tenant.templates.sms,
    phone_number: '07700900123',
    personalisation,
  });
  async function send(key: string, more: object = {}, api = world.api) {
    const response = await fetch(`${api}/v2/notifications/sms`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${makeToken(world.tenant.keys.normal)}`, 'Idempotency-Key': key },
      body: JSON.stringify({ ...body(), ...more }),
    });
    return {
      status: response.status,
      replayed: response.headers.get('idempotency-replayed'),
      text: await response.text(),
    };
  }

  test('50 concurrent requests with one Idempotency-Key on two processes are one message and one answer', async () => {
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => send(key, {}, index % 2 ? second : world.api)),
    );
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    assert.equal(new Set(answers.map(({ text }) => JSON.parse(text).id)).size, 1);
    assert.equal(answers.filter(({ replayed }) => replayed === null).length, 1);
    await world.drain();
    const { rows } = await world.connection.pool.query(
      'select count(*)::int as count from notification_history',
    );
    assert.equal(rows[0].count, 1);
    assert.equal((await world.sandbox('/counts')).received, 1);
  });

  test('a repeated request with the same Idempotency-Key and another body is a conflict with an explanation', async () => {
    const key = randomUUID();
    const first = await send(key);
    assert.equal(first.status, 201);
    const other = await send(key, { reference: 'other' });
    assert.equal(other.status, 409);
    assert.match(
      JSON.parse(other.text).errors[0].message,
      /Idempotency-Key was used for a different request/,
    );
    const again = await send(key);
    assert.deepEqual([again.status, again.text, again.replayed], [201, first.text, 'true']);
  });

  test('a refused request leaves its Idempotency-Key free', async () => {
    const key = randomUUID();
    assert.equal((await send(key, { personalisation: {} })).status, 400);
    assert.equal((await send(key)).status, 201);
  });

  /** Sends a text of the tenant with an Idempotency-Key. */
  async function sendFor(tenant: Tenant, key: string, more: object = {}, api = world.api) {
    const response = await fetch(`${api}/v2/notifications/sms`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${makeToken(tenant.keys.normal)}`, 'Idempotency-Key': key },
      body: JSON.stringify({ ...body(), template_id: tenant.templates.sms, ...more }),
    });
    return {
      status: response.status,
      replayed: response.headers.get('idempotency-replayed'),
      text: await response.text(),
    };
  }
  /** Sends the same request `count` times at once, alternating between two API processes. */
  const sendAtOnce = (
    tenant: Tenant,
    count: number,
    key: string,
    more: (index: number) => object = () => ({}),
  ) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        sendFor(tenant, key, more(index), index % 2 ? second : world.api),
      ),
    );

  test('a repeated request to a simulated recipient gets the first answer, and another body is a conflict', async () => {
    const key = randomUUID();
    const simulated = { phone_number: '+447700900111' };
    const atOnce = await sendAtOnce(world.tenant, 20, key, () => simulated);
    assert.deepEqual(new Set(atOnce.map(({ status }) => status)), new Set([201]));
    assert.equal(new Set(atOnce.map(({ text }) => text)).size, 1);
    assert.equal(atOnce.filter(({ replayed }) => replayed === null).length, 1);
    const again = await send(key, simulated);
    assert.deepEqual([again.status, again.replayed], [201, 'true']);
    assert.equal((await send(key)).status, 409);
  });

  for (const [limit, name] of [
    ['sms', 'a daily limit'],
    ['international_sms', 'the daily limit of international texts'],
  ] as const) {
    test(`concurrent requests with one Idempotency-Key that ${name} refuses all get that refusal, and work once it allows`, async () => {
      const tenant = await world.addTenant({ permissions: ['sms', 'international_sms'] });
      await setLimits(world.connection.db, tenant.id, { limits: { [limit]: 0 } });
      const key = randomUUID();
      const abroad = { phone_number: '+33612345678' };
      const answers = await sendAtOnce(tenant, 50, key, () => abroad);
      assert.deepEqual(
        new Set(answers.map(({ status, text }) => `${status} ${JSON.parse(text).errors[0].message}`)),
        new Set([`429 Exceeded send limits (${limit}: 0) for today`]),
      );
      await setLimits(world.connection.db, tenant.id, { limits: { [limit]: 1 } });
      const first = await world.until(
        () => sendFor(tenant, key, abroad),
        ({ status }) => status !== 429,
      );
      assert.deepEqual([first.status, first.replayed], [201, null]);
    });
  }

  test('different concurrent requests with one Idempotency-Key that a limit refuses get refusals, never a 500', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { limits: { sms: 0 } });
    const answers = await sendAtOnce(tenant, 50, randomUUID(), (index) => ({ reference: `loan-${index}` }));
    for (const { status, text } of answers) assert.ok(status === 429 || status === 409, `${status} ${text}`);
  });

  test('a repeated request gets the first answer also after a daily limit has been reached', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { limits: { sms: 1 } });
    const key = randomUUID();
    const first = await sendFor(tenant, key);
    assert.equal(first.status, 201);
    for (let times = 0; times < 2; times++) {
      assert.equal((await sendFor(tenant, randomUUID())).status, 429);
      const again = await sendFor(tenant, key);
      assert.deepEqual([again.status, again.text, again.replayed], [201, first.text, 'true']);
      // The limit hides every other fault.
      assert.equal((await sendFor(tenant, key, { reference: 'other' })).status, 429);
      assert.equal((await sendFor(tenant, 'x'.repeat(256))).status, 429);
    }
  });

  test('of concurrent requests with one Idempotency-Key the last token and the last of the day pay for all', async () => {
    for (const limits of [{ rateLimit: 3 }, { limits: { sms: 1 } }]) {
      const tenant = await world.addTenant();
      // A rate of 3 a minute holds 2 tokens, of which the last is never granted.
      await setLimits(world.connection.db, tenant.id, limits);
      const key = randomUUID();
      const answers = await sendAtOnce(tenant, 20, key);
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]), JSON.stringify(limits));
      assert.equal(new Set(answers.map(({ text }) => JSON.parse(text).id)).size, 1);
      const again = await sendFor(tenant, key);
      assert.deepEqual([again.status, again.replayed], [201, 'true']);
    }
  });

  test('the same Idempotency-Key of another service is another message', async () => {
    const key = randomUUID();
    const first = await send(key);
    const tenant = await world.addTenant();
    const other = await world.call('POST', '/v2/notifications/sms', {
      key: tenant.keys.normal,
      headers: { 'Idempotency-Key': key },
      body: { ...body(), template_id: tenant.templates.sms },
    });
    assert.equal(other.status, 201);
    assert.notEqual(other.body.id, JSON.parse(first.text).id);
  });

  test('the same Idempotency-Key with a key of each type is a request for each type, even when sent at once', async () => {
    const tenant = await world.addTenant();
    await addGuests(world.connection.db, tenant.id, ['07700 900 123']);
    await world.until(
      () =>
        world.call('POST', '/v2/notifications/sms', {
          key: tenant.keys.team,
          body: { ...body(), template_id: tenant.templates.sms },
        }),
      ({ status }) => status === 201,
    );
    const key = randomUUID();
    const types = ['test', 'team', 'normal'] as const;
    const sendAs = async (type: (typeof types)[number], idempotencyKey: string) => {
      const answer = await world.call('POST', '/v2/notifications/sms', {
        key: tenant.keys[type],
        headers: { 'Idempotency-Key': idempotencyKey },
        body: { ...body(), template_id: tenant.templates.sms },
      });
      return { ...answer, replayed: answer.headers.get('idempotency-replayed') };
    };
    const firsts = [];
    for (const type of types) firsts.push(await sendAs(type, key));
    assert.deepEqual(
      firsts.map(({ status, replayed }) => [status, replayed]),
      types.map(() => [201, null]),
    );
    const repeated = await Promise.all(types.map((type) => sendAs(type, key)));
    assert.deepEqual(
      repeated.map(({ body, replayed }) => [body, replayed]),
      firsts.map((first) => [first.body, 'true']),
    );
    const atOnce = randomUUID();
    const answers = await Promise.all([...types, ...types].map((type) => sendAs(type, atOnce)));
    assert.deepEqual(
      answers.slice(0, 3).map(({ body }) => body.id),
      answers.slice(3).map(({ body }) => body.id),
    );
    const ids = [...firsts, ...answers].map(({ body }) => body.id);
    await world.drain();
    const { rows } = await world.connection.pool.query(
      `select id, key_type from notification_history where id = any($1) order by key_type, id`,
      [ids],
    );
    assert.deepEqual(
      rows.map(({ key_type }) => key_type),
      ['normal', 'normal', 'team', 'team', 'test', 'test'],
    );
  });

  test('a request that the release before accepted is repeated with the answer it gave, and that release sees the live keys of this one', async () => {
    const { pool } = world.connection;
    const key = randomUUID();
    const first = await send(key);
    // The release before knows neither the type of key nor the column for it.
    const seen = await pool.query('select key from idempotency_keys where service_id = $1 and key = $2', [
      world.tenant.id,
      key,
    ]);
    assert.equal(seen.rows.length, 1);
    await pool.query(
      `with old as (delete from idempotency_keys where service_id = $1 and key = $2 returning *)
      insert into idempotency_keys (service_id, key, fingerprint, answer, created_at)
      select service_id, key, fingerprint, answer, created_at from old`,
      [world.tenant.id, key],
    );
    const repeated = await Promise.all([send(key), send(key, {}, second)]);
    for (const answer of repeated) assert.deepEqual([answer.text, answer.replayed], [first.text, 'true']);
  });

  test('the answer kept for an Idempotency-Key is not readable in the database', async () => {
    const key = randomUUID();
    await send(key, { personalisation: { name: 'Zebedee', time: '1' } });
    const { rows } = await world.connection.pool.query<{ answer: Buffer }>(
      'select answer from idempotency_keys where key = $1',
      [key],
    );
    assert.equal(rows[0]!.answer.includes('Zebedee'), false);
  });
});
