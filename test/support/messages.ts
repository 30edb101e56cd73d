import { pino } from 'pino';
import { connect, createListener } from '../../src/database/connection.ts';
import { ensurePartitions } from '../../src/database/partitions.ts';
import type { KeyType, NotificationStatus, NotificationType } from '../../src/database/tables.ts';
import { createIdSource } from '../../src/ground/id.ts';
import { createLog, type Log } from '../../src/ground/log.ts';
import { usualStatuses } from '../../src/message/status/status.ts';
import { openQueues, type Queues } from '../../src/queue/queues.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

/** A message as it is stored; times in Unix milliseconds. */
export type StoredMessage = Readonly<{
  status: NotificationStatus;
  createdAt: number;
  /** When its id was generated, if not when it was created. */
  idAt?: number;
  scheduledFor?: number;
  type?: NotificationType;
  keyType?: KeyType;
}>;

/** Stores messages of a tenant in the given state and with the given times; returns their ids. */
export async function storeMessages(
  world: World,
  tenant: Tenant,
  messages: readonly StoredMessage[],
): Promise<string[]> {
  const { db, pool } = world.connection;
  const ids: string[] = [];
  for (const message of messages) {
    const { status, createdAt, idAt = createdAt, type = 'sms' } = message;
    await ensurePartitions(db, idAt, idAt);
    const id = createIdSource({ now: () => idAt })();
    await pool.query(
      `insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type,
         status, created_at, scheduled_for, rare_status)
       values ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9)`,
      [
        id,
        tenant.id,
        tenant.templates[type],
        message.keyType ?? 'normal',
        type,
        status,
        new Date(createdAt),
        message.scheduledFor === undefined ? null : new Date(message.scheduledFor),
        usualStatuses.includes(status) ? null : status,
      ],
    );
    ids.push(id);
  }
  return ids;
}

/** The queues of a world, opened as another process would. */
export async function openWorldQueues(world: World): Promise<{ queues: Queues; close(): Promise<void> }> {
  const log = createLog('silent');
  const connection = connect(world.databaseUrl, 4, log);
  const listener = createListener(world.databaseUrl, log);
  const queues = await openQueues(connection, listener, { prefix: '', log });
  return {
    queues,
    async close() {
      await queues.stop();
      await listener.stop();
      await connection.close();
    },
  };
}

/** A log that keeps its lines, with their levels. */
export function keptLog(): { log: Log; lines: { level: string; message: string }[] } {
  const lines: { level: string; message: string }[] = [];
  const log = pino(
    { messageKey: 'message', formatters: { level: (label) => ({ level: label }) } },
    { write: (line: string) => lines.push(JSON.parse(line)) },
  );
  return { log, lines };
}
