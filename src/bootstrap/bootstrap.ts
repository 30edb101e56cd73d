import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { addTemplate } from '../content/template/store.ts';
import type { Db, Trx } from '../database/connection.ts';
import type { KeyType } from '../database/tables.ts';
import type { Cipher } from '../ground/cipher.ts';
import type { Clock } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import { userPermissions } from '../http/server/permission.ts';
import type { ProviderDetails } from '../provider/contract.ts';
import { addMissingProviders } from '../provider/store.ts';
import { addKey } from '../tenant/key/store.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import { addEmailReplyTo, addService, addSmsSender, hasNoService } from '../tenant/service/store.ts';
import { addMember } from '../tenant/service/store-members.ts';
import { addUser } from '../tenant/user/store.ts';
import { demoOperator, demoService } from './demo-service.ts';
import { platformTemplates, platformUser } from './platform-service.ts';

export type BootstrapDeps = Readonly<{ db: Db; cipher: Cipher; clock: Clock; log: Log }>;

/**
 * Adds what the product needs to work: the platform's own user, service and templates, the configured providers, and,
 * in an empty database, a demo service if `demo` is set. Every process runs it at startup; existing rows are not
 * changed.
 */
export async function bootstrap(
  { db, cipher, clock, log }: BootstrapDeps,
  options: Readonly<{ demo: boolean; providers: readonly (ProviderDetails & { displayName: string })[] }>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockBootstrap(trx);
    const now = new Date(clock.now());
    const isEmpty = await hasNoService(trx);
    await addPlatform(trx);
    await addMissingProviders(
      trx,
      options.providers.map((provider) => ({ ...provider, id: randomUUID() })),
    );
    if (!isEmpty || !options.demo) return;
    await addDemoService(trx, cipher, now);
    log.info('The database was empty: added a demo service with three keys and two templates');
  });
}

async function lockBootstrap(trx: Trx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('despatch.bootstrap', 0))`.execute(trx);
}

/** Adds what is missing of the platform's own user, service and templates. */
export async function addPlatform(trx: Trx): Promise<void> {
  await lockBootstrap(trx);
  await addUser(trx, platformUser);
  await addService(trx, {
    id: platformServiceId,
    name: 'Despatch',
    restricted: false,
    emailFrom: 'despatch',
    prefixSms: true,
    permissions: ['sms', 'email', 'international_sms'],
  });
  for (const template of platformTemplates) await addTemplate(trx, template);
}

async function addDemoService(trx: Trx, cipher: Cipher, now: Date): Promise<void> {
  // Service ids and key secrets must be UUIDs of version 4: an official client insists (spec 01, section 1.1).
  const serviceId = randomUUID();
  const { name, emailFrom, smsSender, replyTo, templates } = demoService;
  await addService(trx, {
    id: serviceId,
    name,
    restricted: false,
    emailFrom,
    prefixSms: true,
    permissions: ['sms', 'email'],
    demo: true,
    contactLink: demoService.contactLink,
    rateLimit: demoService.rateLimit,
    limits: { sms: demoService.dailyLimit, email: demoService.dailyLimit },
  });
  await addSmsSender(trx, serviceId, { id: randomUUID(), text: smsSender, isDefault: true });
  await addEmailReplyTo(trx, serviceId, { id: randomUUID(), text: replyTo, isDefault: true });
  await addTemplate(trx, { id: randomUUID(), serviceId, type: 'sms', subject: null, ...templates.sms });
  await addTemplate(trx, { id: randomUUID(), serviceId, type: 'email', ...templates.email });
  for (const keyType of ['normal', 'team', 'test'] satisfies KeyType[])
    await addKey(trx, cipher, {
      id: randomUUID(),
      serviceId,
      name: `demo ${keyType}`,
      keyType,
      secret: randomUUID(),
    });
  const userId = randomUUID();
  await addUser(trx, { id: userId, ...demoOperator, state: 'active', isOperator: true });
  await addMember(trx, serviceId, userId, userPermissions, now);
}
