import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { addTemplate } from '../../../src/content/template/store.ts';
import { createCipher } from '../../../src/ground/cipher.ts';
import { pasteableKey } from '../../../src/tenant/key/key.ts';
import { addKey } from '../../../src/tenant/key/store.ts';
import { platformServiceId } from '../../../src/tenant/service/service.ts';
import { secretKey } from '../../support/tenant.ts';
import { all, createTwoProviderWorld, idOf, rowOf, send } from '../../support/two-providers.ts';
import { environment, type World } from '../../support/world.ts';

/** A sign-in code, as the platform's own service sends it. */
async function sendCode(world: World): Promise<string> {
  const cipher = createCipher([secretKey], environment('', '')['DANGEROUS_SALT']!);
  const key = {
    id: randomUUID(),
    serviceId: platformServiceId,
    name: 'codes',
    keyType: 'normal',
    secret: randomUUID(),
  } as const;
  await addKey(world.connection.db, cipher, key);
  const template = randomUUID();
  await addTemplate(world.connection.db, {
    id: template,
    serviceId: platformServiceId,
    type: 'sms',
    name: 'A code',
    subject: null,
    content: '((verify_code)) is your code',
  });
  const [id] = await send(world, 1, {
    key: pasteableKey(key),
    template,
    personalisation: { verify_code: '12345' },
  });
  return id!;
}

test('the rate limit of a provider holds across all processes, and a sign-in code overtakes waiting messages', async (t) => {
  const { world, mmg } = await createTwoProviderWorld(t);
  const more = await world.startMore({ roles: ['worker'] });
  t.after(() => more.stop());
  const { id } = await rowOf(world, 'mmg');
  assert.equal((await world.admin('POST', `/provider-details/${id}`, { rate_limit: 20 })).status, 200);
  const arrivals: number[] = [];
  const watching = setInterval(() => {
    while (arrivals.length < mmg.requests().length) arrivals.push(performance.now());
  }, 5);
  t.after(() => clearInterval(watching));
  const ids = await send(world, 100);
  await world.until(
    async () => mmg.requests().length,
    (count) => count >= 10,
  );
  const code = await sendCode(world);
  await all(world, [...ids, code], 'sending', 15);
  const place = mmg.requests().map(idOf).indexOf(code);
  assert.ok(place < 40, `the code came as number ${place}`);
  // Calls leave evenly spaced, but a busy machine may delay some of them.
  for (let i = 20; i < arrivals.length; i++) {
    const gap = arrivals[i]! - arrivals[i - 20]!;
    assert.ok(gap > 600, `21 calls within ${gap} ms`);
  }
  const took = (arrivals[100]! - arrivals[0]!) / 1000;
  assert.ok(took > 4.5 && took < 8, `101 messages took ${took} s`);
});
