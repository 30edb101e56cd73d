import { sql } from 'kysely';
import { simulatedEmailOutcome, simulatedSmsOutcome } from '../content/recipient/simulator.ts';
import type { Db } from '../database/connection.ts';
import type { NotificationType } from '../database/tables.ts';
import { idFloor } from '../ground/id.ts';
import { researchReceipts } from '../message/receipt/research/queue.ts';
import type { Queues } from '../queue/queues.ts';

/** Milliseconds after which a message no longer waits for its receipt (spec 05, section 9.1). */
const receiptTimeout = 3 * 86_400_000;

/**
 * The sandbox keeps its messages in memory, so a killed sandbox never posts the receipts it still owes. When a sandbox
 * starts, receipts for its predecessor's messages are queued like those of research mode; where the original receipt
 * did arrive, they change nothing. Returns the number of messages.
 */
export async function resumeReceipts(db: Db, queues: Queues, now: number): Promise<number> {
  const { rows } = await sql<{ id: string; type: NotificationType; recipient: string; to: string }>`
    select h.id, h.notification_type as "type", n.recipient, n.normalised_recipient as "to"
    from notification_history h join notifications n on n.id = h.id
    where h.id >= ${idFloor(now - receiptTimeout)} and h.sent_by = 'sandbox' and h.status in ('sending', 'pending')`.execute(
    db,
  );
  await queues.send(
    researchReceipts,
    rows.map(({ id, type, recipient, to }) => ({
      id,
      payload: {
        notificationId: id,
        type,
        provider: 'sandbox',
        reference: id,
        outcome: type === 'sms' ? simulatedSmsOutcome(to) : simulatedEmailOutcome(recipient),
      },
    })),
  );
  return rows.length;
}
