import type { ReceiptStatus } from './outcome.ts';
import type { ReceiptTarget } from './receipt-target.ts';

/** waiting: not posted yet, or to be tried again; dropped: withheld because the behaviour says so. */
export type ReceiptState = 'waiting' | 'sent' | 'failed' | 'dropped';

/** One report on one message, and how far its posting has come. It holds no content, so it may outlive its message. */
export type Receipt = {
  readonly id: string;
  readonly reference: string;
  readonly status: ReceiptStatus;
  readonly detail: string;
  readonly target: ReceiptTarget;
  state: ReceiptState;
  /** How often it has been posted. */
  attempts: number;
  /** HTTP status of the last answer; null: none came. */
  answer: number | null;
  /** What is posted; made once, so that a repeated receipt is the same to the letter. */
  body: string;
};
