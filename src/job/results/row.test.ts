import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusesOf, statusWords } from './row.ts';

test('a download says statuses in the words of its type, and leaves those without words as they are', () => {
  const table = [
    ['created', 'Sending', 'Sending'],
    ['sending', 'Sending', 'Sending'],
    ['delivered', 'Delivered', 'Delivered'],
    ['sent', 'Delivered', 'Sent internationally'],
    ['technical-failure', 'Technical failure', 'Technical failure'],
    ['temporary-failure', 'Inbox not accepting messages right now', 'Phone not accepting messages right now'],
    ['permanent-failure', 'Email address doesn’t exist', 'Phone number doesn’t exist'],
    ['pending', 'pending', 'pending'],
    ['validation-failed', 'validation-failed', 'validation-failed'],
    ['cancelled', 'cancelled', 'cancelled'],
    ['constructor', 'constructor', 'constructor'],
  ] as const;
  for (const [status, email, sms] of table)
    assert.deepEqual([statusWords('email', status), statusWords('sms', status)], [email, sms]);
});

test('groups of statuses expand, single ones stay, and all means no filter', () => {
  assert.equal(statusesOf(undefined), null);
  assert.equal(statusesOf(['failed', 'all']), null);
  assert.deepEqual(statusesOf(['sending', 'cancelled']), ['created', 'pending', 'sending', 'cancelled']);
  assert.deepEqual(statusesOf(['toString', 'a\0b']), ['toString', 'a\ufffdb']);
});
