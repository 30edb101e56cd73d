import type { NotificationStatus, NotificationType } from '../database/tables.ts';
import type { SimulatedOutcome } from '../recipient/simulator.ts';

/**
 * What a supplier of texts or emails is to the product. Everything that knows a supplier stands in its folder below
 * `provider/` (send.ts, receipt.ts) and passes provider/conformance.ts; `platform.ts` alone names suppliers.
 */
export type SmsMessage = Readonly<{
  type: 'sms';
  /** The notification's id: the provider echoes it in receipts, and can tell a repeated send by it. */
  reference: string;
  /** Digits with country code, no plus (spec 05, section 3.3). */
  to: string;
  from: string;
  body: string;
  international: boolean;
}>;

export type EmailMessage = Readonly<{
  type: 'email';
  reference: string;
  to: string;
  /** Display name and address. */
  fromName: string;
  fromAddress: string;
  replyTo: string | null;
  subject: string;
  text: string;
  html: string;
  /** One-click unsubscribe (RFC 8058), null where the message has none. */
  unsubscribeUrl: string | null;
}>;

export type Message = SmsMessage | EmailMessage;

/**
 * What came of one hand-over. `code` is the provider's own, or the HTTP status; `detail` says it in words and must
 * hold nothing personal: it is kept on the timeline.
 *
 * - accepted: the provider has it; `reference` is its own id for it.
 * - rejected: the provider will never take this message; no retry, no other provider.
 * - failed: the provider definitely did not take it; another provider or a later try may.
 * - unknown: nobody knows (time-out, connection lost after sending); never given to another provider.
 */
export type SendResult =
  | Readonly<{ outcome: 'accepted'; reference: string | null }>
  | Readonly<{ outcome: 'rejected' | 'failed' | 'unknown'; code: string; detail: string }>;

export type Provider = Readonly<{
  /** As in `providers.identifier` and every metric: `mmg`, `ses`. */
  identifier: string;
  /** Hands one message over. Answers within the time of `signal` and does not throw for what a provider can do. */
  send: (message: Message, signal: AbortSignal) => Promise<SendResult>;
  /**
   * The receipts this provider would post for a message that it never got (research mode, test keys: spec 05, section
   * 6). They are posted to our own door one after the other.
   */
  fakeReceipts: (message: Pretended) => readonly FakeReceipt[];
  close?: () => Promise<void>;
}>;

/** `reference` is what would be the provider's own; `outcome` is chosen by the recipient. */
export type Pretended = Readonly<{
  type: NotificationType;
  notificationId: string;
  reference: string;
  outcome: SimulatedOutcome;
}>;

export type FakeReceipt = Readonly<{ path: string; contentType: string; body: string }>;

/** A row of the table of providers: who may send what, in which order (spec 05, section 3.2). */
export type ProviderDetails = Readonly<{
  identifier: string;
  notificationType: NotificationType;
  priority: number;
  active: boolean;
  supportsInternational: boolean;
}>;

/** A receipt, read and mapped, before it is applied. */
export type ReadReceipt = Readonly<{
  /** By our id where the provider echoes it, else by the provider's reference. */
  found: Readonly<{ by: 'id' | 'reference'; value: string }>;
  status: NotificationStatus;
  rawStatus: string;
  /** What it says in words, for the log and the timeline. */
  detail: string;
}>;

/** What came of applying a receipt (spec 05, section 5.5). */
export type ReceiptOutcome =
  | Readonly<{ outcome: 'applied'; notificationId: string; status: NotificationStatus }>
  | Readonly<{ outcome: 'ignored'; notificationId: string; status: NotificationStatus; why: string }>
  | Readonly<{ outcome: 'not found' }>;

export type HttpAnswer = Readonly<{ status: number; body: unknown }>;

/** Where a provider's receipts arrive, and what it is answered. */
export type ReceiptDoor = Readonly<{
  identifier: string;
  path: string;
  /** Reads the request's body; an answer instead of a receipt refuses it, or needs nothing to be applied. */
  read: (body: Buffer) => Readonly<{ receipt: ReadReceipt } | { answer: HttpAnswer }>;
  answer: (receipt: ReadReceipt, outcome: ReceiptOutcome) => HttpAnswer;
}>;
