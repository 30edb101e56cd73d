import { isUnreachable } from '../../database/connection.ts';
import type { Batcher } from '../../ground/batcher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { ReadReceipt, ReceiptEndpoint, ReceiptOutcome } from '../../provider/contract.ts';
import type { Task, Verdict } from '../../queue/consume.ts';
import type { IncomingReceipt } from './apply.ts';
import type { ReceiptTask } from './queue.ts';

export type ReceiptWorkDeps = Readonly<{
  clock: Clock;
  log: Log;
  endpoints: readonly ReceiptEndpoint[];
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
}>;

const retries = 5;

/** How long a receipt that finds no message may simply be early. */
const earlyMilliseconds = 5 * 60_000;

/** Until it is tried again, in seconds. */
export const laterSeconds = 300;

/**
 * Whether a receipt came before the provider's reference of its message was stored, so that it has to be tried again
 * (spec 05, section 5.6). Only where the provider says when it took the message, and that is not long ago.
 */
export function isEarly(receipt: ReadReceipt, outcome: ReceiptOutcome, now: number): boolean {
  const { handedOverAt = null } = receipt;
  return outcome.outcome === 'not found' && handedOverAt !== null && now - handedOverAt < earlyMilliseconds;
}

/**
 * The tasks `process-sms-client-response` and `process-ses-result` (spec 05, sections 2 and 5.6). At least once: applies
 * a receipt that could not be applied when it came; one that is applied twice changes nothing the second time. Tried
 * again 5 times, 5 minutes apart, while the database fails or the message is still too young to have its reference;
 * then it is logged and dropped, and the time-out closes the message.
 */
export function createReceiptWork(deps: ReceiptWorkDeps): (task: Task<ReceiptTask>) => Promise<Verdict> {
  const { clock, log, endpoints, apply } = deps;
  return async (task) => {
    const { provider, type, receipt, task: name } = task.payload;
    const fields = {
      provider,
      reference: receipt.found.value,
      attempt: task.attempt,
      requestId: task.requestId,
    };
    const endpoint = endpoints.find(
      (candidate) => candidate.identifier === provider && candidate.type === type,
    );
    if (!endpoint) {
      log.error(fields, `A receipt of ${provider} was dropped: this process does not know that provider`);
      return 'done';
    }
    const again = (err: unknown): Verdict => {
      const isLast = task.attempt >= retries;
      log[isLast ? 'error' : 'warn'](
        { ...fields, ...(err !== null && { err }) },
        isLast
          ? `RETRY FAILED: task ${name} failed for reference ${receipt.found.value}`
          : `RETRY: ${name} for reference ${receipt.found.value} failed`,
      );
      return isLast ? 'done' : { retryAfterSeconds: laterSeconds };
    };
    try {
      const outcome = await apply.add({ endpoint, receipt });
      // One that found nothing was logged by whoever applied it.
      return isEarly(receipt, outcome, clock.now()) ? again(null) : 'done';
    } catch (error) {
      if (isUnreachable(error) || task.signal.aborted) throw error;
      return again(error);
    }
  };
}
