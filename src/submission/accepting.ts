import { type Batcher, createBatcher } from '../batcher.ts';
import type { Cipher } from '../cipher.ts';
import { isUnreachable } from '../database/connection.ts';
import type { NewTask, Queues } from '../queue/boss.ts';
import { type AcceptedMessage, sealAccepted } from './accepted.ts';
import { type PersistPayload, persistEmail, persistSms } from './queue.ts';

export type AcceptingDeps = Readonly<{ queues: Queues; cipher: Cipher }>;

type Item = AcceptedMessage & Readonly<{ requestId: string }>;

/**
 * The accept batcher: one transaction makes a whole batch of accepted messages durable as persist tasks. Only after
 * its commit is a caller told 201 (DESIGN, section 4).
 */
export function createAccepting({ queues, cipher }: AcceptingDeps): Batcher<Item, void> {
  return createBatcher<Item, void>({
    isShared: isUnreachable,
    async flush(items) {
      const tasks = { sms: [] as NewTask<PersistPayload>[], email: [] as NewTask<PersistPayload>[] };
      for (const item of items)
        tasks[item.type].push({
          id: item.id,
          payload: sealAccepted(cipher, item),
          requestId: item.requestId,
        });
      // One statement is a transaction by itself.
      if (tasks.email.length === 0) await queues.send(persistSms, tasks.sms);
      else if (tasks.sms.length === 0) await queues.send(persistEmail, tasks.email);
      else
        await queues.transaction(async (_trx, send) => {
          await send(persistSms, tasks.sms);
          await send(persistEmail, tasks.email);
        });
      return items.map(() => undefined);
    },
  });
}
