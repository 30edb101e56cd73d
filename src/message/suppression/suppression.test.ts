import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SuppressionReason } from '../../database/tables.ts';
import { type Stoppable, stoppedBy } from './suppression.ts';

const plain: Stoppable = { hasUnsubscribeLink: false, isUrgent: false, suppressesFailed: false };
const newsletter: Stoppable = { ...plain, hasUnsubscribeLink: true };
const optedIn: Stoppable = { ...plain, suppressesFailed: true };
const cases: readonly [string, readonly SuppressionReason[], Stoppable, SuppressionReason | null][] = [
  ['nothing', [], { hasUnsubscribeLink: true, isUrgent: false, suppressesFailed: true }, null],
  ['a newsletter to who unsubscribed', ['unsubscribed'], newsletter, 'unsubscribed'],
  ['a password reset to who unsubscribed', ['unsubscribed'], plain, null],
  ['a newsletter to who complained', ['complaint'], newsletter, 'complaint'],
  ['a password reset to who complained', ['complaint'], plain, null],
  ['a message to who failed', ['permanent-failure'], newsletter, null],
  [
    'a message to who failed, where the service wants that',
    ['permanent-failure'],
    optedIn,
    'permanent-failure',
  ],
  [
    'a security code to who failed, where the service wants that',
    ['permanent-failure'],
    { ...optedIn, isUrgent: true },
    null,
  ],
  ['any message to who was added by hand', ['manual'], { ...plain, isUrgent: true }, 'manual'],
  [
    'the strongest of several',
    ['permanent-failure', 'complaint', 'unsubscribed'],
    newsletter,
    'unsubscribed',
  ],
  ['the one of several that stops it', ['unsubscribed', 'permanent-failure'], optedIn, 'permanent-failure'],
];

for (const [name, reasons, message, expected] of cases)
  test(`what stops ${name}: ${expected ?? 'nothing'}`, () => {
    assert.equal(stoppedBy(reasons, message), expected);
  });
