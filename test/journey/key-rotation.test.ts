import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AdminCall } from '../../src/cli/admin-call.ts';
import { makeToken } from '../../src/cli/client.ts';
import { noun } from '../../src/cli/keys.ts';
import { readAction } from '../../src/cli/noun.ts';
import { readConfig } from '../../src/config/config.ts';
import { type Cipher, createCipher } from '../../src/ground/cipher.ts';
import { createLog } from '../../src/ground/log.ts';
import { type Platform, startPlatform } from '../../src/process/compose.ts';
import { countSealed, oldIn, rotate } from '../../src/upkeep/rotate.ts';
import { sealedColumns } from '../../src/upkeep/sealed-columns.ts';
import { countPortion, findValues, replaceValues } from '../../src/upkeep/store-sealed.ts';
import { type Receiver, receiver } from '../support/callback-receiver.ts';
import { openEverything, sealEverything, sealingSettings, textsOf } from '../support/sealed-values.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, environment, type World } from '../support/world.ts';

const next = 'the next secret of the tests';
const oldFirst = createCipher([secretKey, next], salt);
const newFirst = createCipher([next, secretKey], salt);

describe('the rotation of SECRET_KEY', () => {
  let world: World;
  let tenant: Tenant;
  let service: Receiver;
  let workers: Platform;
  let ids: Record<string, string>;

  before(async () => {
    service = await receiver();
    world = await createWorld({
      roles: ['api', 'sandbox'],
      environment: { ...sealingSettings, SECRET_KEY: `${next},${secretKey}` },
    });
    workers = await world.startMore({ roles: ['worker', 'scheduler'] });
    tenant = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
    ids = await sealEverything(world, tenant, service.url);
  });
  after(async () => {
    await workers?.stop();
    await world?.stop();
    service?.stop();
  });

  const db = () => world.connection.db;
  const send = (...of: Parameters<ReturnType<typeof textsOf>>) => textsOf(world, tenant)(...of);
  const rotateTo = async (cipher: Cipher, onProgress = () => {}) =>
    await rotate({ db: db(), cipher }, await countSealed({ db: db() }), onProgress);
  const left = async (cipher: Cipher) =>
    (await countSealed({ db: db() })).reduce((sum, { values }) => sum + oldIn(values, cipher), 0);
  const command = async (...args: string[]) =>
    await readAction(noun, args).run(world.admin as AdminCall, {
      ...{ db: db(), clock: world.clock, cipher: newFirst },
      runTask: () => Promise.reject(new Error('no task is run')),
    });

  test('every column has values that are rotated, by two runs at once, and after one that was stopped', async () => {
    // The world is used to the new secret; now everything is under the old one.
    await rotateTo(oldFirst);
    assert.equal(await left(oldFirst), 0);
    const counts = await countSealed({ db: db() });
    for (const { column, values } of counts)
      assert.ok(oldIn(values, newFirst) > 0, `${column.table}.${column.column} has no value to rotate`);
    const all = await left(newFirst);

    await assert.rejects(
      () =>
        rotateTo(newFirst, () => {
          throw new Error('killed');
        }),
      /killed/,
    );
    const rest = await left(newFirst);
    assert.ok(rest > 0 && rest < all);
    const [first, second] = await Promise.all([rotateTo(newFirst), rotateTo(newFirst)]);
    assert.equal(first! + second!, rest);
    assert.equal(await left(newFirst), 0);
    assert.equal(await rotateTo(newFirst), 0);
  });

  test('a value that somebody else has changed since it was read stays as they wrote it', async () => {
    const column = sealedColumns.find(({ table }) => table === 'service_callback_api')!;
    const { last } = await countPortion(db(), column, null, 1);
    const [read] = await findValues(db(), column, { except: oldFirst.keyIds[0]!, after: null, until: last! });
    const context = column.context(...read!.place);
    const theirs = newFirst.seal('another token', context);
    const replace = (value: Buffer, now: Buffer) => replaceValues(db(), column, [{ ...read!, value, now }]);
    assert.equal(await replace(read!.value, theirs), 1);
    assert.equal(await replace(read!.value, oldFirst.seal('mine', context)), 0);
    const { rows } = await world.connection.pool.query(
      'select bearer_token from service_callback_api where id = $1',
      [context],
    );
    assert.equal(newFirst.open(rows[0].bearer_token, context), 'another token');
    assert.equal(await replace(theirs, read!.value), 1);
  });

  test('what no secret opens is left alone and reported', async () => {
    const column = sealedColumns.find(({ table }) => table === 'service_callback_api')!;
    const before = await command('check');
    const { rows } = await world.connection.pool.query(
      'select id, bearer_token from service_callback_api limit 1',
    );
    const [{ id, bearer_token: token }] = rows;
    const set = (value: Buffer) =>
      world.connection.pool.query('update service_callback_api set bearer_token = $2 where id = $1', [
        id,
        value,
      ]);
    await set(createCipher(['a secret that is lost'], salt).seal('token', column.context(id)));
    const { data, text } = await command('rotate');
    assert.equal((data as { left: number }).left, 1);
    assert.match(
      text!,
      /a secret that SECRET_KEY lacks .*: 1 values\n {2}left in service_callback_api\.bearer_token: 1\n/,
    );
    assert.match(text!, /put that secret at the end of the list/);
    await set(token);
    assert.deepEqual(await command('rotate', '--dry-run'), before);
  });

  test('messages flow while it runs, and afterwards the new secret alone opens and delivers everything', async () => {
    await rotateTo(oldFirst);
    const running = { now: true };
    const sent: string[] = [];
    const flow = (async () => {
      while (running.now) sent.push((await send({})).body.id);
    })();
    const { data, text } = await command('rotate').finally(() => {
      running.now = false;
    });
    await flow;
    assert.ok(sent.length > 0);
    assert.equal((data as { left: number }).left, 0);
    assert.match(text!, /the others can be removed from SECRET_KEY/);
    assert.match(text!, /Links in messages that were sent cannot be encrypted again/);
    await workers.stop();

    const alone = await startPlatform({
      clock: world.clock,
      config: readConfig(
        environment(world.databaseUrl, world.dataDir, {
          ...{ ...sealingSettings, SECRET_KEY: next, SANDBOX_URL: world.sandboxUrl },
        }),
      ),
      ...{ roles: ['api', 'worker', 'scheduler'], queues: null, log: createLog('silent') },
    });
    try {
      const call = async (method: string, path: string, body?: object, headers = {}) => {
        const authorization = `Bearer ${makeToken(tenant.keys.normal, world.clock.now())}`;
        const response = await fetch(alone.url + path, {
          ...{ method, headers: { authorization, 'content-type': 'application/json', ...headers } },
          ...(body && { body: JSON.stringify(body) }),
        });
        return { status: response.status, body: (await response.json()) as any };
      };
      const onlyNew = createCipher([next], salt);
      await openEverything(world, onlyNew);
      const again = await call(
        ...(['POST', '/v2/notifications/sms'] as const),
        {
          ...{ template_id: tenant.templates.sms, phone_number: '07700900123' },
          personalisation: { name: 'Rowan', time: '14:05' },
        },
        { 'Idempotency-Key': 'once' },
      );
      assert.deepEqual([again.status, again.body.id], [201, ids['sent']]);
      const texts = await call('GET', '/v2/received-text-messages');
      assert.equal(texts.body.received_text_messages[0].content, 'High tide');
      await world.advance(3700);
      await world.drain(120);
      for (const id of [ids['sent'], ids['scheduled'], sent[0], sent.at(-1)]) {
        const { body } = await call('GET', `/v2/notifications/${id}`);
        assert.equal(body.status, 'delivered');
        assert.match(body.body, /Hi Rowan, high tide at 14:05/);
      }
    } finally {
      await alone.stop();
    }
  });
});
