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
  create_api_key: 'Made a key',
  update_api_key: 'Changed a key',
  revoke_api_key: 'Ended a key',
  create_template: 'Added a template',
  update_template: 'Changed a template',
  redact_template: 'Hid the values of a template',
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
  archived: 'Removed',
  email_address: 'Email address',
  days_of_retention: 'Days kept',
  reason: 'Reason',
  suppress_failed_recipients: 'Leave out who failed permanently',
};

export function fieldText(name: string): string {
  const known = own(fieldTexts, name);
  if (known !== undefined) return known;
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const mostCharacters = 200;

/** A value as people read it. Pure. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined || value === '') return 'nothing';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  const text = Array.isArray(value)
    ? value.map((each) => (typeof each === 'string' ? each.replaceAll('_', ' ') : valueText(each))).join(', ')
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);
  if (text === '') return 'nothing';
  const characters = [...text];
  return characters.length <= mostCharacters ? text : `${characters.slice(0, mostCharacters).join('')}…`;
}

export type Change = Readonly<{ field: string; before: unknown; after: unknown }>;

/** What an event says has changed; nothing for one that tells something else. Pure. */
export function changesIn(data: unknown): readonly Change[] {
  const { before, after } = (data ?? {}) as { before?: unknown; after?: unknown };
  const was = objectOf(before);
  const is = objectOf(after);
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return names
    .filter((name) => !ignored.has(name) && !name.endsWith('_id'))
    .map((field) => ({ field, before: was[field] ?? null, after: is[field] ?? null }))
    .filter((change) => valueText(change.before) !== valueText(change.after));
}

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

/** Fields that every change changes, or that name things by their ids. */
const ignored = new Set([
  'version',
  'updated_at',
  'created_by',
  'users',
  'id',
  'service',
  'created_at',
  'auth_type',
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
