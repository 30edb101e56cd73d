import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { freshDatabase } from '../../../test/support/database.ts';
import { salt, secretKey } from '../../../test/support/tenant.ts';
import { makeToken } from '../../cli/client.ts';
import { type Cache, createCaches } from '../../database/cache.ts';
import { type Connection, connect, createListener } from '../../database/connection.ts';
import { migrate } from '../../database/migrate.ts';
import { createCipher } from '../../ground/cipher.ts';
import { systemClock } from '../../ground/clock.ts';
import { createLog } from '../../ground/log.ts';
import type { Service } from '../service/service.ts';
import { addService, findService } from '../service/store.ts';
import { type Authenticate, createAuthenticate } from './authenticate.ts';
import { pasteableKey } from './key.ts';
import { addKey, createKeyCache } from './store.ts';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let connection: Connection;
const service = { id: randomUUID(), key: '' };
let authenticate: Authenticate;
let services: Cache<Service | null>;
const stops: (() => unknown)[] = [];

before(async () => {
  database = await freshDatabase();
  const log = createLog('silent');
  connection = connect(database.url, 8, log);
  const { db } = connection;
  await migrate(db, log);
  service.key = await addServiceWithKey(service.id);
  const listener = createListener(connection.url, log);
  const caches = await createCaches(listener);
  stops.push(caches.stop, () => listener.stop());
  // Unlike the product's, this one does not age: an entry that is gone was pushed out.
  services = caches.create({
    ...{ name: 'service', maxAgeMilliseconds: 3_600_000 },
    load: (id: string) => findService(db, id),
  });
  const keys = createKeyCache(db, createCipher([secretKey], salt), caches);
  authenticate = createAuthenticate({ db, clock: systemClock, services, keys });
});
after(async () => {
  for (const stop of stops) await stop();
  await connection.close();
  await database.drop();
});

/** Adds a service; returns its key as people paste it. */
async function addServiceWithKey(id: string): Promise<string> {
  const { db } = connection;
  await addService(db, {
    ...{
      id,
      name: `Harbour ${id}`,
      restricted: false,
      emailFrom: `harbour.${id.slice(0, 8)}`,
      prefixSms: true,
    },
    permissions: ['sms'],
  });
  const key = {
    id: randomUUID(),
    serviceId: id,
    name: 'key',
    keyType: 'normal',
    secret: randomUUID(),
  } as const;
  await addKey(db, createCipher([secretKey], salt), key);
  return pasteableKey(key);
}

/** How many statements the pool was asked for while `work` ran, and the most connections in use meanwhile. */
async function costOf(work: () => Promise<unknown>): Promise<{ statements: number; connections: number }> {
  const { pool } = connection;
  let statements = 0;
  let connections = 0;
  const count = () => {
    statements += 1;
    connections = Math.max(connections, pool.totalCount - pool.idleCount);
  };
  pool.on('acquire', count);
  await work();
  pool.off('acquire', count);
  return { statements, connections };
}
const attempt = async (key: string) => {
  try {
    return (await authenticate(`Bearer ${makeToken(key)}`)).service.id;
  } catch (error) {
    return (error as Error).message;
  }
};
const stranger = () => `stranger-${randomUUID()}-${randomUUID()}`;

test('a flood of tokens of services that do not exist costs a few statements, one at a time', async () => {
  const cost = await costOf(async () => {
    const answers = await Promise.all(Array.from({ length: 3000 }, () => attempt(stranger())));
    assert.deepEqual(new Set(answers), new Set(['Invalid token: service not found']));
  });
  assert.ok(cost.statements <= 10, `${cost.statements} statements`);
  assert.equal(cost.connections, 1);
});

test('such a flood pushes no service out of the caches, and one that is added later is found', async () => {
  assert.equal(await attempt(service.key), service.id);
  const id = randomUUID();
  assert.equal(await attempt(`early-${id}-${randomUUID()}`), 'Invalid token: service not found');
  const kept = services.peek(service.id);
  await Promise.all(Array.from({ length: 12_000 }, () => attempt(stranger())));
  assert.equal(services.peek(service.id), kept);
  assert.ok(kept);
  assert.equal(await attempt(await addServiceWithKey(id)), id);
});
