import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { addInboundSms } from '../../src/message/receipt/inbound/store.ts';
import { pagesOf, storeLargeEmails } from '../support/large-messages.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, environment, type World } from '../support/world.ts';

let world: World;
let tenant: Tenant;
let ids: string[];
before(async () => {
  world = await createWorld({ roles: ['api'] });
  tenant = await world.addTenant();
  ids = await storeLargeEmails(world, tenant, { count: 12, bytes: 1_000_000 });
});
after(() => world.stop());

test('a list of large messages has smaller pages, and each message once by following their links', async () => {
  const pages = await pagesOf(world, tenant);
  assert.deepEqual(pages.flat(), ids);
  assert.ok(pages.length >= 3 && pages.length < ids.length, `${pages.map((page) => page.length)}`);
});

test('a numbered page of large messages is complete, however many bytes it has', async () => {
  const { status, headers, body } = await world.call('GET', '/notifications?page_size=11', {
    key: tenant.keys.normal,
  });
  assert.deepEqual([status, headers.get('content-type')], [200, 'application/json']);
  assert.deepEqual(
    body.notifications.map(({ id }: { id: string }) => id),
    ids.slice(0, 11),
  );
  assert.deepEqual([body.page_size, body.total, Object.keys(body.links)], [11, 12, ['next', 'last']]);
});

test('a message larger than a page is a page of its own', async () => {
  const other = await world.addTenant();
  const large = await storeLargeEmails(world, other, { count: 2, bytes: 6_000_000 });
  assert.deepEqual(
    await pagesOf(world, other),
    large.map((id) => [id]),
  );
});

test('received texts of many bytes come on several pages, and each text once by following their links', async () => {
  const other = await world.addTenant();
  const { SECRET_KEY: secret, DANGEROUS_SALT: salt } = environment('', '');
  const cipher = createCipher([secret!], salt!);
  const texts = Array.from({ length: 30 }, (_, index) => `${index} ${'long '.repeat(12_000)}`);
  for (const [index, content] of texts.entries())
    await addInboundSms(world.connection.db, cipher, {
      ...{ id: randomUUID(), serviceId: other.id, notifyNumber: '447700900001', userNumber: '447700900123' },
      ...{ content, provider: 'mmg', providerReference: null, providerDate: new Date() },
      createdAt: new Date(Date.now() + index),
    });
  const seen: string[] = [];
  let pages = 0;
  for (let next = '/v2/received-text-messages'; ; pages++) {
    const { body } = await world.call('GET', next, { key: other.keys.normal });
    if (body.received_text_messages.length === 0) break;
    seen.push(...body.received_text_messages.map(({ content }: { content: string }) => content));
    next = body.links.next.slice(world.api.length);
  }
  assert.deepEqual(seen, texts.toReversed());
  assert.ok(pages > 1 && pages < texts.length, `${pages}`);
});
