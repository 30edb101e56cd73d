import type { Generated } from 'kysely';

/**
 * The tables after all migrations: one type per table, columns as the driver returns them. The migrations and
 * docs/architecture.md say what each column means.
 */
export type Tables = {
  users: UserRow;
  verify_codes: VerifyCodeRow;
  user_sessions: UserSessionRow;
  sign_in_networks: SignInNetworkRow;
  used_links: UsedLinkRow;
  organisations: OrganisationRow;
  services: ServiceRow;
  service_versions: ServiceVersionRow;
  service_sms_senders: SmsSenderRow;
  service_email_reply_to: EmailReplyToRow;
  api_keys: ApiKeyRow;
  templates: TemplateRow;
  template_versions: TemplateVersionRow;
  providers: ProviderRow;
  provider_versions: ProviderVersionRow;
  provider_calls: ProviderCallsRow;
  provider_paces: ProviderPaceRow;
  service_guest_list: GuestRow;
  service_users: ServiceUserRow;
  invites: InviteRow;
  idempotency_keys: IdempotencyKeyRow;
  uploads: UploadRow;
  upload_rows: UploadRowsRow;
  upload_faults: UploadFaultRow;
  upload_fault_pieces: UploadFaultPieceRow;
  jobs: JobRow;
  job_lots: JobLotRow;
  job_changes: JobChangeRow;
  job_totals: JobTotalRow;
  status_changes: StatusChangeRow;
  status_totals: StatusTotalRow;
  month_totals: Omit<StatusTotalRow, 'day'> & { month: string };
  platform_totals: PlatformTotalRow;
  minute_totals: MinuteTotalRow;
  delay_changes: DelayRow;
  delay_totals: DelayRow;
  figures_due: FiguresDueRow;
  unit_rates: UnitRateRow;
  free_allowances: FreeAllowanceRow;
  cost_alerts: CostAlertRow;
  cost_alerts_told: CostAlertToldRow;
  resends: ResendRow;
  contact_lists: ContactListRow;
  contact_list_rows: ContactListRowsRow;
  report_requests: ReportRequestRow;
  report_parts: ReportPartRow;
  admin_requests: AdminRequestRow;
  accepted: AcceptedRow;
  notifications: NotificationRow;
  notification_history: NotificationHistoryRow;
  attempts: AttemptRow;
  receipts: ReceiptRow;
  complaints: ComplaintRow;
  suppressions: SuppressionRow;
  inbound_sms: InboundSmsRow;
  inbound_numbers: InboundNumberRow;
  service_data_retention: DataRetentionRow;
  periodic_tasks: PeriodicTaskRow;
  processes: ProcessRow;
  table_sizes: TableSizeRow;
  documents: DocumentRow;
  document_contents: DocumentContentRow;
  document_counts: DocumentCountRow;
  service_callback_api: ServiceCallbackApiRow;
  service_callbacks: ServiceCallbackRow;
  service_callback_attempts: ServiceCallbackAttemptRow;
};

export type NotificationType = 'sms' | 'email';
export type KeyType = 'normal' | 'team' | 'test';

export type UserRow = {
  id: string;
  name: string;
  email_address: string;
  state: Generated<'pending' | 'active' | 'inactive'>;
  created_at: Generated<Date>;
  updated_at: Date | null;
  platform_admin: Generated<boolean>;
  mobile_number: Generated<string | null>;
  password_hash: Generated<string | null>;
  password_changed_at: Generated<Date>;
  auth_type: Generated<'sms_auth' | 'email_auth'>;
  failed_login_count: Generated<number>;
  failed_at: Generated<Date | null>;
  logged_in_at: Generated<Date | null>;
  current_session_id: Generated<string | null>;
  email_access_validated_at: Generated<Date | null>;
};

/** A code that proves that a person has a phone or reads an address. */
export type VerifyCodeRow = {
  id: string;
  user_id: string;
  code_type: 'sms' | 'email';
  code: Buffer;
  created_at: Date;
  expires_at: Date;
  used_at: Date | null;
};

export type UserSessionRow = {
  id: string;
  user_id: string;
  created_at: Date;
  seen_at: Date;
  browser: string | null;
  address: string | null;
  ended_at: Date | null;
};

export type SignInNetworkRow = { network: string; failed: number; failed_at: Date };

