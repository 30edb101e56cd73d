import { randomUUID } from 'node:crypto';
import { addTemplate } from '../../src/content/template/store.ts';
import type { Db } from '../../src/database/connection.ts';
import type { KeyType } from '../../src/database/tables.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { pasteableKey } from '../../src/tenant/key/key.ts';
import { addKey } from '../../src/tenant/key/store.ts';
import type { Permission } from '../../src/tenant/service/service.ts';
import { addEmailReplyTo, addService, addSmsSender } from '../../src/tenant/service/store.ts';

export const secretKey = 'a secret that only the tests use';
export const salt = 'tests';

/** A service as a test uses it: its keys in the pasteable form, and the ids of its default templates and senders. */
export type Tenant = {
  id: string;
  keys: Record<KeyType, string>;
  templates: { sms: string; email: string };
  senders: { sms: string; email: string };
};

export type TenantOptions = Readonly<{ permissions?: Permission[]; prefixSms?: boolean }>;

/** Adds a service that can send texts and emails, with its templates, senders and a key of each type. */
export async function addTenant(db: Db, options: TenantOptions = {}): Promise<Tenant> {
  const { permissions = ['sms', 'email'], prefixSms = true } = options;
  const id = randomUUID();
  const tenant: Tenant = {
    id,
    keys: { normal: '', team: '', test: '' },
    templates: { sms: randomUUID(), email: randomUUID() },
    senders: { sms: randomUUID(), email: randomUUID() },
  };
  const name = `Harbour ${id.slice(0, 8)}`;
  await addService(db, {
    id,
    name,
    restricted: false,
    emailFrom: `harbour.${id.slice(0, 8)}`,
    prefixSms,
    permissions,
    contactLink: 'https://harbour.example/contact',
  });
  await addSmsSender(db, id, { id: tenant.senders.sms, text: 'HARBOUR', isDefault: true });
  await addEmailReplyTo(db, id, { id: tenant.senders.email, text: 'desk@example.com', isDefault: true });
  await addTemplate(db, {
    id: tenant.templates.sms,
    serviceId: id,
    type: 'sms',
    name: 'Tide',
    subject: null,
    content: 'Hi ((name)), high tide at ((time))',
  });
  await addTemplate(db, {
    id: tenant.templates.email,
    serviceId: id,
    type: 'email',
    name: 'Tide',
    subject: 'Tide for ((name))',
    content: 'Hi ((name)),\n\nhigh tide at ((time))',
  });
  await addKeys(db, tenant);
  return tenant;
}

async function addKeys(db: Db, tenant: Tenant): Promise<void> {
  for (const keyType of ['normal', 'team', 'test'] as const) {
    const key = {
      ...{ id: randomUUID(), serviceId: tenant.id, name: `a ${keyType} key` },
      ...{ keyType, secret: randomUUID() },
    };
    await addKey(db, createCipher([secretKey], salt), key);
    tenant.keys[keyType] = pasteableKey(key);
  }
}
