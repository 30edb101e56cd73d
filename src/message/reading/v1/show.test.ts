import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoOffset, showDay } from './show.ts';

test('a time is shown with its offset, and with a fraction only if that is not zero', () => {
  assert.equal(isoOffset(new Date('2017-05-12T13:15:00.123Z')), '2017-05-12T13:15:00.123000+00:00');
  assert.equal(isoOffset(new Date('2017-05-12T13:15:00.000Z')), '2017-05-12T13:15:00+00:00');
});

test('a day without messages has zero counts and no id; a day with messages has a stable id', () => {
  const service = '6b0d1c9e-1f5e-4a3c-9d53-2f6c7a1e8b40';
  const zeros = {
    day: '2026-05-04',
    service,
    emails_requested: 0,
    emails_delivered: 0,
    emails_failed: 0,
    sms_requested: 0,
    sms_delivered: 0,
    sms_failed: 0,
  };
  assert.deepEqual(showDay(service, '2026-05-04', []), { id: null, ...zeros });
  const counts = [{ type: 'sms' as const, requested: 3, delivered: 2, failed: 1 }];
  assert.deepEqual(showDay(service, '2026-05-04', counts), {
    ...zeros,
    id: '6b0d1c9e-1f5e-8a3c-9d53-000020260504',
    sms_requested: 3,
    sms_delivered: 2,
    sms_failed: 1,
  });
});
