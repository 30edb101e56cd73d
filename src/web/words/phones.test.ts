import assert from 'node:assert/strict';
import { test } from 'node:test';
import { phoneText } from './phones.ts';

test('a phone number is shown as people write it, and what is none as it is', () => {
  for (const [number, text] of [
    ['447700900111', '07700 900111'],
    ['07700900111', '07700 900111'],
    ['+447700900111', '07700 900111'],
    ['33612345678', '+33612345678'],
    ['07700 900 111', '07700 900 111'],
    ['60006', '60006'],
    ['HARBOUR', 'HARBOUR'],
    ['ada@example.com', 'ada@example.com'],
  ] as const)
    assert.equal(phoneText(number), text);
});
