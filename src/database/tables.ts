import type { Generated } from 'kysely';

/**
 * The tables as migrations/ leave them; one type per table, columns as the driver gives them. What each column means
 * stands with the migration that makes it and in docs/architecture.md.
 */
export type Tables = {
  services: ServiceRow;
  service_sms_senders: SmsSenderRow;
  service_email_reply_to: EmailReplyToRow;
  api_keys: ApiKeyRow;
  templates: TemplateRow;
  template_versions: TemplateVersionRow;
  providers: ProviderRow;
  accepted: AcceptedRow;
  notifications: NotificationRow;
  notification_history: NotificationHistoryRow;
  attempts: AttemptRow;
  receipts: ReceiptRow;
};

export type NotificationType = 'sms' | 'email';
export type KeyType = 'normal' | 'team' | 'test';

export type ServiceRow = {
  id: string;
  name: string;
  active: Generated<boolean>;
  restricted: Generated<boolean>;
  research_mode: Generated<boolean>;
  email_from: string;
  prefix_sms: Generated<boolean>;
  permissions: string[];
  demo: Generated<boolean>;
  created_at: Generated<Date>;
  updated_at: Date | null;
  version: Generated<number>;
};

export type SmsSenderRow = {
  id: string;
  service_id: string;
  sms_sender: string;
  is_default: boolean;
  archived: Generated<boolean>;
  created_at: Generated<Date>;
};

export type EmailReplyToRow = {
  id: string;
  service_id: string;
  email_address: string;
  is_default: boolean;
  archived: Generated<boolean>;
  created_at: Generated<Date>;
};

export type ApiKeyRow = {
  id: string;
  service_id: string;
  name: string;
  key_type: KeyType;
  secret: Buffer;
  created_at: Generated<Date>;
  expires_at: Date | null;
};

export type TemplateRow = {
  id: string;
  service_id: string;
  template_type: NotificationType;
  version: number;
  archived: Generated<boolean>;
  hidden: Generated<boolean>;
  created_at: Generated<Date>;
  updated_at: Date | null;
};

export type TemplateVersionRow = {
  template_id: string;
  version: number;
  name: string;
  subject: string | null;
  content: string;
  priority: Generated<boolean>;
  created_at: Generated<Date>;
};

export type ProviderRow = {
  id: string;
  identifier: string;
  display_name: string;
  notification_type: NotificationType;
  priority: number;
  active: boolean;
  supports_international: boolean;
  version: Generated<number>;
  updated_at: Date | null;
};

export type AcceptedRow = Omit<
  NotificationRow & NotificationHistoryRow,
  'status' | 'sent_at' | 'updated_at' | 'sent_by' | 'reference' | 'billable_units'
> & {
  queue: string;
  priority: number;
  request_id: string | null;
  attempt: Generated<number>;
  due_at: Generated<Date | null>;
};

export type NotificationRow = {
  id: string;
  service_id: string;
  recipient: string;
  normalised_recipient: string;
  personalisation: Buffer;
  reply_to_text: string | null;
  unsubscribe_url: string | null;
};

export type NotificationStatus =
  | 'created'
  | 'sending'
  | 'sent'
  | 'pending'
  | 'delivered'
  | 'temporary-failure'
  | 'permanent-failure'
  | 'technical-failure'
  | 'validation-failed';

export type NotificationHistoryRow = {
  id: string;
  service_id: string;
  template_id: string;
  template_version: number;
  job_id: string | null;
  job_row_number: number | null;
  api_key_id: string | null;
  key_type: KeyType;
  notification_type: NotificationType;
  status: NotificationStatus;
  created_at: Date;
  sent_at: Date | null;
  updated_at: Date | null;
  sent_by: string | null;
  reference: string | null;
  client_reference: string | null;
  billable_units: number;
  international: boolean;
  phone_prefix: string | null;
  rate_multiplier: number | null;
};

/** What a provider's answer to one attempt was; null while the attempt is under way. */
export type AttemptOutcome = 'accepted' | 'rejected' | 'failed' | 'unknown';

export type AttemptRow = {
  notification_id: string;
  number: number;
  provider: string;
  started_at: Date;
  billable_units: number;
  finished_at: Date | null;
  outcome: AttemptOutcome | null;
  code: string | null;
  detail: string | null;
};

export type ReceiptRow = {
  id: Generated<number>;
  notification_id: string;
  provider: string;
  received_at: Date;
  raw_status: string;
  status: NotificationStatus;
  /** null: the receipt changed the status; else why it did not. */
  ignored: string | null;
};
