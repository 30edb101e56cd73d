import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import type { Platform } from '../../src/process/compose.ts';
import { countSealed, oldIn, rotate } from '../../src/upkeep/rotate.ts';
import { type Receiver, receiver } from '../support/callback-receiver.ts';
import { makePlace, type Place } from '../support/holding.ts';
import { storeKept } from '../support/kept-messages.ts';
import { setLimits } from '../support/operator.ts';
import { runCommand, startCommand } from '../support/process.ts';
import { openEverything, sealEverything, sealingSettings } from '../support/sealed-values.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, environment, type World } from '../support/world.ts';

const next = 'the next secret of the tests';
const oldFirst = createCipher([secretKey, next], salt);
const newFirst = createCipher([next, secretKey], salt);
const onlyNew = createCipher([next], salt);
const both = { ...sealingSettings, SECRET_KEY: `${next},${secretKey}` };
/** More than one portion. */
const messages = 2500;

let service: Receiver;
let world: World;
let workers: Platform;
let tenant: Tenant;
before(async () => {
  service = await receiver();
  world = await createWorld({ roles: ['api', 'sandbox'], environment: both });
  workers = await world.startMore({ roles: ['worker', 'scheduler'] });
  tenant = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
  await setLimits(world.connection.db, tenant.id, { rateLimit: 12_000_000 });
  await sealEverything(world, tenant, service.url);
});
after(async () => {
  await workers?.stop();
  await world?.stop();
  service?.stop();
});

async function send(): Promise<string> {
  const { status, body } = await world.call('POST', '/v2/notifications/sms', {
    key: tenant.keys.normal,
    body: {
      ...{ template_id: tenant.templates.sms, phone_number: '07700900123' },
      personalisation: { name: 'Rowan', time: '14:05' },
    },
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body.id;
}

/** Messages and callbacks that are over, under the old secret. */
async function storeMany(): Promise<readonly string[]> {
  const { pool } = world.connection;
  const at = new Date(world.clock.now() - 3_600_000).toISOString();
  const ids = await storeKept(
    world,
    Array.from({ length: messages }, () => ({ at, tenant })),
  );
  for (const [table, column] of [
    ['notifications', 'personalisation'],
    ['service_callbacks', 'payload'],
  ]) {
    const { rows } = await pool.query(`select id from ${table} where ${column} = '\\x00'`);
    const found = rows.map(({ id }) => id as string);
    assert.equal(found.length, messages);
    await pool.query(
      `update ${table} t set ${column} = value from unnest($1::uuid[], $2::bytea[]) given (id, value)
       where t.id = given.id`,
      [found, found.map((id) => oldFirst.seal(JSON.stringify({ name: `Rowan ${id}`, time: '14:05' }), id))],
    );
  }
  return ids.toSorted();
}

/** Not until nothing is left to do: one message is scheduled. */
async function delivered(ids: readonly string[]): Promise<void> {
  const count = async () => {
    const { rows } = await world.connection.pool.query(
      `select count(*)::int as count from notification_history where id = any($1::uuid[]) and status = 'delivered'`,
      [ids],
    );
    return rows[0].count as number;
  };
  assert.equal(await world.until(count, (found) => found === ids.length, 60), ids.length);
}

const left = async () =>
  (await countSealed(world.connection)).reduce((sum, { values }) => sum + oldIn(values, newFirst), 0);

test('wherever a rotation of keys is killed while messages flow, every value can be read, the next run goes on, and in the end the new secret alone opens everything', async () => {
  const stored = await storeMany();
  const { db } = world.connection;
  await rotate({ db, cipher: oldFirst }, await countSealed({ db }), () => {});
  const before = await openEverything(world, oldFirst);

  const notification = `when (new.id = '${stored.at(-10)}')`;
  const kills = [
    { at: 'before update of secret on api_keys for each row', how: 'dead' },
    // In the second portion: the first is done.
    { at: `before update of personalisation on notifications for each row ${notification}`, how: 'dead' },
    { at: 'before update of payload on service_callbacks for each row', how: 'dead' },
    { at: 'before update of payload on service_callbacks for each row', how: 'through' },
  ] as const;
  const places = new Map<string, Place>();
  for (const { at } of kills) if (!places.has(at)) places.set(at, await makePlace(world, at));

  const flow = { isOn: true, ids: [] as string[] };
  const flowing = (async () => {
    while (flow.isOn) flow.ids.push(await send());
  })();
  try {
    const settings = environment(world.databaseUrl, world.dataDir, both);
    const lefts = [await left()];
    for (const { at, how } of kills) {
      const place = places.get(at)!;
      await place.hold();
      const process = startCommand(['keys', 'rotate'], settings);
      await place.reached();
      await process.kill('SIGKILL');
      await place.release(how);
      lefts.push(await left());
      assert.ok(lefts.at(-1)! > 0, `${at}: nothing is left`);
      const now = await openEverything(world, newFirst);
      for (const [place, text] of before) assert.equal(now.get(place), text, `${at}: ${place}`);
    }
    // The first kill undid all that there was; after it, each run began where the one before had been killed.
    assert.ok(lefts[2]! <= lefts[1]! - 2000 && lefts[4]! < lefts[3]!, lefts.join());

    const { code, out, err } = await runCommand(['keys', 'rotate', '--json'], settings);
    assert.equal(code, 0, err);
    assert.equal(JSON.parse(out).left, 0);
  } finally {
    flow.isOn = false;
    await flowing;
  }
  assert.ok(flow.ids.length > 0);
  await delivered(flow.ids);
  const now = await openEverything(world, onlyNew);
  for (const [place, text] of before) assert.equal(now.get(place), text, place);
});
