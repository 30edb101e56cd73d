import { type Html, html } from '../../ground/html.ts';
import { own } from '../../ground/own.ts';
import { table } from '../components/content.ts';
import type { PersonVisit } from '../frame/page.ts';
import { inFigures } from '../words/counts.ts';
import { shortTimeOf } from '../words/times.ts';
import type { EventFacts } from './facts.ts';
import { idText, serviceLink, typeNames, userLink } from './words.ts';

/** Kinds of events that have words of their own; the others are told by their names. */
export const eventNames: Readonly<Record<string, string>> = {
  accept_invite: 'Joined by an invitation',
  add_user_to_service: 'Added a person to a service',
  archive_email_reply_to: 'Removed an address for replies',
  archive_service: 'Archived a service',
  archive_sms_sender: 'Removed a sender of text messages',
  archive_template: 'Deleted a template',
  archive_user: 'Archived a person',
  cancel_invite: 'Withdrew an invitation',
  cancel_job: 'Cancelled a file',
  cancel_notification: 'Cancelled a message',
  change_upload: 'Mended a row of an uploaded file',
  close_provider_circuit: 'Closed the circuit of a provider',
  create_api_key: 'Made a key',
  create_callback_api: 'Set the address of callbacks',
  create_contact_list: 'Added a contact list',
  create_data_retention: 'Set how long messages are kept',
  create_email_reply_to: 'Added an address for replies',
  create_invite: 'Invited somebody',
  create_job: 'Sent a file',
  create_organisation: 'Added a branding',
  create_rate: 'Set a price',
  create_report_request: 'Asked for a download',
  create_service: 'Added a service',
  create_sms_sender: 'Added a sender of text messages',
  create_suppression: 'Suppressed a recipient',
  create_template: 'Added a template',
  create_template_folder: 'Added a folder',
  create_upload: 'Uploaded a file',
  create_user: 'Added a person',
  delete_callback_api: 'Removed the address of callbacks',
  delete_contact_list: 'Deleted a contact list',
  delete_report_request: 'Deleted a download',
  delete_suppression: 'Took a recipient off the suppressed ones',
  delete_template_folder: 'Deleted a folder',
  delete_upload: 'Deleted an uploaded file',
  drop_parked: 'Dropped what was parked',
  end_session: 'Ended sessions',
  enter_service: 'Looked into a service',
  erase_recipient: 'Erased a recipient',
  give_reason: 'Gave the reason for what follows',
  leave_out_of_upload: 'Left faulty rows out of an uploaded file',
  make_sign_in_link: 'Made a link to sign in',
  move_to_template_folder: 'Moved templates to a folder',
  open_provider_circuit: 'Opened the circuit of a provider',
  pause_job: 'Paused a file',
  redact_template: 'Hid the values of a template',
  release_parked: 'Released what was parked',
  release_queue: 'Released what was parked in a queue',
  remove_user_from_service: 'Removed a person from a service',
  replace_guest_list: 'Changed the guest list',
  request_go_live: 'Asked to go live',
  resend_invite: 'Sent an invitation again',
  resend_notifications: 'Sent messages again',
  restore_template: 'Restored a template',
  resume_callback_api: 'Ended the pause of callbacks',
  resume_job: 'Went on with a file',
  resume_service: 'Resumed a service',
  revoke_api_key: 'Ended a key',
  run_task: 'Asked for a run of a periodic task',
  set_cost_alert: 'Changed who is told of costs',
  set_user_permissions: 'Changed permissions',
  sucessful_login: 'Signed in',
  stop_job: 'Stopped a file',
  suspend_service: 'Suspended a service',
  test_provider: 'Sent a test message',
  update_callback_api: 'Changed the address of callbacks',
  update_data_retention: 'Changed how long messages are kept',
  update_email_reply_to: 'Changed an address for replies',
  update_free_sms_fragment_limit: 'Changed how many fragments are free',
  update_organisation: 'Changed a branding',
  update_provider: 'Changed a provider',
  update_rate: 'Changed a price',
  update_service: 'Changed a service',
  update_sms_sender: 'Changed a sender of text messages',
  update_template: 'Changed a template',
  update_template_folder: 'Changed a folder',
  update_user: 'Changed a person',
  withdraw_go_live_request: 'Withdrew or declined a request to go live',
};

export function eventName(type: string): string {
  const known = own(eventNames, type);
  if (known !== undefined) return known;
  const name = words(type);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Texts of these are the operators' own words, names of the platform's parts, or of no meaning to anybody else. */
const ownTexts = new Set([
  'reason',
  'change',
  'notification_type',
  'task',
  'queue',
  'cause',
  'identifier',
  'outcome',
  'code',
  'state',
  'circuit',
]);

/**
 * What an event says, in a line. What belongs to a service, or to a person, may be personal: of it there are figures,
 * and the names of texts that changed, but no texts (spec 07, section 5).
 */
export function eventText({ data, service_id: service, event_type: type }: EventFacts): string {
  if (!isFields(data)) return '';
  const isOurs = service === null && !/user|invite|login|session/.test(type);
  const { before, after, ...rest } = data;
  const said = Object.entries(rest).flatMap(([name, value]) => {
    const text = valueText(name, value, isOurs || ownTexts.has(name));
    return text === null ? [] : [`${words(name)}: ${text}`];
  });
  if (!isFields(after)) return said.join('; ');
  const changes = Object.entries(after).map(([name, value]): string | null => {
    const now = valueText(name, value, isOurs || ownTexts.has(name));
    const was = isFields(before) ? valueText(name, before[name], isOurs || ownTexts.has(name)) : null;
    // Of something new every field is new.
    if (now === null) return isFields(before) ? `${words(name)} changed` : null;
    return was === null || was === now ? `${words(name)}: ${now}` : `${words(name)}: ${was} → ${now}`;
  });
  return [...said, ...changes.filter((text) => text !== null)].join('; ');
}

/** Names of fields are in snake or in camel case. */
const words = (name: string) => name.replace(/_|(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
const longest = 300;

function valueText(name: string, value: unknown, mayShowTexts: boolean): string | null {
  if (value === null || value === undefined) return mayShowTexts ? 'none' : null;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  // A year has no thousands.
  if (typeof value === 'number') return /(^|_)year(_|$)/.test(name) ? String(value) : inFigures(value);
  if (!mayShowTexts) return Array.isArray(value) ? `${value.length}` : null;
  if (name === 'notification_type') return typeNames[String(value)]?.toLowerCase() ?? String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** What an event says, and below it the id of what it is about. */
function details(one: EventFacts): Html {
  const text = eventText(one);
  const said = text === '' ? null : html`<span dir="auto">${text}</span>`;
  if (one.subject_id === null || one.subject_id === one.service_id) return html`${said}`;
  return html`${said}${said && html`<br>`}<span class="app-quiet">Id ${idText(one.subject_id)}</span>`;
}

/** Events, newest first. `withService`: whether each names its service. */
export function eventTable(
  caption: string,
  events: readonly EventFacts[],
  visit: PersonVisit,
  withService: boolean,
  empty = 'Nothing has happened that is recorded.',
): Html {
  return table({
    caption,
    head: ['When', 'Who', 'What', ...(withService ? ['Service'] : []), 'Details'],
    rows: events.map((one) => [
      shortTimeOf(one.created_at, visit),
      one.user_id === null ? 'The platform itself' : userLink(one.user_id, one.user_name),
      eventName(one.event_type),
      ...(withService ? [serviceLink(one.service_id, one.service_name)] : []),
      details(one),
    ]),
    empty,
  });
}
