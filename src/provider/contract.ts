/**
 * The contract between the platform and a supplier of texts or emails. All code about one supplier is in its folder
 * under `suppliers/`, and passes the suite in test/conformance; only process/suppliers.ts names suppliers.
 */

import type { Config } from '../config/config.ts';
import type { SimulatedOutcome } from '../content/recipient/simulator.ts';
import type { NotificationStatus, NotificationType } from '../database/tables.ts';
import type { Clock } from '../ground/clock.ts';

/** A supplier before it is used: its rows in the table of providers, its client and its endpoints. */
export type Supplier = Readonly<{
  /** As in `providers.identifier` and every metric: `mmg`, `ses`. */
  identifier: string;
  displayName: string;
  /** The types of message that it takes, each a row in the table of providers. */
  types: readonly NotificationType[];
  /** Initial priority of its rows; the lowest number is tried first. */
  priority: number;
  /** Whether its rows are active when they are first added; true by default. */
  startsActive?: boolean;
  /** Whether it sends texts abroad; false by default. */
  supportsInternational?: (config: Config) => boolean;
  isConfigured: (config: Config) => boolean;
  /** Its client; called only if it is configured. Heavy libraries are imported here, to save memory elsewhere. */
  open: (config: Config, needs: SupplierNeeds) => Provider | Promise<Provider>;
  /** Absent if it posts no receipts, or posts them to another supplier's endpoint. */
  receiptEndpoint?: (
    config: Config,
    needs: Readonly<{ type: NotificationType; clock: Clock }>,
  ) => ReceiptEndpoint;
  /** What proves that a receipt is this supplier's; absent if nothing does. `settings` configure it. */
  receiptProof?: Readonly<{ settings: string; isConfigured: (config: Config) => boolean }>;
  /** Absent if it receives no texts. */
  inboundEndpoint?: (config: Config) => InboundEndpoint;
}>;

export type SupplierNeeds = Readonly<{
  /** Connections that suffice for everything one process sends at once; a call never waits for one. */
  connections: number;
  /** Base URL of the sandbox. */
  sandboxUrl: string;
  /** Base URL of our own API. */
  ownUrl: string;
  /** Queues a `delivered` receipt for a text that was not really sent. */
  reportDelivered: (notificationId: string) => Promise<void>;
}>;

export type SmsMessage = Readonly<{
  type: 'sms';
  /** The notification's id: the provider echoes it in receipts, and can recognise a repeated send by it. */
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
  fromName: string;
  fromAddress: string;
  replyTo: string | null;
  subject: string;
  text: string;
  html: string;
  /** One-click unsubscribe (RFC 8058); null if the message has none. */
  unsubscribeUrl: string | null;
}>;

export type Message = SmsMessage | EmailMessage;

/**
 * The outcome of one call. `code` is the provider's own, or the HTTP status; `detail` explains it. Both are kept on the
 * timeline, so they must hold nothing personal.
 *
 * - accepted: the provider has the message; `reference` is its own id for it.
 * - rejected: the provider will never take this message; no retry, no other provider. `recipient` says that the
 *   recipient is the reason: `permanent`, it does not exist or takes no messages; `temporary`, it takes none now, such
 *   as a full mailbox. Without it the message or we are at fault.
 * - failed: the provider definitely did not take it; another provider or a later attempt may succeed.
 * - unknown: the provider may have it (time-out, connection lost after sending); never given to another provider.
 */
export type SendResult =
  | Readonly<{ outcome: 'accepted'; reference: string | null }>
  | Readonly<{ outcome: 'rejected'; code: string; detail: string; recipient?: RecipientVerdict }>
  | Readonly<{ outcome: 'failed' | 'unknown'; code: string; detail: string }>;

/** What a provider says about a recipient that it refuses. */
export type RecipientVerdict = 'permanent' | 'temporary';

/** The client of a supplier. */
export type Provider = Readonly<{
  identifier: string;
  /** Sends one message. Resolves within the time that `signal` allows and never throws, whatever the provider does. */
  send: (message: Message, signal: AbortSignal) => Promise<SendResult>;
  /** `none`: the provider reports nothing after accepting a message, so accepted counts as delivered. */
  receipts: 'posted' | 'none';
  /**
   * The receipts that this provider would post for a message that was never sent (research mode and test keys: spec 05,
   * section 6). They are posted to our own endpoint, one after the other.
   */
  simulatedReceipts: (message: SimulatedMessage) => readonly SimulatedReceipt[];
  close?: () => Promise<void>;
}>;

/** A message that was never sent. `reference` replaces the provider's own; the recipient decides the `outcome`. */
export type SimulatedMessage = Readonly<{
  type: NotificationType;
  notificationId: string;
  reference: string;
  outcome: SimulatedOutcome;
}>;

export type SimulatedReceipt = Readonly<{ path: string; contentType: string; body: string }>;

