import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { openTestQueues } from '../../../test/support/queues.ts';
import { secretKey, type Tenant } from '../../../test/support/tenant.ts';
import { createWorld, type World } from '../../../test/support/world.ts';
import { createCaches } from '../../database/cache.ts';
import { createListener } from '../../database/connection.ts';
import { createCipher } from '../../ground/cipher.ts';
import { systemClock } from '../../ground/clock.ts';
import { createLog } from '../../ground/log.ts';
import type { Queues } from '../../queue/queues.ts';
import { platformUserId } from '../../tenant/user/store.ts';
import { addInboundSms } from '../receipt/inbound/store.ts';
import { type CallbackQueue, createCallbackQueue } from './enqueue.ts';
import { addCallbackApi } from './store-api.ts';

const cipher = createCipher([secretKey], 'tests');

describe('the callback queue', () => {
  let world: World;
  let tenant: Tenant;
  let callbacks: CallbackQueue;
  let queues: Queues;
  const stops: (() => unknown)[] = [];
  before(async () => {
    world = await createWorld({ roles: ['api'] });
    tenant = world.tenant;
    const listener = createListener(world.databaseUrl, createLog('silent'));
    const caches = await createCaches(listener);
    stops.push(
      () => caches.stop(),
      () => listener.stop(),
    );
    callbacks = createCallbackQueue({
      db: world.connection.db,
      clock: systemClock,
      cipher,
      caches,
    });
    const opened = await openTestQueues(world);
    queues = opened.queues;
    stops.push(opened.stop);
  });
  after(async () => {
    for (const stop of stops) await stop();
    await world?.stop();
  });

  async function receive(serviceId: string): Promise<{ id: string; serviceId: string }> {
    const id = randomUUID();
    await addInboundSms(world.connection.db, cipher, {
      id,
      serviceId,
      notifyNumber: '07700900456',
      userNumber: '447700900001',
      content: 'Is the tide in? 🌊',
      provider: 'mmg',
      providerReference: null,
      providerDate: new Date('2026-05-02T14:03:07Z'),
      createdAt: new Date('2026-05-02T14:03:08Z'),
    });
    return { id, serviceId };
  }
  /** Queues callbacks for `texts`; returns how many callbacks there are afterwards. */
  async function queue(texts: { id: string; serviceId: string }[]): Promise<number> {
    await queues.transaction((transaction) => callbacks.inboundSms(transaction, texts, 'request'));
    return await count();
  }
  async function count(): Promise<number> {
    const { rows } = await world.connection.pool.query('select count(*) from service_callbacks');
    return rows[0].count;
  }

  test('a received text is queued as a sealed callback if its service has a callback address', async () => {
    const other = await world.addTenant();
    const mine = await receive(tenant.id);
    const theirs = await receive(other.id);
    assert.equal(await queue([mine, theirs]), 0, 'no service has an address');
    await addCallbackApi(world.connection.db, cipher, {
      id: randomUUID(),
      serviceId: tenant.id,
      type: 'inbound_sms',
      url: 'https://service.example/',
      token: 'token-of-the-service',
      updatedById: platformUserId,
      createdAt: new Date(systemClock.now()),
    });
    await world.until(
      () => queue([mine, theirs]),
      (count) => count === 1,
    );
    const { rows } = await world.connection.pool.query(
      'select id, service_id, callback_type, subject_id, payload, state from service_callbacks',
    );
    const [{ id, payload, ...rest }, ...more] = rows;
    assert.deepEqual(more, []);
    assert.deepEqual(rest, {
      service_id: tenant.id,
      callback_type: 'inbound_sms',
      subject_id: mine.id,
      state: 'pending',
    });
    assert.equal(payload.includes('tide'), false, 'it is sealed');
    assert.deepEqual(JSON.parse(cipher.open(payload, id)), {
      id: mine.id,
      source_number: '447700900001',
      destination_number: '07700900456',
      message: 'Is the tide in? 🌊',
      date_received: '2026-05-02T14:03:07.000000Z',
    });
    assert.equal(await queue([]), 1);
    // The service has no address for this type.
    await queues.transaction((transaction) =>
      callbacks.deliveryStatuses(transaction, [{ id: randomUUID(), serviceId: tenant.id }]),
    );
    assert.equal(await count(), 1);
  });
});
