/** The messages and receipts of the sandbox, and what becomes of a message. */

export type MessageType = 'sms' | 'email';

/** What a client asks for: checked, but otherwise unchanged. */
export type Submission = {
  readonly type: MessageType;
  /** The client's own id for the message. */
  readonly reference: string;
  readonly to: string;
  readonly from: string;
  /** Email only. */
  readonly replyTo: string | null;
  /** Email only. */
  readonly subject: string | null;
  /** The text message, or the plain-text part of the email. */
  readonly text: string;
  /** Email only. */
  readonly html: string | null;
  /** Email only: extra headers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly receiptUrl: string;
};

/** How the request ended for the client: with an answer, with none, or with a broken connection. */
export type Answer = 'answered' | 'unanswered' | 'reset';

/** A message in the inbox. */
export type Message = Submission & {
  /** The provider's id for the message. */
  readonly id: string;
  /** Unix time in milliseconds. */
  readonly receivedAt: number;
  readonly answer: Answer;
  readonly receipts: readonly Receipt[];
};

/** Where the receipts of a message are posted. */
export type ReceiptTarget = {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** What a receipt says became of a message. */
export type ReceiptStatus = 'delivered' | 'permanent-failure' | 'temporary-failure' | 'pending';

export const receiptStatuses: readonly ReceiptStatus[] = [
  'delivered',
  'permanent-failure',
  'temporary-failure',
  'pending',
];

/** waiting: not posted yet, or about to be retried; dropped: withheld because the behaviour says so. */
export type ReceiptState = 'waiting' | 'sent' | 'failed' | 'dropped';

/** One report on one message, and the state of its posting. It holds no content, so it may outlive its message. */
export type Receipt = {
  readonly id: string;
  readonly reference: string;
  readonly status: ReceiptStatus;
  readonly detail: string;
  readonly target: ReceiptTarget;
  state: ReceiptState;
  /** How often it has been posted. */
  attempts: number;
  /** HTTP status of the last answer; null if there was none. */
  answer: number | null;
  /** What is posted; built once, so that a repeated receipt is identical. */
  body: string;
};

/** The last digits of the simulated numbers, old and new (spec 05, section 6). */
const temporaryNumbers = ['7833333333', '7700900003'];
const permanentNumbers = ['7822222222', '7700900002'];

/** The recipient alone decides what becomes of a message, never chance (spec 05, section 6). */
export function outcomeFor(type: MessageType, to: string): ReceiptStatus {
  if (type === 'email') {
    if (to === 'temp-fail@simulator.notify') return 'temporary-failure';
    return to === 'perm-fail@simulator.notify' ? 'permanent-failure' : 'delivered';
  }
  const number = to.replaceAll(' ', '');
  if (temporaryNumbers.some((end) => number.endsWith(end))) return 'temporary-failure';
  return permanentNumbers.some((end) => number.endsWith(end)) ? 'permanent-failure' : 'delivered';
}

/**
 * The receipts of a message, in order. A temporary failure of a text message is first reported as pending, as
 * Firetext does (spec 05, section 5.8).
 */
export function receiptsFor(type: MessageType, outcome: ReceiptStatus): readonly ReceiptStatus[] {
  return type === 'sms' && outcome === 'temporary-failure' ? ['pending', 'temporary-failure'] : [outcome];
}

const details: Record<MessageType, Record<ReceiptStatus, string>> = {
  sms: {
    delivered: 'Delivered to handset',
    'permanent-failure': 'Number does not exist',
    'temporary-failure': 'Absent subscriber',
    pending: 'Pending with network',
  },
  email: {
    delivered: 'Delivered',
    'permanent-failure': 'Hard bounced: the address does not exist',
    'temporary-failure': 'Soft bounced: mailbox full',
    pending: 'Still trying',
  },
};

/** The provider's own words for a status, for people to read. */
export function detailOf(type: MessageType, status: ReceiptStatus): string {
  return details[type][status];
}

/** A message as JSON: field names as on the wire, times in ISO 8601. */
export function presentMessage(message: Message): Record<string, unknown> {
  const { id, type, reference, to, from, text } = message;
  const content =
    type === 'sms'
      ? { body: text }
      : {
          reply_to: message.replyTo,
          subject: message.subject,
          text,
          html: message.html,
          headers: message.headers,
        };
  return {
    id,
    type,
    reference,
    to,
    from,
    ...content,
    received_at: new Date(message.receivedAt).toISOString(),
    answer: message.answer,
    receipts: message.receipts.map(({ status, detail, state, attempts, answer }) => ({
      status,
      detail,
      state,
      attempts,
      answer,
    })),
  };
}