export type UsedLinkRow = { id: string; expires_at: Date };

/** A look that emails can have. */
export type OrganisationRow = {
  id: string;
  name: string | null;
  colour: string | null;
  logo: string | null;
  created_at: Date;
  updated_at: Date | null;
};

/** Whether emails show the organisation of their service: `govuk` does not (spec 02, section 7). */
export type ServiceBranding = 'govuk' | 'org' | 'both';

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
  contact_link: string | null;
  rate_limit: Generated<number>;
  sms_limit: Generated<number>;
  email_limit: Generated<number>;
  letter_limit: Generated<number>;
  international_sms_limit: Generated<number>;
  created_at: Generated<Date>;
  updated_at: Date | null;
  version: Generated<number>;
  normalised_name: string | null;
  created_by: Generated<string>;
  archived_at: Generated<Date | null>;
  went_live_at: Generated<Date | null>;
  went_live_by: Generated<string | null>;
  live_requested_at: Generated<Date | null>;
  live_requested_by: Generated<string | null>;
  branding: Generated<ServiceBranding>;
  organisation_id: Generated<string | null>;
};

/** One version of a service. */
export type ServiceVersionRow = Omit<
  {
    [Column in keyof ServiceRow]: ServiceRow[Column] extends Generated<infer Value>
      ? Value
      : ServiceRow[Column];
  },
  | 'demo'
  | 'normalised_name'
  | 'archived_at'
  | 'went_live_at'
  | 'went_live_by'
  | 'live_requested_at'
  | 'live_requested_by'
>;

export type SmsSenderRow = {
  id: string;
  service_id: string;
  sms_sender: string;
  is_default: boolean;
  archived: Generated<boolean>;
  created_at: Generated<Date>;
  updated_at: Generated<Date | null>;
  inbound_number_id: string | null;
};

export type EmailReplyToRow = {
  id: string;
  service_id: string;
  email_address: string;
  is_default: boolean;
  archived: Generated<boolean>;
  created_at: Generated<Date>;
  updated_at: Generated<Date | null>;
};

export type ApiKeyRow = {
  id: string;
  service_id: string;
  name: string;
  key_type: KeyType;
  secret: Buffer;
  created_at: Generated<Date>;
  updated_at: Generated<Date | null>;
  /** When it ended or will end. */
  expires_at: Date | null;
  created_by: Generated<string>;
  version: Generated<number>;
};

export type TemplateRow = {
  id: string;
  service_id: string;
  template_type: NotificationType;
  version: number;
  archived: Generated<boolean>;
  hidden: Generated<boolean>;
  created_by: string;
  created_at: Generated<Date>;
  updated_at: Date | null;
  folder_id: Generated<string | null>;
  redacted_at: Generated<Date | null>;
  redacted_by: Generated<string | null>;
};

export type TemplateVersionRow = {
  template_id: string;
  version: number;
  name: string;
  subject: string | null;
  content: string;
  priority: Generated<boolean>;
  has_unsubscribe_link: Generated<boolean>;
  archived: Generated<boolean>;
  created_by: string;
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
  reason: Generated<string | null>;
  created_by: Generated<string | null>;
  rate_limit: Generated<number | null>;
  circuit: Generated<'closed' | 'open'>;
  circuit_until: Generated<Date | null>;
  circuit_openings: Generated<number>;
  probe_id: Generated<string | null>;
  probe_until: Generated<Date | null>;
  probe_passes: Generated<number>;
  calls_count_from: Generated<Date | null>;
};

export type ProviderVersionRow = {
  id: string;
  version: number;
  identifier: string;
  display_name: string;
  notification_type: NotificationType;
  priority: number;
  active: boolean;
  supports_international: boolean;
  updated_at: Date | null;
  reason: string | null;
  created_by: string | null;
  rate_limit: number | null;
  circuit: 'closed' | 'open';
  circuit_until: Date | null;
};

export type ProviderCallsRow = {
  provider_id: string;
  slot: Date;
  taken: number;
  failed: number;
  unknown: number;
  refused: Generated<number>;
  durations: Generated<number[]>;
};

export type ProviderPaceRow = { provider_id: string; free_at: Date };

export type GuestRow = { id: string; service_id: string; recipient: string; created_at: Generated<Date> };

