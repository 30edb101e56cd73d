import type { NotificationStatus, NotificationType } from '../../../database/tables.ts';
import { parseUuid } from '../../../ground/id.ts';
import type { HttpAnswer, ReceiptEndpoint } from '../../contract.ts';
import { receiptText } from '../receipt-text.ts';

const statuses: Readonly<Record<string, NotificationStatus>> = {
  delivered: 'delivered',
  pending: 'pending',
  'temporary-failure': 'temporary-failure',
  'permanent-failure': 'permanent-failure',
};

/** Receipts of the sandbox: JSON `{reference, status, detail?}`; `reference` is our id of the notification. */
export function sandboxReceipts(type: NotificationType): ReceiptEndpoint {
  const error = (message: unknown): HttpAnswer => ({ status: 400, body: { result: 'error', message } });
  return {
    identifier: 'sandbox',
    type,
    path: `/notifications/${type}/sandbox`,
    read(body) {
      let document: { reference?: unknown; status?: unknown; detail?: unknown };
      try {
        document = JSON.parse(body.toString('utf8')) ?? {};
      } catch {
        return { answer: error('Sandbox callback failed: invalid json') };
      }
      const { reference, status, detail } = document;
      const missing = Object.entries({ status, reference })
        .filter(([, value]) => typeof value !== 'string' || value === '')
        .map(([name]) => `Sandbox callback failed: ${name} missing`);
      if (missing.length > 0) return { answer: error(missing) };
      const id = parseUuid(reference as string);
      if (id === null) return { answer: error('Sandbox callback with invalid reference') };
      return {
        receipt: {
          found: { by: 'id', value: id },
          status: Object.hasOwn(statuses, status as string)
            ? statuses[status as string]!
            : 'technical-failure',
          rawStatus: receiptText(status as string),
          detail: typeof detail === 'string' ? detail.slice(0, 200) : '',
        },
      };
    },
    answer(_receipt, outcome) {
      const message = outcome.outcome === 'applied' ? 'Sandbox callback succeeded' : null;
      return { status: 200, body: { result: 'success', message } };
    },
  };
}
