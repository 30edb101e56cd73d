import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { signToken } from '../../src/cli/client.ts';
import { deleteRequests } from '../../src/tenant/idempotency/store.ts';
import { addUser, platformUserId } from '../../src/tenant/user/store.ts';
import { createWorld, type World } from '../support/world.ts';

describe('a repeated request of the admin API', () => {
  let world: World;
  let base: string;
  let people: readonly [string, string];
  /** A second process of the same installation. */
  let other: Awaited<ReturnType<World['startMore']>>;

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    other = await world.startMore({ roles: ['api'] });
    base = `/service/${world.tenant.id}`;
    const add = async () => {
      const id = randomUUID();
      const { db } = world.connection;
      await addUser(db, { id, name: 'Kim', emailAddress: `${id}@example.com`, state: 'active' });
      await db
        .insertInto('service_users')
        .values({ service_id: world.tenant.id, user_id: id, permissions: ['manage_api_keys'] })
        .execute();
      return id;
    };
    people = [await add(), await add()];
  });
  after(async () => {
    await other.stop();
    await world.stop();
  });

  type Sent = Readonly<{ key?: string; person?: string; api?: string; method?: string }>;
  async function send(path: string, body: object | string, { key, person, api, method = 'POST' }: Sent = {}) {
    const { issuer, secret } = world.credentials.admin;
    const response = await fetch((api ?? world.api) + path, {
      method,
      headers: {
        Authorization: `Bearer ${signToken(issuer, secret, world.clock.now())}`,
        ...(key !== undefined && { 'Idempotency-Key': key }),
        ...(person !== undefined && { 'X-Notify-User-Id': person }),
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      text,
      body: text === '' ? null : JSON.parse(text),
      replayed: response.headers.get('idempotency-replayed'),
      retryAfter: response.headers.get('retry-after'),
    };
  }
  const keyBody = (name: string) => ({ name, key_type: 'normal', created_by: platformUserId });
  const countKeys = async (name: string) => {
    const { rows } = await world.connection.pool.query(
      'select count(*)::int as count from api_keys where service_id = $1 and name = $2',
      [world.tenant.id, name],
    );
    return rows[0].count as number;
  };
  /** What is remembered of a key of the admin client itself. */
  const remembered = async (key: string) =>
    (
      await world.connection.pool.query(
        'select id, fingerprint, answer, status from admin_requests where key = $1 and actor_id is null',
        [key],
      )
    ).rows;
  const usedBefore =
    'This Idempotency-Key was used for a different request within the last 24 hours. Use a new key for a new request.';
  const lost =
    'An earlier request with this Idempotency-Key did not come to an end. Look whether it took effect; if it did not, send it again with a new key.';

  test('20 at once, at two processes, make one key and get one answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        send(`${base}/api-key`, keyBody('race'), {
          key: 'race',
          api: n % 2 === 0 ? world.api : other.url!,
        }),
      ),
    );
    const made = answers.filter(({ status }) => status === 201);
    assert.equal(made.filter(({ replayed }) => replayed === null).length, 1);
    for (const answer of answers) {
      if (answer.status === 201) assert.equal(answer.text, made[0]!.text);
      else assert.deepEqual([answer.status, answer.retryAfter], [409, '2'], answer.text);
    }
    const again = await send(`${base}/api-key`, keyBody('race'), { key: 'race' });
    assert.deepEqual([again.status, again.text, again.replayed], [201, made[0]!.text, 'true']);
    assert.equal(await countKeys('race'), 1);
  });

  test('with another body, path or method is a conflict, and does nothing', async () => {
    assert.equal((await send(`${base}/api-key`, keyBody('first'), { key: 'one' })).status, 201);
    const different: [path: string, body: object | string, method?: string][] = [
      [`${base}/api-key`, keyBody('second')],
      [`${base}/api-key?x=1`, keyBody('first')],
      [`${base}/suspend`, ''],
      [`${base}/guest-list`, { phone_numbers: [], email_addresses: [] }, 'PUT'],
    ];
    for (const [path, body, method = 'POST'] of different) {
      const { status, body: answer } = await send(path, body, { key: 'one', method });
      assert.deepEqual([status, answer], [409, { result: 'error', message: usedBefore }], path);
    }
    assert.equal(await countKeys('second'), 0);
    assert.equal((await world.admin('GET', base)).body.data.active, true);
  });

  test('of another person is another request', async () => {
    const [kim, rowan] = people;
    const name = (who: string) => keyBody(`of ${who}`);
    const sent: [name: string, person?: string][] = [['kim', kim], ['rowan', rowan], ['nobody']];
    for (const [who, person] of sent) {
      const as = { key: 'shared', ...(person !== undefined && { person }) };
      const first = await send(`${base}/api-key`, name(who), as);
      assert.deepEqual([first.status, first.replayed], [201, null], who);
      const again = await send(`${base}/api-key`, name(who), as);
      assert.deepEqual([again.text, again.replayed], [first.text, 'true'], who);
    }
    const stolen = await send(`${base}/api-key`, name('kim'), { key: 'shared', person: rowan });
    assert.equal(stolen.status, 409);
  });

  test('by somebody who may no longer do it is refused', async () => {
    const [kim] = people;
    const asKim = { key: 'mine', person: kim };
    assert.equal((await send(`${base}/api-key`, keyBody('before leaving'), asKim)).status, 201);
    const { db } = world.connection;
    const permissions = (given: string[]) =>
      db.updateTable('service_users').set({ permissions: given }).where('user_id', '=', kim).execute();
    await permissions([]);
    assert.equal((await send(`${base}/api-key`, keyBody('before leaving'), asKim)).status, 403);
    await permissions(['manage_api_keys']);
    assert.equal((await send(`${base}/api-key`, keyBody('before leaving'), asKim)).replayed, 'true');
  });

  test('finds neither the secret of a key nor a hash of its body in the database', async () => {
    const { body } = await send(`${base}/api-key`, keyBody('sealed'), { key: 'sealed' });
    const [row] = await remembered('sealed');
    assert.equal(row.status, 201);
    assert.ok(String(body.data).length >= 36);
    assert.ok(!row.answer.includes(Buffer.from(String(body.data).slice(-36))));
    const same = keyBody('sealed');
    await send(`${base}/api-key/revoke/${randomUUID()}`, same, { key: 'unknown' });
    await send(`${base}/api-key`, keyBody('sealed too'), { key: 'sealed too' });
    const [too] = await remembered('sealed too');
    assert.notEqual(too.fingerprint.length, 32);
    // A value that was copied to another row does not open.
    await world.connection.pool.query('update admin_requests set answer = $1 where id = $2', [
      row.answer,
      too.id,
    ]);
    assert.equal((await send(`${base}/api-key`, keyBody('sealed too'), { key: 'sealed too' })).status, 500);
  });

  test('an empty answer is repeated as well', async () => {
    const answers = [];
    for (let n = 0; n < 2; n++) answers.push(await send(`${base}/suspend`, '', { key: 'suspend' }));
    assert.deepEqual(
      answers.map(({ status, text, replayed }) => [status, text, replayed]),
      [
        [204, '', null],
        [204, '', 'true'],
      ],
    );
    assert.equal((await send(`${base}/resume`, '', { key: 'resume' })).status, 204);
    // What was repeated did not happen again.
    await send(`${base}/suspend`, '', { key: 'suspend' });
    assert.equal((await world.admin('GET', base)).body.data.active, true);
  });

  test('of one that was refused is tried anew', async () => {
    const missing = { key_type: 'normal', created_by: platformUserId };
    const refused = await send(`${base}/api-key`, missing, { key: 'mended' });
    assert.equal(refused.status, 400);
    assert.deepEqual(await remembered('mended'), []);
    assert.equal((await send(`${base}/api-key`, keyBody('mended'), { key: 'mended' })).status, 201);
    // Handlers that send their answer themselves.
    const service = (await world.admin('GET', base)).body.data;
    const stale = { ...service, version: service.version - 1 };
    assert.equal((await send(base, stale, { key: 'stale' })).status, 409);
    assert.deepEqual(await remembered('stale'), []);
    assert.equal((await send(`/service/${randomUUID()}`, {}, { key: 'nowhere' })).status, 404);
    assert.deepEqual(await remembered('nowhere'), []);
  });

  test('while the first is under way waits for its answer', async () => {
    const { pool } = world.connection;
    const holder = await pool.connect();
    try {
      await holder.query('begin');
      await holder.query('select id from services where id = $1 for update', [world.tenant.id]);
      const first = send(`${base}/suspend`, '', { key: 'slow' });
      await world.until(
        () => remembered('slow'),
        (rows) => rows.length === 1,
      );
      const second = send(`${base}/suspend`, '', { key: 'slow', api: other.url! });
      await holder.query('commit');
      assert.deepEqual([(await first).status, (await second).status], [204, 204]);
      assert.equal((await second).replayed, 'true');
      await holder.query('begin');
      await holder.query('select id from services where id = $1 for update', [world.tenant.id]);
      const third = send(`${base}/resume`, '', { key: 'slower' });
      await world.until(
        () => remembered('slower'),
        (rows) => rows.length === 1,
      );
      const early = await send(`${base}/resume`, '', { key: 'slower' });
      assert.deepEqual([early.status, early.retryAfter], [409, '2']);
      await holder.query('commit');
      assert.equal((await third).status, 204);
      assert.equal((await send(`${base}/resume`, '', { key: 'slower' })).replayed, 'true');
    } finally {
      holder.release(true);
    }
  });

  test('its caller may leave: the answer is kept', async () => {
    const { pool } = world.connection;
    const holder = await pool.connect();
    try {
      await holder.query('begin');
      await holder.query('select id from services where id = $1 for update', [world.tenant.id]);
      const leaving = new AbortController();
      const { issuer, secret } = world.credentials.admin;
      const first = fetch(`${world.api}${base}/suspend`, {
        method: 'POST',
        signal: leaving.signal,
        headers: {
          Authorization: `Bearer ${signToken(issuer, secret, world.clock.now())}`,
          'Idempotency-Key': 'left',
        },
      });
      await world.until(
        () => remembered('left'),
        (rows) => rows.length === 1,
      );
      leaving.abort();
      await assert.rejects(first);
      await holder.query('commit');
      await world.until(
        () => remembered('left'),
        ([row]) => row?.status === 204,
      );
    } finally {
      holder.release(true);
    }
    assert.equal((await send(`${base}/resume`, '')).status, 204);
  });

  test('of one whose process ended is never carried out, and says so', async () => {
    await send(`${base}/api-key`, keyBody('killed'), { key: 'killed' });
    // As the process left it between the commit of the key and that of the answer.
    await world.connection.pool.query(
      `update admin_requests set answer = null, status = null, leased_until = $1 where key = 'killed'`,
      [new Date(world.clock.now())],
    );
    for (let n = 0; n < 2; n++) {
      const { status, body, retryAfter } = await send(`${base}/api-key`, keyBody('killed'), {
        key: 'killed',
      });
      assert.deepEqual([status, body, retryAfter], [409, { result: 'error', message: lost }, null]);
    }
    assert.equal(await countKeys('killed'), 1);
  });

  test('of one that met a fault is never carried out, and says so at once', async () => {
    const { pool } = world.connection;
    const holder = await pool.connect();
    try {
      await holder.query('begin');
      await holder.query('select id from services where id = $1 for update', [world.tenant.id]);
      const first = send(`${base}/suspend`, '', { key: 'fault' });
      await world.until(
        async () =>
          (
            await pool.query(
              `select pg_terminate_backend(pid) as ended from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock' and pid <> pg_backend_pid()`,
            )
          ).rows,
        (rows) => rows.length > 0,
      );
      assert.equal((await first).status, 503);
      await holder.query('commit');
    } finally {
      holder.release(true);
    }
    const again = await send(`${base}/suspend`, '', { key: 'fault' });
    assert.deepEqual([again.status, again.body.message], [409, lost]);
    assert.equal((await world.admin('GET', base)).body.data.active, true);
  });

  test('with a malformed key is refused', async () => {
    for (const key of ['', 'n'.repeat(256), 'tïde', 'a\tb']) {
      const { status, body } = await send(`${base}/api-key`, keyBody('malformed'), { key });
      assert.deepEqual(
        [status, body],
        [400, { result: 'error', message: 'Idempotency-Key must be 1 to 255 printable ASCII characters' }],
        key,
      );
    }
    assert.equal(await countKeys('malformed'), 0);
  });

  test('is carried out again once the first is forgotten', async () => {
    const { db, pool } = world.connection;
    const { rows } = await pool.query('select count(*)::int as count from admin_requests');
    const past = new Date(world.clock.now() - 3_600_000);
    assert.equal(await deleteRequests(db, past, 1000), 0);
    const now = new Date(world.clock.now() + 1000);
    assert.equal(await deleteRequests(db, now, 2), 2);
    assert.equal(await deleteRequests(db, now, 1000), rows[0].count - 2);
    assert.equal((await send(`${base}/suspend`, '', { key: 'suspend' })).replayed, null);
    assert.equal((await send(`${base}/resume`, '', { key: 'resume' })).replayed, null);
  });
});