/** An invitation to join the team of a service. */
export type InviteRow = {
  id: string;
  service_id: string;
  email_address: string;
  lower_address: string;
  from_user: string;
  permissions: string[];
  folder_permissions: string[];
  auth_type: 'sms_auth' | 'email_auth';
  status: 'pending' | 'accepted' | 'cancelled' | 'expired';
  created_at: Date;
};

export type ServiceUserRow = {
  service_id: string;
  user_id: string;
  permissions: Generated<string[]>;
  created_at: Generated<Date>;
};

export type IdempotencyKeyRow = {
  service_id: string;
  key: string;
  fingerprint: Buffer;
  answer: Buffer;
  created_at: Date;
  key_type: KeyType | null;
};

export type AdminRequestRow = {
  id: string;
  actor_id: string | null;
  key: string;
  fingerprint: Buffer;
  created_at: Date;
  leased_until: Date;
  status: number | null;
  answer: Buffer | null;
};

export type AcceptedRow = Omit<
  NotificationRow & NotificationHistoryRow,
  | 'status'
  | 'persisted_at'
  | 'sent_at'
  | 'updated_at'
  | 'sent_by'
  | 'reference'
  | 'billable_units'
  | 'suppressed'
  | 'given_up'
> & {
  queue: string;
  priority: number;
  attempt: Generated<number>;
  due_at: Generated<Date | null>;
  turn_at: Date | null;
  behind: Generated<number>;
  failure: Generated<string | null>;
  parked_at: Generated<Date | null>;
};

export type NotificationRow = {
  id: string;
  service_id: string;
  recipient: string;
  normalised_recipient: string;
  personalisation: Buffer;
  reply_to_text: string | null;
  unsubscribe_url: string | null;
  request_id: Generated<string | null>;
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
  | 'validation-failed'
  | 'cancelled';

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
  persisted_at: Generated<Date>;
  scheduled_for: Date | null;
  sent_at: Date | null;
  updated_at: Date | null;
  sent_by: string | null;
  reference: string | null;
  client_reference: string | null;
  billable_units: number;
  international: boolean;
  phone_prefix: string | null;
  rate_multiplier: number | null;
  suppressed: SuppressionReason | null;
  given_up: GivenUpReason | null;
  created_by: string | null;
  /** `status` again, if usually few messages have it; indexed. */
  rare_status: Generated<NotificationStatus | null>;
};

/** Why a message was given up, where no attempt says so. */
export type GivenUpReason =
  | 'too-large'
  | 'inactive-service'
  | 'no-provider'
  | 'error'
  | 'dropped'
  // Of a row of a file that may not be sent (spec 03, section 4.7).
  | 'invalid-recipient'
  | 'not-allowed'
  | 'not-permitted'
  | 'international-limit'
  | 'missing-value'
  | 'empty'
  | 'too-long';

/** The outcome of one attempt; null in the row while it is under way. */
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
  /** Why the receipt did not change the status; null if it did. */
  ignored: string | null;
};

/** A recipient complained to the provider about an email. */
export type ComplaintRow = {
  id: string;
  notification_id: string;
  service_id: string;
  ses_feedback_id: string;
  complaint_type: string | null;
  complaint_date: Date;
  created_at: Date;
};

export type SuppressionReason = 'unsubscribed' | 'complaint' | 'permanent-failure' | 'manual';

/** A recipient whom a service sends less or nothing. */
export type SuppressionRow = {
  id: string;
  service_id: string;
  notification_type: NotificationType;
  recipient: string;
  reason: SuppressionReason;
  notification_id: string | null;
  created_at: Date;
  expires_at: Date | null;
};

/** A text sent to a service's number. */
export type InboundSmsRow = {
  id: string;
  service_id: string;
  notify_number: string;
  user_number: string;
  provider_date: Date;
  provider_reference: string | null;
  provider: string;
  content: Buffer;
  created_at: Date;
};

/** A number that people can text; `service_id` is null until a service gets it. */
export type InboundNumberRow = {
  id: string;
  number: string;
  provider: string;
  service_id: string | null;
  active: Generated<boolean>;
  created_at: Date;
  updated_at: Date | null;
};

