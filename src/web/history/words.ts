import { own } from '../../ground/own.ts';

/** What events are called, and their values, in words (spec 04, section 8.2). */

const kinds: Readonly<Record<string, string>> = {
  create_service: 'Added the service',
  update_service: 'Changed the settings',
  archive_service: 'Deleted the service',
  suspend_service: 'Suspended the service',
  resume_service: 'Resumed the service',
  request_go_live: 'Asked to go live',
  withdraw_go_live_request: 'Withdrew the request to go live',
  add_user_to_service: 'Added somebody to the team',
  remove_user_from_service: 'Removed somebody from the team',
  set_user_permissions: 'Changed what somebody may do',
  replace_guest_list: 'Changed the guest list',
  create_invite: 'Invited somebody',
  update_invite: 'Changed an invitation',
  resend_invite: 'Sent an invitation again',
  accept_invite: 'Accepted an invitation',
  cancel_invite: 'Withdrew an invitation',
  create_api_key: 'Made a key',
  update_api_key: 'Changed a key',
  revoke_api_key: 'Ended a key',
  create_template: 'Added a template',
  update_template: 'Changed a template',
  archive_template: 'Deleted a template',
  restore_template: 'Restored a template',
  redact_template: 'Hid the values of a template',
  create_template_folder: 'Added a folder',
  update_template_folder: 'Changed a folder',
  delete_template_folder: 'Deleted a folder',
  move_to_template_folder: 'Moved templates to a folder',
  create_upload: 'Uploaded a file',
  change_upload: 'Mended a row of an uploaded file',
  leave_out_of_upload: 'Left faulty rows out of an uploaded file',
  delete_upload: 'Deleted an uploaded file',
  create_job: 'Sent a file',
  cancel_job: 'Cancelled a file',
  stop_job: 'Stopped a file',
  pause_job: 'Paused a file',
  resume_job: 'Went on with a file',
  cancel_notification: 'Cancelled a message',
  resend_notifications: 'Sent messages again',
  create_contact_list: 'Added a contact list',
  delete_contact_list: 'Deleted a contact list',
  create_report_request: 'Asked for a download',
  delete_report_request: 'Deleted a download',
  set_cost_alert: 'Changed who is told of costs',
  update_free_sms_fragment_limit: 'Changed how many fragments are free',
  create_sms_sender: 'Added a sender of text messages',
  update_sms_sender: 'Changed a sender of text messages',
  archive_sms_sender: 'Removed a sender of text messages',
  create_email_reply_to: 'Added an address for replies',
  update_email_reply_to: 'Changed an address for replies',
  archive_email_reply_to: 'Removed an address for replies',
  create_callback_api: 'Set a callback address',
  update_callback_api: 'Changed a callback address',
  delete_callback_api: 'Removed a callback address',
  resume_callback_api: 'Ended the pause of a callback address',
  create_data_retention: 'Set how long messages are kept',
  update_data_retention: 'Changed how long messages are kept',
  create_suppression: 'Suppressed a recipient',
  delete_suppression: 'Took a recipient off the suppressed ones',
  enter_service: 'Looked into the service',
  give_reason: 'Gave the reason for a change',
};

