/** What the admin API tells operators (spec 04, sections 8.1, 8.2 and 8.5; spec 06, section 9). */

export type Provider = Readonly<{
  id: string;
  display_name: string;
  identifier: string;
  priority: number;
  notification_type: 'sms' | 'email';
  active: boolean;
  version: number;
  updated_at: string | null;
  created_by: Readonly<{ id: string; name: string }> | null;
  supports_international: boolean;
  reason: string | null;
  rate_limit: number | null;
  circuit: 'closed' | 'open' | 'half-open';
  circuit_until: string | null;
}>;

export type Calls = Readonly<{
  from: string;
  calls: number;
  accepted: number;
  refused: number;
  failed: number;
  unknown: number;
  p50_ms: number | null;
  p95_ms: number | null;
}>;

/** A row of `/platform/minutes`. */
export type Minute = Readonly<{
  minute: string;
  notification_type: 'sms' | 'email';
  accepted: number;
  sent: number;
  delivered: number;
  failed: number;
}>;

export type QueueFacts = Readonly<{
  name: string;
  waiting: number;
  delayed: number;
  active: number | null;
  oldest_due_seconds: number;
  parked: number;
  served_by: readonly string[];
}>;

export type ProcessFacts = Readonly<{
  id: string;
  roles: readonly string[];
  queues: readonly string[];
  host: string;
  pid: number;
  version: string;
  git_commit: string;
  clock_skew_seconds: number;
  started_at: string;
  last_seen_at: string;
}>;

export type Parked = Readonly<{
  id: string;
  queue: string;
  notification: string | null;
  service: string | null;
  service_name: string | null;
  parked_at: string | null;
  tries: number;
  reason: string | null;
}>;

export type StuckTotals = Readonly<{
  accepted: number;
  created: number;
  sending: number;
  callback: number;
  counted_back_to: string | null;
}>;

export type StuckMessage = Readonly<{
  id: string;
  service: string;
  service_name: string | null;
  notification_type: 'sms' | 'email';
  status: string;
  kind: 'accepted' | 'created' | 'sending' | 'callback';
  waits_for: string;
  since: string;
  next_attempt_at: string | null;
}>;

export type Task = Readonly<{
  name: string;
  schedule: Readonly<{ every_seconds: number }> | Readonly<{ at: string; zone: string }>;
  last_began_at: string | null;
  last_succeeded_at: string | null;
  last_seconds: number | null;
  last_count: number | null;
  last_failed_at: string | null;
  last_failure: string | null;
  next_due_at: string;
  asked_at: string | null;
}>;

type Delays = Readonly<{ count: number; p50: number | null; p95: number | null; p99: number | null }>;

/** A row of `/platform/figures`; which fields it has depends on `by`. */
export type Figures = Readonly<{
  day?: string;
  provider?: string;
  service_id?: string;
  service_name?: string;
  notification_type: 'sms' | 'email';
  requested: number;
  delivered: number;
  failed: number;
  test_keys?: number;
  units?: number;
  handed_over?: Delays;
  delivered_after?: Delays;
  percentage_under_10_seconds?: number;
}>;

export type Links = Readonly<{ current: string; next?: string }>;

/** A service as lists and figures have it (spec 04, section 1.3). */
export type DetailedService = Readonly<{
  id: string;
  name: string;
  active: boolean;
  restricted: boolean;
  sms_message_limit: number;
  email_message_limit: number;
  international_sms_message_limit: number;
  rate_limit: number;
  version: number;
  created_at: string;
  go_live_at: string | null;
  has_active_go_live_request: boolean;
  go_live_requested_at: string | null;
  statistics: Readonly<Record<string, Readonly<{ requested: number; delivered: number; failed: number }>>>;
}>;

/** A person (spec 04, section 3.1). */
export type User = Readonly<{
  id: string;
  name: string;
  email_address: string;
  mobile_number: string | null;
  state: 'pending' | 'active' | 'inactive';
  auth_type: string;
  platform_admin: boolean;
  created_at: string;
  failed_login_count: number;
  logged_in_at: string | null;
  email_access_validated_at: string | null;
  services: readonly string[];
}>;

export type Session = Readonly<{
  id: string;
  created_at: string;
  seen_at: string;
  browser: string | null;
  address: string | null;
}>;

export type EventFacts = Readonly<{
  id: string;
  event_type: string;
  service_id: string | null;
  service_name: string | null;
  user_id: string | null;
  user_name: string | null;
  subject_id: string | null;
  data: unknown;
  created_at: string;
}>;