/** For how many whole days a service keeps personal data; 7 if it has no row. */
export type DataRetentionRow = {
  id: string;
  service_id: string;
  notification_type: NotificationType | 'letter';
  days_of_retention: number;
  created_at: Date;
  updated_at: Date | null;
};

/** When a periodic task ran. `last_run`: the start of its last successful run. */
export type PeriodicTaskRow = {
  name: string;
  last_run: Date | null;
  began_at: Date | null;
  last_seconds: number | null;
  last_count: number | null;
  failed_at: Date | null;
  failure: string | null;
  asked_at: Date | null;
};

/** A process of the platform. */
export type ProcessRow = {
  id: string;
  roles: string[];
  queues: string[];
  host: string;
  pid: number;
  version: string;
  git_commit: string;
  clock_skew_seconds: number;
  started_at: Date;
  seen_at: Date;
};

/** How large a table was. */
export type TableSizeRow = { name: string; measured_at: Date; bytes: number };

/** A file sent as a link. */
export type DocumentRow = {
  id: string;
  service_id: string;
  filename: Buffer;
  content_type: string;
  size: number;
  proof: Buffer;
  recipient_hash: Buffer | null;
  created_at: Date;
  expires_at: Date;
  downloads: Generated<number>;
  wrong_tries: Generated<number>;
  tried_since: Date | null;
};

export type DocumentContentRow = { id: string; sealed: Buffer };

/** The files of a service on one day in the business time zone. */
export type DocumentCountRow = { service_id: string; day: string; files: number; bytes: number };

/** What a service can get callbacks for (spec 05, section 8). */
export type CallbackType = 'delivery_status' | 'complaint' | 'inbound_sms';

/** A service's address for one type of callback. */
export type ServiceCallbackApiRow = {
  id: string;
  service_id: string;
  callback_type: CallbackType;
  url: string;
  bearer_token: Buffer;
  updated_by_id: string;
  created_at: Date;
  updated_at: Date | null;
  failures: Generated<number>;
  pauses: Generated<number>;
  paused_until: Date | null;
};

export type CallbackState = 'pending' | 'delivered' | 'failed';

export type ServiceCallbackRow = {
  id: string;
  service_id: string;
  callback_type: CallbackType;
  notification_id: string | null;
  subject_id: string | null;
  payload: Buffer;
  created_at: Date;
  queued_at: Date;
  due_at: Date | null;
  attempt: Generated<number>;
  tries: Generated<number>;
  state: CallbackState;
  last_code: string | null;
  finished_at: Date | null;
  request_id: Generated<string | null>;
};

/** The outcome of one callback attempt; null in the row while it is under way. */
export type CallbackOutcome = 'delivered' | 'retry' | 'failed';

export type ServiceCallbackAttemptRow = {
  callback_id: string;
  number: number;
  started_at: Date;
  finished_at: Date | null;
  outcome: CallbackOutcome | null;
  code: string | null;
  detail: string | null;
};

export type UploadRow = {
  id: string;
  service_id: string;
  template_id: string;
  template_version: number;
  template_type: NotificationType;
  original_file_name: string;
  format: 'csv' | 'tsv' | 'xlsx' | 'ods' | 'rows' | 'messages';
  bytes: number;
  digest: Buffer;
  header: unknown;
  sealed_header: Buffer | null;
  filled_width: number;
  row_count: number;
  summary: unknown;
  valid: boolean;
  left_out_of: string | null;
  contact_list_id: string | null;
  sender_id: string | null;
  created_by: string | null;
  api_key_id: string | null;
  created_at: Date;
  updated_at: Date;
  checked_at: Date | null;
  expires_at: Date;
};

export type UploadRowsRow = {
  upload_id: string;
  first_row: number;
  row_count: number;
  records: Buffer;
  recipients: Buffer | null;
  lengths: number[] | null;
};

export type UploadFaultRow = {
  upload_id: string;
  row_index: number;
  number: number;
  kind: string;
  header: string | null;
  text: string;
};

export type UploadFaultPieceRow = {
  upload_id: string;
  first_row: number;
  rows: number[];
  kinds: string[];
  headers: (string | null)[];
  texts: string[];
};

/** The statuses of a job (spec 04, section 6.2); `paused` is Despatch's own. */
export type JobStatus =
  | 'scheduled'
  | 'pending'
  | 'in progress'
  | 'paused'
  | 'finished'
  | 'finished all notifications created'
  | 'sending limits exceeded'
  | 'cancelled'
  | 'error';

