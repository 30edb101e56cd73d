import type { SimulatedOutcome } from '../content/recipient/simulator.ts';
import type { NotificationStatus, NotificationType } from '../database/tables.ts';

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
  /** `none`: nothing is ever heard again of what it has taken, so that is as good as delivered. */
  receipts: 'posted' | 'none';
  /**
   * The receipts this provider would post for a message that it never got (research mode, test keys: spec 05, section
   * 6). They are posted to our own endpoint one after the other.
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
  /** What it says in words, for the log; empty where `detailCode` is one that nobody knows. */
  detail: string;
  /** The provider's code that says more than its status, null where it sent none. */
  detailCode?: string | null;
  /**
   * When the provider took the message, in Unix milliseconds, as it says; only from those that report by a reference of
   * their own: their receipt may come before that reference is stored.
   */
  handedOverAt?: number | null;
  complaint?: Complaint | null;
}>;

/** The recipient has told the provider that the message was unwanted. Holds nothing personal. */
export type Complaint = Readonly<{
  /** The provider's id of it: the same complaint may be posted twice. */
  feedbackId: string;
  /** `abuse`, `not-spam` and the like; null where the provider does not know. */
  type: string | null;
  /** ISO 8601, null where the provider does not say. */
  at: string | null;
}>;

/** What the row of a message says when a receipt for it is applied. */
export type ReceiptRow = Readonly<{ status: NotificationStatus; sentBy: string | null }>;

/** What came of applying a receipt (spec 05, section 5.5). */
export type ReceiptOutcome =
  | Readonly<{ outcome: 'applied'; notificationId: string; status: NotificationStatus }>
  | Readonly<{ outcome: 'ignored'; notificationId: string; status: NotificationStatus; why: string }>
  | Readonly<{ outcome: 'not found' }>
  /** It came before its message could be found by it, and is applied later. */
  | Readonly<{ outcome: 'postponed' }>;

export type HttpAnswer = Readonly<{ status: number; body: unknown }>;

/** What a endpoint has made of a request: a receipt to apply, or an answer that refuses it or needs nothing applied. */
export type ReadRequest = Readonly<{ receipt: ReadReceipt } | { answer: HttpAnswer }>;

/** Where a provider's receipts arrive, and what it is answered. */
export type ReceiptEndpoint = Readonly<{
  identifier: string;
  /** The provider as log lines name it; its identifier where it has no other name. */
  name?: string;
  /** Receipts of this endpoint are about messages of this type; one about another finds no message. */
  type: NotificationType;
  path: string;
  /** `user:password` that a request has to show (basic authentication); null or absent: open to all. */
  credentials?: string | null;
  /** `isOwn`: we made the receipt up ourselves (research mode), so it carries no proof of the provider. */
  read: (body: Buffer, request: Readonly<{ isOwn: boolean }>) => ReadRequest | Promise<ReadRequest>;
  /** Pure: the status that a receipt means for this row, where it is not simply the one it says (spec 05, section 5.8). */
  soften?: (receipt: ReadReceipt, row: ReceiptRow) => NotificationStatus;
  answer: (receipt: ReadReceipt, outcome: ReceiptOutcome) => HttpAnswer;
}>;
