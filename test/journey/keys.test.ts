import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { makeToken } from '../../src/cli/client.ts';
import { dayAfter, dayOf } from '../../src/ground/clock.ts';
import type { Platform } from '../../src/process/compose.ts';
import { pasteableKey } from '../../src/tenant/key/key.ts';
import { deleteOldUses, recordUses } from '../../src/tenant/key/store.ts';
import { addUser, platformUserId } from '../../src/tenant/user/store.ts';
import { createWorld, type World } from '../support/world.ts';

const notFound = { result: 'error', message: 'No result found' };
const fieldError = (message: object) => ({ result: 'error', message });
const schemaError = (message: string) => ({
  status_code: 400,
  errors: [{ error: 'ValidationError', message }],
});

describe('API keys through the admin API', () => {
  let world: World;
  let other: Platform;
  /** A service of its own, and its path. */
  let serviceId: string;
  let base: string;

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    other = await world.startMore({ roles: ['api'] });
    serviceId = (await world.addTenant()).id;
    base = `/service/${serviceId}`;
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
  });

  type Key = Record<string, unknown> & { id: string; name: string };
  const keyBody = (name: string, more: object = {}) => ({
    ...{ name, key_type: 'normal', created_by: platformUserId },
    ...more,
  });
  const list = async (): Promise<Key[]> => (await world.admin('GET', `${base}/api-keys`)).body.apiKeys;
  const found = async (name: string) => (await list()).filter((key) => key.name === name).at(-1)!;

  /** Makes a key; returns it as listed, and as clients take it. */
  async function make(name: string, more: object = {}): Promise<{ key: Key; pasteable: string }> {
    const { status, body } = await world.admin('POST', `${base}/api-key`, keyBody(name, more));
    assert.equal(status, 201, JSON.stringify(body));
    const pasteable = pasteableKey({ name, serviceId, secret: body.data });
    return { key: await found(name), pasteable };
  }
  /** What a call with the key is answered: 200, or the reason why not. By each of the two processes. */
  async function answers(key: string): Promise<string[]> {
    const headers = { Authorization: `Bearer ${makeToken(key, world.clock.now())}`, 'User-Agent': 'tide/1' };
    return await Promise.all(
      [world.api, other.url!].map(async (api) => {
        const response = await fetch(`${api}/v2/templates`, { headers });
        const body = (await response.json()) as { errors?: { message: string }[] };
        return body.errors?.[0]?.message ?? String(response.status);
      }),
    );
  }
  const versions = async (id: string) =>
    (
      await world.connection.pool.query(
        'select version, expires_at is not null as ends, created_by from api_key_versions where id = $1 order by version',
        [id],
      )
    ).rows;
  const eventsOf = async (id: string) =>
    (await world.admin('GET', `/events?service_id=${serviceId}`)).body.events.filter(
      (event: { subject_id: string }) => event.subject_id === id,
    );
  const later = (milliseconds: number) => new Date(world.clock.now() + milliseconds).toISOString();

  test('a new key works at once, is listed without its secret, and has a version and an event', async () => {
    const { key, pasteable } = await make('Harbour Live');
    assert.deepEqual(await answers(pasteable), ['200', '200']);
    const { id, created_at, ...rest } = key;
    assert.deepEqual(rest, {
      ...{ name: 'Harbour Live', key_type: 'normal', expiry_date: null, updated_at: null, version: 1 },
      ...{ created_by: platformUserId, last_used_at: null, last_client: null, calls_by_day: [] },
    });
    assert.match(String(created_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const one = await world.admin('GET', `${base}/api-keys/${id}`);
    assert.equal(one.status, 200);
    assert.equal(one.body.apiKeys.length, 1);
    assert.equal(one.body.apiKeys[0].id, id);
    assert.deepEqual(await versions(id), [{ version: 1, ends: false, created_by: platformUserId }]);
    const [event] = await eventsOf(id);
    assert.equal(event.event_type, 'create_api_key');
    assert.deepEqual(event.data, {
      before: null,
      after: { name: 'Harbour Live', key_type: 'normal', expiry_date: null },
    });
    const secret = pasteable.slice(-36);
    for (const seen of [one.body, event, await list()]) assert.ok(!JSON.stringify(seen).includes(secret));
  });

  test('a body that does not describe a key is refused with what is wrong', async () => {
    const missing = 'Missing data for required field.';
    const table: [body: object, message: object][] = [
      [{}, { name: [missing], key_type: [missing], created_by: [missing] }],
      [keyBody('x', { key_type: 'live' }), { key_type: ['Not a valid choice.'] }],
      [keyBody('x', { key_type: 7 }), { key_type: ['Not a valid choice.'] }],
      [keyBody('x', { name: 'n'.repeat(256) }), { name: ['Longer than maximum length 255.'] }],
      [keyBody('x', { name: null }), { name: ['Field may not be null.'] }],
      [keyBody('x', { expires_at: 'soon' }), { expires_at: ['Not a valid datetime.'] }],
      [keyBody('x', { expires_at: '9999-12-31T23:59:59-12:00' }), { expires_at: ['Not a valid datetime.'] }],
      [keyBody('x', { expires_at: later(-1000) }), { expires_at: ['Must be in the future.'] }],
      [keyBody('x', { expiry_date: 5 }), { expiry_date: ['Not a valid string.'] }],
      [
        keyBody('x', { expires_at: later(9000), expiry_date: later(9000) }),
        { expiry_date: ['is another name of expires_at: leave one of them out'] },
      ],
    ];
    for (const [body, message] of table) {
      const answer = await world.admin('POST', `${base}/api-key`, body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.deepEqual(answer.body, fieldError(message));
    }
    const unknown: [path: string, body: object][] = [
      [`/service/${randomUUID()}/api-key`, {}],
      [`${base}/api-key`, keyBody('x', { created_by: randomUUID() })],
      [`${base}/api-key`, keyBody('x', { created_by: 'rowan' })],
    ];
    for (const [path, body] of unknown) {
      const answer = await world.admin('POST', path, body);
      assert.deepEqual([answer.status, answer.body], [404, notFound], path);
    }
    assert.equal((await world.admin('GET', `/service/${randomUUID()}/api-keys`)).status, 404);
    assert.equal((await list()).filter(({ name }) => name === 'x').length, 0);
  });

  test('of many simultaneous requests for one name, one makes a key and the others are told that it exists', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => world.admin('POST', `${base}/api-key`, keyBody('contested'))),
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    for (const { status, body } of answers)
      if (status !== 201)
        assert.deepEqual(
          [status, body],
          [400, fieldError({ name: ['A key with this name already exists'] })],
        );
    assert.equal((await list()).filter(({ name }) => name === 'contested').length, 1);
    const { id } = await found('contested');
    assert.equal((await eventsOf(id)).length, 1);
  });

  test('an ended key stops working in all processes within 2 seconds, and its name is free', async () => {
    const { key, pasteable } = await make('leaked');
    assert.deepEqual(await answers(pasteable), ['200', '200']);
    const answer = await world.admin('POST', `${base}/api-key/revoke/${key.id}`);
    assert.deepEqual([answer.status, answer.body], [202, {}]);
    const revoked = 'Invalid token: API key revoked';
    await world.until(
      () => answers(pasteable),
      (all) => all.every((one) => one === revoked),
      2,
    );
    const gone = await world.admin('GET', `${base}/api-keys/${key.id}`);
    assert.deepEqual(
      [gone.status, gone.body],
      [404, { result: 'error', message: `API key not found for id: ${serviceId}` }],
    );
    const shown = await found('leaked');
    assert.equal(shown['version'], 2);
    assert.notEqual(shown['expiry_date'], null);
    assert.notEqual((await make('leaked')).key.id, key.id);
    assert.equal((await eventsOf(key.id))[0].event_type, 'revoke_api_key');
  });

  test('a key that ends later works until then, beside its successor of the same name', async () => {
    const { key, pasteable } = await make('rolling');
    const at = later(3_600_000);
    const path = `${base}/api-key/revoke/${key.id}`;
    assert.equal((await world.admin('POST', path, { expires_at: at })).status, 202);
    const planned = await found('rolling');
    assert.equal(Date.parse(String(planned['expiry_date'])), Date.parse(at));
    const successor = await make('rolling');
    assert.deepEqual(await answers(pasteable), ['200', '200']);
    assert.deepEqual(await answers(successor.pasteable), ['200', '200']);
    assert.equal((await world.admin('GET', `${base}/api-keys/${key.id}`)).status, 200);
    // No change is announced when the end comes: the verified token and the cached keys must not outlive it.
    await world.advance(3599);
    assert.deepEqual(await answers(pasteable), ['200', '200']);
    await world.advance(1);
    const revoked = 'Invalid token: API key revoked';
    assert.deepEqual(await answers(pasteable), [revoked, revoked]);
    assert.deepEqual(await answers(successor.pasteable), ['200', '200']);
    const again = await world.admin('POST', path, { expires_at: later(60_000) });
    assert.deepEqual(
      [again.status, again.body],
      [400, schemaError('expires_at cannot be set: the key has ended. Make a new key')],
    );
    assert.equal((await world.admin('POST', path)).status, 202);
    assert.deepEqual(
      (await versions(key.id)).map(({ version, ends }) => [version, ends]),
      [
        [1, false],
        [2, true],
        [3, true],
      ],
    );
  });

  test('the same token stops being admitted at the moment its key ends', async () => {
    const { pasteable } = await make('short', { expiry_date: later(5000) });
    const headers = { Authorization: `Bearer ${makeToken(pasteable, world.clock.now())}` };
    const call = async () => (await fetch(`${world.api}/v2/templates`, { headers })).status;
    assert.deepEqual([await call(), await call()], [200, 200]);
    await world.advance(6);
    assert.equal(await call(), 403);
  });

  test('keys are listed until a week after the day of their end', async () => {
    const { key } = await make('old');
    await world.admin('POST', `${base}/api-key/revoke/${key.id}`);
    const set = (at: number) =>
      world.connection.pool.query('update api_keys set expires_at = $2 where id = $1', [
        key.id,
        new Date(at),
      ]);
    const midnight = Math.floor(world.clock.now() / 86_400_000) * 86_400_000;
    await set(midnight - 6 * 86_400_000);
    assert.ok(await found('old'));
    await set(midnight - 7 * 86_400_000 - 1);
    assert.equal(await found('old'), undefined);
  });

  test('whoever ends a key is the author of that version; nobody else can end it', async () => {
    const { key } = await make('mine');
    const rowan = randomUUID();
    const { db } = world.connection;
    await addUser(db, { id: rowan, name: 'Rowan', emailAddress: `${rowan}@example.com`, state: 'active' });
    const { id: stranger } = await world.addTenant();
    const refused: [path: string, body: object, status: number, answer: object][] = [
      [`/service/${stranger}/api-key/revoke/${key.id}`, {}, 404, notFound],
      [`${base}/api-key/revoke/${randomUUID()}`, {}, 404, notFound],
      [`${base}/api-key/revoke/${key.id}`, { created_by: randomUUID() }, 404, notFound],
      [
        `${base}/api-key/revoke/${key.id}`,
        { created_by: 'rowan' },
        400,
        schemaError('created_by is not a valid UUID'),
      ],
      [
        `${base}/api-key/revoke/${key.id}`,
        { why: 'x' },
        400,
        schemaError('Additional properties are not allowed (why was unexpected)'),
      ],
      [
        `${base}/api-key/revoke/${key.id}`,
        { expires_at: later(-1000) },
        400,
        schemaError('expires_at must be in the future'),
      ],
      [
        `${base}/api-key/revoke/${key.id}`,
        { expires_at: '' },
        400,
        schemaError('expires_at is not a valid datetime'),
      ],
    ];
    for (const [path, body, status, answer] of refused) {
      const got = await world.admin('POST', path, body);
      assert.deepEqual([got.status, got.body], [status, answer], JSON.stringify(body));
    }
    await world.admin('POST', `${base}/api-key/revoke/${key.id}`, { created_by: rowan });
    assert.deepEqual(
      (await versions(key.id)).map(({ created_by }) => created_by),
      [platformUserId, rowan],
    );
    assert.equal((await found('mine'))['created_by'], platformUserId);
    const { body } = await world.admin('GET', `${base}/history`);
    const history = body.data.api_key_history.filter((one: { id: string }) => one.id === key.id);
    assert.deepEqual(
      history.map((one: Record<string, unknown>) => [one['created_by_id'], one['expiry_date'] === null]),
      [
        [platformUserId, true],
        [rowan, false],
      ],
    );
  });

  test('the keys of a suspended service end, each with a version; keys that had ended keep their time', async () => {
    const tenant = await world.addTenant();
    const own = `/service/${tenant.id}`;
    const read = async () => (await world.admin('GET', `${own}/api-keys`)).body.apiKeys as Key[];
    const [first, second] = await read();
    await world.admin('POST', `${own}/api-key/revoke/${first!.id}`);
    const [ended] = await read();
    await world.admin('POST', `${own}/api-key/revoke/${second!.id}`, { expires_at: later(3_600_000) });
    assert.equal((await world.admin('POST', `${own}/suspend`)).status, 204);
    const keys = await read();
    assert.deepEqual(
      keys.map(({ version }) => version),
      [2, 3, 2],
    );
    assert.equal(keys[0]!['expiry_date'], ended!['expiry_date']);
    for (const key of keys) {
      assert.ok(Date.parse(String(key['expiry_date'])) <= world.clock.now());
      assert.equal((await versions(key.id)).length, key['version']);
    }
  });

  test('a key shows when, with which client and how often a day it was used, in all processes', async () => {
    const { key, pasteable } = await make('counted');
    const began = world.clock.now();
    const call = (api: string, agent: string) =>
      fetch(`${api}/v2/templates`, {
        headers: {
          Authorization: `Bearer ${makeToken(pasteable, world.clock.now())}`,
          'User-Agent': agent,
        },
      }).then((response) => response.arrayBuffer());
    for (let i = 0; i < 3; i++) {
      await call(world.api, 'NOTIFY-API-NODE-CLIENT/8.4.0');
      await call(other.url!, `NOTIFY-API-NODE-CLIENT/8.${i}.0`);
    }
    await call(other.url!, 'curl/8.5.0');
    // Not authorised, so not a use.
    await fetch(`${world.api}/v2/templates`, {
      headers: { Authorization: `Bearer ${makeToken(`${pasteable.slice(0, -36)}${randomUUID()}`)}` },
    });
    const used = await world.until(
      () => found('counted'),
      ({ calls_by_day }) => (calls_by_day as { calls: number }[])[0]?.calls === 7,
    );
    const calls_by_day = [{ day: dayOf(began), calls: 7, clients: { 'notify-api-node-client': 6, curl: 1 } }];
    assert.deepEqual(used['calls_by_day'], calls_by_day);
    assert.equal(used['last_client'], 'curl');
    const at = Date.parse(String(used['last_used_at']));
    assert.ok(at >= began && at <= world.clock.now());
    const { body } = await world.admin('GET', `${base}/api-keys/${key.id}`);
    assert.deepEqual(body.apiKeys[0].calls_by_day, calls_by_day);
  });

  test('a process that stops writes the uses that it has gathered', async () => {
    const { pasteable } = await make('last words');
    const third = await world.startMore({ roles: ['api'] });
    await fetch(`${third.url}/v2/templates`, {
      headers: { Authorization: `Bearer ${makeToken(pasteable, world.clock.now())}` },
    });
    await third.stop();
    assert.equal((await found('last words'))['last_client'], 'node');
  });

  test('a key with made-up clients keeps 20 a day and counts the rest together, losing no call', async () => {
    const { key } = await make('masquerade');
    const { db } = world.connection;
    const day = dayOf(world.clock.now());
    const lastUsedAt = new Date(world.clock.now());
    for (let batch = 0; batch < 4; batch++)
      await Promise.all(
        ['a', 'b'].map((part) =>
          recordUses(
            db,
            Array.from({ length: 15 }, (_, i) => ({
              ...{ keyId: key.id, day, client: `client-${batch}${part}${i}`, calls: 1, lastUsedAt },
            })),
          ),
        ),
      );
    const [today] = (await found('masquerade'))['calls_by_day'] as {
      calls: number;
      clients: Record<string, number>;
    }[];
    assert.equal(today!.calls, 120);
    // Two processes that begin at the same moment may each name 20.
    assert.ok(Object.keys(today!.clients).length <= 41);
    assert.ok(today!.clients['other']! >= 80);
  });

  test('uses are forgotten after 30 days, but never the last of a key', async () => {
    const { key } = await make('forgetful');
    const { key: idle } = await make('idle');
    const { db } = world.connection;
    const today = dayOf(world.clock.now());
    const use = (keyId: string, days: number) => ({
      ...{ keyId, day: dayAfter(today, -days), client: 'curl', calls: 1 },
      lastUsedAt: new Date(world.clock.now() - days * 86_400_000),
    });
    await recordUses(db, [...[0, 29, 31, 40].map((days) => use(key.id, days)), use(idle.id, 45)]);
    assert.equal(await deleteOldUses(db, today, 100), 2);
    const days = (await found('forgetful'))['calls_by_day'] as { day: string }[];
    assert.deepEqual(
      days.map(({ day }) => day),
      [today, dayAfter(today, -29)],
    );
    const shown = await found('idle');
    assert.deepEqual(shown['calls_by_day'], []);
    assert.equal(shown['last_client'], 'curl');
  });
});
