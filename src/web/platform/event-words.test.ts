import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventName, eventText } from './event-words.ts';
import type { EventFacts } from './facts.ts';

const event = (more: Partial<EventFacts>): EventFacts => ({
  ...{ id: '1', event_type: 'update_provider', service_id: null, service_name: null, user_id: null },
  ...{ user_name: null, subject_id: null, data: null, created_at: '', ...more },
});

const cases: readonly (readonly [Partial<EventFacts>, string])[] = [
  [
    { data: { before: { active: true, reason: null }, after: { active: false, reason: 'Too slow' } } },
    'active: yes → no; reason: none → Too slow',
  ],
  [{ data: { before: { priority: 10 }, after: { priority: 20 } } }, 'priority: 10 → 20'],
  [{ event_type: 'run_task', data: { task: 'fold-figures' } }, 'task: fold-figures'],
  [
    {
      ...{ event_type: 'update_service', service_id: 's' },
      data: {
        before: { name: 'Ann Other', sms_message_limit: 50 },
        after: { name: 'B', sms_message_limit: 60 },
      },
    },
    'name changed; sms message limit: 50 → 60',
  ],
  [
    { event_type: 'replace_guest_list', service_id: 's', data: { phone_numbers: ['07700900123'] } },
    'phone numbers: 1',
  ],
  [
    { event_type: 'enter_service', service_id: 's', data: { service_id: 's', reason: 'Ticket 12' } },
    'reason: Ticket 12',
  ],
  [
    {
      ...{ event_type: 'update_data_retention', service_id: 's' },
      data: {
        notification_type: 'sms',
        before: { days_of_retention: 30 },
        after: { days_of_retention: 5 },
      },
    },
    'notification type: text messages; days of retention: 30 → 5',
  ],
  [{ event_type: 'sucessful_login', data: { ip_address: '192.0.2.4' } }, ''],
  [
    {
      event_type: 'update_user',
      data: { before: { email_address: 'a@b.c' }, after: { email_address: 'd@b.c' } },
    },
    'email address changed',
  ],
  [{ data: 'text' }, ''],
  [
    {
      ...{ event_type: 'update_free_sms_fragment_limit', service_id: 's' },
      data: {
        before: { free_sms_fragment_limit: 250_000, financial_year_start: 2026 },
        after: { free_sms_fragment_limit: 2, financial_year_start: 2026 },
      },
    },
    'free sms fragment limit: 250,000 → 2; financial year start: 2026',
  ],
  [
    { event_type: 'create_template', service_id: 's', data: { after: { hasUnsubscribeLink: false } } },
    'has unsubscribe link: no',
  ],
];
for (const [more, expected] of cases)
  test(`an event of ${more.event_type ?? 'a provider'} says “${expected}”`, () => {
    assert.equal(eventText(event(more)), expected);
  });

test('a kind of event that has no words yet is told by its name, in words', () => {
  assert.equal(eventName('create_contact_list'), 'Added a contact list');
  assert.equal(eventName('brand_new_kind'), 'Brand new kind');
});
