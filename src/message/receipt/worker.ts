import { isUnreachable } from '../../database/connection.ts';
import type { Batcher } from '../../ground/batcher.ts';
import type { Clock } from '../../ground/clock.ts';
import { type Log, plainWord } from '../../ground/log.ts';
import type { ReceiptEndpoint, ReceiptOutcome } from '../../provider/contract.ts';
import type { Task, Verdict } from '../../queue/consume.ts';
import { type IncomingReceipt, isEarly, laterSeconds } from './apply.ts';
import type { ReceiptTask } from './queue.ts';

export type ReceiptWorkDeps = Readonly<{
  clock: Clock;
  log: Log;
  endpoints: readonly ReceiptEndpoint[];
  apply: Batcher<IncomingReceipt, ReceiptOutcome>;
}>;

const retries = 5;

/**
 * The tasks `process-sms-client-response` and `process-ses-result` (spec 05, sections 2 and 5.6). At least once:
 * applies a receipt that could not be applied when it arrived; applying it twice changes nothing. Retried 5 times, 5
 * minutes apart, while the database fails or the message is too young to have its reference; then it is logged and
 * dropped, and the time-out closes the message.
 */
export function createReceiptWork(deps: ReceiptWorkDeps): (task: Task<ReceiptTask>) => Promise<Verdict> {
  const { clock, log, endpoints, apply } = deps;
  return async (task) => {
    const { provider, type, receipt, task: name } = task.payload;
    const fields = {
      provider,
      reference: plainWord(receipt.found.value),
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
          ? `RETRY FAILED: task ${name} failed for reference ${fields.reference}`
          : `RETRY: ${name} for reference ${fields.reference} failed`,
      );
      return isLast ? 'done' : { retryAfterSeconds: laterSeconds };
    };
    try {
      const outcome = await apply.add({ endpoint, receipt });
      // A receipt that matched nothing was logged when it was applied.
      return isEarly(receipt, outcome, clock.now()) ? again(null) : 'done';
    } catch (error) {
      if (isUnreachable(error) || task.signal.aborted) throw error;
      return again(error);
    }
  };
}
