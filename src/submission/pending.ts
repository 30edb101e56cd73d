import type { Cipher } from '../cipher.ts';
import type { StoredNotification } from '../notification/store.ts';
import type { Queues, TaskData } from '../queue/boss.ts';
import { openAccepted } from './accepted.ts';
import { persistEmail, persistSms } from './queue.ts';

/**
 * A message that was accepted and waits to be persisted, read from its task: shown as `created` (spec 05, section
 * 1.4). null when it waits in neither queue, or is another service's.
 */
export async function findAccepted(
  { queues, cipher }: Readonly<{ queues: Queues; cipher: Cipher }>,
  serviceId: string,
  id: string,
): Promise<StoredNotification | null> {
  for (const [type, queue] of [
    ['sms', persistSms],
    ['email', persistEmail],
  ] as const) {
    const data = (await queues.find(queue.name, id)) as TaskData | null;
    const payload = data && queue.parse(data.payload);
    if (!payload || payload.service_id !== serviceId) continue;
    const notification = openAccepted(cipher, type, id, payload);
    if (!notification) continue;
    return {
      ...notification,
      status: 'created',
      sentAt: null,
      updatedAt: null,
      sentBy: null,
      reference: null,
      billableUnits: 0,
    };
  }
  return null;
}
