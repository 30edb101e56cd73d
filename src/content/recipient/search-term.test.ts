import assert from 'node:assert/strict';
import { test } from 'node:test';
import { searchTerm } from './search-term.ts';

test('search text becomes the stored form of a whole or partial recipient', () => {
  const terms: ['sms' | 'email' | null, string, string][] = [
    ['sms', '+44 7400 123456', '7400123456'],
    ['sms', '07400 123456', '7400123456'],
    ['sms', '07400 12', '740012'],
    ['sms', '+(0)7400-12', '740012'],
    ['sms', '+353 86 123 4567', '861234567'],
    ['sms', 'ORDER 12', 'ORDER12'],
    ['email', ' Sam@Example.org ', 'sam@example.org'],
    ['email', '@Example', '@example'],
    [null, ' 1 High\nStreet ', '1highstreet'],
  ];
  for (const [type, text, term] of terms) assert.equal(searchTerm(type, text), term, text);
});
