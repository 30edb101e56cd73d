import type { Receipt } from './receipt.ts';

export type MessageType = 'sms' | 'email';

/** What a sender asks for; checked, but otherwise as it came. */
export type Submission = {
  readonly type: MessageType;
  /** The sender's own id of the message. */
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

/** What the sender heard: an answer, nothing at all, or a broken connection. */
export type Answer = 'answered' | 'unanswered' | 'reset';

/** A message in the inbox. */
export type Message = Submission & {
  /** The provider's id of the message. */
  readonly id: string;
  /** Unix time in milliseconds. */
  readonly receivedAt: number;
  readonly answer: Answer;
  readonly receipts: readonly Receipt[];
};

const lengths: Record<string, number> = {
  reference: 255,
  to: 320,
  from: 320,
  reply_to: 320,
  receipt_url: 2_048,
};

/** Reads the JSON body of `POST /send/{type}`; otherwise a sentence that says what is wrong with it. */
export function readSubmission(type: MessageType, value: unknown): Submission | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'The body must be a JSON object';
  const body = value as Record<string, unknown>;
  const required = type === 'sms' ? ['body'] : ['subject', 'text', 'html'];
  for (const name of ['reference', 'to', 'from', 'receipt_url', ...required]) {
    const fault = faultOf(name, body[name], !required.includes(name));
    if (fault !== null) return fault;
  }
  const email = type === 'email';
  if (email && body['reply_to'] !== undefined && body['reply_to'] !== null) {
    const fault = faultOf('reply_to', body['reply_to'], true);
    if (fault !== null) return fault;
  }
  const headers = email ? (body['headers'] ?? {}) : {};
  if (!isHeaders(headers)) return 'headers must be an object whose values are text, with at most 100 entries';
  return {
    type,
    reference: body['reference'] as string,
    to: body['to'] as string,
    from: body['from'] as string,
    replyTo: email ? ((body['reply_to'] as string | null | undefined) ?? null) : null,
    subject: email ? (body['subject'] as string) : null,
    text: (email ? body['text'] : body['body']) as string,
    html: email ? (body['html'] as string) : null,
    headers,
    receiptUrl: body['receipt_url'] as string,
  };
}

function faultOf(name: string, value: unknown, filled: boolean): string | null {
  if (value === undefined) return `${name} is missing`;
  if (typeof value !== 'string') return `${name} must be text`;
  if (filled && value.trim() === '') return `${name} must not be empty`;
  const longest = lengths[name];
  return longest !== undefined && value.length > longest
    ? `${name} must have at most ${longest} characters`
    : null;
}

function isHeaders(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const texts = Object.values(value);
  return texts.length <= 100 && texts.every((text) => typeof text === 'string');
}

/** How a message is shown over HTTP: field names as on the wire, times in ISO 8601. */
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