/** The part of a provider's row that decides whether and when it is chosen (spec 05, section 3.2). */
export type ProviderDetails = Readonly<{
  identifier: string;
  notificationType: NotificationType;
  priority: number;
  active: boolean;
  supportsInternational: boolean;
}>;

/** A receipt, read and mapped, before it is applied. */
export type ReadReceipt = Readonly<{
  /** By our id if the provider echoes it, else by the provider's reference. */
  found: Readonly<{ by: 'id' | 'reference'; value: string }>;
  status: NotificationStatus;
  rawStatus: string;
  /** Explains it in the log; empty if `detailCode` is unknown. */
  detail: string;
  /** The provider's code with more detail than its status; null if it sent none. */
  detailCode?: string | null;
  /**
   * When the provider says that it took the message, in Unix milliseconds; only from providers that report by a
   * reference of their own, because their receipt may arrive before that reference is stored.
   */
  handedOverAt?: number | null;
  /** When the provider says that it delivered the message, in Unix milliseconds; only for metrics. */
  deliveredAt?: number | null;
  complaint?: Complaint | null;
}>;

/** The recipient complained to the provider about the message. Holds nothing personal. */
export type Complaint = Readonly<{
  /** The provider's id for it: the same complaint may be posted twice. */
  feedbackId: string;
  /** `abuse`, `not-spam` and the like; null if the provider does not know. */
  type: string | null;
  /** ISO 8601; null if the provider does not say. */
  at: string | null;
}>;

/** The state of a message's row when a receipt for it is applied. */
export type ReceiptRow = Readonly<{ status: NotificationStatus; sentBy: string | null }>;

type OfMessage = Readonly<{
  notificationId: string;
  status: NotificationStatus;
  /** Of the request that brought the message, if that is known. */
  requestId?: string;
}>;

/** The outcome of applying a receipt (spec 05, section 5.5). */
export type ReceiptOutcome =
  | (OfMessage & Readonly<{ outcome: 'applied' }>)
  | (OfMessage & Readonly<{ outcome: 'ignored'; why: string }>)
  | Readonly<{ outcome: 'not found' }>
  /** It names a message that its provider was not asked to send, and nothing of it was taken. */
  | (OfMessage & Readonly<{ outcome: 'not asked'; why: string }>)
  /** It came before its message could be found, and is applied later. */
  | Readonly<{ outcome: 'postponed' }>;

/** A response to a provider; the body is JSON. */
export type EndpointResponse = Readonly<{ status: number; body: unknown }>;

/** A parsed request to an endpoint: a receipt to apply, or the response if there is nothing to apply. */
export type ReadRequest = Readonly<
  | { receipt: ReadReceipt }
  /** `about`: what it was instead, for the log: nothing of its content but the name of its type. */
  | { answer: EndpointResponse; about?: string }
>;

/** Where a provider posts its receipts, and how it is answered. */
export type ReceiptEndpoint = Readonly<{
  identifier: string;
  /** The other suppliers whose receipts arrive here; none if absent. */
  alsoFor?: readonly string[];
  /** The provider's name in log lines; its identifier if absent. */
  name?: string;
  /** The type of message that its receipts are about; a message of another type is not found. */
  type: NotificationType;
  path: string;
  /** `user:password` that a request must carry (basic authentication); null or absent: open to all. */
  credentials?: string | null;
  /** `isOwn`: we generated the receipt ourselves (research mode), so it carries no proof of the provider. */
  read: (body: Buffer, request: Readonly<{ isOwn: boolean }>) => ReadRequest | Promise<ReadRequest>;
  /** Pure: the status that a receipt means for this row, if that differs from its own (spec 05, section 5.8). */
  soften?: (receipt: ReadReceipt, row: ReceiptRow) => NotificationStatus;
  answer: (receipt: ReadReceipt, outcome: ReceiptOutcome) => EndpointResponse;
}>;

/** A text that somebody sent to one of our numbers, as its provider reports it. */
export type ReadText = Readonly<{
  /** Our number, and the sender: as the provider writes them. */
  to: string;
  from: string;
  content: string;
  /** When the provider received it: ISO 8601, UTC if it names no zone. null: unknown. */
  date: string | null;
  /** The provider's id for the text, the same if it is posted twice; null if it has none. */
  reference: string | null;
}>;

/** A response to a provider, ready to send. */
export type InboundResponse = Readonly<{ status: number; contentType: string; body: string }>;

/** Where a provider posts received texts, and how it is answered (spec 05, section 7.1). */
export type InboundEndpoint = Readonly<{
  /** As in `inbound_sms.provider` and every metric. */
  identifier: string;
  /** The provider's name in log lines. */
  name: string;
  path: string;
  /** The accepted `user:password` pairs (basic authentication); an empty list refuses everybody. */
  credentials: readonly string[];
  /** Pure. An answer if the text cannot be read. */
  read: (body: Buffer) => Readonly<{ text: ReadText } | { answer: InboundResponse }>;
  accepted: InboundResponse;
  /** No service has the number. That is our problem, not the provider's, so it must not post the text again. */
  unclaimed: InboundResponse;
}>;
