import { type Batcher, createBatcher } from '../batcher.ts';
import type { Cipher } from '../cipher.ts';
import { type Db, isUnreachable } from '../database/connection.ts';
import type { NewTask, Queues } from '../queue/boss.ts';
import { type AcceptedMessage, sealAccepted } from './accepted.ts';
import { type PersistPayload, persistEmail, persistSms } from './queue.ts';

export type AcceptingDeps = Readonly<{ db: Db; queues: Queues; cipher: Cipher }>;

type Item = AcceptedMessage & Readonly<{ requestId: string }>;

/**
 * The accept batcher: one transaction makes a whole batch of accepted messages durable as persist tasks. Only after
 * its commit is a caller told 201 (DESIGN, section 4).
 */
export function createAccepting({ db, queues, cipher }: AcceptingDeps): Batcher<Item, void> {
  return createBatcher<Item, void>({
    concurrency: 2,
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
      if (tasks.email.length === 0) await queues.send(db, persistSms, tasks.sms);
      else if (tasks.sms.length === 0) await queues.send(db, persistEmail, tasks.email);
      else
        await db.transaction().execute(async (trx) => {
          await queues.send(trx, persistSms, tasks.sms);
          await queues.send(trx, persistEmail, tasks.email);
        });
      return items.map(() => undefined);
    },
  });
}
