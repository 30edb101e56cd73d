import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { MountedRoute } from '../../src/http/server/server.ts';
import { platformServiceId } from '../../src/tenant/service/service.ts';
import { addUser, registerUser } from '../../src/tenant/user/store.ts';
import { upload as addRows } from '../support/jobs.ts';
import { addTeamMember } from '../support/operator.ts';
import { createWorld, type World } from '../support/world.ts';

const missing = 'Missing data for required field.';
const none = 'No result found';
const wrongLink = 'Something’s wrong with this link. Make sure you’ve copied the whole thing.';

/**
 * A request that is refused: the route, its query or body, the status and the message. `{name}` stands for an id that
 * the test makes. The texts are those of spec 04.
 */
type Refusal = readonly [route: string, given: string | object | null, status: number, message: unknown];

const service = (more: object) => ({
  ...{ name: 'Street parking', message_limit: 50, restricted: true, email_from: 'street.parking' },
  ...{ created_by: '{user}', user_id: '{user}', ...more },
});
const person = (more: object) => ({
  ...{ name: 'Kim', email_address: 'kim@example.com', mobile_number: '07700900123' },
  ...{ password: 'a sentence that only Kim knows', ...more },
});
const text = (more: object) => ({
  ...{ name: 'Tide', template_type: 'sms', content: 'High tide', created_by: '{user}', ...more },
});
const oneOff = (more: object) => ({
  ...{ template_id: '{sms_template_id}', to: '07700900123', created_by: '{user}' },
  ...{ personalisation: { name: 'Rowan', time: '14:05' }, ...more },
});
const report = (more: object) => ({
  ...{ user_id: '{user}', report_type: 'notifications_report', notification_type: 'sms' },
  ...{ notification_status: 'all', ...more },
});
const callback = (more: object) => ({
  ...{ url: 'https://service.example/', bearer_token: 'long-enough' },
  ...{ updated_by_id: '{user}', callback_type: 'complaint', ...more },
});