/** An event in words. Types that nobody has put in words yet are told by their names. Pure. */
export function kindText(type: string): string {
  const known = own(kinds, type);
  if (known !== undefined) return known;
  const words = type.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const kindNames: readonly string[] = Object.keys(kinds);

const fieldTexts: Readonly<Record<string, string>> = {
  name: 'Name',
  active: 'Active',
  restricted: 'In trial',
  research_mode: 'Research mode',
  email_from: 'Emails come from',
  prefix_sms: 'Text messages begin with the name',
  permissions: 'May',
  contact_link: 'Contact',
  sms_sender: 'Sender of text messages',
  reply_to_email_address: 'Replies go to',
  sms_message_limit: 'Text messages a day',
  email_message_limit: 'Emails a day',
  letter_message_limit: 'Letters a day',
  international_sms_message_limit: 'Text messages abroad a day',
  message_limit: 'Messages a day',
  rate_limit: 'Requests a minute',
  entries: 'Entries',
  status: 'Status',
  is_default: 'Used by default',
  email_address: 'Email address',
  days_of_retention: 'Days kept',
  reason: 'Reason',
  go_live_at: 'Live since',
  go_live_requested_at: 'Asked to go live',
  suppress_failed_recipients: 'Leave out who failed permanently',
  subject: 'Subject',
  content: 'Message',
  priority: 'Sent before others',
  hasUnsubscribeLink: 'Link to unsubscribe',
  template: 'Template',
  template_version: 'Version of the template',
  template_type: 'Type',
  folder: 'Folder',
  templates: 'Templates',
  folders: 'Folders',
  folder_permissions: 'Folders',
  users_with_permission: 'Who may use it',
  original_file_name: 'File',
  notification_count: 'Rows',
  row_count: 'Rows',
  faulty_rows: 'Rows with faults',
  valid: 'All rows can be sent',
  job_status: 'State',
  scheduled_for: 'To be sent',
  notification_type: 'Of',
  notification_status: 'Status',
  key_type: 'Type',
  expiry_date: 'Ends',
  callback_type: 'Told of',
  host: 'Address at',
  paused: 'Paused',
  free_sms_fragment_limit: 'Free fragments',
  financial_year_start: 'Financial year',
  period: 'In',
  amount_in_pounds: 'Amount',
};

export function fieldText(name: string): string {
  const known = own(fieldTexts, name);
  if (known !== undefined) return known;
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A field of something that was added is not in `was`, one of something deleted not in `is`: undefined. */
export type Change = Readonly<{ field: string; before: unknown; after: unknown }>;

/** What an event says has changed; nothing for one that tells something else. Pure. */
export function changesIn(data: unknown): readonly Change[] {
  const { before, after } = (data ?? {}) as { before?: unknown; after?: unknown };
  const was = objectOf(before);
  const is = objectOf(after);
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return names
    .filter((name) => !ignored.has(name) && !name.endsWith('_id'))
    .map((field) => ({ field, before: was[field], after: is[field] }))
    .filter(({ before, after }) =>
      before === undefined || after === undefined
        ? ![before, after].every(saysNothing)
        : (!isNothing(before) || !isNothing(after)) && JSON.stringify(before) !== JSON.stringify(after),
    );
}

export function isNothing(value: unknown): boolean {
  return (
    value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

/** Of something that is added or gone, what it is not is no news. */
const saysNothing = (value: unknown) => isNothing(value) || value === false;

const messages: Readonly<Record<string, string>> = {
  sms: 'text messages',
  email: 'emails',
  letter: 'letters',
};

/** The messages that an event is about; null: it does not say. Pure. */
export function messagesIn(data: unknown): string | null {
  const { notification_type: type } = objectOf(data);
  return typeof type === 'string' ? (messages[type] ?? null) : null;
}

/** Why an operator did what an event tells (spec 07, section 5); null: it does not say. Pure. */
export function reasonIn(data: unknown): string | null {
  const { reason } = objectOf(data);
  return typeof reason === 'string' && reason !== '' ? reason : null;
}

/** Fields that every change changes, that follow from others, or that name things by their ids. */
const ignored = new Set([
  'version',
  'updated_at',
  'created_by',
  'users',
  'id',
  'service',
  'created_at',
  'auth_type',
  // Whoever deletes something, or brings it back, is told of as doing so.
  'archived',
  'can_send_letters',
  'can_send_international_sms',
  'service_callback_api',
  'go_live_user',
  'go_live_requested_by',
  'has_active_go_live_request',
  'from_user',
  'left_out',
  'resent_from',
  'api_key',
]);

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** Settings that go back by being set again, for members with `manage_settings` and for operators (spec 04, 1.5). */
const restorable = ['name', 'email_from', 'prefix_sms', 'contact_link', 'permissions'];
const restorableByOperators = [
  ...['sms_message_limit', 'email_message_limit', 'letter_message_limit'],
  ...['international_sms_message_limit', 'rate_limit', 'research_mode', 'restricted'],
];

/** The earlier values of an event that can be set again; null: there are none. Pure. */
export function earlierValues(
  type: string,
  data: unknown,
  isOperator: boolean,
): Readonly<Record<string, unknown>> | null {
  if (type !== 'update_service') return null;
  const allowed = isOperator ? [...restorable, ...restorableByOperators] : restorable;
  const was = objectOf((data as { before?: unknown } | null)?.before);
  const values = Object.entries(was).filter(([name]) => allowed.includes(name));
  return values.length === 0 ? null : Object.fromEntries(values);
}
