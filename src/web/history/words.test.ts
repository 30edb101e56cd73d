import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesIn, earlierValues, kindText, messagesIn, reasonIn, valueText } from './words.ts';

test('an event is told in words, whatever it holds', () => {
  assert.equal(kindText('set_user_permissions'), 'Changed what somebody may do');
  assert.equal(kindText('something_new'), 'Something new');
  for (const [value, text] of [
    [null, 'nothing'],
    ['', 'nothing'],
    [[], 'nothing'],
    [true, 'yes'],
    [false, 'no'],
    [250_000, '250000'],
    [['send_texts', 'view_activity'], 'send texts, view activity'],
    [{ a: 1 }, '{"a":1}'],
    ['x'.repeat(201), `${'x'.repeat(200)}…`],
  ] as const)
    assert.equal(valueText(value), text);
  assert.deepEqual(changesIn({ before: { name: 'A', version: 1 }, after: { name: 'B', version: 2 } }), [
    { field: 'name', before: 'A', after: 'B' },
  ]);
  assert.deepEqual(changesIn({ before: null, after: { entries: 2 } }), [
    { field: 'entries', before: null, after: 2 },
  ]);
  for (const other of [null, 'text', 3, ['a'], { ip_address: '192.0.2.1' }])
    assert.deepEqual([changesIn(other), reasonIn(other), messagesIn(other)], [[], null, null]);
  assert.equal(reasonIn({ service_id: 's', reason: 'Ticket 12' }), 'Ticket 12');
  assert.equal(messagesIn({ notification_type: 'sms' }), 'text messages');
});

test('only settings that the reader may set go back', () => {
  const data = { before: { name: 'A', sms_message_limit: 50, active: true }, after: {} };
  assert.deepEqual(earlierValues('update_service', data, false), { name: 'A' });
  assert.deepEqual(earlierValues('update_service', data, true), { name: 'A', sms_message_limit: 50 });
  assert.equal(earlierValues('create_service', data, true), null);
  assert.equal(earlierValues('update_service', { before: { active: true } }, true), null);
  assert.equal(earlierValues('update_service', null, true), null);
});
