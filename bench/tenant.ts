import { randomUUID } from 'node:crypto';
import { addTemplate } from '../src/content/template/store.ts';
import type { Db } from '../src/database/connection.ts';
import type { Cipher } from '../src/ground/cipher.ts';
import { pasteableKey } from '../src/tenant/key/key.ts';
import { addKey } from '../src/tenant/key/store.ts';
import { addService, addSmsSender } from '../src/tenant/service/store.ts';
import type { Account } from './server.ts';

/** One more service beside the demo service, with limits that no run can reach. */
export async function addTenant(db: Db, cipher: Cipher): Promise<Account> {
  const id = randomUUID();
  const name = `Tide Office ${id.slice(0, 8)}`;
  await addService(db, {
    ...{ id, name, restricted: false, prefixSms: true, permissions: ['sms', 'email'] },
    emailFrom: `tide.office.${id.slice(0, 8)}`,
    rateLimit: 12_000_000,
    limits: { sms: 2_000_000_000, email: 2_000_000_000 },
  });
  await addSmsSender(db, id, { id: randomUUID(), text: 'TIDES', isDefault: true });
  const templates = { sms: randomUUID(), email: randomUUID() };
  for (const type of ['sms', 'email'] as const)
    await addTemplate(db, {
      ...{ id: templates[type], serviceId: id, type, name: 'Tide' },
      subject: type === 'email' ? '((title))' : null,
      content: 'Hello ((name)), ((title)) until ((date)).',
    });
  const key = {
    id: randomUUID(),
    serviceId: id,
    name: 'bench',
    keyType: 'normal',
    secret: randomUUID(),
  } as const;
  await addKey(db, cipher, key);
  return { key: pasteableKey(key), templates };
}