export type JobRow = {
  id: string;
  service_id: string;
  template_id: string;
  template_version: number;
  template_type: NotificationType;
  original_file_name: string;
  notification_count: number;
  status: JobStatus;
  reply_to_text: string | null;
  key_type: KeyType;
  api_key_id: string | null;
  created_by: string | null;
  created_at: Date;
  updated_at: Date | null;
  scheduled_for: Date | null;
  hold_until: Date | null;
  processing_started: Date | null;
  processing_finished: Date | null;
  final_at: Date | null;
  resent_from: string | null;
  contact_list_id: string | null;
  reference: string | null;
};

export type JobLotRow = {
  job_id: string;
  number: number;
  first_row: number;
  row_count: number;
  began_at: Date | null;
  done_at: Date | null;
};

export type JobChangeRow = { id: Generated<string>; job_id: string; status: string; change: number };
export type JobTotalRow = { job_id: string; status: string; count: number; cost_units: Generated<string> };

/** How many messages of a kind there are, or by how many their number changed. `day`: of created_at, business zone. */
export type StatusTotalRow = {
  day: string;
  service_id: string;
  template_id: string;
  notification_type: NotificationType;
  key_type: KeyType;
  via_api: boolean;
  status: NotificationStatus;
  provider: string | null;
  international: boolean;
  rate_multiplier: string | null;
  count: number;
  units: number;
  last_at: Date;
};
export type StatusChangeRow = StatusTotalRow & { job_id: string | null };
export type PlatformTotalRow = Omit<
  StatusTotalRow,
  'service_id' | 'template_id' | 'rate_multiplier' | 'last_at'
> & { cost_units: string };

/** What changed in a minute, over all services and without test keys. */
export type MinuteTotalRow = {
  minute: Date;
  notification_type: NotificationType;
  accepted: number;
  sent: number;
  delivered: number;
  failed: number;
};

/** How many messages took how long, by buckets. */
export type DelayRow = {
  day: string;
  notification_type: NotificationType;
  provider: string;
  via_api: boolean;
  measure: 'handed-over' | 'delivered';
  bucket: number;
  count: number;
};

/** A day whose totals are to be counted from the history, and from when on. */
export type FiguresDueRow = { day: string; due_at: Date };

/** What a unit costs from a day of the business zone on. `rate`: pounds, a decimal. */
export type UnitRateRow = {
  id: Generated<string>;
  notification_type: 'sms';
  valid_from: string;
  rate: string;
  reason: string | null;
  created_at: Generated<Date>;
  updated_at: Date | null;
};

/** Units that a service has free in the financial year that begins in `year`. */
export type FreeAllowanceRow = { service_id: string; year: number; units: number; updated_at: Date };

/** `amount`: pounds, a decimal. */
export type CostAlertRow = {
  service_id: string;
  period: 'month' | 'year';
  amount: string;
  updated_at: Date;
};
export type CostAlertToldRow = Omit<CostAlertRow, 'updated_at'> & { starts_on: string; told_at: Date };

export type ContactListRow = {
  id: string;
  service_id: string;
  template_type: NotificationType;
  original_file_name: string;
  header: Buffer | null;
  filled_width: number;
  row_count: number;
  bytes: number;
  created_by: string;
  created_at: Date;
  archived_at: Date | null;
};

export type ContactListRowsRow = { list_id: string; first_row: number; row_count: number; records: Buffer };

/** How far a report is (spec 03, section 6.4). */
export type ReportStatus = 'pending' | 'in progress' | 'stored' | 'failed';

export type ReportRequestRow = {
  id: string;
  service_id: string;
  user_id: string;
  notification_type: NotificationType;
  notification_status: string;
  job_id: string | null;
  filter: unknown;
  status: ReportStatus;
  reason: string | null;
  parts: number;
  row_count: number;
  characters: string;
  place: unknown;
  created_at: Date;
  updated_at: Date | null;
};

export type ReportPartRow = { report_id: string; number: number; content: Buffer };

/** A message that was sent again, and as what. */
export type ResendRow = { message_id: string; job_id: string; job_row_number: number; created_at: Date };
