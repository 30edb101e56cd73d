/**
 * What ends the rows of each table: the periodic task that deletes them, what else does, or why they are kept for ever.
 * A test compares this with a migrated database, so that no table grows without anybody having decided how long.
 */
export type End = Readonly<{ task: string; after: string } | { by: string } | { kept: string }>;

const byPeople = 'for ever: only people add rows, by hand';
const inboundOrMessages = 'the retention of the service';
const task = (name: string, after: string): End => ({ task: name, after });

export const ends: Readonly<Record<string, End>> = {
  // Tenants, people and content
  users: { kept: byPeople },
  organisations: { kept: 'for ever: at most 1,000' },
  services: { kept: byPeople },
  service_versions: { kept: 'for ever: who changed what' },
  service_sms_senders: { kept: byPeople },
  service_email_reply_to: { kept: byPeople },
  service_guest_list: { by: 'the service replaces its list, of at most 10 entries' },
  service_users: { by: 'people leave a service' },
  service_data_retention: { kept: byPeople },
  service_callback_api: { by: 'the service removes its address; one for each type of callback' },
  api_keys: { kept: 'for ever: messages name them' },
  api_key_versions: { kept: 'for ever: who changed what' },
  templates: { kept: 'for ever: messages name them' },
  template_versions: { kept: 'for ever: messages name them' },
  template_folders: { by: 'people delete empty folders' },
  template_folder_users: { by: 'people change who may use a folder' },
  inbound_numbers: { kept: byPeople },
  verify_codes: task('delete-verify-codes', 'a day'),
  user_sessions: task('delete-verify-codes', '30 days without use'),
  sign_in_networks: task('delete-verify-codes', 'an hour without a failed try'),
  used_links: task('delete-verify-codes', 'the link has expired'),
  invites: task('delete-invitations', '30 days'),
  events: task('delete-old-records-from-events-table', '52 weeks'),
  admin_requests: task('forget-idempotency-keys', '24 hours'),
  api_key_uses: task('forget-uses-of-keys', '30 days, but not the last use of a key'),

  // Providers
  providers: { kept: 'for ever: one for each provider and type' },
  provider_versions: { kept: 'for ever: why traffic was moved' },
  provider_calls: { by: 'counting new calls deletes what is older than 25 hours' },
  provider_paces: { kept: 'for ever: one for each provider' },

  // Messages
  accepted: { by: 'storing a message moves it to notifications and notification_history' },
  notifications: task('delete-notifications-older-than-retention', inboundOrMessages),
  attempts: task('delete-notifications-older-than-retention', inboundOrMessages),
  receipts: task('delete-notifications-older-than-retention', inboundOrMessages),
  service_callbacks: task('delete-notifications-older-than-retention', inboundOrMessages),
  service_callback_attempts: task('delete-notifications-older-than-retention', inboundOrMessages),
  notification_history: { kept: 'for ever: the facts, without anything personal' },
  complaints: { kept: 'for ever: the facts, without anything personal' },
  suppressions: task(
    'forget-expired-suppressions',
    'their time is over; people can lift those without an end',
  ),
  inbound_sms: task('delete-inbound-sms', inboundOrMessages),
  idempotency_keys: task('forget-idempotency-keys', '24 hours'),
  rate_buckets: { kept: 'for ever: three for each service' },
  daily_counts: task('delete-old-counts', '367 days'),
  documents: task('delete-expired-documents', 'the retention of the file'),
  document_contents: task('delete-expired-documents', 'the retention of the file'),
  document_counts: task('delete-old-counts', '367 days'),

  // Files of recipients and jobs
  uploads: task('delete-expired-uploads', '7 days, or 7 after the end of the job'),
  upload_rows: task('delete-expired-uploads', 'with the upload'),
  upload_fault_pieces: task('delete-expired-uploads', 'with the upload'),
  contact_lists: { kept: 'for ever: what a deleted one was called; at most 100 at a time for each service' },
  contact_list_rows: { by: 'people delete the contact list' },
  report_requests: task('update-report-status-to-deleted', 'a day'),
  report_parts: task('update-report-status-to-deleted', 'with the report'),
  upload_faults: task('delete-expired-uploads', 'with the upload'),
  jobs: { kept: 'for ever: a job and its totals outlive its messages' },
  job_totals: { kept: 'for ever: a few for each job' },
  job_changes: task('fold-job-counts', 'seconds: they are added to the totals'),
  job_lots: task('delete-old-job-lots', '91 days after the job was final'),
  resends: task('forget-resent-messages', '91 days after the message'),

  // Figures
  status_changes: task('fold-figures', 'seconds: they are added to the totals'),
  delay_changes: task('fold-figures', 'seconds: they are added to the totals'),
  status_totals: { kept: 'for ever: a few for each service, template and day' },
  month_totals: { kept: 'for ever: a few for each service, template and month' },
  platform_totals: { kept: 'for ever: a few for each day' },
  minute_totals: task('fold-figures', '25 hours'),
  delay_totals: { kept: 'for ever: at most 101 for each provider, kind and day' },
  unit_rates: { kept: 'for ever: what units cost on past days; only people add rows, by hand' },
  free_allowances: { kept: 'for ever: one for each service and financial year' },
  cost_alerts: { by: 'the service removes its amount; at most one for each period' },
  cost_alerts_told: { kept: 'for ever: one for each amount and period that was reached' },
  figures_due: task('build-figures', 'the day is counted'),

  // Operation
  tasks: { by: 'whoever finishes the task; an operator resumes or deletes one that is parked' },
  held_batches: { by: 'whoever finishes their tasks' },
  periodic_tasks: { kept: 'for ever: one for each periodic task' },
  processes: task('forget-lost-processes', 'a day after the process was last seen'),
  table_sizes: task('measure-tables', '35 days'),
  kysely_migration: { kept: 'for ever: one for each migration' },
  kysely_migration_lock: { kept: 'for ever: one row' },
};

/** What ends the rows of a table, as a sentence for operators; null: nobody has decided. */
export function endOf(table: string): string | null {
  const end = Object.hasOwn(ends, table) ? ends[table]! : null;
  if (end === null) return null;
  if ('kept' in end) return `kept ${end.kept}`;
  return 'task' in end ? `${end.task}, after: ${end.after}` : end.by;
}
