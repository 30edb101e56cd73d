import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valueText } from './values.ts';
import { changesIn, earlierValues, fieldText, kindText, messagesIn, reasonIn } from './words.ts';

test('an event is told in words, whatever it holds', () => {
  assert.equal(kindText('set_user_permissions'), 'Changed what somebody may do');
  assert.equal(kindText('something_new'), 'Something new');
  assert.deepEqual(changesIn({ before: { name: 'A', version: 1 }, after: { name: 'B', version: 2 } }), [
    { field: 'name', before: 'A', after: 'B' },
  ]);
  assert.deepEqual(changesIn({ before: null, after: { entries: 2 } }), [
    { field: 'entries', before: undefined, after: 2 },
  ]);
  for (const other of [null, 'text', 3, ['a'], { ip_address: '192.0.2.1' }])
    assert.deepEqual([changesIn(other), reasonIn(other), messagesIn(other)], [[], null, null]);
  assert.equal(reasonIn({ service_id: 's', reason: 'Ticket 12' }), 'Ticket 12');
  assert.equal(messagesIn({ notification_type: 'sms' }), 'text messages');
});

const template = '0b1d6c3e-41f5-4f6a-8a39-5d0b8f0b4c11';
const reader = { names: new Map([[template, 'Tide']]), zone: 'Europe/London' };

test('a value is told in words, with names in place of ids and times in the zone of the reader', () => {
  for (const [field, value, text] of [
    ['name', null, 'nothing'],
    ['name', '', 'nothing'],
    ['entries', [], 'nothing'],
    ['active', true, 'yes'],
    ['active', false, 'no'],
    ['sms_message_limit', 250_000, '250,000'],
    ['financial_year_start', 2026, '2026 to 2027'],
    ['template_version', 1200, '1200'],
    ['amount_in_pounds', 12.5, '£12.50'],
    ['permissions', ['send_texts', 'send_emails', 'view_activity'], 'Send, see messages and figures'],
    ['permissions', ['email', 'something_new'], 'Emails, something new'],
    ['notification_type', 'sms', 'text messages'],
    ['callback_type', 'delivery_status', 'Delivery statuses'],
    ['reason', 'manual', 'Added by somebody in the team'],
    ['template', template, 'Tide'],
    ['template', template.replace('0b', '0c'), 'one that is deleted'],
    ['users_with_permission', [template.replace('0b', '0c')], 'somebody who has left'],
    ['scheduled_for', '2026-07-01T12:00:00.000000Z', '1 July 2026 at 13:00 BST'],
    ['go_live_at', '2026-11-30 06:46:42.528000', '30 November 2026 at 06:46 GMT'],
    ['branding', template.replace('0b', '0c'), 'one of the platform’s'],
    ['content', { a: 1 }, '{"a":1}'],
    ['content', 'x'.repeat(201), `${'x'.repeat(200)}…`],
    ['constructor', 'toString', 'toString'],
  ] as const)
    assert.equal(valueText(field, value, reader), text);
});

test('of something new it is told what it has, not what it lacks', () => {
  const after = { name: 'Tide', subject: null, archived: false, entries: [], valid: true };
  assert.deepEqual(
    changesIn({ before: null, after }).map(({ field }) => field),
    ['name', 'valid'],
  );
  assert.deepEqual(
    changesIn({ before: { subject: null, content: 'A' }, after: { subject: '', content: 'B' } }).map(
      ({ field }) => fieldText(field),
    ),
    ['Message'],
  );
});

test('only settings that the reader may set go back', () => {
  const data = { before: { name: 'A', sms_message_limit: 50, active: true }, after: {} };
  assert.deepEqual(earlierValues('update_service', data, false), { name: 'A' });
  assert.deepEqual(earlierValues('update_service', data, true), { name: 'A', sms_message_limit: 50 });
  assert.equal(earlierValues('create_service', data, true), null);
  assert.equal(earlierValues('update_service', { before: { active: true } }, true), null);
  assert.equal(earlierValues('update_service', null, true), null);
});
