import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NotificationStatus } from '../../../database/tables.ts';
import { reasonOf } from './reason.ts';

const plain = { suppressed: null, givenUp: null, attempts: 1, isReported: true } as const;

test('a message that was not delivered says why and whether trying again can help; any other says nothing', () => {
  const table: [status: NotificationStatus, more: object, reason: RegExp | null][] = [
    ['created', {}, null],
    ['sending', {}, null],
    ['pending', {}, null],
    ['sent', {}, null],
    ['delivered', {}, null],
    [
      'permanent-failure',
      {},
      /^Not delivered: the phone number does not exist\. Trying again will not help\.$/,
    ],
    ['permanent-failure', { suppressed: 'unsubscribed' }, /^Not sent: the recipient has unsubscribed/],
    ['temporary-failure', {}, /^Not delivered: the phone was off .* Trying again may help\.$/],
    ['temporary-failure', { isReported: false }, /^Nobody has confirmed in time .* may send it twice\.$/],
    ['technical-failure', { attempts: 0, isReported: false }, /^Not sent: it could not be handed/],
    [
      'technical-failure',
      { attempts: 0, isReported: false, givenUp: 'dropped' },
      /^Not sent: an operator of the platform decided so\.$/,
    ],
    ['technical-failure', { attempts: 49, isReported: false }, /no provider took it, after 49 attempts\./],
    ['technical-failure', {}, /the provider could not send it, after 1 attempt\./],
    ['validation-failed', {}, /^Not sent: its content/],
    ['validation-failed', { attempts: 0, givenUp: 'not-allowed' }, /^Not sent: in trial mode/],
    ['validation-failed', { attempts: 0, givenUp: 'missing-value' }, /^Not sent: its row .* lacks a value/],
    ['cancelled', {}, /^Not sent: it was cancelled/],
  ];
  for (const [status, more, reason] of table) {
    const said = reasonOf({ type: 'sms', status }, { ...plain, ...more });
    if (reason === null) assert.equal(said, null, status);
    else assert.match(said ?? '', reason, status);
  }
  const email = { type: 'email', status: 'permanent-failure' } as const;
  assert.match(reasonOf(email, plain) ?? '', /the email address does not exist/);
});
