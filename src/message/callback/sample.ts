import { randomUUID } from 'node:crypto';
import type { CallbackType } from '../../database/tables.ts';
import { isoMicroseconds } from '../../ground/clock.ts';

/**
 * A body as an address gets it, about nothing that happened: `test` is true, which no real callback has, and the ids
 * belong to nothing.
 */
export function sampleBody(type: CallbackType, now: Date): object {
  const at = isoMicroseconds(now);
  const id = randomUUID();
  const about = { test: true, reference: 'test' };
  switch (type) {
    case 'delivery_status':
      return {
        ...{ ...about, id, to: '07700900123', status: 'delivered' },
        ...{ created_at: at, completed_at: at, sent_at: at, notification_type: 'sms' },
        ...{ template_id: randomUUID(), template_version: 1 },
      };
    case 'complaint':
      return {
        ...{ ...about, notification_id: id, complaint_id: randomUUID() },
        ...{ to: 'test@example.com', complaint_date: at },
      };
    case 'inbound_sms':
      return {
        ...{ test: true, id, source_number: '447700900123', destination_number: '07700900456' },
        ...{ message: 'This is a test.', date_received: at },
      };
  }
}
