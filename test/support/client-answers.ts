import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

/** A response as the official client returns it. */
export type Answer = { status: number; data: any };
/** The official client for Node.js. */
export type Client = Record<
  | 'sendSms'
  | 'sendEmail'
  | 'sendLetter'
  | 'sendPrecompiledLetter'
  | 'getNotificationById'
  | 'getNotifications'
  | 'getPdfForLetterNotification'
  | 'getTemplateById'
  | 'getTemplateByIdAndVersion'
  | 'getAllTemplates'
  | 'previewTemplateById'
  | 'getReceivedTexts',
  (...args: unknown[]) => Promise<Answer>
> & {
  /** Makes no call: the value of a placeholder for a file. */
  prepareUpload(content: Buffer, options?: object): object;
};
export const { NotifyClient } = createRequire(import.meta.url)('notifications-node-client') as {
  NotifyClient: new (url: string, key: string) => Client;
};

/** What a field of a response must be (spec 01, section 7.1); `?` allows null. */
type Rule =
  | RegExp
  | 'string'
  | 'string?'
  | 'number'
  | 'number?'
  | 'boolean'
  | 'object'
  | 'null'
  | 'time'
  | 'time?';
export const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const url = /^http:\/\/127\.0\.0\.1:\d+\/\S+$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

function fits(value: unknown, rule: Rule): boolean {
  if (rule instanceof RegExp) return typeof value === 'string' && rule.test(value);
  if (rule === 'null') return value === null;
  if (rule.endsWith('?')) return value === null || fits(value, rule.slice(0, -1) as Rule);
  if (rule === 'time') return fits(value, time);
  return value !== null && typeof value === rule;
}

/** Asserts that a response has exactly these fields, each following its rule. */
export function shows(value: Record<string, unknown>, rules: Readonly<Record<string, Rule>>): void {
  assert.deepEqual(Object.keys(value).sort(), Object.keys(rules).sort());
  for (const [name, rule] of Object.entries(rules))
    assert.ok(fits(value[name], rule), `${name}: ${JSON.stringify(value[name])} is not ${rule}`);
}

export const notificationRules = {
  id: uuid,
  reference: 'string?',
  email_address: 'string?',
  phone_number: 'string?',
  ...Object.fromEntries(['1', '2', '3', '4', '5', '6'].map((n) => [`line_${n}`, 'null' as const])),
  postcode: 'null',
  type: /^(?:sms|email)$/,
  status: 'string',
  template: 'object',
  body: 'string',
  subject: 'string?',
  created_at: 'time',
  created_by_name: 'string?',
  sent_at: 'time?',
  completed_at: 'time?',
  scheduled_for: 'time?',
  postage: 'null',
  one_click_unsubscribe_url: 'string?',
  is_cost_data_ready: 'boolean',
  cost_in_pounds: 'number?',
  cost_details: 'object',
} as const satisfies Record<string, Rule>;

export const templateRules = {
  id: uuid,
  type: /^(?:sms|email)$/,
  name: 'string',
  created_at: 'time',
  updated_at: 'time?',
  created_by: /^\S+@\S+$/,
  version: 'number',
  body: 'string',
  subject: 'string?',
  personalisation: 'object',
  postage: 'null',
  letter_contact_block: 'null',
} as const satisfies Record<string, Rule>;