const refusals: readonly Refusal[] = [
  // 1.2
  ['POST /service', {}, 400, { user_id: [missing] }],
  ['POST /service', { user_id: '' }, 400, { user_id: [missing] }],
  ['POST /service', '[]', 400, { user_id: [missing] }],
  ['POST /service', '"a"', 400, { _schema: ['Invalid input type.'] }],
  ['POST /service', service({ user_id: randomUUID() }), 404, none],
  ['POST /service', service({ created_by: randomUUID() }), 404, none],
  [
    'POST /service',
    { user_id: '{user}' },
    400,
    {
      name: [missing],
      message_limit: [missing],
      restricted: [missing],
      created_by: [missing],
    },
  ],
  [
    'POST /service',
    service({ name: '{service name}' }),
    400,
    { name: ["Duplicate service name '{service name}'"] },
  ],
  [
    'POST /service',
    service({ email_from: '{sender name}' }),
    400,
    { name: ["Duplicate service name 'Street parking'"] },
  ],
  ['POST /service', service({ id: '{service}' }), 400, { id: ['Already in use'] }],
  ['POST /service', service({ name: 'a'.repeat(256) }), 400, { name: ['Longer than maximum length 255.'] }],
  ['POST /service', service({ message_limit: 'many' }), 400, { message_limit: ['Not a valid integer.'] }],
  ['POST /service', service({ restricted: 'perhaps' }), 400, { restricted: ['Not a valid boolean.'] }],
  [
    'POST /service',
    service({ sms_sender: 'a-b' }),
    400,
    { sms_sender: ['Only alphanumeric characters allowed'] },
  ],
  [
    'POST /service',
    service({ permissions: ['sms', 'fax'] }),
    400,
    { permissions: ["Invalid Service Permission: 'fax'"] },
  ],
  [
    'POST /service',
    service({ permissions: ['sms', 'sms'] }),
    400,
    { permissions: ["Duplicate Service Permission: ['sms']"] },
  ],
  // 1.3, 1.4
  ['GET /service', 'only_active=maybe', 400, { only_active: ['Not a valid choice.'] }],
  ['GET /service/:service_id', 'today_only=maybe', 400, { today_only: ['Not a valid choice.'] }],
  ['GET /service/find-services-by-name', null, 400, { service_name: [missing] }],
  // 1.5
  ['POST /service/:service_id', { name: null }, 400, { name: ['Field may not be null.'] }],
  [
    'POST /service/:service_id',
    { email_from: '{other sender name}' },
    400,
    { name: ["Duplicate service name '{other sender name}'"] },
  ],
  [
    'POST /service/:service_id',
    { name: 'New name', version: 999 },
    409,
    /^Somebody else has changed this service: it is now at version \d+\. Make your change to that version\.$/,
  ],
  // 1.6, 1.7
  ['POST /service/:service_id/go-live-request', {}, 400, 'The service is live already'],
  // 1.8
  [
    'POST /service/:service_id/users/:user_id',
    { permissions: [] },
    400,
    'User id: {user} already part of service id: {service}',
  ],
  [
    'POST /service/:service_id/users/:user_id {user_id: stranger}',
    [{ permission: 'send_texts' }, { permission: 'fly' }],
    400,
    { '1': { permission: ['Not a valid choice.'] } },
  ],
  [
    'POST /service/:service_id/users/:user_id {user_id: stranger}',
    {},
    400,
    ['permissions is a required property'],
  ],
  ['DELETE /service/:service_id/users/:user_id {user_id: stranger}', null, 404, 'User not found'],
  ['DELETE /service/:service_id/users/:user_id', null, 400, 'You cannot remove the only user for a service'],
  // 1.9
  [
    'PUT /service/:service_id/whitelist',
    { email_addresses: [], phone_numbers: ['12'] },
    400,
    'Invalid whitelist: "12" is not a valid email address or phone number',
  ],
  [
    'PUT /service/:service_id/guest-list',
    { email_addresses: ['x'], phone_numbers: [] },
    400,
    'Invalid guest list: "x" is not a valid email address or phone number',
  ],
  ['PUT /service/:service_id/guest-list', {}, 400, { email_addresses: [missing], phone_numbers: [missing] }],
  // 1.12
  [
    'POST /service/:service_id/email-reply-to',
    { email_address: '{reply-to}', is_default: false },
    409,
    '‘{reply-to}’ is already a reply-to email address for this service.',
  ],
  [
    'POST /service/:service_id/email-reply-to',
    {},
    400,
    ['email_address is a required property', 'is_default is a required property'],
  ],
  [
    'POST /service/:service_id/email-reply-to/:sender_id {sender_id: reply-to id}',
    { email_address: '{reply-to}', is_default: false },
    400,
    'You must have at least one reply to email address as the default.',
  ],
  [
    'POST /service/:service_id/email-reply-to/:sender_id {sender_id: second reply-to id}',
    { email_address: '{reply-to}', is_default: false },
    409,
    '‘{reply-to}’ is already a reply-to email address for this service.',
  ],
  [
    'POST /service/:service_id/email-reply-to/:sender_id/archive {sender_id: reply-to id}',
    {},
    400,
    'You cannot delete a default email reply to address',
  ],
  [
    'POST /service/:service_id/sms-sender',
    {},
    400,
    ['sms_sender is a required property', 'is_default is a required property'],
  ],
  [
    'POST /service/:service_id/sms-sender/:sender_id',
    { sms_sender: 'HARBOUR', is_default: false },
    400,
    'You must have at least one SMS sender as the default',
  ],
  [
    'POST /service/:service_id/sms-sender/:sender_id/archive',
    {},
    400,
    'You cannot delete a default sms sender',
  ],
  ['POST /service/:service_id/email-reply-to/verify', {}, 400, { email: [missing] }],
  [
    'POST /service/:service_id/email-reply-to/verify',
    { email: '{reply-to}' },
    409,
    '‘{reply-to}’ is already a reply-to email address for this service.',
  ],
  // 1.13
  [
    'POST /service/:service_id/callback-api',
    callback({ url: 'http://a' }),
    400,
    ['url is not a valid https url'],
  ],
  [
    'POST /service/:service_id/callback-api',
    callback({ bearer_token: 'short' }),
    400,
    ['bearer_token is too short: at least 10 characters'],
  ],
  [
    'POST /service/:service_id/callback-api/:callback_api_id',
    {},
    400,
    ['updated_by_id is a required property', 'callback_type is a required property'],
  ],
  [
    'DELETE /service/:service_id/callback-api/:callback_api_id {callback_api_id: unknown}',
    'callback_type=delivery_status',
    404,
    'Service delivery receipt API not found',
  ],
  [
    'DELETE /service/:service_id/callback-api/:callback_api_id {callback_api_id: unknown}',
    'callback_type=inbound_sms',
    404,
    'Service inbound API not found',
  ],
  ['GET /service/:service_id/callbacks', 'status=lost', 400, /status lost is not one of/],
  ['POST /service/:service_id/callbacks/replay', { ids: 'all' }, 400, /ids/],
  [
    'POST /service/:service_id/data-retention',
    { notification_type: 'sms', days_of_retention: 7 },
    400,
    'Service already has data retention for sms notification type',
  ],
  ['POST /service/:service_id/data-retention', {}, 400, /notification_type is a required property/],
  [
    'POST /service/:service_id/data-retention/:retention_id',
    { days_of_retention: 2 },
    400,
    /between 3 and 90/,
  ],
  [
    'POST /service/:service_id/data-retention/:retention_id {retention_id: unknown}',
    { days_of_retention: 4 },
    404,
    'The service data retention for id: {unknown} was not found for service: {service}',
  ],
  // 1.14
  [
    'POST /service/:service_id/suppressions',
    { recipient: 'nobody' },
    400,
    'recipient is not an email address or phone number',
  ],
  ['GET /service/:service_id/suppressions', 'reason=boredom', 400, /reason/],
  ['POST /service/:service_id/suppressions/settings', {}, 400, /suppress_failed_recipients/],
  // 2
  [
    'POST /service/:service_id/api-key',
    {},
    400,
    { name: [missing], key_type: [missing], created_by: [missing] },
  ],
  [
    'POST /service/:service_id/api-key',
    { name: 'a normal key', key_type: 'normal', created_by: '{user}' },
    400,
    { name: ['A key with this name already exists'] },
  ],
  [
    'POST /service/:service_id/api-key',
    { name: 'new', key_type: 'magic', created_by: '{user}' },
    400,
    { key_type: ['Not a valid choice.'] },
  ],
  [
    'GET /service/:service_id/api-keys/:key_id {key_id: unknown}',
    null,
    404,
    'API key not found for id: {service}',
  ],
  ['POST /service/:service_id/api-key/revoke/:key_id', { colour: 'red' }, 400, /colour was unexpected/],
  // 3.2
  ['POST /user', {}, 400, { name: [missing], email_address: [missing], mobile_number: [missing] }],
  ['POST /user', person({ password: undefined }), 400, { password: [missing] }],
  ['POST /user', person({ password: '' }), 400, { password: ['Invalid data for field'] }],
  [
    'POST /user',
    person({ email_address: '{ USER ADDRESS }' }),
    400,
    { email_address: ['Email address already in use'] },
  ],
  ['POST /user', person({ email_address: 'x' }), 400, { email_address: ['Not a valid email address'] }],
  ['POST /user', person({ name: '' }), 400, { name: ['Invalid name'] }],
  ['POST /user', person({ mobile_number: '12' }), 400, { mobile_number: [/^Invalid phone number: /] }],
  ['GET /user', 'search=%00', 400, /search/],
  ['GET /user/email', null, 400, 'Invalid request. Email query string param required'],
  ['GET /user/email', 'email=nobody@example.com', 404, none],
  ['POST /user/email', {}, 400, { email: [missing] }],
  ['POST /user/email', { email: 'x' }, 400, { email: ['Not a valid email address'] }],
  ['POST /user/email', { email: 'nobody@example.com' }, 404, none],
  ['POST /user/find-users-by-email', {}, 400, { email: [missing] }],
  ['PUT /user/:user_id', {}, 400, { name: [missing], email_address: [missing], mobile_number: [missing] }],
  ['POST /user/:user_id', { shoe_size: 9 }, 400, { _schema: ['Unknown field name shoe_size'] }],
  [
    'POST /user/:user_id',
    { platform_admin: true },
    400,
    { platform_admin: ['Cannot set platform_admin to True'] },
  ],
  [
    'POST /user/:user_id',
    { mobile_number: null },
    400,
    'Mobile number must be set if auth_type is set to sms_auth',
  ],
  ['POST /user/:user_id/activate', {}, 400, 'User already active'],
  ['POST /user/:user_id/archive', {}, 400, 'User cannot be removed from a service'],
  // 3.3
  ['POST /user/:user_id/verify/password', {}, 400, { password: ['Required field missing data'] }],
  ['POST /user/:user_id/verify/password', { password: 'wrong' }, 400, { password: ['Incorrect password'] }],
  [
    'POST /user/:user_id/update-password',
    { password: 'x' },
    400,
    { _schema: ['Unknown field name password'] },
  ],
  ['POST /user/:user_id/update-password', {}, 400, { _password: [missing] }],
  // 3.4
  [
    'POST /user/:user_id/verify/code',
    {},
    400,
    ['code is a required property', 'code_type is a required property'],
  ],
  ['POST /user/:user_id/verify/code', { code: '12345', code_type: 'sms' }, 404, 'Code not found'],
  ['POST /user/:user_id/sms-code', { colour: 'red' }, 400, /colour was unexpected/],
  ['POST /user/:user_id/email-code', { colour: 'red' }, 400, /colour was unexpected/],
  // 3.5
  ['POST /user/:user_id/email-already-registered', {}, 400, { email: [missing] }],
  [
    'POST /user/:user_id/change-email-verification',
    { email: 'x' },
    400,
    { email: ['Not a valid email address'] },
  ],
  ['POST /user/reset-password', {}, 400, { email: [missing] }],
  ['POST /user/reset-password', { email: 'nobody@example.com' }, 404, none],
  ['POST /user/check-token', { token: 'x', purpose: 'verify-email' }, 400, { token: [wrongLink] }],
  ['POST /user/first-operator/check', { token: 'x' }, 400, { token: [wrongLink] }],
  [
    'POST /user/first-operator',
    { token: 'x', name: 'Ola', email_address: 'ola@example.com', password: 'a sentence of Ola' },
    400,
    { token: [wrongLink] },
  ],
  ['GET /user/:user_id/sessions', 'ended=maybe', 400, { ended: ['Not a valid choice.'] }],
  // 3.6
  [
    'POST /user/:user_id/service/:service_id/permission',
    { permissions: [{ permission: 'send_texts' }] },
    400,
    /^Cannot change user permissions - service would have too few users with manage_settings$/,
  ],
  // 4.3
  [
    'POST /service/:service_id/invite',
    {},
    400,
    { email_address: [missing], from_user: [missing], permissions: [missing] },
  ],
  [
    'POST /service/:service_id/invite',
    { email_address: 'x', from_user: '{user}', permissions: 'send_texts' },
    400,
    { email_address: ['Not a valid email address'] },
  ],
  [
    'POST /service/:service_id/invite',
    { email_address: 'rowan@example.com', from_user: '{user}', permissions: 'send_texts' },
    400,
    { email_address: ['rowan@example.com is a member of this service already'] },
  ],
  [
    'POST /service/:service_id/invite',
    { email_address: 'ash@example.com', from_user: '{unknown}', permissions: 'send_texts' },
    404,
    none,
  ],
  ['GET /service/:service_id/invite', 'older_than=x', 400, { older_than: ['Not a valid UUID.'] }],
  [
    'POST /service/:service_id/invite/:invite_id',
    { status: 'lost' },
    400,
    { status: ['Not a valid choice.'] },
  ],
  ['POST /service/:service_id/invite/:invite_id/resend {invite_id: cancelled invite}', {}, 400, /cancelled/],
  ['GET /invite/:token', null, 400, { invitation: [wrongLink] }],
  ['GET /invite/service/check/:token', null, 400, { invitation: [wrongLink] }],
  ['POST /invite/:token/accept', { user_id: '{user}' }, 400, { invitation: [wrongLink] }],
  // 5
  [
    'POST /service/:service_id/template',
    {},
    400,
    [
      'subject is a required property',
      'name is a required property',
      'template_type is a required property',
      'content is a required property',
      'created_by is a required property',
    ],
  ],
  [
    'POST /service/:service_id/template',
    text({ content: 'a'.repeat(919) }),
    400,
    { content: ['Content has a character count greater than the limit of 918'] },
  ],
  [
    'POST /service/:service_id/template',
    text({ template_type: 'email', subject: ' ' }),
    400,
    { subject: ['Invalid template subject'] },
  ],
  [
    'POST /service/:service_id/template',
    text({ template_type: 'letter', subject: 'A' }),
    403,
    { template_type: ['Creating letter templates is not allowed'] },
  ],
  ['POST /service/:service_id/template', text({ created_by: randomUUID() }), 404, none],
  [
    'POST /service/:service_id/template',
    text({ parent_folder_id: randomUUID() }),
    400,
    'parent_folder_id not found',
  ],
  [
    'POST /service/:service_id/template/:template_id',
    { template_type: 'email' },
    400,
    { template_type: ['The type of a template cannot be changed'] },
  ],
  [
    'POST /service/:service_id/template/:template_id',
    { redact_personalisation: true },
    400,
    { created_by: ['Field is required'] },
  ],
  [
    'POST /service/:service_id/template/:template_id',
    { content: 'New', version: 9 },
    409,
    'Somebody else has changed this template: it is now at version 1. Make your change to that version.',
  ],
  [
    'POST /service/:service_id/template/:template_id {service_id: without texts, template_id: their text}',
    { content: 'New' },
    403,
    { template_type: ['Updating text message templates is not allowed'] },
  ],
  [
    'GET /service/:service_id/template/:template_id/preview',
    null,
    400,
    { template: ['Missing personalisation: name, time'] },
  ],
  ['GET /service/:service_id/template', 'older_than=x', 400, /older_than/],
  ['GET /service/:service_id/template/:template_id/versions', 'older_than=x', 400, /older_than/],
  [
    'POST /service/:service_id/template/preview',
    { template_type: 'fax', content: 'High tide' },
    400,
    ['template_type fax is not one of [sms, email]'],
  ],
  // 5.6
  [
    'POST /service/:service_id/template-folder',
    { name: 'A', parent_id: randomUUID() },
    400,
    /parent_id not found/,
  ],
  [
    'POST /service/:service_id/template-folder',
    { name: ' ', parent_id: null },
    400,
    ['name may not be blank'],
  ],
  ['POST /service/:service_id/template-folder/:template_folder_id', {}, 400, ['name is a required property']],
  [
    'POST /service/:service_id/template-folder/:template_folder_id',
    { name: 'A', users_with_permission: [randomUUID()] },
    404,
    none,
  ],
  ['DELETE /service/:service_id/template-folder/:template_folder_id', null, 400, 'Folder is not empty'],
  [
    'POST /service/:service_id/template-folder/contents',
    { templates: [], folders: ['{unknown}'] },
    400,
    'No folder found with id {unknown} for service {service}',
  ],
  [
    'POST /service/:service_id/template-folder/contents',
    { templates: ['{unknown}'], folders: [] },
    400,
    'Could not move to folder: No template found with id {unknown} for service {service}',
  ],
  [
    'POST /service/:service_id/template-folder/:template_folder_id/contents',
    { templates: [], folders: ['{folder}'] },
    400,
    'You cannot move a folder to itself',
  ],
  [
    'POST /service/:service_id/template-folder/:template_folder_id/contents {template_folder_id: inner folder}',
    { templates: [], folders: ['{folder}'] },
    400,
    'You cannot move a folder to one of its subfolders',
  ],
  // 6.1
  ['POST /service/:service_id/job', {}, 400, { id: [missing] }],
  ['POST /service/:service_id/job', '[]', 400, { id: [missing] }],
  [
    'POST /service/:service_id/job {service_id: archived}',
    {},
    403,
    'Create job is not allowed: service is inactive ',
  ],
  ['POST /service/:service_id/job', { id: 'no upload', created_by: '{user}' }, 404, none],
  ['POST /service/:service_id/job', { id: randomUUID(), created_by: '{user}' }, 404, none],
  ['POST /service/:service_id/job', { id: '{upload}', template: randomUUID() }, 404, none],
  ['POST /service/:service_id/job', { id: '{upload}', template: 7 }, 404, none],
  ['POST /service/:service_id/job', { id: '{faulty upload}' }, 400, "File is not valid, can't create job"],
  [
    'POST /service/:service_id/job',
    { id: '{upload}', template: '{deleted template}' },
    400,
    { template: ['Template has been deleted'] },
  ],
  [
    'POST /service/:service_id/job',
    { id: '{upload}', template: '{email_template_id}' },
    400,
    { template: ['The file was checked for a template of another type'] },
  ],
  ['POST /service/:service_id/job', { id: '{upload}' }, 400, { created_by: [missing] }],
  ['POST /service/:service_id/job', { id: '{upload}', created_by: randomUUID() }, 404, none],
  [
    'POST /service/:service_id/job',
    { id: '{upload}', created_by: '{user}', notification_count: 3 },
    400,
    { notification_count: ['The file has 2 rows.'] },
  ],
  [
    'POST /service/:service_id/job',
    {
      ...{ id: '{upload}', original_file_name: 7, notification_count: 'x', hold_seconds: 3601, sender_id: 1 },
      scheduled_for: 'soon',
    },
    400,
    {
      original_file_name: ['Not a valid string.'],
      notification_count: ['Not a valid integer.'],
      created_by: [missing],
      scheduled_for: ['Not a valid datetime.'],
      hold_seconds: ['A scheduled job is not held: it can be cancelled until its time.'],
      sender_id: ['Not a valid string.'],
    },
  ],
  [
    'POST /service/:service_id/job',
    { id: '{upload}', created_by: '{user}', scheduled_for: '2017-03-02T08:15:00Z' },
    400,
    { scheduled_for: ['Date cannot be in the past'] },
  ],
  [
    'POST /service/:service_id/job',
    { id: '{upload}', created_by: '{user}', scheduled_for: '9999-01-01' },
    400,
    { scheduled_for: ['Date cannot be more than 7 days in the future'] },
  ],
  [
    'POST /service/:service_id/job',
    { id: '{upload}', created_by: '{user}', hold_seconds: -1 },
    400,
    { hold_seconds: ['Must be between 0 and 3600.'] },
  ],
  [
    'POST /service/:service_id/job',
    { id: '{upload}', created_by: '{user}', sender_id: randomUUID() },
    400,
    'SMS sender not found',
  ],
  [
    'POST /service/:service_id/job',
    { id: '{job_id}', created_by: '{user}', scheduled_for: null },
    400,
    { id: ['Already in use'] },
  ],
  // 6.3
  ['GET /service/:service_id/job/:job_id {job_id: user address}', null, 404, none],
  // 6.3
  ['GET /service/:service_id/job', 'limit_days=x', 400, { limit_days: ['x is not an integer'] }],
  ['GET /service/:service_id/job', 'page=x', 400, { page: ['Not a valid integer.'] }],
  ['GET /service/:service_id/job', 'page=0', 400, { page: ['Not a positive integer'] }],
  ['GET /service/:service_id/job', 'status=finished', 400, { status: ['There is no such parameter.'] }],
  ['GET /service/:service_id/job', 'template_id=x', 400, { template_id: ['Not a valid UUID.'] }],
  [
    'GET /service/:service_id/job/:job_id/notifications',
    'status=failed&page=2',
    400,
    { page: ['With status or from_row, pages are not numbered: follow links.next.'] },
  ],
  [
    'GET /service/:service_id/job/:job_id/notifications',
    'page_size=0',
    400,
    { page_size: ['Not a positive integer'] },
  ],
  ['GET /service/:service_id/job/:job_id/csv {job_id: user address}', null, 404, none],
  ['GET /service/:service_id/job/:job_id/csv', 'page=1', 400, { page: ['There is no such parameter.'] }],
  ['GET /service/:service_id/job/:job_id/notification_count {job_id: user address}', null, 404, none],
  // 7.2, 7.3
  [
    'GET /service/:service_id/notifications/csv',
    'to=07700900123',
    400,
    { to: ['There is no such parameter.'] },
  ],
  [
    'GET /service/:service_id/notifications/csv',
    'template_type=fax',
    400,
    { template_type: { '0': { template_type: ['Not a valid choice.'] } } },
  ],
  ['POST /service/:service_id/notifications/resend', {}, 400, { ids: [missing] }],
  [
    'POST /service/:service_id/notifications/resend',
    { ids: [] },
    400,
    { ids: ['Give 1 to 10000 messages.'] },
  ],
  [
    'POST /service/:service_id/notifications/resend',
    { ids: [randomUUID()], job_id: randomUUID() },
    400,
    { ids: ['Not together with job_id.'] },
  ],
  [
    'POST /service/:service_id/notifications/resend',
    { ids: [randomUUID()], status: ['failed'] },
    400,
    { status: ['Only together with job_id.'] },
  ],
  [
    'POST /service/:service_id/notifications/resend',
    { ids: [randomUUID()], recipients: { x: '07700900123' } },
    400,
    { recipients: ['Not a valid UUID.'] },
  ],
  [
    'POST /service/:service_id/notifications/resend',
    { ids: [randomUUID()], recipients: { [randomUUID()]: 7 } },
    400,
    { recipients: ['Not a valid string.'] },
  ],
  ['POST /service/:service_id/notifications/resend', { ids: [randomUUID()] }, 404, none],
  ['POST /service/:service_id/notifications/resend', { job_id: 'x' }, 404, none],
  [
    'POST /service/:service_id/notifications/resend',
    { ids: [randomUUID()], created_by: randomUUID() },
    404,
    none,
  ],
  [
    'POST /service/:service_id/notifications/resend {service_id: archived}',
    { ids: [randomUUID()] },
    403,
    'Sending is not allowed: service is inactive',
  ],
  ['POST /service/:service_id/job/:job_id/resume', null, 404, none],
  ['POST /service/:service_id/job/:job_id/pause', null, 404, none],
  // 7
  ['GET /service/:service_id/notifications', 'page=x', 400, { page: ['Not a valid integer.'] }],
  ['GET /service/:service_id/notifications', 'page=0', 400, { page: ['Not a positive integer'] }],
  ['GET /service/:service_id/notifications', 'page_size=x', 400, { page_size: ['Not a valid integer.'] }],
  [
    'GET /service/:service_id/notifications',
    'template_type=fax',
    400,
    { template_type: { '0': { template_type: ['Not a valid choice.'] } } },
  ],
  [
    'GET /service/:service_id/notifications',
    'page=2',
    400,
    {
      page: ['Pages are not numbered. For the next one give the id of the last message as older_than.'],
    },
  ],
  [
    'GET /service/:service_id/notifications',
    'to=123',
    400,
    {
      to: [
        'Too short: search for at least 4 characters of a recipient, or 4 digits of a phone number, such as the last ones.',
      ],
    },
  ],
  [
    'GET /service/:service_id/notifications',
    'client_reference_part=123',
    400,
    { client_reference_part: ['Too short: search for at least 4 characters of a reference.'] },
  ],
  [
    'GET /service/:service_id/notifications',
    'client_reference_part=1234&to=1234',
    400,
    { client_reference_part: ['Search by this or by to.'] },
  ],
  [
    'POST /service/:service_id/notifications',
    { include_jobs: 'x' },
    400,
    { include_jobs: ['Not a valid boolean.'] },
  ],
  [
    'POST /service/:service_id/notifications/:notification_id/cancel',
    {},
    400,
    'Only a notification that is scheduled and not yet due can be cancelled',
  ],
  [
    'POST /service/:service_id/send-notification',
    {},
    400,
    { template_id: [missing], to: [missing], created_by: [missing] },
  ],
  ['POST /service/:service_id/send-notification', oneOff({ template_id: '{unknown}' }), 404, none],
  ['POST /service/:service_id/send-notification', oneOff({ to: '12' }), 400, /too short/],
  [
    'POST /service/:service_id/send-notification',
    oneOff({ personalisation: {} }),
    400,
    'Missing personalisation: name, time',
  ],
  [
    'POST /service/:service_id/send-notification',
    oneOff({ created_by: '{stranger}' }),
    400,
    'Can’t create notification - Sam is not part of the "{service name}" service',
  ],
  [
    'POST /service/:service_id/send-notification',
    oneOff({ sender_id: '{unknown}' }),
    400,
    'SMS sender not found',
  ],
  [
    'GET /service/:service_id/notifications/count',
    'limit_days=x',
    400,
    { limit_days: ['Not a valid integer.'] },
  ],
  ['GET /service/:service_id/inbound-sms/csv', 'day=yesterday', 400, /day/],
  // 6.4
  ['POST /service/:service_id/upload', {}, 400, { template_id: [missing], file_name: [missing] }],
  ['GET /service/:service_id/upload/:upload_id/rows', 'kind=fax', 400, { kind: ['Not a valid choice.'] }],
  ['GET /service/:service_id/upload/:upload_id/rows', 'from=x', 400, { from: ['Not a valid integer.'] }],
  [
    'GET /service/:service_id/upload/:upload_id/csv',
    'faulty=perhaps',
    400,
    { faulty: ['Not a valid boolean.'] },
  ],
  ['GET /service/:service_id/upload/:upload_id/row/:row/preview {row: 9}', null, 404, none],
  [
    'POST /service/:service_id/upload/:upload_id/row/:row {row: 2}',
    {},
    400,
    { column: [missing], value: [missing] },
  ],
  [
    'POST /service/:service_id/upload/:upload_id/row/:row {row: 2}',
    { column: 'fax', value: 'a' },
    400,
    { column: ['The file has no such column.'] },
  ],
  [
    'POST /service/:service_id/upload/:upload_id/leave-out-faulty',
    {},
    400,
    'The file has no rows with errors',
  ],
  ['DELETE /service/:service_id/upload/:upload_id {upload_id: unknown}', null, 404, none],
  // 6.5
  [
    'POST /service/:service_id/job',
    { id: '{upload}', created_by: '{user}', contact_list_id: '{contact_list_id}' },
    400,
    { contact_list_id: ['The file is not of this contact list.'] },
  ],
  [
    'POST /service/:service_id/contact-list',
    {},
    400,
    ['id is a required property', 'created_by is a required property'],
  ],
  [
    'POST /service/:service_id/contact-list',
    { id: 'x', row_count: 'many', template_type: 'letter', created_by: '{user}' },
    400,
    [
      'id is not a valid UUID',
      'row_count many is not of type integer',
      'template_type letter is not one of [email, sms]',
    ],
  ],
  [
    'POST /service/:service_id/contact-list',
    { id: '{faulty upload}', created_by: '{user}' },
    400,
    'File is not valid, can’t create contact list',
  ],
  [
    'POST /service/:service_id/contact-list',
    { id: '{upload}', created_by: '{user}', row_count: 3 },
    400,
    { row_count: ['The file has 2 rows.'] },
  ],
  [
    'POST /service/:service_id/contact-list',
    { id: '{upload}', created_by: '{user}', template_type: 'email' },
    400,
    { template_type: ['The file was checked for a template of another type'] },
  ],
  ['POST /service/:service_id/contact-list', { id: randomUUID(), created_by: '{user}' }, 404, none],
  ['POST /service/:service_id/contact-list', { id: '{upload}', created_by: randomUUID() }, 404, none],
  ['GET /service/:service_id/contact-list/:contact_list_id {contact_list_id: unknown}', null, 404, none],
  ['DELETE /service/:service_id/contact-list/:contact_list_id {contact_list_id: unknown}', null, 404, none],
  ['POST /service/:service_id/contact-list/:contact_list_id/upload', null, 400, { template_id: [missing] }],
  // 03, 6.4
  [
    'POST /service/:service_id/report-request',
    {},
    400,
    [
      'user_id is a required property',
      'report_type is a required property',
      'notification_type is a required property',
      'notification_status is a required property',
    ],
  ],
  [
    'POST /service/:service_id/report-request',
    report({ notification_type: 'fax', notification_status: 'lost', created_from: 'once', day: 1 }),
    400,
    [
      'notification_type fax is not one of [email, sms]',
      'notification_status lost is not one of [all, sending, delivered, failed]',
      'created_from is not a valid datetime',
      'Additional properties are not allowed (day was unexpected)',
    ],
  ],
  ['POST /service/:service_id/report-request', report({ user_id: randomUUID() }), 404, none],
  ['POST /service/:service_id/report-request', report({ job_id: randomUUID() }), 404, none],
  [
    'POST /service/:service_id/report-request',
    report({ job_id: '{job_id}', notification_type: 'email' }),
    400,
    { notification_type: ['The job has messages of another type'] },
  ],
  [
    'POST /service/:service_id/report-request',
    report({ job_id: '{job_id}', include_jobs: false }),
    400,
    { include_jobs: ['Not together with job_id.'] },
  ],
  [
    'GET /service/:service_id/report-request/:report_request_id {report_request_id: unknown}',
    null,
    404,
    none,
  ],
  [
    'GET /service/:service_id/report-request/:report_request_id/csv',
    null,
    400,
    'The report could not be made. Ask for it again.',
  ],
  ['GET /platform/find', 'q=a', 400, { q: [/^Too short/] }],
  ['GET /service/:service_id/inbound-sms', 'day=yesterday', 400, /day/],
  ['GET /service/:service_id/inbound-sms/:inbound_sms_id/conversation', 'older_than=x', 400, /older_than/],
  // 8
  [
    'POST /provider-details/:provider_details_id',
    { display_name: 'x' },
    400,
    { display_name: ['Not permitted to be updated'] },
  ],
  [
    'POST /provider-details/:provider_details_id',
    { priority: 'x' },
    400,
    { priority: ['Not a valid integer.'] },
  ],
  ['POST /provider-details/:provider_details_id', { created_by: randomUUID() }, 404, none],
  ['POST /events', {}, 400, { event_type: [missing], data: [missing] }],
  ['GET /events', 'service_id=x', 400, { service_id: ['Not a valid UUID.'] }],
  ['GET /service/:service_id/events', 'user_id=x', 400, { user_id: ['Not a valid UUID.'] }],
  ['POST /inbound-number', {}, 400, /.*/],
  ['POST /inbound-number/service/:service_id', {}, 409, /.*/],
  ['POST /inbound-number/service/:service_id', { inbound_number_id: 'x' }, 400, /.*/],
  ['POST /inbound-number/service/:service_id/off', {}, 404, /.*/],
  [
    'POST /provider-details/:provider_details_id/circuit',
    { state: 'closed', minutes: 5 },
    400,
    { minutes: ['Only with the state open.'] },
  ],
  ['POST /provider-details/:provider_details_id/circuit', {}, 400, { state: [missing] }],
  ['GET /provider-details/:provider_details_id/calls', 'by=year', 400, { by: ['Not a valid choice.'] }],
  ['POST /provider-details/:provider_details_id/test', {}, 400, { recipient: [missing] }],
  ['POST /organisation', {}, 400, { name: [missing] }],
  [
    'POST /organisation/:organisation_id',
    { colour: 'red' },
    400,
    { colour: ['Must be a colour such as #0b0c0c.'] },
  ],
  ['GET /platform/parked', 'queue=fax', 400, { queue: ['Not a valid choice.'] }],
  ['POST /platform/parked/release', { queue: 'fax' }, 400, { queue: ['Not a valid choice.'] }],
  ['POST /platform/parked/:parked_id/release', { reason: 5 }, 400, { reason: ['Not a valid string.'] }],
  ['POST /platform/parked/:parked_id/drop', { reason: 5 }, 400, { reason: ['Not a valid string.'] }],
  ['GET /platform/stuck', 'seconds=-1', 400, /seconds/],
  // 7.4, 7.5
  ['GET /service/:service_id/statistics', 'limit_days=x', 400, { limit_days: ['Not a valid integer.'] }],
  ...['monthly', 'templates/monthly', 'templates_usage/monthly'].map(
    (route): Refusal => [
      `GET /service/:service_id/notifications/${route}`,
      'year=x',
      400,
      'Year must be a number',
    ],
  ),
  [
    'GET /service/:service_id/statistics/daily',
    'from=2026-02-02&to=2026-02-01',
    400,
    { to: ['Start date must be before end date'] },
  ],
  [
    'GET /service/:service_id/template-statistics',
    'limit_days=x',
    400,
    { limit_days: ['x is not an integer'] },
  ],
  ['GET /service/:service_id/fragment/aggregate_statistics', 'year=last', 400, 'Year must be a number'],
  ...[
    'billable-units',
    'yearly-usage',
    'monthly-usage',
    'billing/monthly-usage',
    'billing/yearly-usage-summary',
  ].map((path): Refusal => [`GET /service/:service_id/${path}`, null, 400, 'No valid year provided']),
  ['GET /service/:service_id/yearly-usage', 'year=last', 400, 'No valid year provided'],
  [
    'GET /service/:service_id/billing/free-sms-fragment-limit',
    'financial_year_start=x',
    400,
    'No valid year provided',
  ],
  [
    'POST /service/:service_id/billing/free-sms-fragment-limit',
    {},
    400,
    /free_sms_fragment_limit is a required property/,
  ],
  [
    'GET /service/:service_id/costs',
    'from=2026-02-02&to=2026-02-01',
    400,
    { to: ['Start date must be before end date'] },
  ],
  [
    'POST /service/:service_id/cost-alerts',
    { period: 'month', amount_in_pounds: 0.001 },
    400,
    { amount_in_pounds: ['Must be pounds and whole pennies, at least 0.01.'] },
  ],
  [
    'POST /platform/rates',
    { valid_from: '2099-01-01', rate: 0.0000001 },
    400,
    { rate: ['At most 6 decimals.'] },
  ],
  [
    'POST /platform/rates/:rate_id',
    { rate: 1 },
    400,
    'The rate of 2016-05-18 has applied since then: add a rate from a later day on instead',
  ],
  ['GET /platform/minutes', 'hours=25', 400, { hours: ['Must be between 1 and 24.'] }],
  ['GET /platform/figures', 'from=x&to=2026-02-01', 400, { from: ['Not a valid date.'] }],
  ...[
    ...['/platform-stats', '/performance-dashboard', '/platform-stats/daily-volumes-report'],
    ...['/platform-stats/daily-sms-provider-volumes-report', '/platform-stats/volumes-by-service'],
    '/platform-stats/data-for-billing-report',
  ].map(
    (path): Refusal => [
      `GET ${path}`,
      'start_date=1-2-2026',
      400,
      'Input must be a date in the format: YYYY-MM-DD',
    ],
  ),
  // The platform’s own service
  ['POST /service/:service_id/archive {service_id: platform}', {}, 400, /cannot be made inactive/],
  ['POST /service/:service_id/suspend {service_id: platform}', {}, 400, /cannot be made inactive/],
  [
    'POST /service/:service_id/resume {service_id: archived}',
    {},
    400,
    'An archived service cannot be resumed',
  ],
];

