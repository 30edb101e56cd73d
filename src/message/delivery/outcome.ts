import type { AttemptOutcome } from '../../database/tables.ts';
import type { SendResult } from '../../provider/contract.ts';

/** What a send task does after one hand-over. */
export type Next =
  /** The provider has it. */
  | 'handed over'
  /** Nobody will ever take it. */
  | 'give up'
  /** Another provider may take it, now. */
  | 'next provider'
  /** Later. */
  | 'retry';

/**
 * Pure: what follows from a provider's answer (DESIGN, section 5). A definite refusal goes to the next active provider
 * at once; an unknown result never does, since the first may have the message. `triesLeft` counts later tries.
 */
export function afterSending(result: SendResult, othersLeft: number, triesLeft: number): Next {
  switch (result.outcome) {
    case 'accepted':
      return 'handed over';
    case 'rejected':
      return 'give up';
    case 'failed':
      if (othersLeft > 0) return 'next provider';
      return triesLeft > 0 ? 'retry' : 'give up';
    case 'unknown':
      return triesLeft > 0 ? 'retry' : 'give up';
  }
}

/** The columns of an attempt that say how it ended; what a provider says is cut to a line. */
export function describeResult(result: SendResult): {
  outcome: AttemptOutcome;
  code: string | null;
  detail: string | null;
} {
  if (result.outcome === 'accepted') return { outcome: 'accepted', code: null, detail: null };
  return { outcome: result.outcome, code: printable(result.code, 60), detail: printable(result.detail, 300) };
}

function printable(text: string, length: number): string {
  return text.replace(/\p{C}/gu, ' ').slice(0, length);
}
