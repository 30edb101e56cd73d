import { sql } from 'kysely';
import { createCipher } from '../../src/ground/cipher.ts';
import { createIdSource } from '../../src/ground/id.ts';
import type { Tenant } from './tenant.ts';
import { environment, type World } from './world.ts';

/** Stores emails whose values have `bytes` bytes, as workers would; returns their ids, newest first. */
export async function storeLargeEmails(
  { connection: { db } }: World,
  tenant: Tenant,
  { count, bytes }: { count: number; bytes: number },
): Promise<string[]> {
  const settings = environment('', '');
  const cipher = createCipher([settings['SECRET_KEY']!], settings['DANGEROUS_SALT']!);
  const newId = createIdSource({ now: () => Date.now() });
  const name = 'large '.repeat(bytes / 6);
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const id = newId();
    const sealed = cipher.seal(JSON.stringify({ name: 'Rowan', time: name }), id);
    await sql`
      with facts as (
        insert into notification_history (id, service_id, template_id, template_version, key_type,
          notification_type, status, created_at)
        values (${id}, ${tenant.id}, ${tenant.templates.email}, 1, 'normal', 'email', 'delivered', now())
      )
      insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
      values (${id}, ${tenant.id}, 'rowan@example.com', 'rowan@example.com', ${sealed})`.execute(db);
    ids.unshift(id);
  }
  return ids;
}

/** The ids on each page of a v2 list, found by following its links. */
export async function pagesOf(world: World, tenant: Tenant, query = ''): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next = `/v2/notifications${query}`; ; ) {
    const { status, body } = await world.call('GET', next, { key: tenant.keys.normal });
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
    if (body.notifications.length === 0) return pages;
    pages.push(body.notifications.map(({ id }: { id: string }) => id));
    next = body.links.next.slice(world.api.length);
  }
}