describe('refusals of the admin API', () => {
  let world: World;
  let routes: readonly MountedRoute[];
  /** What `{name}` in a refusal stands for; ids of paths by their parameter. */
  const values: Record<string, string> = { unknown: randomUUID(), platform: platformServiceId };

  before(async () => {
    world = await createWorld();
    const other = await world.startMore({ roles: ['api'] });
    ({ routes } = other);
    await other.stop();
    await fillIn();
  });
  after(() => world.stop());

  async function fillIn(): Promise<void> {
    const { db, pool } = world.connection;
    const { tenant } = world;
    const other = await world.addTenant();
    const archived = await world.addTenant();
    const withoutTexts = await world.addTenant({ permissions: ['email'] });
    const stranger = randomUUID();
    await addUser(db, { id: stranger, name: 'Sam', emailAddress: 'sam@example.com', state: 'active' });
    const user = randomUUID();
    await registerUser(
      db,
      {
        ...{ id: user, name: 'Rowan', emailAddress: 'rowan@example.com', mobileNumber: '07700900123' },
        ...{ authType: 'sms_auth', state: 'active', failedLoginCount: 0, loggedInAt: null },
        passwordHash: 'of no password',
      },
      new Date(),
    );
    await addTeamMember(db, tenant.id, user);
    await pool.query(
      `update service_users set permissions = '{manage_settings,manage_users}' where user_id = $1`,
      [user],
    );
    const nameOf = async (id: string) =>
      (await pool.query('select name, email_from from services where id = $1', [id])).rows[0];
    const make = async (path: string, body: object) => {
      const answer = await world.admin('POST', path, body);
      assert.ok(answer.status < 300, `${path}: ${JSON.stringify(answer.body)}`);
      return (answer.body?.data ?? answer.body?.result ?? answer.body) as { id: string };
    };
    await make(`/service/${archived.id}/archive`, {});
    const of = `/service/${tenant.id}`;
    const folder = await make(`${of}/template-folder`, { name: 'Tides', parent_id: null });
    const inner = await make(`${of}/template-folder`, { name: 'Spring', parent_id: folder.id });
    const second = await make(`${of}/email-reply-to`, {
      email_address: 'office@example.com',
      is_default: false,
    });
    const api = await make(`${of}/callback-api`, {
      ...{ url: 'https://service.example/', bearer_token: 'long-enough' },
      ...{ updated_by_id: user, callback_type: 'delivery_status' },
    });
    const retention = await make(`${of}/data-retention`, { notification_type: 'sms', days_of_retention: 7 });
    const { body: made } = await world.admin('POST', '/organisation', { name: 'Tide office' });
    const { organisation } = made;
    const invited = { email_address: 'ash@example.com', from_user: user, permissions: 'send_texts' };
    const cancelled = await make(`${of}/invite`, invited);
    await make(`${of}/invite/${cancelled.id}`, { status: 'cancelled' });
    const invite = await make(`${of}/invite`, invited);
    const { rows: keys } = await pool.query('select id from api_keys where service_id = $1', [tenant.id]);
    const sent = await world.client.sendSms(tenant.templates.sms, '07700900123', {
      personalisation: { name: 'Rowan', time: '14:05' },
    });
    const rows = [
      ['07700900123', 'Rowan', '14:05'],
      ['07700900124', 'Ash', '14:05'],
    ];
    const header = ['phone number', 'name', 'time'];
    const [upload, faulty, scheduled] = await Promise.all(
      [true, false, true].map((valid) => addRows(world.connection.db, tenant, { header, rows, valid })),
    );
    const scheduled_for = new Date(Date.now() + 3_600_000).toISOString();
    await make(`${of}/job`, { id: scheduled, created_by: user, scheduled_for });
    const deleted = await make(`${of}/template`, text({ created_by: user, service: tenant.id }));
    await make(`${of}/template/${deleted.id}`, { archived: true, created_by: user });
    const { body: uploaded } = await world.admin(
      'POST',
      `${of}/upload?template_id=${tenant.templates.sms}&file_name=tides.csv`,
      'phone number,name,time\n07700900123,Rowan,14:05',
    );
    const listed = { id: uploaded.data.id, created_by: user };
    const { body: contactList } = await world.admin('POST', `${of}/contact-list`, listed);
    const reportId = randomUUID();
    await pool.query(
      `insert into report_requests (id, service_id, user_id, notification_type, notification_status, filter, status, reason,
         parts, row_count, characters, created_at)
       values ($1, $2, $3, 'sms', 'all', '{}', 'failed', 'The report could not be made. Ask for it again.', 0, 0, 0, now())`,
      [reportId, tenant.id, user],
    );
    const { body: providers } = await world.admin('GET', '/provider-details');
    const [mine, theirs] = [await nameOf(tenant.id), await nameOf(other.id)];
    const { rows: rates } = await pool.query(`select id from unit_rates where valid_from = '2016-05-18'`);
    Object.assign(values, {
      rate_id: rates[0].id,
      ...{ user, stranger, service: tenant.id, archived: archived.id },
      ...{ user_id: user, service_id: tenant.id, template_id: tenant.templates.sms, key_id: keys[0].id },
      ...{
        'service name': mine.name,
        'sender name': mine.email_from,
        'other sender name': theirs.email_from,
      },
      ...{ 'reply-to': 'desk@example.com', 'reply-to id': tenant.senders.email },
      ...{ 'second reply-to id': second.id, sender_id: tenant.senders.sms, callback_api_id: api.id },
      ...{ retention_id: retention.id, notification_id: sent.data.id, inbound_sms_id: randomUUID() },
      ...{ 'without texts': withoutTexts.id, 'their text': withoutTexts.templates.sms },
      organisation_id: organisation.id,
      ...{ contact_list_id: contactList.id, report_request_id: reportId },
      ...{ upload_id: uploaded.data.id, '2': '2', '9': '9' },
      ...{ invite_id: invite.id, 'cancelled invite': cancelled.id },
      ...{ sms_template_id: tenant.templates.sms, email_template_id: tenant.templates.email },
      ...{ upload, 'faulty upload': faulty, job_id: scheduled, 'deleted template': deleted.id },
      ...{ folder: folder.id, 'inner folder': inner.id, template_folder_id: folder.id },
      ...{ provider_details_id: providers.provider_details[0].id, ' USER ADDRESS ': 'ROWAN@example.com' },
    });
  }

  const filled = (text: string) => text.replace(/\{([\w -]+)\}/g, (_all, name) => values[name] ?? _all);

  /** The path of `GET /user/:user_id {user_id: stranger}`, with ids in place of its parameters. */
  function pathOf(route: string): [method: string, path: string] {
    const [, method, path, named] = /^(\w+) (\S+)(?: \{(.*)\})?$/.exec(route)!;
    const others = Object.fromEntries(named?.split(', ').map((one) => one.split(': ')) ?? []);
    return [method!, path!.replace(/:(\w+)/g, (_all, name) => values[others[name] ?? name] ?? randomUUID())];
  }

  /** The message of either envelope of spec 04, section 10. */
  const said = (body: any) => body.message ?? body.errors.map(({ message }: { message: string }) => message);

  function assertSays(actual: unknown, expected: unknown, shown: string): void {
    if (expected instanceof RegExp)
      assert.match(
        JSON.stringify(actual).replaceAll('\\"', '"'),
        new RegExp(expected.source.replace(/^\^|\$$/g, '')),
        shown,
      );
    else if (typeof expected === 'string') assert.equal(actual, filled(expected), shown);
    else if (typeof expected === 'object' && expected !== null) {
      const [keys, wanted] = [Object.keys(actual as object), Object.keys(expected)];
      assert.deepEqual(keys.sort(), wanted.sort(), shown);
      for (const key of wanted) assertSays((actual as any)[key], (expected as any)[key], shown);
    } else assert.equal(actual, expected, shown);
  }

  test('every refusal has the status and the text of the specification', async (t) => {
    const wrong: string[] = [];
    for (const [route, given, status, message] of refusals) {
      const [method, path] = pathOf(route);
      const isQuery = method === 'GET' || method === 'DELETE';
      const query = isQuery && given !== null ? `?${given}` : '';
      const body =
        isQuery || given === null
          ? undefined
          : filled(typeof given === 'string' ? given : JSON.stringify(given));
      const answer = await world.admin(method, path + query, body);
      const shown = `${route} ${JSON.stringify(given).slice(0, 200)}: ${answer.status} ${JSON.stringify(answer.body)}`;
      try {
        assert.equal(answer.status, status, shown);
        assertSays(said(answer.body), message, shown);
      } catch (error) {
        wrong.push((error as Error).message);
      }
    }
    t.diagnostic(`${refusals.length} refusals`);
    assert.deepEqual(wrong, []);
  });

  const admin = () =>
    routes.flatMap(({ route }) =>
      route.authentication === 'admin'
        ? [route.method].flat().map((method) => ({
            route,
            method,
            name: `${method} ${route.path.replace(/\(\^[^)]*\$\)/g, '')}`,
          }))
        : [],
    );

  test('every list refuses a page or a page size of 0, or none at all, with the same texts', async () => {
    let asked = 0;
    for (const { name, method, route } of admin()) {
      const { properties = {} } = (route.query ?? {}) as { properties?: object };
      for (const field of ['page', 'page_size'].filter((one) => Object.hasOwn(properties, one)))
        for (const [value, text] of [
          ['0', 'Not a positive integer'],
          ['-1', 'Not a positive integer'],
          ['x', 'Not a valid integer.'],
        ] as const) {
          const { status, body } = await world.admin(method, `${pathOf(name)[1]}?${field}=${value}`);
          assert.deepEqual([status, body.message], [400, { [field]: [text] }], `${name} ${field}=${value}`);
          asked += 1;
        }
    }
    assert.ok(asked >= 12, String(asked));
    const large = await world.admin('GET', `/service/${values['service']}/notifications?page_size=1000000`);
    assert.deepEqual([large.status, large.body.page_size], [200, 250]);
  });

  test('every documented refusal of a route is in this test', () => {
    const tested = new Set(refusals.map(([route, , status]) => `${route.replace(/ \{.*/, '')} ${status}`));
    // Of too many wrong tries, `people.test.ts` tells, and of messages that cannot be stored even when an operator
    // drops them, `platform-operations.test.ts`; unknown ids are tried below.
    tested.add('POST /platform/parked/:parked_id/drop 409');
    // Of a contact list of an inactive service, `contact-lists.test.ts` tells, because a query is needed;
    tested.add('POST /service/:service_id/contact-list/:contact_list_id/upload 403');
    // of an email that is too long, and of a file of which a job was made, `upload.test.ts` tells.
    tested.add('GET /service/:service_id/upload/:upload_id/row/:row/preview 400');
    tested.add('DELETE /service/:service_id/upload/:upload_id 400');
    const documented = admin().flatMap(({ name, route }) =>
      Object.keys(route.answers ?? {})
        .filter((status) => Number(status) >= 400 && status !== '404' && status !== '429')
        .map((status) => `${name} ${status}`),
    );
    assert.deepEqual(
      documented.filter((one) => !tested.has(one)),
      [],
    );
  });

  /** Bodies of routes whose documentation shows none. */
  const shapes: Readonly<Record<string, object>> = {
    'POST /service/:service_id/template-folder/:template_folder_id': { name: 'Tides' },
  };

  /** What routes need before they look for anything. */
  const queries: Readonly<Record<string, string>> = {
    'GET /service/:service_id/notifications/monthly': '?year=2026',
    'GET /service/:service_id/notifications/templates/monthly': '?year=2026',
    'GET /service/:service_id/notifications/templates_usage/monthly': '?year=2026',
    'GET /service/:service_id/costs': '?from=2026-02-01&to=2026-02-02',
    'GET /service/:service_id/statistics/daily': '?from=2026-02-01&to=2026-02-02',
  };

  test('an id in the path that nothing has is not found, wherever it stands and however it is made up', async (t) => {
    let calls = 0;
    const wrong: string[] = [];
    for (const { name, method, route } of admin()) {
      if (route.answers?.[404] === undefined) continue;
      for (const [, parameter] of name.matchAll(/:(\w+)/g)) {
        // A token that is no good is a 400 of its own.
        if (parameter === 'token') continue;
        const unknown = name.replace(/:(\w+)/g, (_all, one) =>
          one === parameter ? randomUUID() : (values[one] ?? randomUUID()),
        );
        const path = `${unknown.split(' ')[1]}${queries[name] ?? ''}`;
        const body = (route.summary === null ? undefined : route.example) ?? shapes[name];
        const given = method === 'POST' || method === 'PUT' ? (body ?? {}) : undefined;
        const { status, body: answer } = await world.admin(
          method,
          path,
          given && filled(JSON.stringify(given)),
        );
        calls += 1;
        if (status !== 404 || answer?.result !== 'error')
          wrong.push(`${name} with unknown ${parameter}: ${status} ${JSON.stringify(answer)}`);
      }
    }
    t.diagnostic(`${calls} calls`);
    assert.deepEqual(wrong, []);
  });

  test('an id in a body that nothing has is refused, of whatever type it is', async (t) => {
    let calls = 0;
    const wrong: string[] = [];
    // A contact list is only compared with that of the upload.
    const statuses: Readonly<Record<string, number>> = { contact_list_id: 400 };
    for (const { name, method, route } of admin()) {
      // An invitation without a good token says nothing of the user.
      if (name.includes(':token')) continue;
      const { properties = {} } = (route.body ?? {}) as { properties?: Record<string, any> };
      const related = Object.keys(properties).filter((field) =>
        [properties[field], ...(properties[field].anyOf ?? [])].some(({ format }) => format === 'related_id'),
      );
      const example = (route.summary === null ? undefined : route.example) ?? {};
      for (const field of related)
        for (const value of [[null], [randomUUID()], {}, 7, true, 'x', randomUUID()]) {
          const given = JSON.parse(filled(JSON.stringify(example)));
          // Messages to be sent again are named one by one, or by their job.
          if (field === 'job_id') delete given.ids;
          const { status, body } = await world.admin(method, pathOf(name)[1], { ...given, [field]: value });
          calls += 1;
          if (status !== (statuses[field] ?? 404))
            wrong.push(`${name} ${field} ${JSON.stringify(value)}: ${status} ${JSON.stringify(body)}`);
        }
    }
    t.diagnostic(`${calls} calls`);
    assert.deepEqual(wrong, []);
  });
});
