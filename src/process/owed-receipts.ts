import { sql } from 'kysely';
import { simulatedEmailOutcome, simulatedSmsOutcome } from '../content/recipient/simulator.ts';
import type { Db } from '../database/connection.ts';
import type { NotificationType } from '../database/tables.ts';
import { idFloor } from '../ground/id.ts';
import { researchReceipts } from '../message/receipt/research/queue.ts';
import type { Queues } from '../queue/boss.ts';

/** After this no message waits for a receipt any more (spec 05, section 9.1). */
const timeout = 3 * 86_400_000;

/**
 * A sandbox keeps its messages in memory, so one that was killed owes receipts that nobody will post. When a sandbox
 * starts, the receipts of what its predecessor had taken are made up as for a message that was never sent; one that
 * did arrive after all changes nothing. Answers how many messages that were.
 */
export async function resumeReceipts(db: Db, queues: Queues, now: number): Promise<number> {
  const { rows } = await sql<{ id: string; type: NotificationType; recipient: string; to: string }>`
    select h.id, h.notification_type as "type", n.recipient, n.normalised_recipient as "to"
    from notification_history h join notifications n on n.id = h.id
    where h.id >= ${idFloor(now - timeout)} and h.sent_by = 'sandbox' and h.status in ('sending', 'pending')`.execute(
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
