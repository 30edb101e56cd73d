import type { ReadReceipt, ReceiptOutcome } from '../../provider/contract.ts';

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
