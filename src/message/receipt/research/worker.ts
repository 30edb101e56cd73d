import type { Cipher } from '../../../ground/cipher.ts';
import type { Log } from '../../../ground/log.ts';
import type { Provider } from '../../../provider/contract.ts';
import type { Task, Verdict } from '../../../queue/consume.ts';
import { ownHeader, sealOwn } from '../own.ts';
import type { ReceiptPayload } from './queue.ts';

export type ResearchDeps = Readonly<{
  log: Log;
  cipher: Cipher;
  clients: ReadonlyMap<string, Provider>;
  /** Base URL of our own API. */
  ownUrl: string;
}>;

const timeoutMilliseconds = 60_000;
const retries = { limit: 3, seconds: 60 };

/**
 * The `research-mode-receipt` task: posts simulated receipts to our own endpoints for a message that no provider got,
 * so that the whole loop is exercised (spec 05, section 6). At least once; retried 3 times, a minute apart, when an
 * endpoint fails. A second receipt for the same message changes nothing.
 */
export function createResearch({
  log,
  cipher,
  clients,
  ownUrl,
}: ResearchDeps): (task: Task<ReceiptPayload>) => Promise<Verdict> {
  return async (task) => {
    const { notificationId, provider: identifier } = task.payload;
    const fields = { notificationId, requestId: task.requestId };
    try {
      for (const receipt of clients.get(identifier)?.simulatedReceipts(task.payload) ?? []) {
        const response = await fetch(ownUrl + receipt.path, {
          method: 'POST',
          headers: {
            'Content-Type': receipt.contentType,
            // In place of the credentials or signature of the provider's own receipts.
            [ownHeader]: sealOwn(cipher, receipt.path, receipt.body),
          },
          body: receipt.body,
          signal: AbortSignal.any([task.signal, AbortSignal.timeout(timeoutMilliseconds)]),
        });
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`Our own endpoint ${receipt.path} answered ${response.status}`);
      }
      return 'done';
    } catch (error) {
      if (task.signal.aborted) throw error;
      if (task.attempt < retries.limit) {
        log.warn(
          { ...fields, err: error },
          `RETRY: research receipt of notification ${notificationId} failed`,
        );
        return { retryAfterSeconds: retries.seconds };
      }
      log.error(
        { ...fields, err: error },
        `RETRY FAILED: research receipt of notification ${notificationId} failed`,
      );
      return 'done';
    }
  };
}
